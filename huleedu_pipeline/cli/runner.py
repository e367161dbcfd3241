"""Running one batch from the command line: the daemon's jobs and decisions, in this process, to the end.

Interrupted at any point and started again, a run goes on where the ledger says it stopped.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg

from assets.common import cj_batch
from huleedu_pipeline.cli.interrupts import noticing_interrupts
from huleedu_pipeline.context import AssessmentContext
from huleedu_pipeline.definitions import build_definitions
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.essays.inbox import stage
from huleedu_pipeline.essays.injection import injection_warnings
from huleedu_pipeline.essays.language import language_warnings
from huleedu_pipeline.essays.overrides import NO_OVERRIDES, Overrides
from huleedu_pipeline.judging.overrides import validate_judge
from huleedu_pipeline.judging.spec import BatchingMode
from huleedu_pipeline.ledger import BatchStatus, Ledger
from huleedu_pipeline.orchestration.dead_runs import PROCESS_TAG, bury_dead_runs
from huleedu_pipeline.orchestration.decisions import Decision, Due, decide
from huleedu_pipeline.orchestration.home import open_instance
from huleedu_pipeline.orchestration.jobs import COLLECT, MATCH, REBUILD, SUBMIT, run_tags
from huleedu_pipeline.orchestration.watch import look
from huleedu_pipeline.processes import Process
from huleedu_pipeline.providers.admission import admit
from huleedu_pipeline.providers.human import imported_requests
from huleedu_pipeline.providers.lanes import Lane
from huleedu_pipeline.providers.planning import planned_judge, register
from huleedu_pipeline.settings import Settings

# It warns that steps "will proceed" without checks that had nothing to check, and then skips those steps, as they should be.
SCHEDULER_LOGGER = "dagster._core.execution.plan.active"
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class RunFailedError(HuleeduError):
    """A Dagster run failed; the message is the failed step's own."""


class StuckError(HuleeduError):
    """A batch that goes no further by itself; the message says what a person must do."""


@dataclass(frozen=True)
class Progress:
    """What a caller may show while a batch is run."""

    step: str
    reason: str


def take_in(
    folder: Path,
    settings: Settings,
    *,
    mode_hint: BatchingMode | None = None,
    overrides: Overrides = NO_OVERRIDES,
    on_warning: Callable[[str], None] = lambda _: None,
) -> str:
    """Validate the batch in ``folder``, register it, put a copy into the inbox and return its id.

    Args:
        folder: The batch folder.
        settings: The installation's settings.
        mode_hint: The batching mode to judge in, of a batch that names none itself.
        overrides: Values that stand in for those of its ``batch.yaml``.
        on_warning: Called with what was left out of the documents, and what is to be known of the judge before it is paid.

    Raises:
        HuleeduError: the folder is not valid, or differs from what was submitted under its batch_id.

    """
    ledger = Ledger(settings.ledger_url)
    try:
        batch = admit(ledger, folder, overrides)
        for warning in (
            *batch.warnings,
            *language_warnings(batch),
            *injection_warnings(batch),
            *validate_judge(batch.spec.judge, on=datetime.now(UTC).date()).warnings,
        ):
            on_warning(warning)
        register(ledger, settings, batch, mode_hint=mode_hint)
        stage(folder, settings.inbox_dir, AssessmentContext(ledger), overrides)
    finally:
        ledger.close()
    return batch.spec.batch_id


