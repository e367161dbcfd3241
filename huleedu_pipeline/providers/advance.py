"""Advancing a batch's paid work as far as it goes now: the one place where money is spent.

Whatever state an earlier process left behind, calling :func:`advance_batch` again goes on from there: it asks for what has
not been asked for, collects what has finished, and does nothing twice. It never waits for a provider's batch job.
"""

from dataclasses import dataclass
from pathlib import Path

from huleedu_pipeline.judging.spec import BatchingMode
from huleedu_pipeline.ledger import BatchStatus, JobRecord, Ledger, Tally
from huleedu_pipeline.providers.backend import check_backend, open_provider
from huleedu_pipeline.providers.collection import collect_jobs, watch_jobs
from huleedu_pipeline.providers.live import judge_live
from huleedu_pipeline.providers.protocols import Provider
from huleedu_pipeline.providers.submission import submit_jobs
from huleedu_pipeline.settings import Settings

BATCH_API: BatchingMode = "provider_batch_api"
BUNDLED: BatchingMode = "serial_bundle"


@dataclass(frozen=True)
class Advance:
    """Where a batch's paid work stands after an advance."""

    jobs: tuple[JobRecord, ...]
    tally: Tally


def advance_batch(ledger: Ledger, settings: Settings, batch_id: str) -> Advance:
    """Ask for what is planned, collect what has finished, and return where the batch then stands.

    Raises:
        BusyError: another process is advancing this batch.
        ProviderError: a call did not work out; what was recorded stays, and the next call goes on from it.

    """
    batch = ledger.batch(batch_id)
    check_backend(settings, batch_id, batch.judge_backend)
    with ledger.lease(f"batch {batch_id}") as lease:
        ledger.move_batch(batch_id, BatchStatus.AWAITING_JUDGEMENTS)
        pending = ledger.requests(batch_id, only_open=True)
        if pending:
            provider = open_provider(settings, pending[0].provider)
            if batch.llm_batching_mode == BATCH_API:
                submit_jobs(ledger, provider, batch_id, lease, settle_seconds=settings.reconcile_settle_seconds)
                _collect(ledger, provider, batch_id, settings.raw_dir)
            else:
                is_bundled = batch.llm_batching_mode == BUNDLED
                judge_live(ledger, provider, pending, lease, is_bundled=is_bundled, concurrency=settings.live_concurrency)
    return Advance(tuple(ledger.jobs(batch_id)), ledger.tally(batch_id))


def _collect(ledger: Ledger, provider: Provider, batch_id: str, raw_dir: Path) -> None:
    watch_jobs(ledger, provider, ledger.jobs(batch_id))
    collect_jobs(ledger, provider, batch_id, raw_dir)
