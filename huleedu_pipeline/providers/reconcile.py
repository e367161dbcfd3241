"""Settling quarantined jobs by a person's decision: what the provider's list shows, and the three things to do about it."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.judging.outcome import ErrorCode, failure
from huleedu_pipeline.ledger import Answer, JobRecord, JobState, Ledger
from huleedu_pipeline.providers.protocols import JobSnapshot, Provider
from huleedu_pipeline.providers.submission import CLOCK_SKEW


class DecisionError(HuleeduError):
    """A decision that does not fit the job."""


@dataclass(frozen=True)
class Case:
    """A quarantined job, and the provider's jobs that it may be: made about then, and nobody else's here."""

    job: JobRecord
    candidates: tuple[JobSnapshot, ...]


def open_cases(ledger: Ledger, provider: Provider, jobs: list[JobRecord]) -> list[Case]:
    """Return each quarantined job with the jobs in the provider's list that no other job of ours is."""
    claimed = {job.provider_job_id for job in ledger.jobs() if job.provider_job_id}
    cases = []
    for job in jobs:
        since = (job.intent_at or job.created_at) - CLOCK_SKEW
        listed = provider.list_jobs(since) if job.provider_job_id is None else []
        cases.append(Case(job, tuple(snapshot for snapshot in listed if snapshot.provider_job_id not in claimed)))
    return cases


def adopt(ledger: Ledger, provider: Provider, job: JobRecord, provider_job_id: str) -> JobRecord:
    """Take the provider's job ``provider_job_id`` for ``job``: it is watched and collected from now on.

    Raises:
        DecisionError: the job is not quarantined, or that one is another job's already.
        ProviderError: the provider does not show it.

    """
    _check(job)
    for other in ledger.jobs():
        if other.provider_job_id == provider_job_id and other.token != job.token:
            raise DecisionError(f"{provider_job_id}: is job {other.token} of batch {other.batch_id} already (choose another)")
    snapshot = provider.retrieve_job(provider_job_id)
    refused = [name for name in json.loads(job.refused_job_ids or "[]") if name != provider_job_id]
    ledger.mark_unpublished(job.batch_id)  # of a closed batch: there is something to collect again
    return ledger.move_job(
        job,
        JobState.SUBMITTED,
        {"decided": "adopt", "provider_job_id": provider_job_id},
        provider_job_id=provider_job_id,
        provider_status=snapshot.status,
        submitted_at=snapshot.created_at,
        ended_at=None,
        last_error=None,
        refused_job_ids=json.dumps(refused),
    )


def ask_again(ledger: Ledger, job: JobRecord) -> JobRecord:
    """Close ``job`` without results: its requests are asked again in a new job, and whatever it did is paid for twice.

    Raises:
        DecisionError: the job is not quarantined.

    """
    return _close(ledger, job, "ask again", ErrorCode.NOT_RUN)


def give_up(ledger: Ledger, job: JobRecord) -> JobRecord:
    """Close ``job`` without results and end its requests as failures.

    Raises:
        DecisionError: the job is not quarantined.

    """
    return _close(ledger, job, "give up", ErrorCode.MISSING_RESULT)


def _close(ledger: Ledger, job: JobRecord, decided: str, code: ErrorCode) -> JobRecord:
    _check(job)
    outcome = failure(code, f"decided by hand: {decided} ({job.last_error})")
    at = datetime.now(UTC)
    # What such a job cost is known only where the provider refused it.
    cost = 0.0 if job.provider_status == "failed" else None
    answers = [Answer(r.custom_id, outcome, cost, None, at) for r in ledger.requests(job.batch_id, job_token=job.token)]
    # A cap of one attempt ends what is given up, and nothing that was not run.
    return ledger.collect_job(job, answers, {"decided": decided}, max_attempts=1)


def _check(job: JobRecord) -> None:
    if job.state is not JobState.QUARANTINED:
        raise DecisionError(f"job {job.token}: is {job.state}, not quarantined (`huleedu reconcile` lists those that are)")
