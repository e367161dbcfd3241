"""Submitting batch jobs without ever buying one twice.

Spending money is a protocol, not a call: the intent is written to the ledger under a token; a job whose intent is older
than this process is first looked for in the provider's own list; only then is it created, once, and recorded. A crash at
any point leaves a state from which the next run goes on. Neither provider offers an idempotency key.
"""

import json
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta

from huleedu_pipeline.ledger import JobRecord, JobState, Ledger, RequestRecord
from huleedu_pipeline.ledger.leases import Lease
from huleedu_pipeline.ledger.states import NOT_YET_SUBMITTED
from huleedu_pipeline.providers.protocols import AmbiguousError, JobLimits, JobSnapshot, Provider, ProviderError, RejectedError

CLOCK_SKEW = timedelta(minutes=5)
N_LOOKS = 3
PROVIDER_WAIT_SECONDS = 600.0
ENVELOPE_BYTES = 200


class ReconcileError(ProviderError):
    """A lost submission that the provider's list does not settle; a person must decide."""


def submit_jobs(ledger: Ledger, provider: Provider, batch_id: str, lease: Lease, *, settle_seconds: float) -> list[JobRecord]:
    """Submit everything of a batch that is planned and not yet at the provider; return the jobs that are there now.

    Args:
        ledger: Where intents and results are recorded.
        provider: Whose jobs they are.
        batch_id: The batch; the caller holds its ``lease``.
        lease: Checked right before each create call.
        settle_seconds: How long the provider's list may lag behind a create call.

    Raises:
        RejectedError: the provider refused a job; nothing was created, and the next run tries again.
        AmbiguousError: an answer was lost; the next run looks for the job before it creates one.
        ReconcileError: several jobs at the provider could be the lost one.

    """
    unassigned = [request for request in ledger.requests(batch_id, only_open=True) if request.job_token is None]
    for chunk in split(unassigned, provider.job_limits):
        ledger.plan_job(batch_id, [request.custom_id for request in chunk])
    for job in ledger.jobs(batch_id, NOT_YET_SUBMITTED):
        _submit(ledger, provider, job, lease, settle_seconds)
    return ledger.jobs(batch_id)


def split(requests: Sequence[RequestRecord], limits: JobLimits) -> Iterator[list[RequestRecord]]:
    """Cut requests, in order, into jobs within ``limits``; bytes are counted as they are sent."""
    chunk: list[RequestRecord] = []
    size = 0
    for request in requests:
        n_bytes = len(request.body.encode()) + ENVELOPE_BYTES
        if chunk and (len(chunk) == limits.max_requests or size + n_bytes > limits.max_bytes):
            yield chunk
            chunk, size = [], 0
        chunk.append(request)
        size += n_bytes
    if chunk:
        yield chunk


def _submit(ledger: Ledger, provider: Provider, job: JobRecord, lease: Lease, settle_seconds: float) -> None:
    if provider.keeps_token:
        _submit_one(ledger, provider, job, lease, settle_seconds)
        return
    # Without a token a job is recognised by its size, which holds only while nobody else is creating one.
    with ledger.lease(f"submissions to {provider.name}", wait_seconds=PROVIDER_WAIT_SECONDS):
        _submit_one(ledger, provider, job, lease, settle_seconds)


