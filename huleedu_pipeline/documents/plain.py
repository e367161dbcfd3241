"""Plain text and Markdown: the encoding is found out, and said where it had to be guessed.

Texts of pupils are too short for a statistical detector. What is not Unicode is one of the three encodings that programs in
the schools' languages still write, and is read as the one that gives letters and signs of those
languages and nothing else, letters most often.
"""

import codecs
import re
from collections.abc import Iterator
from contextlib import suppress

from huleedu_pipeline.documents.document import Content, DocumentError

BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF32_BE, "utf-32", "UTF-32"),
    (codecs.BOM_UTF16_LE, "utf-16", "UTF-16"),
    (codecs.BOM_UTF16_BE, "utf-16", "UTF-16"),
)
GUESSES = (("cp1252", "Windows-1252"), ("mac_roman", "Mac Roman"), ("cp850", "DOS 850"))
LETTERS = frozenset("åäöÅÄÖé")
EXPECTED = LETTERS | frozenset("ÉèÈêëàáâçïíîñóôøØæÆüÜúß‘’‚“”„–—…´°§½¼¾€£©«»·\xa0")
BLANK_LINES = re.compile(r"\n[ \t]*\n\s*")


def read_plain(data: bytes) -> Content:
    """Read plain text.

    Raises:
        DocumentError: the encoding can not be told, or the file is not text at all.

    """
    text, warnings = _decoded(data)
    if "\x00" in text:
        raise DocumentError(f"NUL character at offset {data.index(0)}; this is not a text file (save it as plain text)")
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    return Content(tuple(BLANK_LINES.split(lines)), warnings, text=lines)


def _decoded(data: bytes) -> tuple[str, tuple[str, ...]]:
    for mark, codec, name in BYTE_ORDER_MARKS:
        if data.startswith(mark):
            try:
                return data.decode(codec), (f"read as {name}, by its byte-order mark",)
            except UnicodeDecodeError as error:
                raise DocumentError(f"not {name} from offset {error.start} on; save the file as UTF-8") from None
    try:
        return data.decode("utf-8").removeprefix("\ufeff"), ()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        where = f"byte 0x{data[error.start]:02X} at offset {error.start} (line {line})"
    fitting = [(name, text) for name, text in _guesses(data) if _is_likely(text)]
    if fitting:
        name, text = max(fitting, key=lambda guess: sum(c in LETTERS for c in guess[1]))  # the first of equals
        return text, (f"not UTF-8: {where}; read as {name}, a guess: check its letters (better: save it as UTF-8)",)
    raise DocumentError(f"not UTF-8: {where}; save the file as UTF-8")


def _guesses(data: bytes) -> Iterator[tuple[str, str]]:
    for codec, name in GUESSES:
        with suppress(UnicodeDecodeError):
            yield name, data.decode(codec)


def _is_likely(text: str) -> bool:
    return all(c.isascii() or c in EXPECTED for c in text) and any(c.isalnum() for c in text)
