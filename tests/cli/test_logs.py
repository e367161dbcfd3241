"""`huleedu logs` as a user types it."""

import json
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from huleedu_pipeline import logs
from huleedu_pipeline.cli.app import app
from huleedu_pipeline.cli.instants import instant_of
from huleedu_pipeline.logs import events
from huleedu_pipeline.logs.reading import LogReader, Wanted
from huleedu_pipeline.settings import Settings


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """An installation in which something happened to two batches."""
    monkeypatch.setenv("HULEEDU_HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    made = Settings.load()
    logs.begin(lambda: made, command="run")
    events.BATCH_REGISTERED.tell(batch_id="b1", correlation_id="c-1", n_essays=5, n_anchors=3)
    events.JOB_QUARANTINED.tell(batch_id="b1", correlation_id="c-1", job="hj_1")
    events.BATCH_REGISTERED.tell(batch_id="b2", n_essays=2, n_anchors=0)
    logs.writing.end()
    return made


def shown(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["logs", *arguments])


def test_lines_are_shown_for_people_and_passed_on_as_they_were_written(place: Settings) -> None:
    told = shown("b1").stdout.splitlines()
    assert [line.split("  ", 1)[1] for line in told] == [
        "INFO     b1  batch_registered  command=run  n_essays=5  n_anchors=3",
        "ERROR    b1  job_quarantined  command=run  job=hj_1",
    ]
    (path,) = place.logs_dir.iterdir()
    assert shown("--format", "json").stdout == path.read_text(encoding="utf-8")
    assert [json.loads(line)["batch_id"] for line in shown("--format", "json", "c-1").stdout.splitlines()] == ["b1", "b1"]
    assert shown("--level", "error").stdout.count("\n") == 1
    assert shown("--since", "1h").stdout.count("\n") == 4


def test_when_nothing_is_found_or_a_line_is_not_whole_it_is_said(place: Settings) -> None:
    assert shown("b3").stderr == "no such line in the log\n"
    (path,) = place.logs_dir.iterdir()
    path.write_bytes(path.read_bytes()[:-9] + b"\n")
    told = shown("b1")
    assert told.stdout.count("\n") == 2
    assert told.stderr == "1 lines are not whole, because a process ended while it wrote them\n"


def test_lines_that_come_are_followed(place: Settings) -> None:
    lines = LogReader(place.logs_dir, Wanted(about="b1")).follow()
    assert [line["event"] for line in islice(lines, 2)] == ["batch_registered", "job_quarantined"]
    logs.begin(lambda: place, command="run")
    events.BATCH_PUBLISHED.tell(batch_id="b1")
    assert next(lines)["event"] == "batch_published"


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T18:30", datetime(2026, 11, 20, 18, 30, tzinfo=UTC)),
        ("2026-11-20T18:30+01:00", datetime(2026, 11, 20, 17, 30, tzinfo=UTC)),
    ],
)
def test_an_instant_is_typed_as_a_day_or_a_time(text: str, instant: datetime) -> None:
    assert instant_of(text) == instant


@pytest.mark.parametrize(("text", "ago"), [("90s", 90), ("45m", 2700), ("2h", 7200), ("7d", 604800)])
def test_an_instant_is_typed_as_how_long_ago(text: str, ago: int) -> None:
    before = datetime.now(UTC)
    found = instant_of(text)
    assert before <= found + timedelta(seconds=ago) <= datetime.now(UTC)


@pytest.mark.parametrize("text", ["yesterday", "2 h", "2w", "-1h", "999999d", ""])
def test_what_is_no_instant_is_refused(text: str) -> None:
    told = shown("--since", text)
    assert told.exit_code == 2
    assert "is no time like 2h" in " ".join(told.stderr.replace("│", " ").split())
