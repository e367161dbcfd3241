"""Which process is which, among all machines and containers that share a ledger or a Dagster instance.

A host name and a process id name nothing for certain: containers share host names, each counts its processes from 1, and ids
come round again. A process is therefore named with where its id holds (this boot of this machine, this id namespace) and with
when it started; only of a process in the same place is it known whether it has ended.
"""

import hashlib
import os
import socket
import uuid
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """A process; ``started`` is empty where that is not known. As a string it is host:pid:place:started."""

    host: str
    pid: int
    place: str
    started: str

    @classmethod
    def current(cls) -> "Process":
        """Return this process."""
        return cls.here(os.getpid(), _started(os.getpid()) or "")

    @classmethod
    def here(cls, pid: int, started: str = "") -> "Process":
        """Return the process of this place with an id."""
        return cls(socket.gethostname(), pid, _place(), started)

    @classmethod
    def parse(cls, text: str) -> "Process | None":
        """Return the process that a string names; ``None`` when it names none."""
        host, *rest = text.rsplit(":", 3)
        if len(rest) != 3 or not rest[0].isdecimal():
            return None
        return cls(host, int(rest[0]), rest[1], rest[2])

    def __str__(self) -> str:
        return f"{self.host}:{self.pid}:{self.place}:{self.started}"

    @property
    def is_here(self) -> bool:
        """Whether it can be looked for from this process."""
        return self.place == _place()

    @property
    def has_ended(self) -> bool:
        """Whether it is certain to have ended; of a process that is elsewhere nothing is."""
        if not self.is_here:
            return False
        started = _started(self.pid)
        return started is None or bool(self.started and started and started != self.started)


@cache
def _place() -> str:
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        place = f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:  # no Linux
        place = f"{uuid.getnode()} {socket.gethostname()}"
    return hashlib.sha256(place.encode()).hexdigest()[:12]


def _started(pid: int) -> str | None:
    """Return when a process of this place started, in ticks since the boot; empty if unknown, ``None`` if it has ended."""
    if not (_PROC / "self/stat").exists():
        return "" if _exists(pid) else None
    try:
        fields = (_PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # A zombie has ended, and only its parent has not asked how.
    return None if fields[0] in "ZX" else fields[19]


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
