"""Runs whose process is gone: marked as failed, because nothing else would end them before their longest duration.

A killed worker says no goodbye, and as long as its run counts as in progress no other is asked for. Only processes that can be
seen from here are looked for; of a shared instance, whose workers may be anywhere, Dagster's own run monitoring takes care.
"""

import re

import dagster as dg
from dagster._core.storage.runs import SqliteRunStorage

from huleedu_pipeline.logs import events
from huleedu_pipeline.orchestration.watch import runs_in_progress
from huleedu_pipeline.processes import Process

PROCESS_TAG = "huleedu/process"
PID_PATTERN = re.compile(r"\(pid: (\d+)\)")


def bury_dead_runs(instance: dg.DagsterInstance, batch_id: str) -> int:
    """Mark a batch's runs as failed whose process is certain to have ended, and return how many there were."""
    n_dead = 0
    for run in runs_in_progress(instance, batch_id):
        process = process_of(instance, run)
        if process is not None and process.has_ended:
            instance.report_run_failed(run, message="the process that ran it has ended")
            instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
            events.DEAD_RUN_BURIED.tell(batch_id=batch_id, dead_run_id=run.run_id)
            n_dead += 1
    return n_dead


def process_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> Process | None:
    """Return the process that runs, or ran, ``run``; ``None`` where that is not known."""
    if tag := run.tags.get(PROCESS_TAG):
        return Process.parse(tag)
    if not isinstance(instance.run_storage, SqliteRunStorage):
        return None
    told = instance.all_logs(run.run_id, of_type=dg.DagsterEventType.ENGINE_EVENT)
    found = [PID_PATTERN.search(record.message or "") for record in told]
    pids = [int(match.group(1)) for match in found if match]
    return Process.here(pids[-1]) if pids else None
