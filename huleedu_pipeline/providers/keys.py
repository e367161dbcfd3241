"""The providers' keys: read from the environment or a secret file when a client is made, and taken out of all that comes back.

A provider, or a proxy in front of it, may quote the key that it was called with. So every key that this process has read is
blotted out of each answer before anything is concluded from it, recorded or told. Not here: sending them.
"""

import os
import re
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from huleedu_pipeline.errors import HuleeduError

KEY_VARIABLES = {"openai": "OPENAI_API_KEY", "anthropic": "ANTHROPIC_API_KEY"}
# Local servers are called with words like EMPTY, which are no secret and stand in texts.
LEAST_CHARACTERS = 12
BLOT = "(key)"
_SHORTENED = re.compile(r"\bsk-[\w*.…-]+")
_read_here: set[str] = set()


class MissingKeyError(HuleeduError):
    """The real provider is asked for and its key is not in the environment."""


class KeyFileError(HuleeduError):
    """The file that a key should be read from can not be used."""


def key_of(provider: str) -> str:
    """Return the key of a provider, from ``<PROVIDER>_API_KEY`` or from the file that ``<PROVIDER>_API_KEY_FILE`` names.

    Raises:
        MissingKeyError: there is none.
        KeyFileError: both are set, or the file can not be read, holds no key, or can be read by everybody.

    """
    variable = KEY_VARIABLES[provider]
    key, file = os.environ.get(variable), os.environ.get(f"{variable}_FILE")
    if key and file:
        raise KeyFileError(f"{variable} and {variable}_FILE: are both set, and only one can count (unset one of them)")
    if file:
        key = _read(f"{variable}_FILE", Path(file))
    if not key:
        raise MissingKeyError(
            f"{variable}: is not set, nor {variable}_FILE, and HULEEDU_JUDGE_BACKEND=provider needs one (set it, or unset "
            "HULEEDU_JUDGE_BACKEND to judge with the emulator)"
        )
    if len(key) >= LEAST_CHARACTERS:
        _read_here.add(key)
    return key


def _read(variable: str, path: Path) -> str:
    try:
        mode, text = path.stat().st_mode, path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "is no text"
        raise KeyFileError(f"{variable}: {path} can not be read: {why} (correct the path or its permissions)") from None
    # A group may be meant: Kubernetes gives a secret to the group of the pod.
    if mode & (stat.S_IROTH | stat.S_IWOTH):
        raise KeyFileError(f"{variable}: {path} can be read or changed by everybody (chmod 0400, or 0440 for a group)")
    words = text.split()
    if len(words) != 1:
        raise KeyFileError(f"{variable}: {path} holds {len(words)} words, and a key is one (write nothing but the key into it)")
    return words[0]


def without_keys(text: str) -> str:
    """Return a text without the keys that this process has read."""
    for key in tuple(_read_here):  # another thread may read one meanwhile
        text = text.replace(key, BLOT)
    return text


def without_any_key(message: str) -> str:
    """Return a message of a provider without keys, also shortened ones as some of them repeat them."""
    return _SHORTENED.sub(BLOT, without_keys(message))


def pieces_without_keys(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a body piece by piece without the keys that this process has read, also where one lies across two pieces."""
    keys = [key.encode() for key in tuple(_read_here)]
    longest = max((len(key) for key in keys), default=1)
    held = b""
    for piece in pieces:
        held += piece
        for key in keys:
            held = held.replace(key, BLOT.encode())
        # The end may be the beginning of a key.
        sure = max(0, len(held) - longest + 1)
        yield held[:sure]
        held = held[sure:]
    yield held
