"""Takes a multipart/form-data body apart: text fields, and one file that passes through to disk.

Not here: what the fields mean (``openai_routes``).
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from python_multipart import parse_form
from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, File

from .errors import ApiError


@dataclass(frozen=True)
class Form:
    """The fields of a form, and the name of its file (None: no file was sent; its content is in the sink)."""

    fields: dict[str, str]
    filename: str | None


def read_form(body: Path, content_type: str, file_sink: Path) -> Form:
    """Read a spooled form, writing the content of its file to ``file_sink``. Raises ApiError (400)."""
    fields: dict[str, str] = {}
    names: list[str] = []

    def on_field(field: Field) -> None:
        fields[(field.field_name or b"").decode("utf-8", "replace")] = (field.value or b"").decode("utf-8", "replace")

    def on_file(file: File) -> None:
        names.append((file.file_name or b"upload").decode("utf-8", "replace"))
        file.file_object.seek(0)
        with file_sink.open("wb") as sink:
            shutil.copyfileobj(file.file_object, sink)

    try:
        with body.open("rb") as stream:
            parse_form({"Content-Type": content_type.encode("utf-8")}, stream, on_field, on_file)
    except (FormParserError, ValueError) as error:
        raise ApiError(400, f"Could not parse multipart form: {error}.") from error
    return Form(fields, names[-1] if names else None)
