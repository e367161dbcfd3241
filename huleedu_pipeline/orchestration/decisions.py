"""What is due for a batch: pure decisions from what the ledger, the inbox and Dagster's runs say.

The sensors and ``huleedu run`` ask the same functions, so the daemon and the command line follow the same rules. Nothing
here reads or writes anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from huleedu_pipeline.canonical import short_hash
from huleedu_pipeline.ledger import BatchRecord, BatchStatus, JobRecord, JobState
from huleedu_pipeline.ledger.states import FINISHED_AT_PROVIDER, NOT_YET_SUBMITTED
from huleedu_pipeline.providers.human import WAITS_FOR_JUDGEMENTS
from huleedu_pipeline.providers.winding_up import CANCELLING, OPEN_JOBS

MAX_FAILED_RUNS = 4
# How long after the first, second and third failed run the next is asked for: a provider may need an hour to recover.
PAUSES_SECONDS = (60.0, 600.0, 3600.0)
COMPLETED = "completed and published"
# Batches that a sensor's line names.
MOST_NAMED = 8


class Due(Enum):
    """What a batch needs next."""

    SUBMIT = "submit"
    WAIT = "wait"
    COLLECT = "collect"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Situation:
    """A batch as everybody sees it: the ledger's record and jobs, and what Dagster's runs for it are doing.

    ``n_unasked`` requests have neither an outcome nor a provider job; ``waits_for`` says why nothing can be sent now, and
    ``stamp`` changes whenever that may have changed. ``n_unlisted`` judgements were imported since pairs were last written.
    ``seconds_at_provider`` is how long the oldest job is there.
    With ``n_for_provisional`` outcomes a provisional ranking is made; ``None`` when there is none to be made.
    """

    batch: BatchRecord
    jobs: Sequence[JobRecord]
    n_unasked: int = 0
    n_outcomes: int = 0
    n_unlisted: int = 0
    n_for_provisional: int | None = None
    waits_for: str | None = None
    stamp: str = ""
    has_run_in_progress: bool = False
    n_failed_submit_runs: int = 0
    n_failed_collect_runs: int = 0
    seconds_since_failed_run: float | None = None
    seconds_at_provider: float | None = None


@dataclass(frozen=True)
class Decision:
    """What is due, why, and the key under which Dagster remembers having asked for it."""

    due: Due
    reason: str
    run_key: str | None = None


def decide(situation: Situation) -> Decision:
    """Decide what is due for a batch that is in the ledger.

    A run is asked for once for each state of the provider's jobs, and again after each failed run, later each time, up to
    :data:`MAX_FAILED_RUNS`; bounded retries make failure quiet, so a batch that has used them up is named each time. A batch
    that a person has brought back begins anew: what was asked for before does not keep a run from being asked for again.
    """
    decision, reopened_at = _decide(situation), situation.batch.reopened_at
    if decision.run_key is None or reopened_at is None:
        return decision
    subject, _, n_failed = decision.run_key.rpartition(":")
    return replace(decision, run_key=f"{subject}:reopened.{reopened_at.timestamp():.0f}:{n_failed}")


def _decide(situation: Situation) -> Decision:
    batch, jobs = situation.batch, situation.jobs
    if batch.is_published:
        return Decision(Due.NOTHING, COMPLETED)
    if situation.has_run_in_progress:
        return Decision(Due.WAIT, "a run is in progress")
    pause = _pause(situation)
    if pause is not None:
        return pause
    if batch.status.is_closed:
        return _decide_closed(situation)
    if batch.is_human:
        return _decide_human(situation)
    if batch.status is BatchStatus.PENDING:
        return _ask(Due.SUBMIT, "not submitted", batch.batch_id, situation.n_failed_submit_runs)
    quarantined = [job for job in jobs if job.state is JobState.QUARANTINED]
    if quarantined:
        reason = f"QUARANTINED: {quarantined[0].last_error}; decide with: huleedu reconcile {batch.batch_id}"
        return Decision(Due.NOTHING, reason)
    at_provider = [job for job in jobs if job.state is JobState.SUBMITTED]
    finished = [job for job in jobs if job.state in FINISHED_AT_PROVIDER]
    if finished and (situation.n_unasked or not at_provider):
        reason = f"{len(finished)} of {len(jobs)} jobs have finished" if at_provider else "every job has finished"
        return _ask(Due.COLLECT, reason, finished[-1].provider_job_id or finished[-1].token, situation.n_failed_collect_runs)
    n_coming = situation.n_outcomes + sum(job.n_requests for job in finished)
    if finished and situation.n_for_provisional is not None and n_coming >= situation.n_for_provisional:
        reason = f"{len(finished)} more jobs have finished, which is enough for a provisional ranking"
        return _ask(Due.COLLECT, reason, finished[-1].provider_job_id or finished[-1].token, situation.n_failed_collect_runs)
    unsent = [job for job in jobs if job.state in NOT_YET_SUBMITTED]
    if batch.ends_as is not None and (situation.n_unasked or unsent or at_provider):
        return Decision(Due.WAIT, f"the watch-dog brings it to its end ({batch.status_reason})")
    if situation.waits_for and (situation.n_unasked or unsent):
        return Decision(Due.WAIT, situation.waits_for)
    # Part of each key: how far things are, so that after a run which got further, or had to wait, another may be asked for.
    achieved = ":".join(filter(None, (batch.batch_id, f"{len(jobs)}.{situation.n_outcomes}", situation.stamp)))
    is_live = batch.llm_batching_mode != "provider_batch_api"
    if not is_live and situation.n_unasked:
        reason = f"{situation.n_unasked} requests are not submitted"
        return _ask(Due.SUBMIT, reason, achieved, situation.n_failed_submit_runs)
    if unsent:
        reason = f"a submission was left {unsent[0].state}"
        return _ask(Due.SUBMIT, reason, f"{unsent[0].token}:{achieved}", situation.n_failed_submit_runs)
    if at_provider:
        called = ", ".join(sorted({job.provider_status or "submitted" for job in at_provider}))
        since = "" if situation.seconds_at_provider is None else f" for {duration(situation.seconds_at_provider)}"
        return Decision(Due.WAIT, f"{len(at_provider)} of {len(jobs)} jobs at {at_provider[0].provider}{since} ({called})")
    reason = "the judgements are asked for live" if is_live else "every job has finished"
    return _ask(Due.COLLECT, reason, achieved, situation.n_failed_collect_runs)


def _decide_closed(situation: Situation) -> Decision:
    """Decide for a batch that failed or was cancelled: nothing is asked, what was paid for is collected, then published."""
    batch, jobs = situation.batch, situation.jobs
    left = [job for job in jobs if job.state in OPEN_JOBS]
    if left and all(job.state is JobState.SUBMITTED and job.provider_status in CANCELLING for job in left):
        return Decision(Due.WAIT, f"{batch.status}; {len(left)} jobs at {left[0].provider} are being cancelled")
    reason = f"{batch.status}; {len(left)} jobs are to be wound up" if left else f"{batch.status}, and not yet published"
    stamp = short_hash([[job.token, job.state, job.provider_status] for job in jobs], 12)
    return _ask(Due.COLLECT, reason, f"{batch.batch_id}:{batch.status}:{stamp}", situation.n_failed_collect_runs)


def _decide_human(situation: Situation) -> Decision:
    """Decide for a batch that people judge: nobody is asked, so what is imported is written down and then ranked."""
    achieved = f"{situation.batch.batch_id}:imported.{situation.n_outcomes}"
    if not situation.n_outcomes:
        return Decision(Due.WAIT, WAITS_FOR_JUDGEMENTS)
    if situation.batch.status is BatchStatus.PENDING or situation.n_unlisted:
        return _ask(Due.SUBMIT, "judgements were imported", achieved, situation.n_failed_submit_runs)
    return _ask(Due.COLLECT, "the judgements are imported", achieved, situation.n_failed_collect_runs)


def _pause(situation: Situation) -> Decision | None:
    n_failed = max(situation.n_failed_submit_runs, situation.n_failed_collect_runs)
    since = situation.seconds_since_failed_run
    if since is None or not 0 < n_failed <= len(PAUSES_SECONDS) or since >= PAUSES_SECONDS[n_failed - 1]:
        return None
    left = PAUSES_SECONDS[n_failed - 1] - since
    return Decision(
        Due.WAIT,
        f"{n_failed} of {MAX_FAILED_RUNS} runs have failed (the last one says why); the next is asked for in {duration(left)}",
    )


def _ask(due: Due, reason: str, subject: str, n_failed_runs: int) -> Decision:
    if n_failed_runs >= MAX_FAILED_RUNS:
        stuck = f"STUCK after {n_failed_runs} failed runs ({reason}); mend the cause, then start the run by hand"
        return Decision(Due.NOTHING, stuck)
    return Decision(due, reason, f"{subject}:{n_failed_runs}")


def status_line(decisions: Sequence[tuple[str, Decision]]) -> str:
    """Return one line that says what unfinished batches wait for: first those that need a person, and at most a screenful."""
    waiting = [(batch_id, decision) for batch_id, decision in decisions if decision.reason != COMPLETED]
    waiting.sort(key=lambda item: item[1].due is not Due.NOTHING)
    parts = [f"{batch_id}: {decision.reason}" for batch_id, decision in waiting[:MOST_NAMED]]
    more = f"and {len(waiting) - MOST_NAMED} more batches" if len(waiting) > MOST_NAMED else None
    return "; ".join(filter(None, [*parts, more])) or "no batch is waiting"


def duration(seconds: float) -> str:
    """Return a time as people say it: 45 s, 12 min, 2 h 10 min."""
    minutes = round(seconds / 60)
    if seconds < 99.5:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
