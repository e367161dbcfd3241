"""Advancing a batch's paid work as far as it goes now: the one place where money is spent.

Whatever state an earlier process left behind, calling :func:`advance_batch` again goes on from there: it asks for what has
not been asked for, collects what has finished, asks again for what should be, plans the waves that follow where a batch is
judged live, and does nothing twice. It never waits for a provider's batch job.
"""

from dataclasses import dataclass

from huleedu_pipeline.judging.batching import BATCH_API, BUNDLED
from huleedu_pipeline.ledger import (
    BatchRecord,
    BatchStatus,
    BusyError,
    ClosedBatchError,
    JobRecord,
    Ledger,
    StaleStateError,
    Tally,
)
from huleedu_pipeline.ledger.leases import Lease
from huleedu_pipeline.logs import bound
from huleedu_pipeline.logs.spans import span
from huleedu_pipeline.providers.backend import check_backend, open_provider
from huleedu_pipeline.providers.budget import Gate
from huleedu_pipeline.providers.collection import collect_jobs, watch_jobs
from huleedu_pipeline.providers.continuation import plan_wave_if_due, record_waiting
from huleedu_pipeline.providers.lanes import PausedError
from huleedu_pipeline.providers.live import LiveSettings, judge_live
from huleedu_pipeline.providers.nights import Night
from huleedu_pipeline.providers.planning import planned_judge, planned_spec
from huleedu_pipeline.providers.submission import submit_jobs
from huleedu_pipeline.providers.winding_up import OPEN_JOBS, wind_up
from huleedu_pipeline.settings import Settings

CLOSE_WAIT_SECONDS = 30.0


@dataclass(frozen=True)
class Advance:
    """Where a batch's paid work stands after an advance; ``waits_for`` says what keeps the rest from being sent."""

    jobs: tuple[JobRecord, ...]
    tally: Tally
    waits_for: str | None


def advance_batch(ledger: Ledger, settings: Settings, batch_id: str) -> Advance:
    """Ask for what is planned, collect what has finished, and return where the batch then stands.

    A lane that is open (an outage, a wait that the provider asked for) is no error: the rest waits, and the next call goes on.
    Of a batch that has failed or was cancelled, nothing is asked: what runs is cancelled, and what was answered collected.
    With fewer than two pupils' essays there is nothing to ask, and the batch has ended.

    Raises:
        BusyError: another process is advancing this batch.
        CostLimitError: what is left to ask may cost more than a limit allows.
        ProviderError: a call did not work out; what was recorded stays, and the next call goes on from it.

    """
    batch = ledger.batch(batch_id)
    check_backend(settings, batch_id, batch.judge_backend)
    waits_for = None
    with bound(**batch.log_fields), span("run"), ledger.lease(f"batch {batch_id}") as lease:
        if batch.has_too_few_essays and not batch.status.is_closed:
            why = f"{batch.n_essays} pupils' essays: there is nothing to compare, and no judge was asked"
            ledger.move_batch(batch_id, BatchStatus.COMPLETED_INSUFFICIENT_ESSAYS, why)
        else:
            ledger.move_batch(batch_id, BatchStatus.AWAITING_JUDGEMENTS)
        now = ledger.batch(batch_id)
        if now.status.is_closed or now.ends_as is not None:
            waits_for = wind_up_batch(ledger, settings, batch_id)
        # People are not asked: what they judged was recorded with its answer, and there is nothing to open a provider for.
        elif not batch.is_human:
            try:
                waits_for = _advance(ledger, settings, batch, lease)
            except (PausedError, ClosedBatchError) as reason:
                waits_for = str(reason)
    tally = ledger.tally(batch_id)
    if not batch.is_human:
        record_waiting(ledger, batch_id, tally)
    return Advance(tuple(ledger.jobs(batch_id)), tally, waits_for)


