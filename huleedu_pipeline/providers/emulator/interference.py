"""Lets the faults that are due at a call happen: before it is carried out, instead of that, and to its answer.

Here: the order of things around a handler, and responses that break off. Not here: which faults are due
(``fault_book``), what they do to bytes (``faults``), and those that stay with a job.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from .errors import ApiError
from .faults.answers import PROXY_PAGE, AnswerFault
from .faults.base import Fault
from .faults.calls import CutDownload, Download, Drop, ErrorFault, Hang, HtmlDownload, HttpError, LoseAnswer
from .wire import Provider

HANG_UP = "huleedu.hang_up"  # the ASGI extension by which the server lets a response close the connection

Refuse = Callable[[ApiError], Response]


async def _hang_up(scope: Scope, receive: Receive) -> None:
    scope["extensions"][HANG_UP]()
    while (await receive())["type"] != "http.disconnect":
        pass


class NoAnswer(Response):
    """Closes the connection without a word."""

    async def __call__(self, scope: Scope, receive: Receive, _send: Send, /) -> None:
        """Close the connection and wait until it is closed."""
        await _hang_up(scope, receive)


class PartOfFile(Response):
    """Sends the beginning of a file; with ``announced`` it promises the whole and closes the connection within it."""

    def __init__(self, path: Path, media_type: str, keep: float, *, announced: bool) -> None:
        super().__init__(media_type=media_type)
        content = path.read_bytes()
        self.body = content[: int(len(content) * keep)]
        self._breaks = announced
        self.headers["content-length"] = str(len(content) if announced else len(self.body))

    async def __call__(self, scope: Scope, receive: Receive, send: Send, /) -> None:
        """Send the beginning, and then end the answer or the connection."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": self._breaks})
        if self._breaks:
            await _hang_up(scope, receive)


def _error(fault: ErrorFault, provider: Provider, refuse: Refuse) -> Response:
    problem = fault.problem(provider)
    if isinstance(fault, HttpError) and fault.html:
        return Response(PROXY_PAGE, problem.status, problem.headers, "text/html")
    return refuse(problem)


async def perform(
    faults: Sequence[Fault], provider: Provider, act: Callable[[], Awaitable[Response]], refuse: Refuse
) -> Response:
    """Carry out a call with ``act`` as its faults allow and return what is sent; ``refuse`` words an error."""
    for fault in faults:
        if isinstance(fault, Hang) and fault.acts != "first":
            await asyncio.sleep(fault.seconds)
        if isinstance(fault, Drop) or (isinstance(fault, Hang) and fault.acts == "never"):
            return NoAnswer()
        if isinstance(fault, ErrorFault) and not fault.acts:
            return _error(fault, provider, refuse)
    response = await act()
    for fault in faults:
        if isinstance(fault, Hang) and fault.acts == "first":
            await asyncio.sleep(fault.seconds)
        elif isinstance(fault, LoseAnswer):
            return NoAnswer()
        elif isinstance(fault, ErrorFault):
            return _error(fault, provider, refuse)
        elif response.status_code < 400:
            response = _edited(response, fault)
    return response


def _edited(response: Response, fault: Fault) -> Response:
    if isinstance(fault, Download) and isinstance(response, FileResponse):
        media_type = response.media_type or "application/octet-stream"
        return PartOfFile(Path(response.path), media_type, fault.keep, announced=isinstance(fault, CutDownload))
    if isinstance(fault, HtmlDownload):
        return Response(PROXY_PAGE, response.status_code, media_type="text/html")
    if isinstance(fault, AnswerFault):
        edited = fault.edit(bytes(response.body))
        return Response(edited, response.status_code, media_type=fault.media_type or response.media_type)
    return response
