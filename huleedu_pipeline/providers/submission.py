"""Submitting batch jobs without ever buying one twice.

Spending money is a protocol, not a call: the intent is written to the ledger under a token; a job whose intent is older
than this process is first looked for in the provider's own list; only then is it created, once, and recorded. A crash at
any point leaves a state from which the next run goes on. Neither provider offers an idempotency key.
"""

import json
import os
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from huleedu_pipeline.judging.outcome import ErrorCode, failure
from huleedu_pipeline.ledger import Answer, JobRecord, JobState, LaneRecord, Ledger, RequestRecord
from huleedu_pipeline.ledger.leases import Lease
from huleedu_pipeline.ledger.states import NOT_YET_SUBMITTED
from huleedu_pipeline.logs.spans import span
from huleedu_pipeline.providers.budget import Gate
from huleedu_pipeline.providers.lanes import Lane
from huleedu_pipeline.providers.limits import estimated_tokens
from huleedu_pipeline.providers.payloads import Frame, Line
from huleedu_pipeline.providers.protocols import (
    AmbiguousError,
    JobLimits,
    JobOrder,
    JobSnapshot,
    Provider,
    ProviderError,
    RejectedError,
)

CLOCK_SKEW = timedelta(minutes=5)
N_LOOKS = 3
PROVIDER_WAIT_SECONDS = 600.0
ENVELOPE_BYTES = 200
LEARNED_LIMIT_LIFETIME = timedelta(hours=24)


class ReconcileError(ProviderError):
    """A lost submission that the provider's list does not settle; a person must decide."""


def submit_jobs(
    ledger: Ledger, provider: Provider, batch_id: str, lease: Lease, gate: Gate, *, settle_seconds: float
) -> str | None:
    """Submit everything of a batch that is not yet at the provider, as far as there is room for it there.

    Args:
        ledger: Where intents and results are recorded.
        provider: Whose jobs they are.
        batch_id: The batch; the caller holds its ``lease``.
        lease: Checked right before each create call.
        gate: What may be spent; asked before a job is planned.
        settle_seconds: How long the provider's list may lag behind a create call.

    Returns:
        What the rest waits for, or ``None`` when nothing is left to submit.

    Raises:
        CostLimitError: a limit would be exceeded; nothing more was sent.
        PausedError: the provider's lane is open; nothing more was sent.
        RejectedError: the provider refused a job; nothing was created, and the next run tries again.
        AmbiguousError: an answer was lost; the next run looks for the job before it creates one.

    """
    for job in ledger.jobs(batch_id, NOT_YET_SUBMITTED):
        _submit(ledger, provider, job, lease, settle_seconds)
    model = gate.judge.model
    while ledger.count_unasked(batch_id):
        room = room_tokens(ledger, provider.job_limits, provider.name, model)
        chunk = next(split(ledger.unasked(batch_id), provider.job_limits, room), None)
        if chunk is None and not ledger.enqueued_bytes(provider.name, model):
            # The least that can be asked: a limit below it would stop everything.
            chunk = list(islice(ledger.unasked(batch_id), 1))
        if chunk is None:
            return f"{provider.name}: waiting for room among the batch jobs of {model}"
        estimate = gate.estimate(chunk)
        gate.check(estimate)
        _submit(ledger, provider, ledger.plan_job(chunk, estimated_cost_usd=estimate), lease, settle_seconds)
    return None


def split(requests: Iterable[RequestRecord], limits: JobLimits, room: int | None = None) -> Iterator[list[RequestRecord]]:
    """Cut requests, in order, into jobs within ``limits``; bytes are counted as they are sent.

    ``room`` is how many more prompt tokens may wait at the provider: jobs stop where it is used up.
    """
    chunk: list[RequestRecord] = []
    size = tokens = 0
    for request in requests:
        n_bytes, n_tokens = request.n_bytes + ENVELOPE_BYTES, estimated_tokens(request.n_bytes)
        if room is not None and tokens + n_tokens > room:
            break
        if chunk and (len(chunk) == limits.max_requests or size + n_bytes > limits.max_bytes):
            yield chunk
            chunk, size = [], 0
        chunk.append(request)
        size += n_bytes
        tokens += n_tokens
    if chunk:
        yield chunk


