"""What is due for a batch: pure decisions from what the ledger, the inbox and Dagster's runs say.

The sensors and ``huleedu run`` ask the same functions, so the daemon and the command line follow the same rules. Nothing
here reads or writes anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from huleedu_pipeline.ledger import BatchRecord, BatchStatus, JobRecord, JobState

MAX_FAILED_RUNS = 3
COMPLETED = "completed and published"


class Due(Enum):
    """What a batch needs next."""

    SUBMIT = "submit"
    WAIT = "wait"
    COLLECT = "collect"
    NOTHING = "nothing"


@dataclass(frozen=True)
class Situation:
    """A batch as everybody sees it: the ledger's record and jobs, and what Dagster's runs for it are doing."""

    batch: BatchRecord
    jobs: Sequence[JobRecord]
    has_run_in_progress: bool = False
    n_failed_runs: int = 0


@dataclass(frozen=True)
class Decision:
    """What is due, why, and the key under which Dagster remembers having asked for it."""

    due: Due
    reason: str
    run_key: str | None = None


def decide(situation: Situation) -> Decision:
    """Decide what is due for a batch that is in the ledger.

    A run is asked for once for each state of the provider's jobs, and again after each failed run up to
    :data:`MAX_FAILED_RUNS`; bounded retries make failure quiet, so a batch that has used them up is named each time.
    """
    batch = situation.batch
    if batch.is_published:
        return Decision(Due.NOTHING, COMPLETED)
    if situation.has_run_in_progress:
        return Decision(Due.WAIT, "a run is in progress")
    if situation.n_failed_runs >= MAX_FAILED_RUNS:
        return Decision(
            Due.NOTHING, f"STUCK after {situation.n_failed_runs} failed runs; mend the cause, then run the job by hand"
        )
    if batch.status is BatchStatus.PENDING:
        return Decision(Due.SUBMIT, "not submitted", f"{batch.batch_id}:{situation.n_failed_runs}")
    at_provider = [job for job in situation.jobs if job.state is JobState.SUBMITTED]
    if at_provider:
        provider_status = ", ".join(sorted({job.provider_status or "submitted" for job in at_provider}))
        return Decision(
            Due.WAIT, f"{len(at_provider)} of {len(situation.jobs)} jobs at {at_provider[0].provider} ({provider_status})"
        )
    newest = situation.jobs[-1].provider_job_id if situation.jobs else None
    return Decision(Due.COLLECT, "every job has finished", f"{newest or batch.batch_id}:{situation.n_failed_runs}")


def status_line(decisions: Sequence[tuple[str, Decision]]) -> str:
    """Return one line that says what each unfinished batch waits for."""
    parts = [f"{batch_id}: {decision.reason}" for batch_id, decision in decisions if decision.reason != COMPLETED]
    return "; ".join(parts) or "no batch is waiting"
