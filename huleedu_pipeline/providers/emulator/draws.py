"""Random numbers that are none: drawn from SHA-256, the same on every machine, in every process and in any order of calls.

Not here: what is decided by a draw (``profiles``, ``mocks``, ``mock_errors``, ``prompt_cache``).
"""

from __future__ import annotations

import hashlib


def uniform_from(seed: bytes) -> float:
    """Return a number in [0, 1) drawn from the SHA-256 of ``seed``."""
    return int.from_bytes(hashlib.sha256(seed).digest()[:6], "big") / 2**48


def draw(seed: int, purpose: str, identity: bytes) -> float:
    """Return a number in [0, 1) for one purpose and one identity; draws for different purposes are independent."""
    return uniform_from(f"{seed}\0{purpose}\0".encode() + identity)
