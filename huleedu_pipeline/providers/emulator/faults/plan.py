"""The faults that stay with one batch job, sorted by what asks for them.

Not here: the kinds, and what a job does with them (the job modules).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from .base import Fault, SelectiveFault
from .jobs import JobFault, OpenAIJobFault
from .lines import FileFault, InBothFiles, LineFault, RefusedLines
from .replies import ReplyFault

_KEPT = (JobFault, OpenAIJobFault, FileFault, InBothFiles, LineFault, RefusedLines, ReplyFault)

F = TypeVar("F", bound=Fault)
S = TypeVar("S", bound=SelectiveFault)


def kept_by_job(faults: Sequence[Fault]) -> tuple[Fault, ...]:
    """Return those faults of a creating call that belong to the job rather than to the call."""
    return tuple(fault for fault in faults if isinstance(fault, _KEPT))


@dataclass(frozen=True)
class JobPlan:
    """What is to go wrong with one job."""

    job_id: str
    faults: tuple[Fault, ...] = ()

    def one(self, kind: type[F]) -> F | None:
        """Return the job's fault of a kind, the first if there are several."""
        return next((fault for fault in self.faults if isinstance(fault, kind)), None)

    def at_line(self, kind: type[S], number: int) -> list[S]:
        """Return the faults of a kind that strike the input line of this number, in the order of the script."""
        return [fault for fault in self.faults if isinstance(fault, kind) and fault.hits(self.job_id, number)]
