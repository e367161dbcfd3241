"""The ASGI application: all endpoints over one emulator.

Here: the assembly and the endpoints that belong to no provider alone. Not here: sockets and processes (``server``).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import anthropic_format, anthropic_routes, openai_format, openai_routes
from .config import EmulatorConfig
from .errors import ApiError
from .http import Call, Operation, json_response, route
from .service import Emulator


def _list_models(_emulator: Emulator, call: Call) -> Response:
    bodies = {"openai": openai_format.models_body, "anthropic": anthropic_format.models_body}
    return json_response(bodies[call.provider]())


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

    def ledger(_request: Request) -> Response:
        return json_response(emulator.ledger(time.time()))

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        yield
        emulator.close()

    models = Operation("GET", "/v1/models", None, _list_models)
    operations = (*openai_routes.OPERATIONS, *anthropic_routes.OPERATIONS, models)
    routes = [Route("/healthz", healthz), Route("/admin/ledger", ledger)]
    routes += [route(emulator, operation) for operation in operations]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={404: _unknown_url})
