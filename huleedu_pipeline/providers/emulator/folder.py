"""The state folder on disk: where file contents and job inputs lie, and how bytes get there without being half there.

Not here: the database beside them (``store``). Contents are complete before a row names them and removed after the row
is gone; what a kill leaves without a row is swept at the next start.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


class StateFolder:
    """Paths within one state folder; creates what is missing."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.database = root / "emulator.sqlite"
        self._files = root / "files"
        self._jobs = root / "jobs"
        self._spool = root / "spool"
        for path in (self._files, self._jobs, self._spool):
            path.mkdir(parents=True, exist_ok=True)

    def file(self, file_id: str) -> Path:
        """Return the path of a file's content."""
        return self._files / file_id

    def job_input(self, job_id: str) -> Path:
        """Return the path of the request lines that a job still has to run."""
        return self._jobs / f"{job_id}.jsonl"

    def new_spool(self) -> Path:
        """Return an unused path for bytes in transit, on the same file system as their final place."""
        return self._spool / secrets.token_hex(12)

    @contextmanager
    def spooled(self) -> Iterator[Path]:
        """Give a path for bytes in transit and remove what is left there in the end."""
        path = self.new_spool()
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def keep(self, spooled: Path, final: Path) -> None:
        """Move a finished spool file to its final place; complete and on the disk when this returns."""
        with spooled.open("rb") as content:
            os.fsync(content.fileno())
        spooled.replace(final)
        folder = os.open(final.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def write(self, final: Path, fill: Callable[[BinaryIO], None]) -> None:
        """Let ``fill`` write a new file and put it in its final place only when it is whole."""
        with self.spooled() as spooled:
            with spooled.open("wb") as sink:
                fill(sink)
            self.keep(spooled, final)

    def share_as_job_input(self, file_id: str, job_id: str) -> None:
        """Give a job its own hold on a file's content, so that deleting the file does not starve the job."""
        os.link(self.file(file_id), self.job_input(job_id))

    def sweep(self, file_ids: set[str], open_job_ids: set[str]) -> None:
        """Remove contents that no row names: what a kill left between writing them and acknowledging them."""
        for path in self._spool.iterdir():
            path.unlink()
        for path in self._files.iterdir():
            if path.name not in file_ids:
                path.unlink()
        for path in self._jobs.iterdir():
            if path.stem not in open_job_ids:
                path.unlink()