def room_tokens(ledger: Ledger, limits: JobLimits, provider: str, model: str) -> int | None:
    """Return how many more prompt tokens may wait in a provider's jobs for a model; ``None`` where no limit is known.

    A limit that was learned from a refused job holds for a day.
    """
    known = [limit for limit in (limits.enqueued_tokens, learned_limit(ledger.lane(provider, model))) if limit is not None]
    if not known:
        return None
    waiting = estimated_tokens(ledger.enqueued_bytes(provider, model))
    return max(min(known) - waiting, 0)


def learned_limit(lane: LaneRecord) -> int | None:
    """Return the limit on enqueued tokens that a refused job taught, as long as the lesson is fresh."""
    if lane.limit_learned_at is None or datetime.now(UTC) - lane.limit_learned_at > LEARNED_LIMIT_LIFETIME:
        return None
    return lane.enqueued_token_limit


def settle_unsent(ledger: Ledger, provider: Provider, job: JobRecord, *, settle_seconds: float) -> JobRecord:
    """Say what became of a job that is not to be sent any more, without sending anything, and return it.

    One that the provider has is recorded as submitted; one that it surely does not have is closed, and its requests are open;
    one of which that can not be said is quarantined.

    Raises:
        ProviderError: the provider's list could not be read.

    """
    if provider.keeps_token:
        return _settle_unsent(ledger, provider, job, settle_seconds)
    with ledger.lease(f"submissions to {provider.name}", wait_seconds=PROVIDER_WAIT_SECONDS):
        return _settle_unsent(ledger, provider, job, settle_seconds)


def _settle_unsent(ledger: Ledger, provider: Provider, job: JobRecord, settle_seconds: float) -> JobRecord:
    if job.create_attempted_at is not None:
        try:
            found = _look_for(ledger, provider, job, settle_seconds)
        except ReconcileError as error:
            return ledger.quarantine(job, str(error))
        if found is not None:
            _record(ledger, job, found, {"adopted": True})
            return ledger.job(job.token)
    return close_unsent(ledger, job)


def close_unsent(ledger: Ledger, job: JobRecord) -> JobRecord:
    """Close a job that the provider surely does not have; its requests are open again, and nothing was spent."""
    outcome, at = failure(ErrorCode.NOT_RUN, "its batch was closed before it was sent"), datetime.now(UTC)
    answers = [Answer(r.custom_id, outcome, 0.0, None, at) for r in ledger.requests(job.batch_id, job_token=job.token)]
    return ledger.collect_job(job, answers, {"closed": "never sent"}, max_attempts=1)


def _submit(ledger: Ledger, provider: Provider, job: JobRecord, lease: Lease, settle_seconds: float) -> None:
    if provider.keeps_token:
        _submit_one(ledger, provider, job, lease, settle_seconds)
        return
    # Without a token a job is recognised by its size, which holds only while nobody else is creating one.
    with ledger.lease(f"submissions to {provider.name}", wait_seconds=PROVIDER_WAIT_SECONDS):
        _submit_one(ledger, provider, job, lease, settle_seconds)


def _submit_one(ledger: Ledger, provider: Provider, job: JobRecord, lease: Lease, settle_seconds: float) -> None:
    lane = Lane(ledger, job.provider, job.model)
    lane.enter()
    try:
        with span("submit", **job.log_fields):
            _place(ledger, provider, job, lease, settle_seconds)
    except ProviderError as error:
        lane.failed(error)
        raise
    lane.succeeded()


