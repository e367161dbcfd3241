"""Takes a multipart/form-data body apart: text fields, and one file written to disk without passing through memory.

Not here: what the fields mean (``openai_routes``).
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from pathlib import Path

from .errors import ApiError


@dataclass(frozen=True)
class Form:
    """The fields of a form, and the name of its file (None: no file was sent; its content is in the sink)."""

    fields: dict[str, str]
    filename: str | None


def _refusal(reason: str) -> ApiError:
    return ApiError(400, f"Could not parse multipart form: {reason}.")


def _boundary(content_type: str) -> bytes:
    header = Message()
    header["Content-Type"] = content_type
    boundary = header.get_boundary()
    if header.get_content_type() != "multipart/form-data" or not boundary:
        raise _refusal("the content type must be multipart/form-data with a boundary")
    return b"--" + boundary.encode("utf-8")


def read_form(body: Path, content_type: str, file_sink: Path) -> Form:
    """Read a spooled form, writing the content of its part named ``file`` to ``file_sink``. Raises ApiError (400)."""
    delimiter = _boundary(content_type)
    if body.stat().st_size == 0:
        raise _refusal("it is empty")
    with body.open("rb") as source, mmap.mmap(source.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return _read_parts(content, delimiter, file_sink)


def _read_parts(content: mmap.mmap, delimiter: bytes, file_sink: Path) -> Form:
    fields: dict[str, str] = {}
    filename: str | None = None
    start = content.find(delimiter)
    while start >= 0:
        start += len(delimiter)
        if content[start : start + 2] == b"--":
            return Form(fields, filename)
        headers_end = content.find(b"\r\n\r\n", start)
        end = content.find(b"\r\n" + delimiter, start + 2)
        if headers_end < 0 or end < headers_end + 4:
            break
        head = HeaderParser().parsestr(content[start + 2 : headers_end].decode("utf-8", "replace"))
        name = head.get_param("name", header="content-disposition")
        if name == "file":
            filename = head.get_filename() or "upload"
            with file_sink.open("wb") as sink, memoryview(content) as whole, whole[headers_end + 4 : end] as part:
                sink.write(part)
        elif isinstance(name, str):
            fields[name] = content[headers_end + 4 : end].decode("utf-8", "replace")
        start = end + 2
    raise _refusal("a part does not end")
