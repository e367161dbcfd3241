"""Winding up the paid work of a batch that asks for nothing more: cancel what runs, keep what was answered.

Sends no request. What was paid for is collected as for any batch; what was never sent is open again, for ``huleedu retry``.
Can be repeated at any time, because each step looks at what is there. Not here: why a batch ends.
"""

from pathlib import Path

from huleedu_pipeline.ledger import JobRecord, JobState, Ledger
from huleedu_pipeline.ledger.states import FINISHED_AT_PROVIDER, NOT_YET_SUBMITTED
from huleedu_pipeline.logs import events
from huleedu_pipeline.providers.collection import collect_jobs, watch_jobs
from huleedu_pipeline.providers.protocols import Provider, RejectedError
from huleedu_pipeline.providers.submission import settle_unsent

# Jobs of which something is still to come; a quarantined one waits for a person.
OPEN_JOBS = NOT_YET_SUBMITTED | FINISHED_AT_PROVIDER | {JobState.SUBMITTED}
CANCELLING = frozenset({"cancelling", "canceling"})


def wind_up(
    ledger: Ledger, provider: Provider, batch_id: str, raw_dir: Path, *, max_attempts: int, settle_seconds: float
) -> list[JobRecord]:
    """Take a batch's jobs as far towards their end as it goes now, and return those of which something is still to come.

    Args:
        ledger: Where everything is recorded.
        provider: Whose jobs they are.
        batch_id: The batch; the caller holds its lease.
        raw_dir: Where result files are kept.
        max_attempts: How often a request is asked at most.
        settle_seconds: How long the provider's list may lag behind a create call.

    Raises:
        ProviderError: a call did not work out; what was recorded stays, and the next call goes on from it.

    """
    for job in ledger.jobs(batch_id, NOT_YET_SUBMITTED):
        settle_unsent(ledger, provider, job, settle_seconds=settle_seconds)
    for job in watch_jobs(ledger, provider, ledger.jobs(batch_id)):
        if job.state is JobState.SUBMITTED and job.provider_status not in CANCELLING:
            _cancel(ledger, provider, job)
    collect_jobs(ledger, provider, batch_id, raw_dir, max_attempts=max_attempts)
    return ledger.jobs(batch_id, OPEN_JOBS)


def _cancel(ledger: Ledger, provider: Provider, job: JobRecord) -> None:
    try:
        snapshot = provider.cancel_job(job.provider_job_id or "")
    except RejectedError as error:
        # It has just ended, or the provider does not cancel at this moment: the next look shows.
        events.JOB_CANCEL_REFUSED.tell(**job.log_fields, http_status=error.status)
        return
    ledger.note_provider_status(job, snapshot.status)
