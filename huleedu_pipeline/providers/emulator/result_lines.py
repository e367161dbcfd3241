"""Writes a file of result lines, honest or as the job's faults want it.

Here: line ends, byte order mark, what a line fault makes of a line. Not here: what the lines say (the job modules).
"""

from __future__ import annotations

import codecs
from typing import BinaryIO

from .faults.lines import ByteOrderMark, Crlf, LineFault, NoFinalNewline
from .faults.plan import JobPlan


class ResultLines:
    """One result file of one job, written line by line and closed with :meth:`finish`."""

    def __init__(self, sink: BinaryIO, plan: JobPlan) -> None:
        self._sink = sink
        self._plan = plan
        self._end = b"\n" if plan.one(Crlf) is None else b"\r\n"
        self._started = False

    def write(self, number: int, content: bytes) -> None:
        """Write the line of the request with this number (counted from 1 in the input), without its end."""
        pieces = [content]
        for fault in self._plan.at_line(LineFault, number):  # type: ignore[type-abstract] # asked for as a kind, never made
            pieces = [edited for piece in pieces for edited in (fault.edit(piece) if piece else [piece])]
        for piece in pieces:
            if self._started:
                self._sink.write(self._end)
            elif self._plan.one(ByteOrderMark) is not None:
                self._sink.write(codecs.BOM_UTF8)
            self._sink.write(piece)
            self._started = True

    def finish(self) -> None:
        """End the last line."""
        if self._started and self._plan.one(NoFinalNewline) is None:
            self._sink.write(self._end)
