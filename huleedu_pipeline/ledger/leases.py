"""Leases: only one process at a time spends money on a batch.

A lease is a row with an owner and an end. Its holder renews it while it works; when the holder dies, the lease ends by
itself, and at once where another process on the same machine can see that the holder is gone.
"""

import os
import secrets
import socket
import threading
from datetime import UTC, datetime, timedelta
from types import TracebackType

import sqlalchemy as sa

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.ledger.schema import leases

LEASE_SECONDS = 120


class BusyError(HuleeduError):
    """Another process holds the lease."""


class Lease:
    """A context manager that holds the lease ``name``, renewing it from a thread until it is released."""

    def __init__(self, engine: sa.Engine, name: str) -> None:
        self._engine = engine
        self._name = name
        self._owner = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._done = threading.Event()
        self._renewer = threading.Thread(target=self._renew, name=f"lease {name}", daemon=True)

    def __enter__(self) -> "Lease":
        """Take the lease.

        Raises:
            BusyError: a living process holds it; the message names it.

        """
        now = datetime.now(UTC)
        mine = {"owner": self._owner, "until": now + timedelta(seconds=LEASE_SECONDS)}
        with self._engine.begin() as connection:
            row = connection.execute(sa.select(leases).where(leases.c.name == self._name)).mappings().one_or_none()
            if row is None:
                connection.execute(leases.insert().values(name=self._name, **mine))
            elif row["until"] < now or _is_gone(row["owner"]):
                connection.execute(leases.update().where(leases.c.name == self._name).values(**mine))
            else:
                raise BusyError(
                    f"batch {self._name}: process {row['owner']} is working on it (wait for it; if it is stuck, end it, "
                    f"and the batch is free by {row['until']:%H:%M:%S} UTC)"
                )
        self._renewer.start()
        return self

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
        with self._engine.begin() as connection:
            owner = connection.scalar(sa.select(leases.c.owner).where(leases.c.name == self._name))
        if owner != self._owner:
            raise BusyError(
                f"batch {self._name}: this process was held up, and {owner or 'nobody'} has the lease now (run again)"
            )

    def _renew(self) -> None:
        while not self._done.wait(LEASE_SECONDS / 4):
            until = datetime.now(UTC) + timedelta(seconds=LEASE_SECONDS)
            with self._engine.begin() as connection:
                mine = (leases.c.name == self._name, leases.c.owner == self._owner)
                connection.execute(leases.update().where(*mine).values(until=until))


def _is_gone(owner: str) -> bool:
    """Whether the owner ran on this machine and has ended; of another machine's process nothing is known."""
    host, pid, _ = owner.rsplit(":", 2)
    if host != socket.gethostname():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False
