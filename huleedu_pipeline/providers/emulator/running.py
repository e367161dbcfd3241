"""What the running of a job's lines has in common at both providers: how many, in which order, and what they add up to.

Not here: the lines themselves (the job modules) and their files (``result_lines``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from .faults.base import Fault
from .faults.jobs import CancelKeeps, Expire
from .faults.lines import LineOrder, RefusedLines
from .faults.replies import ReplyFault
from .judging import ModelReply
from .lines import Line, lines_in_running_order, read_lines
from .records import Bill, Job, Settlement


@dataclass
class Tally:
    """Counts outcomes and tokens while the lines of a job run."""

    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    judged: int = 0
    cache_write_tokens: int = 0

    def unrun(self, *, expired: bool) -> None:
        """Count a line that did not run, because the window closed or the job was cancelled."""
        if expired:
            self.expired += 1
        else:
            self.canceled += 1

    def answered(self, reply: ModelReply) -> None:
        """Count a line that was answered, and what it costs."""
        self.succeeded += 1
        self.judged += reply.is_verdict
        self.input_tokens += reply.input_tokens
        self.cached_input_tokens += reply.cached_tokens
        self.output_tokens += reply.output_tokens
        self.cache_write_tokens += reply.written_tokens

    def settlement(self, output_file_id: str | None = None, error_file_id: str | None = None) -> Settlement:
        """Return how the job ended."""
        return Settlement(
            output_file_id=output_file_id,
            error_file_id=error_file_id,
            succeeded=self.succeeded,
            errored=self.errored,
            canceled=self.canceled,
            expired=self.expired,
            input_tokens=self.input_tokens,
            cached_input_tokens=self.cached_input_tokens,
            output_tokens=self.output_tokens,
            judged=self.judged,
            cache_write_tokens=self.cache_write_tokens,
        )


def bill_of(reply: ModelReply) -> Bill:
    """Return what one answer costs."""
    return Bill(1, reply.input_tokens, reply.cached_tokens, reply.output_tokens, reply.written_tokens)


def edit_live_reply(reply: ModelReply, faults: Sequence[Fault]) -> ModelReply:
    """Return a live reply as the faults of its call want it."""
    for fault in faults:
        if isinstance(fault, ReplyFault):
            reply = fault.edit(reply)
    return reply


def lines_to_run(job: Job, share: float) -> int:
    """Return how many lines of a job that is over have run, given the share that its clock allowed."""
    keeps, expire = job.plan.one(CancelKeeps), job.plan.one(Expire)
    if job.cancel_at is not None and keeps is not None:
        share = keeps.at
    elif job.expires and expire is not None:
        share = expire.at
    return round(job.n_requests * share)


def running_order(job: Job, path: Path) -> Iterator[Line]:
    """Yield a job's input lines in the order in which they run and in which their results are written."""
    asked = job.plan.one(LineOrder)
    if asked is None:
        return lines_in_running_order(path, job.id)
    return lines_in_running_order(path, f"{job.id}:{asked.seed}", asked.order)


def lines_that_run(job: Job, path: Path, n_run: int) -> Iterator[Line]:
    """Yield, in the order of the input, the lines of a job that run when ``n_run`` do and that no fault refuses."""
    numbers = {line.number for line in islice(running_order(job, path), n_run)}
    for line in read_lines(path):
        if line.number in numbers and not job.plan.at_line(RefusedLines, line.number):
            yield line


def edit_reply(job: Job, number: int, reply: ModelReply) -> ModelReply:
    """Return the reply to the line of this number as the job's faults want it."""
    for fault in job.plan.at_line(ReplyFault, number):  # type: ignore[type-abstract] # asked for as a kind, never made
        reply = fault.edit(reply)
    return reply