def _submit_one(ledger: Ledger, provider: Provider, job: JobRecord, lease: Lease, settle_seconds: float) -> None:
    requests = ledger.requests(job.batch_id, job_token=job.token)
    if job.state in (JobState.PLANNED, JobState.REJECTED):
        job = ledger.move_job(job, JobState.INTENT, intent_at=job.intent_at or datetime.now(UTC))
    is_open = job.create_attempted_at is not None
    if is_open:
        found = _look_for(ledger, provider, job, settle_seconds)
        if found is not None:
            _record(ledger, job, found, {"adopted": True})
            return
    if job.input_file_id is None:
        input_file_id = provider.upload(job.token, requests)
        if input_file_id is not None:
            job = ledger.move_job(job, JobState.UPLOADED, {"input_file_id": input_file_id}, input_file_id=input_file_id)
    lease.ensure_held()
    job = ledger.record_create_attempt(job)
    try:
        created = provider.create_job(job.token, requests, job.input_file_id)
    except RejectedError as error:
        # This call created nothing; an earlier one, whose answer was lost, still may have.
        state = JobState.UNKNOWN if is_open else JobState.REJECTED
        closed = {} if is_open else {"create_attempted_at": None, "input_file_id": None}
        ledger.move_job(job, state, {"error": str(error)}, last_error=str(error), **closed)
        raise
    except AmbiguousError as error:
        ledger.move_job(job, JobState.UNKNOWN, {"error": str(error)}, last_error=str(error))
        raise
    _record(ledger, job, created, {"adopted": False})


def _record(ledger: Ledger, job: JobRecord, snapshot: JobSnapshot, detail: dict[str, bool]) -> None:
    ledger.move_job(
        job,
        JobState.SUBMITTED,
        {**detail, "provider_job_id": snapshot.provider_job_id},
        provider_job_id=snapshot.provider_job_id,
        provider_status=snapshot.status,
        submitted_at=snapshot.created_at,
        last_error=None,
    )


def _look_for(ledger: Ledger, provider: Provider, job: JobRecord, settle_seconds: float) -> JobSnapshot | None:
    """Return the provider's job that an earlier create call made, or ``None`` when it surely made none.

    Listings lag, so absence is believed only after several looks, the last of them ``settle_seconds`` after the call.
    """
    attempted_at = job.create_attempted_at or datetime.now(UTC)
    for look in range(1, N_LOOKS + 1):
        due = attempted_at + timedelta(seconds=settle_seconds * look / N_LOOKS)
        time.sleep(max(0.0, (due - datetime.now(UTC)).total_seconds()))
        candidates = _candidates(ledger, provider, job, attempted_at, settle_seconds)
        if len(candidates) == 1 or (candidates and provider.keeps_token):
            return candidates[-1]  # the list is newest first, and the oldest is the one to keep
        if candidates:
            names = ", ".join(snapshot.provider_job_id for snapshot in candidates)
            raise ReconcileError(
                f"batch {job.batch_id}: the submission {job.token} may be any of {names} at {provider.name}; nothing was sent "
                "again (look at them at the provider; cancel and delete those that are not this batch's)"
            )
    return None


def _candidates(
    ledger: Ledger, provider: Provider, job: JobRecord, attempted_at: datetime, settle_seconds: float
) -> list[JobSnapshot]:
    """Return the jobs in the provider's list that may be ours: unclaimed, and ours by token, or else by time and size."""
    others = [other for other in ledger.jobs() if other.token != job.token]
    taken = {other.provider_job_id for other in others} | set(json.loads(job.refused_job_ids or "[]"))
    since = (job.intent_at or job.created_at) - CLOCK_SKEW
    listed = [
        snapshot
        for snapshot in provider.list_jobs(since)
        if snapshot.provider_job_id not in taken and snapshot.state not in (JobState.CANCELLED, JobState.FAILED)
    ]
    if provider.keeps_token:
        return [snapshot for snapshot in listed if snapshot.token == job.token]
    until = attempted_at + timedelta(seconds=settle_seconds) + CLOCK_SKEW
    same_size = [snapshot for snapshot in listed if snapshot.n_requests == job.n_requests and snapshot.created_at <= until]
    rivals = [
        other
        for other in others
        if other.provider == job.provider
        and other.state in NOT_YET_SUBMITTED
        and other.create_attempted_at is not None
        and other.n_requests == job.n_requests
    ]
    if same_size and rivals:
        raise ReconcileError(
            f"batch {job.batch_id}: {same_size[0].provider_job_id} at {provider.name} may be its submission or that of batch "
            f"{rivals[0].batch_id}, which has as many requests; nothing was sent again (look at it at the provider)"
        )
    return same_size
