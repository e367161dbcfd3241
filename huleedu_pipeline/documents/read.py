"""From the bytes of a file to a document: which kind it is, by its contents and by its name, and the reader for it."""

import hashlib
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path

from huleedu_pipeline.documents.archive import LOCKED
from huleedu_pipeline.documents.document import MAX_BYTES, Content, Document, DocumentError
from huleedu_pipeline.documents.docx import read_docx
from huleedu_pipeline.documents.odt import read_odt
from huleedu_pipeline.documents.pdf import read_pdf
from huleedu_pipeline.documents.plain import read_plain
from huleedu_pipeline.documents.rtf import read_rtf

READERS: Mapping[str, Callable[[bytes], Content]] = {
    "txt": read_plain,
    "md": read_plain,
    "docx": read_docx,
    "odt": read_odt,
    "rtf": read_rtf,
    "pdf": read_pdf,
}
KINDS = tuple(READERS)
PLAIN = ("txt", "md")
ZIPPED = ("docx", "odt")
# How the kinds of files begin that are taken for documents, or renamed to look like one.
SIGNATURES = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"%PDF-", "pdf"),
    (b"{\\rtf", "rtf"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "ole"),
    (b"\x89PNG", "PNG picture"),
    (b"\xff\xd8\xff", "JPEG picture"),
    (b"GIF8", "GIF picture"),
    (b"II*\x00", "TIFF picture"),
    (b"MM\x00*", "TIFF picture"),
    (b"<!DOCTYPE html", "web page"),
    (b"<html", "web page"),
    (b"\x7fELF", "program"),
    (b"MZ\x90", "program"),
)
ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
PDF_HEAD_BYTES = 1024  # before its signature a PDF may have as much of anything
CONTROLS = {code: None for code in range(32) if chr(code) not in "\t\n"}


def read_document(path: Path) -> Document:
    """Read a document.

    Args:
        path: The file; the ending of its name says what it is, and must be right.

    Raises:
        DocumentError: it can not be read, is not what its name says, or is damaged, locked or too large.

    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise DocumentError(f"can not be read: {error.strerror} (check the file and its permissions)") from None
    return parse_document(data, path.name)


def parse_document(data: bytes, file_name: str) -> Document:
    """Read a document from its bytes; an empty one has no paragraphs.

    Raises:
        DocumentError: it is not what its name says, or is damaged, locked or too large.

    """
    if len(data) > MAX_BYTES:
        raise DocumentError(f"is larger than {MAX_BYTES:,} bytes (remove its pictures, or save its text alone)")
    kind = Path(file_name).suffix.lower().removeprefix(".")
    if kind not in READERS:
        raise DocumentError(f"is not a document of a kind that is read ({', '.join(f'.{k}' for k in KINDS)}; convert it)")
    if data.strip():
        _check_kind(data, kind)
        content = READERS[kind](data)
    else:
        content = Content((), text="")
    clean = _settled if kind in PLAIN else _without_controls
    paragraphs = tuple(text for text in (clean(paragraph) for paragraph in content.paragraphs) if text)
    text = "\n\n".join(paragraphs) if content.text is None else clean(content.text)
    sha256 = hashlib.sha256(data).hexdigest()
    return Document(text, paragraphs, kind, sha256, content.warnings, content.properties)


def _settled(text: str) -> str:
    """Return text in NFC without white space at either end; half characters (lone surrogates) are made whole or marked."""
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return unicodedata.normalize("NFC", whole.replace("\r\n", "\n").replace("\r", "\n")).strip()


def _without_controls(text: str) -> str:
    return _settled(text.translate(CONTROLS))


def _check_kind(data: bytes, kind: str) -> None:
    """Raise DocumentError where the contents are not of ``kind``."""
    found = next((what for signature, what in SIGNATURES if data.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(signature)), None)
    if found is None and kind == "pdf" and b"%PDF-" in data[:PDF_HEAD_BYTES]:
        found = "pdf"
    if found == "ole":
        if ENCRYPTED_PACKAGE in data:
            raise DocumentError(LOCKED)
        raise DocumentError("is a Word document of before 2007 (save it as .docx)")
    if found == kind or (found == "zip" and kind in ZIPPED) or (found is None and kind in PLAIN):
        return
    named = f"though its name ends in .{kind} (give the document itself, under its right name)"
    if found is None:
        raise DocumentError(f"is not a .{kind} file inside, {named}")
    raise DocumentError(f"is a {found.upper() if found.islower() and len(found) <= 3 else found} inside, {named}")
