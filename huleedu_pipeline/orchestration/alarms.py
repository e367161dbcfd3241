"""The sensors that tell people: of runs that fail, and of batches and jobs that stand still or failed in a run that did not.

A message that can not be delivered is logged and tried again a few times; no tick fails for it. What is told is decided in
:mod:`.health`, how it is told in :mod:`.notify`.
"""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import dagster as dg

from huleedu_pipeline.ledger import Ledger, UnknownBatchError
from huleedu_pipeline.logs import bound
from huleedu_pipeline.orchestration.decisions import MAX_FAILED_RUNS
from huleedu_pipeline.orchestration.health import (
    MOST_TRIES,
    Finding,
    failed_batches,
    left_alone,
    overdue_jobs,
    untold,
)
from huleedu_pipeline.orchestration.health_checks import check_up
from huleedu_pipeline.orchestration.jobs import BATCH_TAG, COLLECT, SUBMIT
from huleedu_pipeline.orchestration.notify import Message, notifiers_of
from huleedu_pipeline.orchestration.watch import failed_runs, failures_count_since, situations
from huleedu_pipeline.settings import Settings

# A tick has a minute; what is not told in this time is told by the next.
TELLING_SECONDS = 30.0


def build_alarms(settings: Settings) -> list[dg.SensorDefinition]:
    """Return the alarms of an installation with these settings; they run unless they are switched off in the UI."""

    @dg.run_failure_sensor(
        name="run_failure_sensor",
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells of every run that failed: which batch, why, and what happens next. In the log, and by the webhook "
        "HULEEDU_NOTIFY_WEBHOOK where one is set.",
    )
    def run_failure_sensor(context: dg.RunFailureSensorContext) -> None:
        ledger = Ledger(settings.ledger_url)
        try:
            message = _about_run(context, ledger)
        finally:
            ledger.close()
        with bound(command="run_failure_sensor"):
            for notifier in notifiers_of(settings, context.log):
                notifier.tell(message)

    @dg.sensor(
        name="health_sensor",
        job=check_up,
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells of batches that failed although their run did not, of batches that wait for a person, and of "
        "provider jobs past their time; each once. When any of that changes, it asks for the run that brings the checks up to "
        "date.",
    )
    def health_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        ledger = Ledger(settings.ledger_url)
        try:
            now, seen = datetime.now(UTC), situations(ledger, settings, context.instance)
            found = [*left_alone(seen), *overdue_jobs(seen, now), *failed_batches(ledger.batches(), now)]
        finally:
            ledger.close()
        before = _read_cursor(context.cursor)
        after = {finding.key: before.get(finding.key, MOST_TRIES) for finding in found}
        notifiers, deadline = notifiers_of(settings, context.log), time.monotonic() + TELLING_SECONDS
        for finding in untold(found, before):
            if time.monotonic() > deadline:
                break
            # Every way is asked at every try: what could not be delivered stands in the log once for each.
            with bound(command="health_sensor"):
                arrived = [notifier.tell(_about_finding(finding)) for notifier in notifiers]
            after[finding.key] = 0 if all(arrived) else after[finding.key] - 1
        cursor = json.dumps(after)
        if after.keys() == before.keys():
            return dg.SensorResult(skip_reason=_status_line(found), cursor=cursor)
        return dg.SensorResult(run_requests=[dg.RunRequest()], cursor=cursor)

    return [run_failure_sensor, health_sensor]


def _about_run(context: dg.RunFailureSensorContext, ledger: Ledger) -> Message:
    run = context.dagster_run
    batch_id, job = run.tags.get(BATCH_TAG), run.job_name
    next_step = "see the run in the UI, mend the cause, and start it again"
    if batch_id is not None and job in (SUBMIT, COLLECT):
        n_failed = failed_runs(context.instance, batch_id, job, _failures_count_since(ledger, batch_id))
        if n_failed < MAX_FAILED_RUNS:
            next_step = f"it is tried again by itself ({n_failed} of {MAX_FAILED_RUNS} runs have failed)"
        else:
            next_step = (
                f"nothing is tried by itself any more ({n_failed} runs have failed): mend the cause, and start {job} by hand"
            )
    return Message("run_failed", batch_id, f"{job}: {_why(context)}", next_step, run.run_id)


def _failures_count_since(ledger: Ledger, batch_id: str) -> datetime | None:
    try:
        return failures_count_since(ledger.batch(batch_id))
    except UnknownBatchError:
        return None  # its first run failed before the batch was registered


def _why(context: dg.RunFailureSensorContext) -> str:
    """Return why a run failed, in our own words where there are any: an unforeseen error's may hold anything, also texts."""
    for event in context.get_step_failure_events():
        data = event.step_failure_data
        if data.user_failure_data is not None and data.user_failure_data.description:
            return str(data.user_failure_data.description)
        error = (data.error.cause or data.error) if data.error else None
        if error is not None and error.cls_name == "DagsterAssetCheckFailedError":
            return " ".join(error.message.partition(": ")[2].split())  # names of checks, which are ours
        return f"{error.cls_name if error else 'an error'} in step {event.step_key} (the run's log says more)"
    return "it ended without a failed step (killed, out of time, or never started)"


def _about_finding(finding: Finding) -> Message:
    return Message(finding.event, finding.batch_id, finding.reason, finding.next_step)


def _read_cursor(cursor: str | None) -> dict[str, int]:
    """Return the tries that are left for each finding of the last tick; a cursor that can not be read tells everything anew."""
    try:
        read = json.loads(cursor or "{}")
    except json.JSONDecodeError:
        return {}
    return {str(key): int(left) for key, left in read.items()} if isinstance(read, dict) else {}


def _status_line(found: Sequence[Finding]) -> str:
    parts = [f"{finding.batch_id}: {finding.event.replace('_', ' ')} ({finding.reason})" for finding in found[:5]]
    return "; ".join(parts) + (f"; and {len(found) - 5} more" if len(found) > 5 else "") or "nothing stands still"
