"""Reading the logs back: which lines there are about a batch, from when on, and how bad, and the lines that come.

A line that is not whole (its process was killed, the disk was full) is counted and left out. Not here: how a line is shown.
"""

import json
import logging
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from huleedu_pipeline.logs.files import LogFile, log_files

LOOK_SECONDS = 0.5
LEVELS = logging.getLevelNamesMapping()

Line = Mapping[str, Any]


@dataclass(frozen=True)
class Wanted:
    """Which lines: of a batch (by its id or its correlation id), at least so bad, not older than an instant."""

    about: str | None = None
    level: str = "info"
    since: datetime | None = None

    def takes(self, line: Line) -> bool:
        """Whether ``line`` is one of them."""
        if self.about is not None and self.about not in (line.get("batch_id"), line.get("correlation_id")):
            return False
        if LEVELS[line["level"].upper()] < LEVELS[self.level.upper()]:
            return False
        return self.since is None or datetime.fromisoformat(line["timestamp"]) >= self.since


class LogReader:
    """Reads the lines of a folder, each once; ``n_unreadable`` counts those that were not whole."""

    def __init__(self, folder: Path, wanted: Wanted) -> None:
        self.n_unreadable = 0
        self._folder = folder
        self._wanted = wanted
        self._offsets: dict[Path, int] = {}

    def read(self) -> Iterator[Line]:
        """Yield the lines that were written since the last reading, in the order of their time within each day."""
        since = None if self._wanted.since is None else self._wanted.since.astimezone(UTC).date()
        for day, files in groupby(log_files(self._folder), key=lambda file: file.day):
            if since is None or day >= since:
                found = [line for file in files for line in self._new_lines(file) if self._wanted.takes(line)]
                yield from sorted(found, key=lambda line: str(line["timestamp"]))

    def follow(self) -> Iterator[Line]:
        """Yield all lines, and then those that come, for ever."""
        while True:
            yield from self.read()
            time.sleep(LOOK_SECONDS)

    def _new_lines(self, file: LogFile) -> Iterator[Line]:
        try:
            with file.path.open("rb") as stream:
                stream.seek(self._offsets.get(file.path, 0))
                new = stream.read()
        except FileNotFoundError:  # too old by now, and removed
            return
        whole, end, _ = new.rpartition(b"\n")
        self._offsets[file.path] = self._offsets.get(file.path, 0) + len(whole) + len(end)
        for raw in whole.splitlines():
            line = _line(raw)
            if line is None:
                self.n_unreadable += 1
            else:
                yield line


def _line(raw: bytes) -> Line | None:
    try:
        line = json.loads(raw)
        datetime.fromisoformat(line["timestamp"])
        is_line = line["level"].upper() in LEVELS and isinstance(line["event"], str)
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return line if is_line else None
