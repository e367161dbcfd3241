"""What survives SIGKILL, who may write, and how a server ends."""

from __future__ import annotations

from pathlib import Path

import openai
import pytest

from huleedu_pipeline.providers.emulator.config import EmulatorConfig
from huleedu_pipeline.providers.emulator.errors import EmulatorError
from huleedu_pipeline.providers.emulator.service import Emulator

from .conftest import ServerMaker
from .kit import CLAUDE, PLAIN, RICH, ended, finished, jsonl, line, prompt, read_results, submit

PROMPT = prompt(PLAIN, RICH)


def test_kill_and_restart_lose_nothing_acknowledged(new_server: ServerMaker) -> None:
    server = new_server(seconds_per_job=0.4)
    gpt, claude = server.openai(), server.anthropic()
    settled = finished(gpt, submit(gpt, jsonl([line("a", PROMPT)])).id)
    settled_results = read_results(gpt, settled.output_file_id)
    running = submit(gpt, jsonl([line(f"r{n}", PROMPT) for n in range(5)]), metadata={"run": "r1"})
    waiting = claude.messages.batches.create(
        requests=[
            {
                "custom_id": "m",
                "params": {"model": CLAUDE, "max_tokens": 300, "messages": [{"role": "user", "content": PROMPT}]},
            }
        ]
    )
    upload = gpt.files.create(file=("late.jsonl", jsonl([line("z", PROMPT)])), purpose="batch")
    before = server.ledger()
    server.kill()
    server.start()
    after = server.ledger()
    assert after["calls"] == before["calls"]
    assert after["requests_judged"] >= before["requests_judged"] >= 1
    assert [job["id"] for job in after["jobs"]] == [settled.id, running.id, waiting.id]
    gpt, claude = server.openai(), server.anthropic()
    assert gpt.batches.retrieve(settled.id) == settled
    assert read_results(gpt, settled.output_file_id) == settled_results
    assert gpt.files.content(upload.id).read() == jsonl([line("z", PROMPT)])
    resumed = finished(gpt, running.id)
    assert (resumed.status, resumed.metadata, resumed.created_at) == ("completed", {"run": "r1"}, running.created_at)
    results = read_results(gpt, resumed.output_file_id)
    assert results.keys() == {f"r{n}" for n in range(5)}
    assert ended(claude, waiting.id).request_counts.succeeded == 1
    server.kill()
    server.start()
    assert read_results(server.openai(), resumed.output_file_id) == results
    assert [row.result.type for row in server.anthropic().messages.batches.results(waiting.id)] == ["succeeded"]
    assert server.ledger()["requests_judged"] == 7


def test_what_was_never_acknowledged_is_swept(tmp_path: Path) -> None:
    emulator = Emulator(EmulatorConfig(state_dir=tmp_path, seconds_per_job=1))
    folder = emulator.store.folder
    folder.job_input("batch_orphan").write_bytes(b"{}")
    folder.file("orphan").write_bytes(b"left by a kill")
    folder.new_spool().write_bytes(b"half an upload")
    emulator.close()
    again = Emulator(EmulatorConfig(state_dir=tmp_path, seconds_per_job=1))
    left = [path for part in ("files", "jobs", "spool") for path in (tmp_path / part).iterdir()]
    again.close()
    assert left == []


def test_settling_twice_is_settling_once(tmp_path: Path) -> None:
    emulator = Emulator(EmulatorConfig(state_dir=tmp_path, seconds_per_job=1))
    requests = [
        {
            "custom_id": f"m{n}",
            "params": {"model": CLAUDE, "max_tokens": 300, "messages": [{"role": "user", "content": PROMPT}]},
        }
        for n in range(3)
    ]
    job = emulator.anthropic.create({"requests": requests}, "2026-10-21", now=1000.0)
    first = emulator.anthropic.look(job.id, now=1001.0)
    results = emulator.store.folder.file(job.id).read_bytes()
    second = emulator.anthropic.look(job.id, now=5000.0)
    assert first.settlement is not None
    assert first.settlement == second.settlement
    emulator.store.record_settlement(first, first.settlement)
    assert emulator.store.folder.file(job.id).read_bytes() == results
    assert emulator.store.counters("requests_judged") == {"all": 3}
    emulator.close()


def test_one_writer_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huleedu_pipeline.providers.emulator.store.WRITER_WAIT_SECONDS", 0.1)
    first = Emulator(EmulatorConfig(state_dir=tmp_path))
    with pytest.raises(EmulatorError, match="another emulator is writing"):
        Emulator(EmulatorConfig(state_dir=tmp_path))
    first.close()
    Emulator(EmulatorConfig(state_dir=tmp_path)).close()


def test_the_server_ends_when_idle_and_on_request(new_server: ServerMaker) -> None:
    idle = new_server("--idle-exit-seconds", "0.5")
    assert idle.process is not None
    assert idle.process.wait(timeout=10) == 0
    asked = new_server()
    asked.openai().models.list()
    assert asked.stop() == 0
    with pytest.raises(openai.APIConnectionError):
        asked.openai().models.list()
