"""Looking: gather what :mod:`.decisions` needs from the ledger, the providers and Dagster's runs. Only reads and records."""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg

from huleedu_pipeline.lake import Lake
from huleedu_pipeline.lake.schema import ContractError
from huleedu_pipeline.lake.store import MissingDataError
from huleedu_pipeline.lake.tables import COMPARISON_PAIRS
from huleedu_pipeline.ledger import BatchRecord, JobRecord, JobState, Ledger
from huleedu_pipeline.ledger.states import NOT_YET_SUBMITTED
from huleedu_pipeline.logs import events
from huleedu_pipeline.orchestration.decisions import Situation
from huleedu_pipeline.orchestration.jobs import BATCH_TAG, COLLECT, SUBMIT
from huleedu_pipeline.providers.backend import limits_of, open_provider
from huleedu_pipeline.providers.collection import watch_jobs
from huleedu_pipeline.providers.continuation import n_for_provisional
from huleedu_pipeline.providers.lanes import pause_reason
from huleedu_pipeline.providers.planning import planned_judge, planned_spec
from huleedu_pipeline.providers.protocols import ProviderError
from huleedu_pipeline.providers.submission import room_tokens
from huleedu_pipeline.settings import Settings

IN_PROGRESS = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
ENDED_BADLY = [dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


@dataclass(frozen=True)
class Look:
    """What was seen: the situation of each batch that is not finished, and what could not be seen."""

    situations: tuple[Situation, ...]
    problems: tuple[str, ...]
    n_providers_asked: int


def look(
    ledger: Ledger,
    settings: Settings,
    instance: dg.DagsterInstance,
    *,
    only: str | None = None,
    budget_seconds: float = 40.0,
    log: logging.Logger | None = None,
) -> Look:
    """Look once at every provider with open jobs and return where the unfinished batches stand.

    One listing for each provider, not one call for each job; a provider that can not be reached is told as a problem and
    does not hide the others. Providers not reached within ``budget_seconds`` are left for the next look.
    """
    deadline = time.monotonic() + budget_seconds
    unfinished = _unfinished(ledger, only)
    ours = {batch.batch_id for batch in unfinished if batch.judge_backend == settings.judge_backend}
    open_jobs = [job for job in ledger.jobs(states=[JobState.SUBMITTED]) if job.batch_id in ours]
    names = sorted({job.provider for job in open_jobs})
    problems = []
    for name in names:
        if time.monotonic() > deadline:
            problems.append(f"{name}: not looked at, out of time")
            continue
        try:
            watch_jobs(ledger, open_provider(settings, name), [job for job in open_jobs if job.provider == name])
        except ProviderError as error:
            problems.append(f"{name}: {error}")
            events.PROVIDER_UNSEEN.tell(provider=name, error_type=type(error).__name__)
            if log is not None:
                log.warning("%s: %s", name, error)
    return Look(situations(ledger, settings, instance, only=only), tuple(problems), len(names))


def situations(
    ledger: Ledger, settings: Settings, instance: dg.DagsterInstance, *, only: str | None = None
) -> tuple[Situation, ...]:
    """Return where the unfinished batches stand by what is recorded, without asking any provider."""
    return tuple(_situation(ledger, settings, instance, batch) for batch in _unfinished(ledger, only))


def _unfinished(ledger: Ledger, only: str | None) -> list[BatchRecord]:
    return [batch for batch in ledger.batches() if not batch.is_published and (only is None or batch.batch_id == only)]


def _situation(ledger: Ledger, settings: Settings, instance: dg.DagsterInstance, batch: BatchRecord) -> Situation:
    jobs, tally = ledger.jobs(batch.batch_id), ledger.tally(batch.batch_id)
    n_unasked = ledger.count_unasked(batch.batch_id)
    waits_for, stamp = _lane_of(ledger, settings, batch, n_unasked)
    since = failures_count_since(batch)
    return Situation(
        batch,
        jobs,
        n_unasked=n_unasked,
        n_outcomes=tally.n_outcomes,
        n_for_provisional=n_for_provisional(planned_spec(ledger, batch.batch_id), tally.n_requests) if jobs else None,
        n_unlisted=tally.n_requests - _n_pairs(settings, batch) if batch.is_human else 0,
        waits_for=waits_for,
        stamp=stamp,
        has_run_in_progress=bool(runs_in_progress(instance, batch.batch_id)),
        n_failed_submit_runs=failed_runs(instance, batch.batch_id, SUBMIT, since),
        n_failed_collect_runs=failed_runs(instance, batch.batch_id, COLLECT, since),
        seconds_since_failed_run=_seconds_since_failed_run(instance, batch.batch_id, since),
        seconds_at_provider=_seconds_at_provider(jobs),
    )


def failures_count_since(batch: BatchRecord) -> datetime | None:
    """Return since when failed runs of a batch count, if not from the first on.

    Runs that failed before a person brought the batch back, or before it was ended, say nothing of what is due now.
    """
    return batch.updated_at if batch.status.is_closed or batch.ends_as is not None else batch.reopened_at


def _n_pairs(settings: Settings, batch: BatchRecord) -> int:
    """Return how many pairs of a batch are written down in the lake; a file that can not be read has to be written again."""
    try:
        return Lake(settings.lake_dir).read(COMPARISON_PAIRS, batch.batch_id).num_rows
    except (MissingDataError, ContractError):
        return 0


def _lane_of(ledger: Ledger, settings: Settings, batch: BatchRecord, n_unasked: int) -> tuple[str | None, str]:
    """Return why nothing can be sent for a batch now, if so, and a text that changes when that may have changed."""
    if batch.status.is_closed or not (n_unasked or ledger.jobs(batch.batch_id, NOT_YET_SUBMITTED)):
        return None, ""
    judge = planned_judge(ledger, batch.batch_id)
    lane, waiting = ledger.lane(judge.provider, judge.model), ledger.enqueued_bytes(judge.provider, judge.model)
    since = f"{lane.updated_at.timestamp():.6f}" if lane.updated_at else ""
    stamp = f"{since}.{waiting}" if since or waiting else ""
    reason = pause_reason(lane, datetime.now(UTC))
    if reason is None and n_unasked and waiting:
        room = room_tokens(ledger, limits_of(settings, judge.provider), judge.provider, judge.model)
        if room == 0:
            reason = f"{judge.provider}: waiting for room among the batch jobs of {judge.model}"
    return reason, stamp


def runs_in_progress(instance: dg.DagsterInstance, batch_id: str) -> list[dg.DagsterRun]:
    """Return Dagster's unfinished runs for a batch."""
    return list(instance.get_runs(dg.RunsFilter(tags={BATCH_TAG: batch_id}, statuses=IN_PROGRESS)))


def failed_runs(instance: dg.DagsterInstance, batch_id: str, job: str, since: datetime | None = None) -> int:
    """Return how many runs of ``job`` have failed, or were cancelled, for a batch, perhaps only those since an instant."""
    failed = dg.RunsFilter(job_name=job, tags={BATCH_TAG: batch_id}, statuses=ENDED_BADLY, created_after=since)
    return int(instance.get_runs_count(failed))


def _seconds_at_provider(jobs: Sequence[JobRecord]) -> float | None:
    taken = [job.submitted_at for job in jobs if job.state is JobState.SUBMITTED and job.submitted_at is not None]
    return (datetime.now(UTC) - min(taken)).total_seconds() if taken else None


def _seconds_since_failed_run(instance: dg.DagsterInstance, batch_id: str, since: datetime | None) -> float | None:
    failed = dg.RunsFilter(tags={BATCH_TAG: batch_id}, statuses=ENDED_BADLY, created_after=since)
    newest = instance.get_run_records(failed, limit=1)
    return time.time() - newest[0].update_timestamp.timestamp() if newest else None
