"""A key, pupils' names and texts are planted, and batches are judged while the provider fails.

Nothing of it is logged; the key is written nowhere at all; and nobody but its owner can read what is written.
"""

import gzip
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pyarrow.parquet as pq
import pytest

from huleedu_pipeline.cli.app import main
from huleedu_pipeline.judging.templates import DEFAULT_TEMPLATE, load_template
from huleedu_pipeline.lake import Lake
from huleedu_pipeline.lake.tables import BATCH_STATUS, JUDGE_REQUESTS, PROVIDER_JOBS
from huleedu_pipeline.ledger import BatchRecord, BatchStatus, JobRecord, Ledger
from huleedu_pipeline.permissions import make_private, open_to_others
from huleedu_pipeline.providers.backend import emulator_config
from huleedu_pipeline.providers.emulator.launcher import ensure_emulator
from huleedu_pipeline.settings import Settings
from tests.kit import write_batch
from tests.logs.kit import lines_in

KEY = "sk-planted-0123456789"
NAME, TEXT = "Zqanna Zqvist", "the heron of Zqmarsh stood in the reeds"
QUOTE = f"can not process: {TEXT} by {NAME} with {KEY}"
EVENT_LINE = re.compile(r"^\d{4}-\d\d-\d\d \d\d:")
PLANTED = ("sk-planted", "Zqanna", "Zqvist", "Zqmarsh", "zqbertil")


