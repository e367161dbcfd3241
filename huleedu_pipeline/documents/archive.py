"""Documents that are zip archives of XML: opened and parsed so that a hostile one costs little time and memory.

A part is read up to a limit whatever the archive claims of its size; nothing is written to disk, no part is read that is not
asked for, macros among them; document types and entities are refused, and so is nesting that no word processor writes.
"""

import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import iterparse

from huleedu_pipeline.documents.document import DocumentError

MAX_PARTS = 5_000
MAX_PART_BYTES = 10_000_000  # of one part, unpacked: a text of 15 000 words has one or two million
MAX_DEPTH = 150
IS_ENCRYPTED = 0x1

BOMB = f"unpacks to more than {MAX_PART_BYTES:,} bytes of text; that is no essay (save its text as a new document)"
DAMAGED = "is damaged or cut off (open it in the program that wrote it, and save it again)"
LOCKED = "is locked with a password (save it without one)"


@dataclass(frozen=True)
class Archive:
    """An open archive."""

    zip_file: zipfile.ZipFile

    @property
    def names(self) -> list[str]:
        """Names of its parts."""
        return self.zip_file.namelist()

    def xml(self, name: str) -> Element | None:
        """Return the root of a part, or ``None`` where there is no such part.

        Raises:
            DocumentError: the part is too large, damaged, locked, or is XML that no word processor writes.

        """
        try:
            info = self.zip_file.getinfo(name)
        except KeyError:
            return None
        if info.flag_bits & IS_ENCRYPTED:
            raise DocumentError(LOCKED)
        try:
            with self.zip_file.open(info) as part:
                data = part.read(MAX_PART_BYTES + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError):
            raise DocumentError(DAMAGED) from None
        if len(data) > MAX_PART_BYTES:
            raise DocumentError(BOMB)
        return parse_xml(data)


@contextmanager
def open_archive(data: bytes) -> Iterator[Archive]:
    """Open an archive.

    Raises:
        DocumentError: it is no archive, is damaged, or has more parts than any document.

    """
    try:
        zip_file = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError):
        raise DocumentError(DAMAGED) from None
    with zip_file:
        if len(zip_file.infolist()) > MAX_PARTS:
            raise DocumentError(f"has more than {MAX_PARTS:,} parts; that is no essay (save its text as a new document)")
        yield Archive(zip_file)


def parse_xml(data: bytes) -> Element:
    """Parse XML without document type, entities or deep nesting.

    Raises:
        DocumentError: it is not well formed, or has what no word processor writes.

    """
    depth = 0
    root: Element | None = None
    try:
        events: Any = iterparse(io.BytesIO(data), events=("start", "end"), forbid_dtd=True)
        for event, element in events:
            if root is None:
                root = element
            depth += 1 if event == "start" else -1
            if depth > MAX_DEPTH:
                raise DocumentError(f"nests its parts more than {MAX_DEPTH} deep (save its text as a new document)")
    except DefusedXmlException:
        raise DocumentError("declares entities or a document type, which no word processor writes (save it anew)") from None
    except (ParseError, ValueError, LookupError):
        raise DocumentError(DAMAGED) from None
    if root is None:
        raise DocumentError(DAMAGED)
    return root


def local_name(element: Element) -> str:
    """Return an element's name without its namespace."""
    return element.tag.rpartition("}")[2]


def attribute(element: Element, name: str) -> str | None:
    """Return the value of the first attribute called ``name`` in any namespace."""
    return next((value for key, value in element.items() if key.rpartition("}")[2] == name), None)


def first_text(root: Element | None, name: str) -> str | None:
    """Return the text of the first element called ``name`` in any namespace."""
    if root is None:
        return None
    return next((element.text for element in root.iter() if local_name(element) == name), None)
