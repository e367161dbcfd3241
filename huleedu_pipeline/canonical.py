"""Canonical JSON and hashes: the one way in which this project turns a value into an identity.

Everything whose identity must be the same on every machine and in every process (judges, pairs, requests, prompts) goes
through here. Python's own ``hash`` never does: it is salted per process.
"""

import hashlib
import json
from typing import Any


def canonical_json(value: Any) -> str:
    """Serialise ``value`` so that equal values give equal text: sorted keys, no spaces, UTF-8 kept, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def sha256_hex(text: str) -> str:
    """SHA-256 of the UTF-8 bytes of ``text`` as 64 lower-case hexadecimal digits."""
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def short_hash(value: Any, digits: int = 32) -> str:
    """First ``digits`` hexadecimal digits of the SHA-256 of ``value`` in canonical JSON."""
    return sha256_hex(canonical_json(value))[:digits]
