"""What every fault has: a kind, the endpoints where it makes sense, and parameters that are checked.

Here: the base classes. Not here: any kind.
"""

from __future__ import annotations

import hashlib
from abc import ABC
from typing import Annotated, ClassVar

from pydantic import BaseModel, ConfigDict, Field

MAX_SECONDS = 3600.0

Share = Annotated[float, Field(ge=0, le=1)]
Seconds = Annotated[float, Field(ge=0, le=MAX_SECONDS)]
LineNumber = Annotated[int, Field(ge=1)]


class Fault(BaseModel, ABC):
    """One fault: its kind, named by the subclass, and its parameters; ``endpoints`` is where a rule may put it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    endpoints: ClassVar[frozenset[str]]
    kind: str


class SelectiveFault(Fault):
    """A fault of single request lines of a batch.

    ``lines`` names them by their number in the input, counted from 1 (None: all of them); ``share`` takes that share of
    them, always the same ones of the same job.
    """

    lines: tuple[LineNumber, ...] | None = None
    share: Share = 1.0

    def hits(self, job_id: str, number: int) -> bool:
        """Return whether the line of this number is struck."""
        if self.lines is not None and number not in self.lines:
            return False
        draw = hashlib.sha256(f"{job_id}:{number}:{self.kind}".encode()).digest()
        return int.from_bytes(draw[:6], "big") / 2**48 < self.share