def run_batch(
    batch_id: str,
    settings: Settings,
    *,
    wait: bool,
    most_seconds: float | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> BatchStatus:
    """Run a batch that is in the inbox: submit it and, with ``wait``, watch and collect until it is completed.

    Args:
        batch_id: The batch.
        settings: The installation's settings.
        wait: Whether to stay until the results are published; otherwise the daemon, or another call, collects them.
        most_seconds: How long to stay at most; looked at between steps, because a step that pays is never broken off. A batch
            that is not through by then is returned as it stands, and the next call goes on from there.
        on_progress: Called whenever something begins.

    Raises:
        NoJudgementsError: people judge the batch, and none of their judgements has been imported.
        RunFailedError: a run failed; what was paid for is recorded, and the next call goes on from there.

    """
    _ensure_judged(batch_id, settings)
    until = None if most_seconds is None else time.monotonic() + most_seconds
    definitions = build_definitions(settings)
    logging.getLogger(SCHEDULER_LOGGER).setLevel(logging.ERROR)
    _reopen_lane(settings, batch_id)
    with open_instance(settings) as instance:
        bury_dead_runs(instance, batch_id)
        instance.add_dynamic_partitions(str(cj_batch.name), [batch_id])
        while True:
            decision, status = _look(settings, instance, batch_id)
            if decision.due is Due.NOTHING:
                if not status.is_final:
                    raise StuckError(f"batch {batch_id}: {decision.reason}")
                if status.is_closed:
                    raise StuckError(_why_closed(batch_id, settings))
                if wait and not settings.warehouse_path.exists():
                    _execute(definitions, instance, settings, REBUILD, None)
                return status
            if decision.due is Due.SUBMIT:
                on_progress(Progress("submitting", decision.reason))
                _execute(definitions, instance, settings, SUBMIT, batch_id)
            elif not wait or (until is not None and time.monotonic() >= until):
                return status
            elif decision.due is Due.COLLECT:
                on_progress(Progress("collecting", decision.reason))
                _execute(definitions, instance, settings, COLLECT, batch_id)
            else:
                on_progress(Progress("waiting", decision.reason))
                time.sleep(settings.poll_interval_seconds)


def publish_closed(batch_id: str, settings: Settings) -> Decision:
    """Collect and publish what a failed or cancelled batch came to, as far as it goes without waiting; return what is due.

    Raises:
        RunFailedError: the run failed; the next one goes on from there.

    """
    definitions = build_definitions(settings)
    with open_instance(settings) as instance:
        bury_dead_runs(instance, batch_id)
        instance.add_dynamic_partitions(str(cj_batch.name), [batch_id])
        decision, _ = _look(settings, instance, batch_id)
        if decision.due is Due.COLLECT:
            _execute(definitions, instance, settings, COLLECT, batch_id)
            decision, _ = _look(settings, instance, batch_id)
    return decision


def publish_matches(folder: Path, batch_id: str, settings: Settings) -> None:
    """Bring the class list and what was decided of its matches to a batch that is known, match it anew and publish that.

    Raises:
        UnknownBatchError: the batch was never run.
        ChangedBatchError: the folder differs from what was submitted.
        RunFailedError: the run failed.

    """
    ledger = Ledger(settings.ledger_url)
    try:
        ledger.batch(batch_id)  # an unknown one would be put into the inbox, and there it would be run
    finally:
        ledger.close()
    take_in(folder, settings)
    definitions = build_definitions(settings)
    with open_instance(settings) as instance:
        instance.add_dynamic_partitions(str(cj_batch.name), [batch_id])
        _execute(definitions, instance, settings, MATCH, batch_id)


def _why_closed(batch_id: str, settings: Settings) -> str:
    ledger = Ledger(settings.ledger_url)
    try:
        reason = ledger.batch(batch_id).unranked_because
    finally:
        ledger.close()
    return f"batch {batch_id}: {reason} (nothing is ranked; to ask again for what has no verdict: huleedu retry {batch_id})"


def _ensure_judged(batch_id: str, settings: Settings) -> None:
    ledger = Ledger(settings.ledger_url)
    try:
        if ledger.batch(batch_id).is_human:
            imported_requests(ledger, batch_id)
    finally:
        ledger.close()


def _look(settings: Settings, instance: dg.DagsterInstance, batch_id: str) -> tuple[Decision, BatchStatus]:
    ledger = Ledger(settings.ledger_url)
    try:
        seen = look(ledger, settings, instance, only=batch_id)
        status = ledger.batch(batch_id).status
    finally:
        ledger.close()
    if seen.problems:
        return Decision(Due.WAIT, "; ".join(seen.problems)), status
    if not seen.situations:
        return Decision(Due.NOTHING, "completed"), status
    # A person who starts a batch by hand has seen the failed runs: they do not count against this attempt.
    fresh = replace(seen.situations[0], n_failed_submit_runs=0, n_failed_collect_runs=0, seconds_since_failed_run=None)
    return decide(fresh), status


def _reopen_lane(settings: Settings, batch_id: str) -> None:
    """Let the next call through: who starts a batch by hand has paid the bill, or wants to know whether it works again."""
    ledger = Ledger(settings.ledger_url)
    try:
        judge = planned_judge(ledger, batch_id)
        Lane(ledger, judge.provider, judge.model).reopen()
    finally:
        ledger.close()


def _execute(
    definitions: dg.Definitions, instance: dg.DagsterInstance, settings: Settings, job: str, batch_id: str | None
) -> None:
    tags = {PROCESS_TAG: str(Process.current())} | (_tags(settings, batch_id) if batch_id else {})
    with noticing_interrupts() as was_interrupted:
        result = definitions.resolve_job_def(job).execute_in_process(
            instance=instance, partition_key=batch_id, tags=tags, run_config=QUIET, raise_on_error=False
        )
        if was_interrupted():
            raise KeyboardInterrupt
    if not result.success:
        raise RunFailedError(_why(result))


def _tags(settings: Settings, batch_id: str) -> dict[str, str]:
    ledger = Ledger(settings.ledger_url)
    try:
        return run_tags(batch_id, ledger.batch(batch_id).assignment, ledger.jobs(batch_id))
    finally:
        ledger.close()


def _why(result: dg.ExecuteInProcessResult) -> str:
    """Return what the failed step said, in its own words where it has some."""
    evaluated = result.get_asset_check_evaluations()
    failed = [c for c in evaluated if c.blocking and not c.passed and c.severity is dg.AssetCheckSeverity.ERROR]
    if failed:
        return "; ".join(
            f"check {check.check_name} on {check.asset_key.to_user_string()}: {check.description}" for check in failed
        )
    for event in result.get_step_failure_events():
        data: Any = event.event_specific_data
        failure = data.user_failure_data
        if failure is not None and failure.description:
            return str(failure.description)
        if data.error is not None:
            cause = data.error.cause or data.error
            return f"{event.step_key}: {cause.message.strip()}"
    return f"run {result.run_id} failed; `huleedu ui` shows its log"
