"""Runs as wholes: the same twice, the same when killed at every phase, and recorded when they fail, stop or are stuck."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from huleedu_pipeline import open_warehouse
from huleedu_pipeline.cli.app import app
from huleedu_pipeline.eng5.queries import queries_about
from huleedu_pipeline.eng5.verify import verify_run
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.findings import has_failed
from huleedu_pipeline.providers.emulator.launcher import stop_emulator
from tests.eng5.kit import RUN, run_of
from tests.kit import emulator_books, write_batch

KILLED = -9
# One in each phase, each killing the run that goes on from the one before.
PHASES = (
    "after it is registered",
    "after the created job is recorded",
    "during parsing",
    "eng5: after the artefact's lines are written, before it names them",
)
N_REQUESTS = 28
BY_JOBS: dict[str, Any] = {"llm_batching_mode": "provider_batch_api"}
QUICK = {
    "HULEEDU_EMULATOR_SECONDS_PER_JOB": "0.3",
    "HULEEDU_POLL_INTERVAL_SECONDS": "0.1",
    "HULEEDU_RECONCILE_SETTLE_SECONDS": "0",
}


@pytest.fixture
def homes(tmp_path: Path) -> Iterator[Path]:
    """A folder of installations; their emulators are stopped afterwards."""
    yield tmp_path / "homes"
    stop_all(tmp_path / "homes")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The folder of a run by batch jobs that nothing interrupted."""
    top = tmp_path_factory.mktemp("whole")
    done = execute(top / "homes" / "one", write_batch(top / "b1", **BY_JOBS), "--output-dir", str(top / "run"))
    assert done.exit_code == 0, (done.output, done.exception)
    yield top / "run"
    stop_all(top / "homes")


def stop_all(homes: Path) -> None:
    for emulator in homes.glob("*/emulator"):
        stop_emulator(emulator)


def huleedu(home: Path, *arguments: str) -> Any:
    return CliRunner().invoke(app, arguments, env={**QUICK, "HULEEDU_HOME": str(home)})


def execute(home: Path, folder: Path, *options: str) -> Any:
    return huleedu(home, "eng5", "execute", str(folder), "--await-completion", *options)


def artefact(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / RUN).read_bytes())
    return found


def test_the_same_live_run_is_the_same_and_its_summary_is_right(homes: Path, tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1", llm_batching_mode="per_request")
    for name in ("one", "two"):
        done = execute(homes / name, folder, "--output-dir", str(tmp_path / name))
        assert done.exit_code == 0, (done.output, done.exception)
    assert run_of(tmp_path / "one") == run_of(tmp_path / "two")
    assert "28 verdicts of 28 requests with 28 different prompts" in done.output
    assert "sha256 of its words: template default-1" in done.output
    with open_warehouse(homes / "two" / "warehouse.duckdb") as warehouse:
        for query in queries_about("b1"):
            assert f"-- {query.question}\n{query.sql}\n" in done.output
            answer = warehouse.sql(query.sql)
            has_none = query.question in ("requests without a verdict", "texts that seem to address the judge")
            assert answer.empty == has_none, query.question


def test_a_run_that_is_killed_in_every_phase_ends_as_one_in_another_installation_that_is_not(
    homes: Path, whole: Path, tmp_path: Path
) -> None:
    folder, home = write_batch(tmp_path / "b1", **BY_JOBS), homes / "killed"
    command = ["eng5", "execute", str(folder), "--await-completion", "--output-dir", str(tmp_path / "run")]
    environment = {**os.environ, **QUICK, "HULEEDU_HOME": str(home)}
    for phase in PHASES:
        victim = [sys.executable, "-m", "tests.drills.victim", phase, "openai", *command]
        ended = subprocess.run(victim, env=environment, capture_output=True, timeout=600, text=True)
        assert ended.returncode == KILLED, (phase, ended.stderr)
    done = execute(home, folder, "--output-dir", str(tmp_path / "run"))
    assert done.exit_code == 0, (done.output, done.exception)
    assert run_of(tmp_path / "run") == run_of(whole)
    assert emulator_books(home / "emulator")["requests_judged"] == N_REQUESTS


def test_a_run_that_fails_is_cancelled_or_is_stuck_is_recorded_and_can_be_completed(homes: Path, tmp_path: Path) -> None:
    home, folder = homes / "one", write_batch(tmp_path / "b1", **BY_JOBS)
    run = home / "runs" / "b1"
    started = huleedu(home, "eng5", "execute", str(folder))
    assert started.exit_code == 0, (started.output, started.exception)
    assert "The run is partial" in started.output
    status = artefact(run)["validation"]["runner_status"]
    assert (status["partial_data"], status["stopped_because"], status["n_outcomes"]) == (True, None, 0)
    cancelled = huleedu(home, "cancel", "b1", "--because", "wrong prompt")
    assert cancelled.exit_code == 0, (cancelled.output, cancelled.exception)
    stuck = execute(home, folder)
    assert isinstance(stuck.exception, HuleeduError)
    assert "the run has stopped" in stuck.output
    status = artefact(run)["validation"]["runner_status"]
    assert (status["partial_data"], status["batch_status"]) == (True, "cancelled")
    assert "wrong prompt" in status["stopped_because"]
    findings = verify_run(run)
    assert not has_failed(findings)
    assert any("wrong prompt" in finding.message for finding in findings)
    assert huleedu(home, "retry", "b1").exit_code == 0
    done = execute(home, folder)
    assert done.exit_code == 0, (done.output, done.exception)
    status = artefact(run)["validation"]["runner_status"]
    assert (status["partial_data"], status["stopped_because"], status["n_succeeded"]) == (False, None, 28)


def test_a_run_beyond_its_limit_is_recorded_with_the_reason_and_nothing_is_paid(homes: Path, tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1")
    refused = execute(homes / "one", folder, "--max-cost-usd", "0.000001")
    assert isinstance(refused.exception, HuleeduError)
    document = artefact(homes / "one" / "runs" / "b1")
    assert "max_cost_usd" in document["validation"]["runner_status"]["stopped_because"]
    assert document["metadata"]["request"]["max_cost_usd"] == 0.000001
    assert document["costs"]["total_usd"] == 0
    assert not has_failed(verify_run(homes / "one" / "runs" / "b1"))
