"""Request lines of a job on disk: where each begins, in which order they run, and how many there are.

Here: byte offsets over JSONL, bounded in memory whatever the size. Not here: what a line means (the job modules).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Line:
    """One non-blank line: its number in the file, counted from 1, and its bytes without the line end."""

    number: int
    content: bytes


def read_lines(path: Path) -> Iterator[Line]:
    """Yield the non-blank lines of a file in file order; only a line feed ends a line."""
    with path.open("rb") as source:
        for number, content in enumerate(source, start=1):
            if content.strip():
                yield Line(number, content.rstrip(b"\r\n"))


def count_lines(path: Path) -> int:
    """Return the number of non-blank lines of a file."""
    return sum(1 for _ in read_lines(path))


Order = Literal["input", "reversed", "scattered"]


def lines_in_running_order(path: Path, salt: str, order: Order = "scattered") -> Iterator[Line]:
    """Yield the non-blank lines in the order in which the job runs them: scattered, but the same for the same ``salt``.

    Providers promise no order of results, so a client that relied on one must fail here too.
    """
    places: list[tuple[bytes, int, int]] = []
    with path.open("rb") as source:
        offset = 0
        for number, content in enumerate(source, start=1):
            if content.strip():
                rank = b"" if order != "scattered" else hashlib.blake2b(f"{salt}:{number}".encode(), digest_size=8).digest()
                places.append((rank, number, offset))
            offset += len(content)
        places.sort(reverse=order == "reversed")
        for _, number, start in places:
            source.seek(start)
            yield Line(number, source.readline().rstrip(b"\r\n"))
