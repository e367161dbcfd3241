"""A run from preflight to artefact: stopped by its time-out, completed by a later call, paid for once; and its dry run."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from huleedu_pipeline.cli.app import app
from huleedu_pipeline.eng5.verify import verify_run
from huleedu_pipeline.findings import has_failed
from huleedu_pipeline.metrics import hints
from huleedu_pipeline.providers.emulator.launcher import stop_emulator
from huleedu_pipeline.settings import Settings
from tests.kit import emulator_books, write_batch


def artefact(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "assessment_run.dry-run.json").read_bytes())
    return found


def prepare(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> None:
    monkeypatch.setenv("HULEEDU_HOME", str(settings.home))
    monkeypatch.setenv("HULEEDU_EMULATOR_SECONDS_PER_JOB", "0.3")
    monkeypatch.setenv("HULEEDU_POLL_INTERVAL_SECONDS", "0.1")


def test_a_run_that_times_out_is_partial_and_the_next_call_completes_it(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(monkeypatch, settings)
    command = ["eng5", "execute", str(write_batch(tmp_path / "b1")), "--await-completion"]
    stopped = CliRunner().invoke(app, [*command, "--completion-timeout", "0"])
    assert stopped.exit_code == 3, stopped.output
    folder = settings.home / "runs" / "b1"
    status = artefact(folder)["validation"]["runner_status"]
    assert (status["partial_data"], status["timeout_seconds"], status["n_requests"]) == (True, 0.0, 28)
    assert not has_failed(verify_run(folder))
    done = CliRunner().invoke(app, command)
    assert done.exit_code == 0, done.output
    assert "28 verdicts of 28 requests with 28 different prompts" in done.output
    assert f"HULEEDU_HOME={settings.home} huleedu metrics serve" in done.output
    shown = {line for line in done.output.splitlines() if "llm_provider_" in line or "cj_" in line}
    assert {" ".join(hint.expr.split()) for hint in hints("provider_batch_api")} <= shown
    status = artefact(folder)["validation"]["runner_status"]
    assert (status["partial_data"], status["timeout_seconds"], status["n_outcomes"]) == (False, None, 28)
    assert len(artefact(folder)["bt_summary"]) == 8
    assert not has_failed(verify_run(folder))
    assert emulator_books(settings.emulator_dir)["batch_jobs_created"]["openai"] == 1


def test_what_fails_its_preflight_is_not_recorded_and_not_sent(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(monkeypatch, settings)
    monkeypatch.setenv("HULEEDU_JUDGE_BACKEND", "provider")
    refused = CliRunner().invoke(app, ["eng5", "execute", str(write_batch(tmp_path / "b1"))])
    assert refused.exit_code == 1
    assert "OPENAI_API_KEY: is not set" in refused.output
    assert not settings.inbox_dir.exists() or not list(settings.inbox_dir.iterdir())


def test_a_dry_run_pays_nothing_and_leaves_the_installation_alone(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(monkeypatch, settings)
    monkeypatch.setenv("HULEEDU_JUDGE_BACKEND", "provider")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-real")
    try:
        done = CliRunner().invoke(app, ["eng5", "dry-run", str(write_batch(tmp_path / "b1"))])
    finally:
        stop_emulator(settings.home / "dry-run" / "emulator")
    assert done.exit_code == 0, (done.output, done.exception)
    assert "nothing was paid" in done.output
    assert artefact(settings.home / "dry-run" / "runs" / "b1")["metadata"]["is_simulated"] is True
    assert {path.name for path in settings.home.iterdir()} == {"dry-run"}
