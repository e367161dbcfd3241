"""Leases: only one process at a time spends money on a batch.

A lease is a row with an owner and an end. Its holder renews it while it works; when the holder dies, the lease ends by
itself, and at once where another process on the same machine can see that the holder is gone.
"""

import os
import secrets
import socket
import threading
import time
from datetime import UTC, datetime, timedelta
from types import TracebackType

import sqlalchemy as sa

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.ledger.schema import leases

LEASE_SECONDS = 120
WAIT_STEP_SECONDS = 0.5


class BusyError(HuleeduError):
    """Another process holds the lease."""


class Lease:
    """A context manager that holds the lease ``name``, renewing it from a thread until it is released."""

    def __init__(self, engine: sa.Engine, name: str, wait_seconds: float = 0.0) -> None:
        self._engine = engine
        self._wait_seconds = wait_seconds
        self._name = name
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._done = threading.Event()
        self._renewer = threading.Thread(target=self._renew, name=f"lease {name}", daemon=True)

    def __enter__(self) -> "Lease":
        """Take the lease, waiting for it as long as was asked for.

        Raises:
            BusyError: a living process holds it; the message names it.

        """
        deadline = time.monotonic() + self._wait_seconds
        while (busy := self._take()) is not None:
            if time.monotonic() >= deadline:
                raise busy
            time.sleep(WAIT_STEP_SECONDS)
        self._renewer.start()
        return self

    def _take(self) -> BusyError | None:
        now = datetime.now(UTC)
        mine = {"owner": self._owner, "until": now + timedelta(seconds=LEASE_SECONDS)}
        with self._engine.begin() as connection:
            row = connection.execute(sa.select(leases).where(leases.c.name == self._name)).mappings().one_or_none()
            if row is None:
                connection.execute(leases.insert().values(name=self._name, **mine))
            elif row["until"] < now or _is_gone(row["owner"]):
                same = (leases.c.name == self._name, leases.c.owner == row["owner"])
                if connection.execute(leases.update().where(*same).values(**mine)).rowcount != 1:
                    return BusyError(f"{self._name}: another process took the lease in the same moment (run again)")
            else:
                return BusyError(
                    f"{self._name}: process {row['owner']} is working on it (wait for it; if it is stuck, end it, "
                    f"and the work is free by {row['until']:%H:%M:%S} UTC)"
                )
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._done.set()
        self._renewer.join()
        with self._engine.begin() as connection:
            connection.execute(leases.delete().where(leases.c.name == self._name, leases.c.owner == self._owner))

    def ensure_held(self) -> None:
        """Check, right before money is spent, that the lease is still this process's.

        Raises:
            BusyError: it ran out while this process stood still, and another took it.

        """
        with self._engine.connect().execution_options(huleedu_read_only=True) as connection:
            owner = connection.scalar(sa.select(leases.c.owner).where(leases.c.name == self._name))
        if owner != self._owner:
            raise BusyError(f"{self._name}: this process was held up, and {owner or 'nobody'} has the lease now (run again)")

    def _renew(self) -> None:
        while not self._done.wait(LEASE_SECONDS / 4):
            until = datetime.now(UTC) + timedelta(seconds=LEASE_SECONDS)
            mine = (leases.c.name == self._name, leases.c.owner == self._owner)
            try:
                with self._engine.begin() as connection:
                    connection.execute(leases.update().where(*mine).values(until=until))
            except sa.exc.OperationalError:
                continue  # the database is busy: the lease still runs, and the next renewal is soon


def _is_gone(owner: str) -> bool:
    """Whether the owner ran on this machine and has ended; of another machine's process nothing is known."""
    host, pid, _ = owner.rsplit(":", 2)
    return host == socket.gethostname() and not is_alive(int(pid))


def is_alive(pid: int) -> bool:
    """Whether a process of this machine is running."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