def close_batch(ledger: Ledger, settings: Settings, batch_id: str, to: BatchStatus, reason: str) -> str | None:
    """End a batch as failed or cancelled, wind up what it has at a provider, and return what is still to come, if anything.

    The state is set first: whichever process is asking for this batch can begin no further request from then on.

    While that process still records what it has asked for, nothing is wound up; the next advance does it.

    Raises:
        StaleStateError: the batch has ended, or is being scored.
        ProviderError: the provider could not be reached; the next advance winds up.

    """
    status = ledger.batch(batch_id).status
    if status not in (BatchStatus.PENDING, BatchStatus.AWAITING_JUDGEMENTS, to):
        raise StaleStateError(f"batch {batch_id}: is {status}, and can not become {to} any more")
    ledger.move_batch(batch_id, to, reason)
    try:
        with ledger.lease(f"batch {batch_id}", wait_seconds=CLOSE_WAIT_SECONDS):
            return wind_up_batch(ledger, settings, batch_id)
    except BusyError as busy:
        return f"nothing more is asked, and what is being answered is recorded ({busy})"


def wind_up_batch(ledger: Ledger, settings: Settings, batch_id: str) -> str | None:
    """Wind up what a batch has at its provider, and return what is still to come, if anything; the caller holds its lease."""
    if not ledger.jobs(batch_id, OPEN_JOBS):
        return None
    provider = open_provider(settings, planned_judge(ledger, batch_id).provider)
    left = wind_up(
        ledger,
        provider,
        batch_id,
        settings.raw_dir,
        max_attempts=settings.max_attempts,
        settle_seconds=settings.reconcile_settle_seconds,
    )
    return f"{len(left)} jobs are being cancelled at {provider.name}" if left else None


def _advance(ledger: Ledger, settings: Settings, batch: BatchRecord, lease: Lease) -> str | None:
    batch_id = batch.batch_id
    if batch.llm_batching_mode == BATCH_API:
        return _advance_jobs(ledger, settings, batch, lease) if _has_open(ledger, batch_id) else None
    # In waves: each is judged to its last outcome before the next is planned, or none is.
    while True:
        if _has_open(ledger, batch_id):
            _judge_wave(ledger, settings, batch, lease)
        if not plan_wave_if_due(ledger, batch_id, lease):
            return None


def _advance_jobs(ledger: Ledger, settings: Settings, batch: BatchRecord, lease: Lease) -> str | None:
    gate = _gate(ledger, settings, batch)
    provider = open_provider(settings, gate.judge.provider)
    # Collected first: what was answered is safe before anything can go wrong with what is to be asked.
    watch_jobs(ledger, provider, ledger.jobs(batch.batch_id))
    collect_jobs(ledger, provider, batch.batch_id, settings.raw_dir, max_attempts=settings.max_attempts)
    return submit_jobs(ledger, provider, batch.batch_id, lease, gate, settle_seconds=settings.reconcile_settle_seconds)


def _judge_wave(ledger: Ledger, settings: Settings, batch: BatchRecord, lease: Lease) -> None:
    gate = _gate(ledger, settings, batch)
    live = LiveSettings(
        bundle_size=settings.preferred_bundle_size if batch.llm_batching_mode == BUNDLED else 1,
        concurrency=settings.live_concurrency,
        max_attempts=settings.max_attempts,
        patience_seconds=settings.patience_seconds,
    )
    judge_live(ledger, open_provider(settings, gate.judge.provider), batch.batch_id, lease, gate, live)


def _gate(ledger: Ledger, settings: Settings, batch: BatchRecord) -> Gate:
    return Gate(
        ledger,
        batch,
        planned_judge(ledger, batch.batch_id),
        is_batch=batch.llm_batching_mode == BATCH_API,
        max_cost_usd=planned_spec(ledger, batch.batch_id).max_cost_usd,
        max_cost_usd_per_night=settings.max_cost_usd_per_night,
        night=Night.of(settings),
    )


def _has_open(ledger: Ledger, batch_id: str) -> bool:
    tally = ledger.tally(batch_id)
    return tally.n_outcomes < tally.n_requests
