"""From an HTTP request to a handler and back: bodies, keys, counting, latency, ids of requests, errors.

Here: what all endpoints share. Not here: any endpoint (the route modules) or the assembly (``app``). Handlers run in
the thread pool, so they may block; the event loop only receives and sends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from . import anthropic_format, openai_format
from .errors import ApiError
from .faults.base import Fault
from .identifiers import new_key
from .interference import perform
from .service import Emulator
from .wire import Json, Provider, json_bytes

MAX_BODY_BYTES = {"openai": 512 * 1024 * 1024, "anthropic": 256 * 1024 * 1024}
REQUEST_ID_HEADER = {"openai": "x-request-id", "anthropic": "request-id"}
VERSION_HEADER = "anthropic-version"
RETRY_HEADER = "x-stainless-retry-count"
CLIENT_CLOSED_REQUEST = 499


@dataclass(frozen=True)
class Call:
    """One request as a handler sees it; ``body`` is where its bytes lie, ``now`` when it arrived (Unix seconds)."""

    provider: Provider
    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    base_url: str
    body: Path
    now: float
    faults: tuple[Fault, ...] = ()


Handler = Callable[[Emulator, Call], Response]


@dataclass(frozen=True)
class Operation:
    """One endpoint. ``provider`` None: shared by both, told apart by the version header."""

    method: Literal["GET", "POST", "DELETE"]
    path: str
    provider: Provider | None
    handler: Handler
    live: bool = False
    creates_batch: bool = False

    @property
    def label(self) -> str:
        """The name of the endpoint in the ledger."""
        return f"{self.method} {self.path}"


def json_response(body: Json, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON reply."""
    return Response(json_bytes(body), status, headers, "application/json")


def integer_query(call: Call, name: str, default: int, maximum: int) -> int:
    """Return a whole number from 1 to ``maximum`` out of the query. Raises ApiError (400)."""
    text = call.query.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= maximum:
        raise ApiError(400, f"'{name}' must be an integer from 1 to {maximum}.", param=name, code="invalid_value")
    return int(text)


def _authorise(provider: Provider, headers: Mapping[str, str]) -> None:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token.strip():
        return
    if provider == "openai":
        raise ApiError(401, "No API key was given. Send it as: Authorization: Bearer KEY.")
    if not headers.get("x-api-key"):
        raise ApiError(401, "No API key was given. Send it as x-api-key or as Authorization: Bearer.")


def _error_response(provider: Provider, problem: ApiError, request_id: str) -> Response:
    body = openai_format.error_body(problem) if provider == "openai" else anthropic_format.error_body(problem, request_id)
    response = json_response(body, problem.status)
    response.headers.update(problem.headers)
    return response


async def _receive(request: Request, sink_path: Path, limit: int) -> None:
    size = 0
    with sink_path.open("wb") as sink:
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                raise ApiError(413, f"The request exceeds the maximum size of {limit} bytes.")
            sink.write(chunk)


def _count(emulator: Emulator, operation: Operation, call: Call) -> tuple[Fault, ...]:
    retries = call.headers.get(RETRY_HEADER, "0")
    repeated = operation.creates_batch and retries.isdecimal() and int(retries) > 0
    emulator.store.count_call(operation.label, repeated_create_of=call.provider if repeated else None)
    return emulator.faults.fire(operation.label)


def _answer(emulator: Emulator, operation: Operation, call: Call) -> Response:
    _authorise(call.provider, call.headers)
    limited = operation.live or operation.creates_batch
    headers = emulator.rates.take(call.provider, call.now) if limited else {}
    response = operation.handler(emulator, call)
    response.headers.update(headers)
    return response


def route(emulator: Emulator, operation: Operation) -> Route:
    """Return the Starlette route of an operation."""

    async def endpoint(request: Request) -> Response:
        shared: Provider = "anthropic" if VERSION_HEADER in request.headers else "openai"
        provider = operation.provider or shared
        request_id = f"req_{new_key()}"
        try:
            with emulator.store.folder.spooled() as body:
                await _receive(request, body, MAX_BODY_BYTES[provider])
                if operation.live:
                    await asyncio.sleep(emulator.config.live_latency_seconds)
                call = Call(
                    provider=provider,
                    path=request.path_params,
                    query=request.query_params,
                    headers=request.headers,
                    base_url=f"{request.url.scheme}://{request.headers.get('host', request.url.netloc)}",
                    body=body,
                    now=time.time(),
                )
                call = replace(call, faults=await run_in_threadpool(_count, emulator, operation, call))
                refuse = partial(_error_response, provider, request_id=request_id)

                async def act() -> Response:
                    try:
                        response = await run_in_threadpool(_answer, emulator, operation, replace(call, now=time.time()))
                    except ApiError as problem:
                        response = refuse(problem)
                    await asyncio.sleep(emulator.waited_seconds(response.headers))
                    return response

                response = await perform(call.faults, provider, act, refuse)
        except ApiError as problem:
            response = _error_response(provider, problem, request_id)
        except ClientDisconnect:
            response = Response(status_code=CLIENT_CLOSED_REQUEST)
        response.headers[REQUEST_ID_HEADER[provider]] = request_id
        return response

    return Route(operation.path, endpoint, methods=[operation.method], name=operation.label)
