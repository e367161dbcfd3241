"""Leases: only one process at a time spends money on a batch.

A lease is a row with an owner and an end, by the clock of the database where it has one. Its holder renews it while it works;
when the holder dies, on whichever machine, the lease ends by itself, and at once where it can be seen that the holder is gone.
"""

import secrets
import threading
import time
from datetime import UTC, datetime, timedelta
from types import TracebackType

import sqlalchemy as sa

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.ledger.schema import leases
from huleedu_pipeline.processes import Process

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
        self._owner = f"{Process.current()}:{secrets.token_hex(4)}"
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
        with self._engine.begin() as connection:
            now = _now(connection)
            mine = {"owner": self._owner, "until": now + timedelta(seconds=LEASE_SECONDS)}
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
        """Check, right before money is spent, that the lease is still this process's, and will be for a while.

        Raises:
            BusyError: it ran out while this process stood still, and another took it.

        """
        with self._engine.connect().execution_options(huleedu_read_only=True) as connection:
            row = connection.execute(sa.select(leases).where(leases.c.name == self._name)).mappings().one_or_none()
            left = None if row is None else row["until"] - _now(connection)
        if row is None or row["owner"] != self._owner:
            owner = "nobody" if row is None else row["owner"]
            raise BusyError(f"{self._name}: this process was held up, and {owner} has the lease now (run again)")
        # One that nobody has taken yet may have run out: whoever comes next must find that it has not.
        if left is not None and left < timedelta(seconds=LEASE_SECONDS / 2) and not self._prolong():
            raise BusyError(f"{self._name}: this process was held up, and has just lost the lease (run again)")

    def _renew(self) -> None:
        while not self._done.wait(LEASE_SECONDS / 4):
            try:
                self._prolong()
            except sa.exc.OperationalError:
                continue  # the database is busy: the lease still runs, and the next renewal is soon

    def _prolong(self) -> bool:
        mine = (leases.c.name == self._name, leases.c.owner == self._owner)
        with self._engine.begin() as connection:
            until = _now(connection) + timedelta(seconds=LEASE_SECONDS)
            return connection.execute(leases.update().where(*mine).values(until=until)).rowcount == 1


def _now(connection: sa.Connection) -> datetime:
    """Return the time on the one clock that all holders go by: the server's, or this machine's with SQLite."""
    if connection.dialect.name == "sqlite":
        return datetime.now(UTC)
    now: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return now.astimezone(UTC)


def _is_gone(owner: str) -> bool:
    process = Process.parse(owner.rpartition(":")[0])
    return process is not None and process.has_ended
