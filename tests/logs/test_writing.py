"""A line holds declared fields and what is bound, in threads too, and nothing else; and it never stops anything."""

import asyncio
import json
import logging
import stat
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from huleedu_pipeline import logs
from huleedu_pipeline.ledger import BatchStatus
from huleedu_pipeline.logs import events
from huleedu_pipeline.logs.writing import readable
from huleedu_pipeline.settings import Settings
from tests.logs.kit import lines_in

SECRET = "Anna Zqvist"


def test_a_line_has_its_fields_what_is_bound_and_when_and_where_it_was_written(place: Settings) -> None:
    with logs.bound(batch_id="b1", correlation_id="c-1", mode="per_request"):
        events.BATCH_STATE_CHANGED.tell(from_state=BatchStatus.PENDING, to_state=BatchStatus.CANCELLED)
    (line,) = lines_in(place.logs_dir)
    assert datetime.fromisoformat(line.pop("timestamp")).tzinfo == UTC
    assert isinstance(line.pop("pid"), int)
    assert line == {
        "level": "info",
        "event": "batch_state_changed",
        "batch_id": "b1",
        "correlation_id": "c-1",
        "mode": "per_request",
        "command": "test",
        "run_id": "run-1",
        "from_state": "pending",
        "to_state": "cancelled",
    }


def test_what_is_bound_inside_goes_before_and_ends_with_its_block(place: Settings) -> None:
    with logs.bound(batch_id="b1", backend="emulator"):
        with logs.bound(batch_id="b2", backend=None):
            events.BATCH_PUBLISHED.tell()
        events.BATCH_PUBLISHED.tell(batch_id="b3")
        events.BATCH_PUBLISHED.tell()
    events.BATCH_PUBLISHED.tell()
    told = [(line.get("batch_id"), line.get("backend")) for line in lines_in(place.logs_dir)]
    assert told == [("b2", "emulator"), ("b3", "emulator"), ("b1", "emulator"), (None, None)]


def test_what_is_bound_follows_into_tasks_and_their_threads(place: Settings) -> None:
    async def one(batch_id: str) -> None:
        with logs.bound(batch_id=batch_id):
            await asyncio.sleep(0)
            await asyncio.to_thread(events.BATCH_PUBLISHED.tell)

    async def both() -> None:
        await asyncio.gather(one("b1"), one("b2"))

    asyncio.run(both())
    assert sorted(line["batch_id"] for line in lines_in(place.logs_dir)) == ["b1", "b2"]


class Foreign:
    """Something that is no plain value, and says a name when it is shown."""

    def __str__(self) -> str:
        return SECRET

    __repr__ = __str__


def test_nothing_but_declared_plain_values_is_written(place: Settings) -> None:
    odd: dict[str, Any] = {"text": SECRET, "from_state": Foreign(), "to_state": [SECRET]}
    events.BATCH_STATE_CHANGED.tell(**odd)
    events.JOB_CREATED.tell(job="x" * 5000, estimated_cost_usd=float("nan"), n_requests=3)
    events.BATCH_PUBLISHED.tell(batch_id="caf\udce9")
    first, second, third = lines_in(place.logs_dir)
    assert third["batch_id"] == "caf\udce9"
    assert (first["from_state"], first["to_state"], "text" in first) == ("Foreign", "list", False)
    assert (len(second["job"]), second["estimated_cost_usd"], second["n_requests"]) == (300, None, 3)
    assert SECRET not in "".join(path.read_text() for path in place.logs_dir.iterdir())


class Kept(logging.Handler):
    """Keeps what reaches it."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


def test_only_events_are_written_and_nothing_is_passed_on(place: Settings) -> None:
    root, kept = logging.getLogger(), Kept()
    root.addHandler(kept)
    logging.getLogger("huleedu").warning("a plain message about %s", SECRET)
    logging.getLogger("openai").error("a library's message about %s", SECRET)
    events.BATCH_PUBLISHED.tell(batch_id="b1")
    assert [line["event"] for line in lines_in(place.logs_dir)] == ["batch_published"]
    root.removeHandler(kept)
    assert kept.messages == [f"a plain message about {SECRET}", f"a library's message about {SECRET}"]


def test_files_are_the_users_own_and_begin_with_who_writes(place: Settings) -> None:
    events.BATCH_PUBLISHED.tell()
    (path,) = place.logs_dir.iterdir()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(place.logs_dir.stat().st_mode) == 0o700
    first = json.loads(path.read_text().splitlines()[0])
    assert (first["event"], first["command"], first["run_id"]) == ("runner_invocation", "test", "run-1")
    assert first["version"]


def test_an_installation_that_is_not_there_gets_no_log(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "nowhere")
    logs.begin(lambda: settings, command="test")
    events.BATCH_PUBLISHED.tell()
    assert not settings.home.exists()


def test_a_log_that_can_not_be_written_is_told_once_and_stops_nothing(
    place: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    place.logs_dir.write_text("in the way")
    events.BATCH_PUBLISHED.tell()
    events.BATCH_PUBLISHED.tell()
    assert capsys.readouterr().err == "WARNING: the log can not be written: File exists (the work goes on)\n"


def test_settings_that_can_not_be_used_stop_no_event(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HULEEDU_LOG_DAYS", "no number")
    logs.begin(Settings.load, command="test")
    events.COMMAND_FAILED.tell(error_type="SettingsError")
    assert capsys.readouterr().err == ""


def test_verbose_lines_are_for_people(place: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    logs.begin(lambda: place, command="run", is_verbose=True)
    events.LANE_OPENED.tell(batch_id="b1", correlation_id="c-1", provider="openai", model="m")
    (line,) = lines_in(place.logs_dir)
    shown = capsys.readouterr().err
    assert shown == readable(line) + "\n"
    assert shown.endswith("  WARNING  b1  lane_opened  command=run  provider=openai  model=m\n")


def test_a_rehearsal_is_written_down_in_its_own_home(place: Settings) -> None:
    events.BATCH_PUBLISHED.tell(batch_id="b1")
    own = place.model_copy(update={"home": place.home / "dry-run"})
    own.home.mkdir()
    logs.lead_to(own)
    events.BATCH_PUBLISHED.tell(batch_id="b2")
    told = [(line["batch_id"], line["command"]) for folder in (place, own) for line in lines_in(folder.logs_dir)]
    assert told == [("b1", "test"), ("b2", "test")]


def test_what_was_simulated_is_called_so(place: Settings) -> None:
    for backend in ("emulator", "provider"):
        events.JOB_COLLECTED.tell(batch_id="b1", backend=backend, cost_usd=1.5)
    simulated, real = (readable(line) for line in lines_in(place.logs_dir))
    assert simulated.endswith("  INFO     b1  job_collected  SIMULATED  command=test  cost_usd=1.5")
    assert real.endswith("  INFO     b1  job_collected  command=test  cost_usd=1.5")
