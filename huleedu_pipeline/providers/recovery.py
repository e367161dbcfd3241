"""The watch-dog: batches with which nothing happens any more are ended, by a rule and with the reason.

A batch past its deadline is looked at once more. With four fifths of its outcomes it is told to end as a forced recovery:
what runs is cancelled, what was answered collected, and what is left ends as expired; with less it fails, and everything
that it has stays for ``huleedu retry``. Under the batch's lease, so that it never meets a wave that is being submitted. Not
here: publishing what a batch came to.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.judging.batching import BATCH_API
from huleedu_pipeline.judging.guard import why_failed
from huleedu_pipeline.ledger import BatchRecord, BatchStatus, BusyError, JobState, Ledger, Tally
from huleedu_pipeline.ledger.states import NOT_YET_SUBMITTED
from huleedu_pipeline.logs import bound, events
from huleedu_pipeline.providers.advance import wind_up_batch
from huleedu_pipeline.providers.backend import check_backend, open_provider
from huleedu_pipeline.providers.collection import collect_jobs, watch_jobs
from huleedu_pipeline.providers.continuation import is_judged
from huleedu_pipeline.providers.planning import planned_judge
from huleedu_pipeline.providers.protocols import ProviderError
from huleedu_pipeline.providers.reconcile import give_up
from huleedu_pipeline.providers.submission import close_unsent
from huleedu_pipeline.providers.winding_up import OPEN_JOBS
from huleedu_pipeline.settings import Settings

LIVE_DEADLINE = timedelta(hours=4)
# Both providers end a batch job within a day.
JOB_EXPIRY = timedelta(hours=24)
JOBS_DEADLINE = JOB_EXPIRY + timedelta(hours=2)
# How long a job that was cancelled may take to bring what it had answered.
CANCEL_GRACE = timedelta(hours=1)
MIN_OUTCOMES_PERCENT = 80
WATCH_DOG = "watch_dog"


@dataclass(frozen=True)
class Recovered:
    """What the watch-dog did with a batch: the state that it is to end in, or ``None`` when it was left as it is, and why."""

    batch_id: str
    ends_as: BatchStatus | None
    reason: str


def deadline_of(batch: BatchRecord) -> timedelta:
    """Return after how long without activity a batch is ended."""
    return JOBS_DEADLINE if batch.llm_batching_mode == BATCH_API else LIVE_DEADLINE


def stalled_batches(ledger: Ledger, now: datetime) -> list[BatchRecord]:
    """Return the batches that are past their deadline, and those that were told to end and have not, oldest first.

    Batches that people judge have no deadline, and one whose every request has its outcome only waits to be ranked.
    """
    return [batch for batch in ledger.batches() if is_stalled(ledger, batch, now)]


def is_stalled(ledger: Ledger, batch: BatchRecord, now: datetime) -> bool:
    """Whether a batch waits for answers, and nothing has happened with it for longer than its deadline."""
    if batch.is_human or batch.status is not BatchStatus.AWAITING_JUDGEMENTS:
        return False
    is_due = batch.ends_as is not None or now - ledger.last_activity(batch.batch_id) > deadline_of(batch)
    return is_due and not is_judged(ledger, batch.batch_id)


def why_given_up(tally: Tally) -> str | None:
    """Return why a batch past its deadline fails, or ``None`` when it can be ranked by what it has."""
    if 100 * tally.n_outcomes < MIN_OUTCOMES_PERCENT * tally.n_requests:
        return f"{tally.n_outcomes} of {tally.n_requests} requests had an outcome, and {MIN_OUTCOMES_PERCENT} % are needed"
    return why_failed(tally.n_succeeded, tally.n_requests)


def recover_batch(ledger: Ledger, settings: Settings, batch_id: str, now: datetime | None = None) -> Recovered:
    """End a batch if it is past its deadline, and say what was done; a batch that is being worked on is left alone.

    Args:
        ledger: Where everything is recorded.
        settings: The installation's settings.
        batch_id: The batch.
        now: This instant, unless another is meant.

    """
    at, batch = now or datetime.now(UTC), ledger.batch(batch_id)
    try:
        with bound(**batch.log_fields), ledger.lease(f"batch {batch_id}"):
            done = _recover(ledger, settings, batch_id, at)
    except BusyError as busy:
        return Recovered(batch_id, None, str(busy))
    if done.ends_as is not None:
        events.BATCH_RECOVERED.tell(**batch.log_fields, ends_as=done.ends_as)
    return done


def _recover(ledger: Ledger, settings: Settings, batch_id: str, now: datetime) -> Recovered:
    batch = ledger.batch(batch_id)
    if not is_stalled(ledger, batch, now):
        return Recovered(batch_id, None, "is not past its deadline")
    problem = None
    if batch.ends_as is None:
        last = ledger.last_activity(batch_id)
        try:
            _collect(ledger, settings, batch)
        except HuleeduError as error:
            problem = str(error)
        if not is_stalled(ledger, batch, now):
            return Recovered(batch_id, None, "answers have come after all")
        tally = ledger.tally(batch_id)
        # Without a look at the provider nothing is given up: a failed batch keeps everything that it has.
        why = why_given_up(tally) or problem
        since = f"nothing has happened since {last:%Y-%m-%d %H:%M} UTC"
        if why is not None:
            return _fail(ledger, settings, batch_id, f"{since}: {why}; {_missing(ledger, batch_id)}")
        reason = f"{since}: ranked by the {tally.n_outcomes} of {tally.n_requests} requests that had an outcome"
        ledger.conclude(batch_id, BatchStatus.COMPLETED_FORCED_RECOVERY, reason)
        return _finish(ledger, settings, batch_id, is_late=False)
    return _finish(ledger, settings, batch_id, is_late=now - batch.updated_at > CANCEL_GRACE)


def _collect(ledger: Ledger, settings: Settings, batch: BatchRecord) -> None:
    check_backend(settings, batch.batch_id, batch.judge_backend)
    if ledger.jobs(batch.batch_id, OPEN_JOBS):
        provider = open_provider(settings, planned_judge(ledger, batch.batch_id).provider)
        watch_jobs(ledger, provider, ledger.jobs(batch.batch_id))
        collect_jobs(ledger, provider, batch.batch_id, settings.raw_dir, max_attempts=settings.max_attempts)


def _fail(ledger: Ledger, settings: Settings, batch_id: str, reason: str) -> Recovered:
    ledger.move_batch(batch_id, BatchStatus.FAILED, reason, moved_by=WATCH_DOG)
    try:
        wind_up_batch(ledger, settings, batch_id)
    except ProviderError as error:
        reason += f" (its jobs are not cancelled yet: {error})"
    return Recovered(batch_id, BatchStatus.FAILED, reason)


def _finish(ledger: Ledger, settings: Settings, batch_id: str, *, is_late: bool) -> Recovered:
    """Bring a batch that was told to end to where every request has an outcome; repeated until it is there."""
    try:
        waits_for = wind_up_batch(ledger, settings, batch_id)
    except HuleeduError as error:
        waits_for = str(error)
    if waits_for and not is_late:
        return Recovered(batch_id, None, waits_for)
    for job in ledger.jobs(batch_id, NOT_YET_SUBMITTED):
        if job.create_attempted_at is None:
            close_unsent(ledger, job)
    for job in ledger.jobs(batch_id, OPEN_JOBS):
        ledger.quarantine(job, f"{job.provider_job_id or job.token} did not end by its batch's deadline")
    for job in ledger.jobs(batch_id, [JobState.QUARANTINED]):
        give_up(ledger, job)
    ledger.expire_open(batch_id, "no answer by the batch's deadline")
    if (why := why_failed((tally := ledger.tally(batch_id)).n_succeeded, tally.n_requests)) is not None:
        return _fail(ledger, settings, batch_id, why)
    return Recovered(batch_id, BatchStatus.COMPLETED_FORCED_RECOVERY, ledger.batch(batch_id).status_reason or "")


def _missing(ledger: Ledger, batch_id: str) -> str:
    """Say where the answers are that did not come."""
    tally, n_unasked = ledger.tally(batch_id), ledger.count_unasked(batch_id)
    waiting = [
        f"{job.n_requests} in {job.provider_job_id or job.token} ({job.state})"
        for job in ledger.jobs(batch_id, OPEN_JOBS | {JobState.QUARANTINED})
    ]
    parts = [*waiting, *([f"{n_unasked} in no job"] if n_unasked else [])]
    return f"{tally.n_requests - tally.n_outcomes} answers are missing: {', '.join(parts)}"