@pytest.fixture
def installation(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An installation that takes the emulator for the real provider, with a key in the environment."""
    base_url = ensure_emulator(emulator_config(settings))
    made = {
        "HOME": settings.home,
        "JUDGE_BACKEND": "provider",
        "OPENAI_BASE_URL": f"{base_url}/v1",
        "POLL_INTERVAL_SECONDS": 0.1,
        "RECONCILE_SETTLE_SECONDS": 0,
        "PATIENCE_SECONDS": 1,
    }
    for name, value in made.items():
        monkeypatch.setenv(f"HULEEDU_{name}", str(value))
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY"):
        monkeypatch.setenv(name, KEY)
    monkeypatch.setenv("NO_PROXY", "*")
    return settings


def endpoint_of(settings: Settings) -> str:
    """Return where the emulator is reached."""
    return str(json.loads((settings.emulator_dir / "endpoint.json").read_text())["base_url"])


@contextmanager
def failing(settings: Settings, *rules: dict[str, Any]) -> Iterator[None]:
    """Let the provider fail as ``rules`` say."""
    with httpx2.Client(base_url=endpoint_of(settings), trust_env=False) as http:
        http.put("/admin/faults", json={"rules": list(rules)}).raise_for_status()
        yield
        assert all(rule["fired"] for rule in http.get("/admin/faults").json()["rules"])
        http.delete("/admin/faults").raise_for_status()


class Terminal:
    """A person who types commands, with --verbose, and keeps the lines about events that they print."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        self.events: list[str] = []

    def run(self, *arguments: str | Path) -> str:
        """Run a command to its end and return what it prints."""
        self._monkeypatch.setattr("sys.argv", ["huleedu", *map(str, arguments), "--verbose"])
        with pytest.raises(SystemExit):
            main()
        told = self._capsys.readouterr()
        # What else is on standard error is for the person who typed the command, and may well name a file.
        self.events += [line for line in told.err.splitlines() if EVENT_LINE.match(line)]
        return told.out


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Terminal:
    return Terminal(monkeypatch, capsys)


def batch(folder: Path, **spec: Any) -> Path:
    """Write a batch whose pupils' names are planted in file names and texts."""
    made = write_batch(folder, judge={"provider": "openai", "model": "emulated-gpt-6-luna"}, **spec)
    for name in (NAME, "zqbertil"):
        (made / "essays" / f"{name}.txt").write_text(f"My name is {name}, and {TEXT}.", encoding="utf-8")
    return made


def test_no_key_no_name_and_no_text_is_written_whatever_fails(
    installation: Settings, terminal: Terminal, tmp_path: Path
) -> None:
    by_jobs = [
        {"endpoint": "POST /v1/batches", "nth": 1, "fault": {"kind": "fail_lines", "lines": [2], "message": QUOTE}},
        {"endpoint": "POST /v1/batches", "nth": 2, "fault": {"kind": "duplicate_lines", "lines": [1]}},
    ]
    with failing(installation, *by_jobs):
        terminal.run("run", batch(tmp_path / "by-jobs"))
    error = {"kind": "error", "status": 500, "message": QUOTE}
    with failing(installation, {"endpoint": "POST /v1/responses", "nth": 2, "fault": error}):
        terminal.run("run", batch(tmp_path / "live", llm_batching_mode="per_request"), "--no-wait")
    with failing(installation, {"endpoint": "POST /v1/batches", "fault": {**error, "status": 401}}):
        terminal.run("run", batch(tmp_path / "refused"))
    empty = batch(tmp_path / "empty")
    (empty / "essays" / f"{NAME}.txt").write_text("")
    terminal.run("run", empty)
    ledger = Ledger(installation.ledger_url)
    try:
        ledger.move_batch("refused", BatchStatus.CANCELLED, QUOTE)
        record, jobs = ledger.batch("by-jobs"), ledger.jobs("by-jobs")
    finally:
        ledger.close()

    written = "".join(path.read_text("utf-8") for path in installation.logs_dir.iterdir()) + "".join(terminal.events)
    assert [planted for planted in PLANTED if planted.casefold() in written.casefold()] == []
    lines = lines_in(installation.logs_dir)
    assert len(terminal.events) == len(lines) - 1, "the last move was made by no command"
    assert {line["event"] for line in lines} >= {
        "batch_registered",
        "requests_planned",
        "batch_state_changed",
        "cost_gate_passed",
        "job_created",
        "job_submitted",
        "job_state_changed",
        "job_collected",
        "wave_decided",
        "call_retried",
        "live_round_ended",
        "lane_opened",
        "warehouse_published",
        "batch_published",
        "command_failed",
    }
    collected = [line for line in lines if line["event"] == "job_collected"]
    assert sum(line["n_succeeded"] for line in collected) == record_of(lines, "requests_planned", "by-jobs")["n_requests"] - 1
    assert sum(line["n_dead_letters"] for line in collected) == 1
    _one_id_leads_everywhere(installation, terminal, record, jobs, lines)


def record_of(lines: list[dict[str, Any]], event: str, batch_id: str) -> dict[str, Any]:
    """Return the one line of an event about a batch."""
    (line,) = [line for line in lines if (line["event"], line.get("batch_id")) == (event, batch_id)]
    return line


def _one_id_leads_everywhere(
    installation: Settings, terminal: Terminal, record: BatchRecord, jobs: list[JobRecord], lines: list[dict[str, Any]]
) -> None:
    """From the batch to its jobs at the provider, to its lines and to its tables."""
    correlation_id = str(record.correlation_id)
    assert {job.correlation_id for job in jobs} == {correlation_id}
    with httpx2.Client(base_url=endpoint_of(installation), trust_env=False, headers={"authorization": f"Bearer {KEY}"}) as http:
        told = [http.get(f"/v1/batches/{job.provider_job_id}").json()["metadata"] for job in jobs]
    assert [metadata["huleedu_correlation_id"] for metadata in told] == [correlation_id] * 2
    about = [line for line in lines if line.get("batch_id") == "by-jobs"]
    assert {(line["correlation_id"], line["mode"], line["backend"]) for line in about} == {
        (correlation_id, "provider_batch_api", "provider")
    }
    assert {line["command"] for line in about} == {"run", "submit_batch", "collect_batch"}
    shown = terminal.run("logs", correlation_id, "--format", "json").splitlines()
    assert [json.loads(line) for line in shown] == about
    assert correlation_id in terminal.run("status", "by-jobs")
    lake = Lake(installation.lake_dir)
    for table in (BATCH_STATUS, PROVIDER_JOBS):
        assert {row["correlation_id"] for row in lake.read_rows(table, "by-jobs")} == {correlation_id}
    template = {(row["prompt_template"], row["prompt_template_sha256"]) for row in lake.read_rows(JUDGE_REQUESTS, "by-jobs")}
    assert template == {(DEFAULT_TEMPLATE, load_template(DEFAULT_TEMPLATE).sha256)}


def test_no_key_is_written_anywhere_and_only_the_owner_can_read_what_is(
    installation: Settings,
    terminal: Terminal,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    key = "zq.planted-0123456789"  # not even in the form of a known provider's
    secret = tmp_path / "key"
    secret.write_text(f"{key}\n", encoding="utf-8")
    secret.chmod(0o400)
    monkeypatch.delenv("OPENAI_API_KEY")
    monkeypatch.setenv("OPENAI_API_KEY_FILE", str(secret))
    monkeypatch.setenv("ANTHROPIC_API_KEY", key)
    make_private(installation.home)
    installation.home.chmod(0o755)
    said = f"Incorrect API key provided: {key}. Page of a proxy: Authorization: Bearer {key}"
    jobs = "POST /v1/batches"
    quoting = {"kind": "winner_text", "text": said}
    told = []
    with failing(
        installation,
        {"endpoint": jobs, "nth": 1, "fault": {"kind": "fail_lines", "lines": [2], "message": said}},
        {"endpoint": jobs, "nth": 2, "fault": {**quoting, "lines": [1]}},
    ):
        told.append(terminal.run("run", batch(tmp_path / "by-jobs")))
    with failing(
        installation,
        {"endpoint": "POST /v1/responses", "nth": 1, "fault": {"kind": "error", "status": 500, "message": said}},
        {"endpoint": "POST /v1/responses", "nth": 3, "fault": quoting},
    ):
        told.append(terminal.run("run", batch(tmp_path / "live", llm_batching_mode="per_request")))
    with failing(installation, {"endpoint": jobs, "fault": {"kind": "error", "status": 401, "message": said}}):
        told.append(terminal.run("run", batch(tmp_path / "refused")))
    told.append(terminal.run("status", "refused"))
    assert "Incorrect API key provided: (key)" in told[-1], "the message itself is kept"
    for name in ("by-jobs", "live"):
        terminal.run("eng5", "record", name, "--output-dir", tmp_path / "runs" / name)
        assert (tmp_path / "runs" / name / "assessment_run.execute.json").is_file()

    # What stands in the emulator's own folder is the provider's, faults included.
    roots = [installation.home, tmp_path / "runs"]
    written = [
        path
        for root in roots
        for path in root.rglob("*")
        if path.is_file() and not path.is_relative_to(installation.emulator_dir)
    ]
    assert {"ledger.sqlite", "warehouse.duckdb", "dagster.yaml"} <= {path.name for path in written}
    planted = [key.encode(), key[-12:].encode()]
    assert [path for path in written if any(piece in _unpacked(path) for piece in planted)] == []
    assert [text for text in (*told, *terminal.events, capsys.readouterr().out) if key[-12:] in text] == []
    assert [path for path in open_to_others(installation.home) if path != installation.home] == []
    assert open_to_others(tmp_path / "runs") == []
    assert "permissions: 1 files and folders" in terminal.run("doctor")
    installation.home.chmod(0o700)
    assert "ok    permissions: " in terminal.run("doctor")


def _unpacked(path: Path) -> bytes:
    """Return what is in a file, with the columns of tables and packed lines as they are read."""
    data = path.read_bytes()
    if path.suffix == ".parquet":
        return data + repr(pq.read_table(path).to_pylist()).encode()
    return data + gzip.decompress(data) if path.suffix == ".gz" else data
