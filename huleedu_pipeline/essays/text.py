r"""Text identity: how the bytes of an essay become the text that is judged and hashed.

UTF-8, Unicode NFC, ``\n`` line ends, no byte-order mark, no white space at either end. Nothing else is changed: spelling
and layout are part of what is judged.
"""

import unicodedata
from pathlib import Path

from huleedu_pipeline.errors import HuleeduError


class TextError(HuleeduError):
    """Bytes that are not a usable text; the message says what and where, the caller adds the file."""


def decode(data: bytes) -> str:
    """Decode UTF-8 bytes and normalise the text.

    Raises:
        TextError: the bytes are not UTF-8 (the first wrong byte is named), or contain a NUL character.

    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise TextError(
            f"not UTF-8: byte 0x{data[error.start]:02X} at offset {error.start} (line {line}); save the file as UTF-8"
        ) from None
    if "\x00" in text:
        raise TextError(f"NUL character at offset {data.index(0)}; this is not a text file (save it as plain text)")
    return normalise(text.removeprefix("\ufeff"))


def read_text(path: Path) -> str:
    """Read a file and decode it; raises TextError for whatever keeps it from being a text."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise TextError(f"can not be read: {error.strerror} (check the file and its permissions)") from None
    return decode(data)


def has_words(text: str) -> bool:
    """Whether there is anything to judge: a letter or digit of any script."""
    return any(character.isalnum() for character in text)


def normalise(text: str) -> str:
    r"""Return ``text`` in NFC with ``\n`` line ends and without white space at either end."""
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n").replace("\r", "\n")).strip()


def count_words(text: str) -> int:
    """Return the number of words, separated by white space."""
    return len(text.split())
