"""The ASGI application: all endpoints over one emulator.

Here: the assembly and the endpoints that belong to no provider alone. Not here: sockets and processes (``server``).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import anthropic_format, anthropic_routes, openai_format, openai_routes
from .config import EmulatorConfig
from .errors import ApiError
from .faults.script import FaultScript, complaints
from .http import Call, Operation, json_response, route
from .openai_requests import model_not_found, model_served
from .service import Emulator


def _list_models(_emulator: Emulator, call: Call) -> Response:
    bodies = {"openai": openai_format.models_body, "anthropic": anthropic_format.models_body}
    return json_response(bodies[call.provider]())


def _retrieve_model(_emulator: Emulator, call: Call) -> Response:
    name = call.path["model_id"]
    if call.provider == "openai":
        if not model_served(name):
            raise model_not_found(name)
        return json_response(openai_format.model_body(name))
    if not model_served(name):
        raise ApiError(404, f"model: {name}")
    return json_response(anthropic_format.model_body(name))


async def _unknown_url(request: Request, _problem: Exception) -> Response:
    problem = ApiError(404, f"Invalid URL ({request.method} {request.url.path})")
    return json_response(openai_format.error_body(problem), problem.status)


def build_app(config: EmulatorConfig) -> Starlette:
    """Return the application for ``config``; it holds the state folder until its lifespan ends.

    Raises EmulatorError when the state folder is in use or the latent file is unusable.
    """
    emulator = Emulator(config)

    # Plain functions, not coroutines: Starlette runs them in its thread pool, where waiting for the store is harmless.
    def healthz(_request: Request) -> Response:
        return json_response(emulator.health())

    def mock_mode(_request: Request) -> Response:
        return json_response(emulator.mock_mode())

    def ledger(_request: Request) -> Response:
        return json_response(emulator.ledger(time.time()))

    def faults(_request: Request) -> Response:
        return json_response({"rules": emulator.faults.rules()})

    async def set_faults(request: Request) -> Response:
        try:
            script = FaultScript.model_validate_json(await request.body())
        except ValidationError as problem:
            return json_response({"errors": complaints(problem)}, 422)
        await run_in_threadpool(emulator.faults.replace, script)
        return json_response({"rules": emulator.faults.rules()})

    def clear_faults(_request: Request) -> Response:
        emulator.faults.replace(FaultScript())
        return json_response({"rules": []})

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        emulator.close()

    models = (
        Operation("GET", "/v1/models", None, _list_models),
        Operation("GET", "/v1/models/{model_id}", None, _retrieve_model),
    )
    operations = (*openai_routes.OPERATIONS, *anthropic_routes.OPERATIONS, *models)
    routes = [
        Route("/healthz", healthz),
        Route("/admin/mock-mode", mock_mode),
        Route("/admin/ledger", ledger),
        Route("/admin/faults", faults, methods=["GET"]),
        Route("/admin/faults", set_faults, methods=["PUT"]),
        Route("/admin/faults", clear_faults, methods=["DELETE"]),
    ]
    routes += [route(emulator, operation) for operation in operations]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={404: _unknown_url})
