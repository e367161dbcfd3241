"""What was written is found again by batch, level and time, and what comes is read as it comes."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from huleedu_pipeline.logs.reading import LogReader, Wanted

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def write(folder: Path, name: str, *lines: dict[str, Any] | str) -> None:
    with (folder / name).open("a", encoding="utf-8") as file:
        for line in lines:
            file.write(line if isinstance(line, str) else json.dumps(line) + "\n")


def line(event: str, *, hours: float = 0, level: str = "info", **fields: str) -> dict[str, Any]:
    return {"timestamp": (NOW + timedelta(hours=hours)).isoformat(), "level": level, "event": event, **fields}


def events(reader: LogReader) -> list[str]:
    return [str(found["event"]) for found in reader.read()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "2026-11-19.m.001.jsonl", line("yesterday", hours=-24, batch_id="b1", correlation_id="c-1"))
    write(
        tmp_path,
        "2026-11-20.m.001.jsonl",
        line("second", hours=1, batch_id="b1", correlation_id="c-1", level="warning"),
        line("other", hours=1.5, batch_id="b2", level="error"),
    )
    write(tmp_path, "2026-11-20.n.001.jsonl", line("first", batch_id="b1", correlation_id="c-1"))
    return tmp_path


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), ["yesterday", "first", "second", "other"]),
        (Wanted(about="b1"), ["yesterday", "first", "second"]),
        (Wanted(about="c-1"), ["yesterday", "first", "second"]),
        (Wanted(about="c-2"), []),
        (Wanted(level="warning"), ["second", "other"]),
        (Wanted(level="error"), ["other"]),
        (Wanted(since=NOW), ["first", "second", "other"]),
        (Wanted(about="b1", since=NOW + timedelta(minutes=1)), ["second"]),
    ],
)
def test_lines_are_chosen_and_in_the_order_of_their_time(folder: Path, wanted: Wanted, found: list[str]) -> None:
    assert events(LogReader(folder, wanted)) == found


def test_each_line_is_read_once_and_when_it_is_whole(folder: Path) -> None:
    reader = LogReader(folder, Wanted())
    assert len(events(reader)) == 4
    half = json.dumps(line("late", hours=2))
    write(folder, "2026-11-20.m.001.jsonl", half[:20])
    assert events(reader) == []
    write(folder, "2026-11-20.m.001.jsonl", half[20:] + "\n")
    write(folder, "2026-11-20.m.002.jsonl", line("later", hours=3))
    assert events(reader) == ["late", "later"]
    assert events(reader) == []


@pytest.mark.parametrize("broken", ["{", "[]", '{"event": "x"}', '{"timestamp": "now", "level": "info", "event": "x"}', "\xff"])
def test_what_is_no_line_is_counted_and_left_out(folder: Path, broken: str) -> None:
    write(folder, "2026-11-20.m.001.jsonl", broken + "\n", line("last", hours=2))
    reader = LogReader(folder, Wanted())
    assert events(reader)[-1] == "last"
    assert reader.n_unreadable == 1


def test_where_nothing_was_written_there_is_nothing_to_read(tmp_path: Path) -> None:
    assert events(LogReader(tmp_path / "nowhere", Wanted())) == []
