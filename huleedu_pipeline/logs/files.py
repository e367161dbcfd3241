"""The files of the logs: one for each day and machine, in parts, appended to by all processes of the machine at once.

A line is one ``write`` to a file opened for appending, which the operating system keeps whole however many processes write.
The name says the day and the part, so no file is ever renamed: a full part is simply not written to any more, and every
process finds the next one by itself. That is why there is no rotation that two processes could get wrong, and no file for
each of the thousands of short processes that run batches. Appending is whole on one machine only, so each has its own files.
"""

import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

PART_BYTES = 10 * 2**20
SUFFIX = ".jsonl"
_NAME = re.compile(r"^(\d{4}-\d{2}-\d{2})\.([^.]+)\.(\d{3,})\.jsonl$")


@dataclass(frozen=True, order=True)
class LogFile:
    """One file; ordered by day, machine and part."""

    day: date
    machine: str
    part: int
    path: Path


def log_files(folder: Path) -> list[LogFile]:
    """Return the files of the logs in ``folder``, oldest first; none where there is no such folder."""
    return sorted(_found(folder))


def _found(folder: Path) -> Iterator[LogFile]:
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        if match := _NAME.match(path.name):
            yield LogFile(date.fromisoformat(match[1]), match[2], int(match[3]), path)


class DailyFiles:
    """Appends lines to today's file; one object for each process, used under the handler's lock."""

    def __init__(self, folder: Path, *, most_bytes: int, most_days: int, part_bytes: int = PART_BYTES) -> None:
        """Files in ``folder``: at most about ``most_bytes`` in all and ``most_days`` old; a part ends at ``part_bytes``."""
        self._folder = folder
        self._most_bytes = most_bytes
        self._most_days = most_days
        self._part_bytes = part_bytes
        self._machine = re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname()) or "machine"
        self._day: date | None = None
        self._descriptor: int | None = None

    def append(self, line: bytes, at: datetime) -> None:
        """Append ``line``, which ends in a line feed, to the file of the day of ``at``.

        Raises:
            OSError: it can not be written, or not whole.

        """
        descriptor = self._opened(at.astimezone(UTC).date())
        if os.write(descriptor, line) != len(line):
            raise OSError(f"{self._folder}: a line was not written whole")

    def close(self) -> None:
        """Let go of the file."""
        if self._descriptor is not None:
            os.close(self._descriptor)
        self._descriptor = None

    def _opened(self, day: date) -> int:
        if self._descriptor is not None and self._day == day:
            state = os.fstat(self._descriptor)
            if state.st_nlink and state.st_size < self._part_bytes:
                return self._descriptor
        self.close()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.chmod(0o700)
        known = [file for file in log_files(self._folder) if (file.day, file.machine) == (day, self._machine)]
        part = 1
        if known:
            is_full = known[-1].path.stat().st_size >= self._part_bytes
            part = known[-1].part + 1 if is_full else known[-1].part
        path = self._folder / f"{day.isoformat()}.{self._machine}.{part:03d}{SUFFIX}"
        self._day = day
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._prune(day)
        return self._descriptor

    def _prune(self, today: date) -> None:
        """Remove the oldest files until what is left is young and small enough; the newest always stays."""
        newest_first = log_files(self._folder)[::-1]
        n_bytes = 0
        for file in newest_first:
            n_bytes += _size(file.path)
            is_old = today - file.day > timedelta(days=self._most_days)
            if file is not newest_first[0] and (is_old or n_bytes > self._most_bytes):
                file.path.unlink(missing_ok=True)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:  # another process was faster
        return 0
