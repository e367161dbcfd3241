"""Runs the application on a socket until it is stopped, told to, or left idle.

Here: the socket, signals, the idle clock. Not here: the endpoints (``app``) and starting it as a process
(``launcher``). Nothing of a request is ever logged: requests carry pupils' essays.
"""

from __future__ import annotations

import asyncio
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, cast

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from .app import build_app
from .config import EmulatorConfig
from .interference import HANG_UP

_GRACE_SECONDS = 10
_BACKLOG = 512


class _Activity:
    """Passes requests on and remembers when the server last had one in hand."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._in_hand = 0
        self._last = time.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._in_hand += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_hand -= 1
            self._last = time.monotonic()

    def idle_seconds(self) -> float:
        """Return how long no request has been in hand."""
        return 0.0 if self._in_hand else time.monotonic() - self._last


def _protocol(*arguments: Any, **options: Any) -> asyncio.Protocol:
    """Make uvicorn's protocol for one connection, with a way for a response to close that connection."""
    protocol: Any = AutoHTTPProtocol(*arguments, **options)
    app: ASGIApp = protocol.app

    async def with_hang_up(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            scope["extensions"] = {**scope.get("extensions", {}), HANG_UP: protocol.transport.close}
        await app(scope, receive, send)

    protocol.app = with_hang_up
    made: asyncio.Protocol = protocol
    return made


class _Server(uvicorn.Server):
    def __init__(
        self, config: uvicorn.Config, activity: _Activity, idle_exit_seconds: float | None, ready: Callable[[], None]
    ) -> None:
        super().__init__(config)
        self._activity = activity
        self._idle_exit_seconds = idle_exit_seconds
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def on_tick(self, counter: int) -> bool:
        idle = self._idle_exit_seconds is not None and self._activity.idle_seconds() >= self._idle_exit_seconds
        return await super().on_tick(counter) or idle

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # As in uvicorn, but a signal that was obeyed is not raised again: a stop on request is a success.
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        previous = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def serve(
    config: EmulatorConfig,
    host: str = "127.0.0.1",
    port: int = 0,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until SIGTERM, SIGINT or ``config.idle_exit_seconds`` without a request.

    ``port`` 0 takes any free port; ``on_ready`` is given the base URL once requests are answered. Raises OSError when
    the port is taken and EmulatorError when the state folder or latent file is unusable.
    """
    with socket.create_server((host, port), backlog=_BACKLOG) as listener:
        base_url = f"http://{host}:{listener.getsockname()[1]}"
        activity = _Activity(build_app(config))
        settings = uvicorn.Config(
            activity,
            http=cast("type[asyncio.Protocol]", _protocol),
            log_level="warning",
            access_log=False,
            lifespan="on",
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )

        def ready() -> None:
            if on_ready is not None:
                on_ready(base_url)

        _Server(settings, activity, config.idle_exit_seconds, ready).run(sockets=[listener])