def _place(ledger: Ledger, provider: Provider, job: JobRecord, lease: Lease, settle_seconds: float) -> None:
    if job.state in (JobState.PLANNED, JobState.REJECTED):
        job = ledger.move_job(job, JobState.INTENT, intent_at=job.intent_at or datetime.now(UTC))
    is_open = job.create_attempted_at is not None
    if is_open:
        try:
            found = _look_for(ledger, provider, job, settle_seconds)
        except ReconcileError as error:
            ledger.quarantine(job, str(error))
            return
        if found is not None:
            _record(ledger, job, found, {"adopted": True})
            return
    with order_of(ledger, provider, job) as order:
        if job.input_file_id is None:
            input_file_id = provider.upload(order)
            if input_file_id is not None:
                detail = {"input_file_id": input_file_id, "n_bytes": order.payload.stat().st_size}
                job = ledger.move_job(job, JobState.UPLOADED, detail, input_file_id=input_file_id)
        lease.ensure_held()
        job = ledger.record_create_attempt(job)
        try:
            created = provider.create_job(order, job.input_file_id)
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


@contextmanager
def order_of(ledger: Ledger, provider: Provider, job: JobRecord) -> Iterator[JobOrder]:
    """Write the job's requests to a file that is there as long as the block runs."""
    requests = ledger.requests(job.batch_id, job_token=job.token)
    records = ledger.frames(job.batch_id)
    frames = {name: Frame(r.head.encode(), r.middle.encode(), r.tail.encode()) for name, r in records.items()}
    fragments = {name: body.encode() for name, body in ledger.fragments(job.batch_id).items()}
    path = records[requests[0].frame_id].path
    lines = (Line(frames[r.frame_id], r.custom_id, fragments[r.fragment_a_id], fragments[r.fragment_b_id]) for r in requests)
    with tempfile.TemporaryDirectory() as folder:
        payload = Path(folder) / f"{job.token}.jsonl"
        descriptor = os.open(payload, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            provider.write_payload(descriptor, lines, path)
        finally:
            os.close(descriptor)
        yield JobOrder(job.token, job.batch_id, path, payload, job.correlation_id)


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
        candidates = candidates_for(ledger, provider, job, settle_seconds)
        if len(candidates) == 1 or (candidates and provider.keeps_token):
            return candidates[-1]  # the list is newest first, and the oldest is the one to keep
        if candidates:
            names = ", ".join(snapshot.provider_job_id for snapshot in candidates)
            raise ReconcileError(
                f"batch {job.batch_id}: the submission {job.token} may be any of {names} at {provider.name}; nothing was sent "
                f"again (look at them at the provider, then: huleedu reconcile {job.batch_id})"
            )
    return None


def candidates_for(ledger: Ledger, provider: Provider, job: JobRecord, settle_seconds: float) -> list[JobSnapshot]:
    """Return the jobs in the provider's list that may be ``job``: unclaimed, and ours by token, or else by time and size.

    Raises:
        ReconcileError: they may as well be another lost submission's.

    """
    others = [other for other in ledger.jobs() if other.token != job.token]
    taken = {other.provider_job_id for other in others} | set(json.loads(job.refused_job_ids or "[]"))
    since = (job.intent_at or job.created_at) - CLOCK_SKEW
    # A job that the provider refused ran nothing; a cancelled one may have run a part, which is paid for.
    listed = [
        snapshot
        for snapshot in provider.list_jobs(since)
        if snapshot.provider_job_id not in taken and snapshot.state is not JobState.FAILED
    ]
    if provider.keeps_token:
        return [snapshot for snapshot in listed if snapshot.token == job.token]
    attempted_at = job.create_attempted_at or datetime.now(UTC)
    until = attempted_at + timedelta(seconds=settle_seconds) + CLOCK_SKEW
    # A job whose size the list does not tell may be ours as well: its results will show.
    same_size = [s for s in listed if s.n_requests in (None, job.n_requests) and s.created_at <= until]
    rivals = [
        other
        for other in others
        if other.provider == job.provider
        and other.state in NOT_YET_SUBMITTED | {JobState.QUARANTINED}
        and other.create_attempted_at is not None
        and other.provider_job_id is None
        and other.n_requests == job.n_requests
    ]
    if same_size and rivals:
        raise ReconcileError(
            f"batch {job.batch_id}: {same_size[0].provider_job_id} at {provider.name} may be its submission or that of batch "
            f"{rivals[0].batch_id}, which has as many requests; nothing was sent again (look at it at the provider, then: "
            f"huleedu reconcile {job.batch_id})"
        )
    return same_size
