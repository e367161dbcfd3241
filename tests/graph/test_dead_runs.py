"""A run whose process was killed is marked as failed, so that the next can be asked for; one that lives is left alone."""

import os
import subprocess
import sys
from dataclasses import replace

import dagster as dg
import pytest

from huleedu_pipeline.orchestration.dead_runs import PROCESS_TAG, bury_dead_runs
from huleedu_pipeline.orchestration.home import open_instance
from huleedu_pipeline.orchestration.jobs import BATCH_TAG, COLLECT
from huleedu_pipeline.orchestration.watch import runs_in_progress
from huleedu_pipeline.processes import Process
from tests.graph.kit import Installation
from tests.graph.test_sensors import tick


def a_gone_process() -> Process:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return Process.here(process.pid, "1")


def begin(
    installation: Installation, tags: dict[str, str], message: str | None = None, instance: dg.DagsterInstance | None = None
) -> str:
    """Record a run that has begun, as a run worker does, and return its id."""
    book, job = instance or installation.instance, installation.definitions.resolve_job_def(COLLECT)
    run = book.create_run_for_job(job, tags={BATCH_TAG: "b1", **tags}, status=dg.DagsterRunStatus.STARTED)
    if message is not None:
        book.report_engine_event(message, run)
    return run.run_id


def in_progress(instance: dg.DagsterInstance) -> set[str]:
    return {run.run_id for run in runs_in_progress(instance, "b1")}


def test_a_run_whose_process_is_gone_is_buried_and_others_are_not(installation: Installation) -> None:
    with open_instance(installation.settings) as instance:
        begin(installation, {}, f"Executing steps in process (pid: {a_gone_process().pid})", instance)
        begin(installation, {PROCESS_TAG: str(a_gone_process())}, None, instance)
        left = {
            begin(installation, {}, f"Executing steps in process (pid: {os.getpid()})", instance),
            begin(installation, {PROCESS_TAG: str(replace(a_gone_process(), place="another"))}, None, instance),
            begin(installation, {}, None, instance),
        }
        assert len(in_progress(instance)) == 5
        assert bury_dead_runs(instance, "b1") == 2
        assert in_progress(instance) == left
        assert bury_dead_runs(instance, "b1") == 0


@pytest.mark.parametrize("sensor", ["provider_jobs_sensor", "inbox_sensor"])
def test_the_sensors_do_it(installation: Installation, sensor: str) -> None:
    installation.drop("b1")
    if sensor == "provider_jobs_sensor":
        installation.run("submit_batch", "b1")
    begin(installation, {PROCESS_TAG: str(a_gone_process())})
    assert in_progress(installation.instance)
    tick(installation, sensor)
    assert not in_progress(installation.instance)
