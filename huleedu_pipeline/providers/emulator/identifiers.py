"""Ids in the providers' manner: random ones for what is new, derived ones for what can be computed twice.

Not here: which prefix belongs to what; the callers know.
"""

from __future__ import annotations

import hashlib
import secrets
import string

_ALPHABET = string.digits + string.ascii_letters
KEY_LENGTH = 24


def new_key() -> str:
    """Return a random key of letters and digits."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(KEY_LENGTH))


def new_id(prefix: str) -> str:
    """Return a random id that begins with ``prefix``."""
    return prefix + new_key()


def derived_key(*parts: str | int) -> str:
    """Return a key that always follows from the same parts."""
    text = "\0".join(str(part) for part in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:KEY_LENGTH]
