"""What is wrong in the whole installation and needs a person: pure findings from batches and their situations.

The checks of the installation show them, the alarms tell them, and both say the same. Not here: looking and telling.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from huleedu_pipeline.canonical import short_hash
from huleedu_pipeline.ledger import BatchRecord, BatchStatus, JobState
from huleedu_pipeline.orchestration.decisions import Due, Situation, decide
from huleedu_pipeline.providers.recovery import JOB_EXPIRY, JOBS_DEADLINE

# Whoever has not brought a failed batch back by then has let it go; it stays failed in batch_status.
REMEMBERED = timedelta(days=30)
# How often a message is sent again that did not arrive.
MOST_TRIES = 5

Event = Literal["batch_failed", "needs_a_person", "job_overdue"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        event: batch_failed: it has ended without a ranking. needs_a_person: nothing is tried by itself any more.
            job_overdue: a provider has not ended a job by its own expiry.
        batch_id: The batch.
        subject: What it is about: the batch, or one of its jobs.
        since: When it began.
        reason: Why, in one sentence.
        next_step: What to do.
        is_severe: Whether something stands still; a batch that failed has at least ended.

    """

    event: Event
    batch_id: str
    subject: str
    since: datetime
    reason: str
    next_step: str
    is_severe: bool

    @property
    def key(self) -> str:
        """Identity: the same finding has the same key at every look."""
        return short_hash([self.event, self.subject, self.since.isoformat()], 12)


def failed_batches(batches: Iterable[BatchRecord], now: datetime) -> list[Finding]:
    """Return the batches that failed lately and that nobody has brought back, newest first."""
    found = [
        Finding(
            "batch_failed",
            batch.batch_id,
            batch.batch_id,
            batch.completed_at,
            batch.status_reason or "no reason is recorded",
            f"mend the cause, then: huleedu retry {batch.batch_id} (asks only for what has no verdict)",
            is_severe=False,
        )
        for batch in batches
        if batch.status is BatchStatus.FAILED and batch.completed_at is not None and now - batch.completed_at <= REMEMBERED
    ]
    return sorted(found, key=lambda finding: finding.since, reverse=True)


def left_alone(situations: Iterable[Situation]) -> list[Finding]:
    """Return the batches for which nothing is done by itself any more although they have not ended: stuck, or quarantined."""
    found = []
    for situation in situations:
        batch, decision = situation.batch, decide(situation)
        if decision.due is Due.NOTHING and not batch.is_published:
            reason, _, step = decision.reason.rpartition("; ")
            found.append(
                Finding("needs_a_person", batch.batch_id, batch.batch_id, batch.updated_at, reason, step, is_severe=True)
            )
    return found


def overdue_jobs(situations: Iterable[Situation], now: datetime) -> list[Finding]:
    """Return the provider jobs that are past their provider's own expiry, the oldest first.

    Providers end a job themselves 24 hours after they took it; two hours later the watch-dog ends the batch, so that a job
    which is still there then stands out twice.
    """
    found = []
    for situation in situations:
        for job in situation.jobs:
            taken = job.submitted_at or job.created_at
            if job.state is not JobState.SUBMITTED or now - taken <= JOB_EXPIRY:
                continue
            is_severe = now - taken > JOBS_DEADLINE
            name, status = job.provider_job_id or job.token, job.provider_status or "no status yet"
            reason = f"{name} is at {job.provider} ({status}) since {taken:%Y-%m-%d %H:%M} UTC, and its 24 hours are over"
            step = (
                f"ask {job.provider} what became of it; huleedu cancel {job.batch_id} ends the batch"
                if is_severe
                else "wait: the watch-dog ends the batch two hours after that"
            )
            found.append(Finding("job_overdue", job.batch_id, name, taken, reason, step, is_severe))
    return sorted(found, key=lambda finding: finding.since)


def untold(findings: Sequence[Finding], tries_left: Mapping[str, int]) -> list[Finding]:
    """Return the findings that are still to be told; ``tries_left`` is by key, 0 where it was told, and not there for news."""
    return [finding for finding in findings if tries_left.get(finding.key, MOST_TRIES) > 0]
