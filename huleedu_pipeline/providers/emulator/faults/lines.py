"""Faults of result lines and result files: doubled, missing, torn, foreign, oddly encoded.

Here: the kinds and what each does to one line. Not here: whole files (``result_lines``) and what the lines say
(``replies``). The job module writes its honest line; these change what lands in the file, and so neither what was run
nor what was billed.
"""

from __future__ import annotations

import json
from abc import abstractmethod
from typing import ClassVar, Literal

from .. import endpoints
from ..lines import Order
from ..wire import Json, json_bytes
from .base import Fault, SelectiveFault

_TEXT_START = b'\\"justification\\": \\"'
_ODD_BREAKS = "\u2028\u2029\u0085".encode()


class LineFault(SelectiveFault):
    """A fault of single result lines."""

    endpoints: ClassVar[frozenset[str]] = endpoints.CREATE_BATCH

    @abstractmethod
    def edit(self, content: bytes, /) -> list[bytes]:
        """Return the lines that stand in place of this one."""


class DuplicateLines(LineFault):
    """The line stands there twice."""

    kind: Literal["duplicate_lines"] = "duplicate_lines"

    def edit(self, content: bytes, /) -> list[bytes]:
        """Return the lines that stand in place of this one."""
        return [content, content]


class ConflictingLines(LineFault):
    """A second line for the same request names the other essay."""

    kind: Literal["conflicting_lines"] = "conflicting_lines"

    def edit(self, content: bytes, /) -> list[bytes]:
        """Return the lines that stand in place of this one."""
        parts = content.split(b"Essay A")
        return [content, b"Essay B".join(part.replace(b"Essay B", b"Essay A") for part in parts)]


class MissingLines(LineFault):
    """There is no line for the request."""

    kind: Literal["missing_lines"] = "missing_lines"

    def edit(self, _content: bytes, /) -> list[bytes]:
        """Return the lines that stand in place of this one."""
        return []


class MalformedLines(LineFault):
    """The line breaks off half way."""

    kind: Literal["malformed_lines"] = "malformed_lines"

    def edit(self, content: bytes, /) -> list[bytes]:
        """Return the lines that stand in place of this one."""
        return [content[: len(content) // 2]]


class BlankLines(LineFault):
    """A blank line follows."""

    kind: Literal["blank_lines"] = "blank_lines"

    def edit(self, content: bytes, /) -> list[bytes]:
        """Return the lines that stand in place of this one."""
        return [content, b""]


class OddLineBreaks(LineFault):
    """U+2028, U+2029 and U+0085 stand unescaped within the justification."""

    kind: Literal["odd_line_breaks"] = "odd_line_breaks"

    def edit(self, content: bytes, /) -> list[bytes]:
        """Return the lines that stand in place of this one."""
        return [_put_into_text(content, _ODD_BREAKS)]


class InvalidUtf8(LineFault):
    """A byte that is no UTF-8 stands within the justification."""

    kind: Literal["invalid_utf8"] = "invalid_utf8"

    def edit(self, content: bytes, /) -> list[bytes]:
        """Return the lines that stand in place of this one."""
        return [_put_into_text(content, b"\xff")]


def _put_into_text(content: bytes, addition: bytes) -> bytes:
    before, start, after = content.rpartition(_TEXT_START)
    return before + start + addition + after if start else content


class LineObjectFault(LineFault):
    """A fault of the line's JSON object."""

    def edit(self, content: bytes, /) -> list[bytes]:
        """Return the lines that stand in place of this one."""
        try:
            value = json.loads(content)
        except ValueError:
            return [content]  # an earlier fault tore it
        return [json_bytes(self.edit_object(value))]

    @abstractmethod
    def edit_object(self, value: Json) -> Json:
        """Return the object that stands in place of this one."""


class LinesWithoutId(LineObjectFault):
    """The line has no ``custom_id``."""

    kind: Literal["lines_without_id"] = "lines_without_id"

    def edit_object(self, value: Json) -> Json:
        """Return the object that stands in place of this one."""
        return {name: content for name, content in value.items() if name != "custom_id"}


class ForeignLines(LineObjectFault):
    """The line's ``custom_id`` is nobody's; ``added``: such a line follows the right one instead of replacing it."""

    kind: Literal["foreign_lines"] = "foreign_lines"
    prefix: str = "foreign-"
    added: bool = False

    def edit(self, content: bytes, /) -> list[bytes]:
        """Return the lines that stand in place of this one."""
        return [content, *super().edit(content)] if self.added else super().edit(content)

    def edit_object(self, value: Json) -> Json:
        """Return the object that stands in place of this one."""
        return value | {"custom_id": f"{self.prefix}{value['custom_id']}"[:64]}


class UnknownResultType(LineObjectFault):
    """The result's type is one that no documentation names."""

    endpoints: ClassVar[frozenset[str]] = frozenset({endpoints.ANTHROPIC_CREATE})
    kind: Literal["unknown_result_type"] = "unknown_result_type"
    type: str = "deferred"

    def edit_object(self, value: Json) -> Json:
        """Return the object that stands in place of this one."""
        return value | {"result": value["result"] | {"type": self.type}}


class NullResponse(LineObjectFault):
    """Neither a response nor an error."""

    endpoints: ClassVar[frozenset[str]] = frozenset({endpoints.OPENAI_CREATE})
    kind: Literal["null_response"] = "null_response"

    def edit_object(self, value: Json) -> Json:
        """Return the object that stands in place of this one."""
        return value | {"response": None, "error": None}


class RefusedLines(SelectiveFault):
    """The request is not run and not billed: a line with an HTTP status or an error code stands for it.

    OpenAI: with ``status`` a response of that status (0 is possible; "missing" leaves it out), without one
    ``response: null`` and ``code`` as the error. Anthropic: an errored result of the type ``code``.
    ``in_output``: the line stands in OpenAI's output file.
    """

    endpoints: ClassVar[frozenset[str]] = endpoints.CREATE_BATCH
    kind: Literal["refused_lines"] = "refused_lines"
    status: int | Literal["missing"] | None = None
    code: str = "inference_failed"
    message: str = "The request could not be processed."
    in_output: bool = False


class InBothFiles(SelectiveFault):
    """The request has its line in the output file and one in the error file, too."""

    endpoints: ClassVar[frozenset[str]] = frozenset({endpoints.OPENAI_CREATE})
    kind: Literal["in_both_files"] = "in_both_files"


class FileFault(Fault):
    """A fault of the result file as a whole."""

    endpoints: ClassVar[frozenset[str]] = endpoints.CREATE_BATCH


class LineOrder(FileFault):
    """The order of the lines: as in the input, reversed, or scattered in another way."""

    kind: Literal["line_order"] = "line_order"
    order: Order = "scattered"
    seed: int = 0


class Crlf(FileFault):
    """Lines end with CR LF."""

    kind: Literal["crlf"] = "crlf"


class ByteOrderMark(FileFault):
    """The file begins with a byte order mark."""

    kind: Literal["bom"] = "bom"


class NoFinalNewline(FileFault):
    """The last line has no end."""

    kind: Literal["no_final_newline"] = "no_final_newline"
