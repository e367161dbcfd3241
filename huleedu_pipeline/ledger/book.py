"""What every part of the ledger stands on: the database, read and write transactions, leases, and small helpers."""

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from huleedu_pipeline.ledger.attempts import CHUNK, FINAL, OPEN, batched
from huleedu_pipeline.ledger.database import READ_ONLY, open_engine
from huleedu_pipeline.ledger.leases import Lease
from huleedu_pipeline.ledger.schema import attempts, requests

HAS_ENDED = sa.exists().where(attempts.c.custom_id == requests.c.custom_id, FINAL)
IS_BEING_ASKED = sa.exists().where(attempts.c.custom_id == requests.c.custom_id, OPEN, attempts.c.job_token.is_not(None))


class Book:
    """The database at ``url``, migrated on opening."""

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()

    def lease(self, name: str, *, wait_seconds: float = 0.0) -> AbstractContextManager[Lease]:
        """Hold the lease ``name`` so that no other process does the same work; see :class:`Lease`."""
        return Lease(self.engine, name, wait_seconds)

    def read(self) -> Connection:
        """Return a connection for reading, which waits for no writer."""
        return self.engine.connect().execution_options(**READ_ONLY)


def add_missing(connection: Connection, table: sa.Table, key: str, rows: Iterable[Mapping[str, Any]]) -> int:
    """Insert the rows whose key is not there yet, and return how many they were."""
    new = 0
    for chunk in batched(rows, CHUNK):
        ids = [row[key] for row in chunk]
        known = set(connection.scalars(sa.select(table.c[key]).where(table.c[key].in_(ids))))
        fresh = [row for row in chunk if row[key] not in known]
        if fresh:
            connection.execute(table.insert(), fresh)
        new += len(fresh)
    return new


def count(connection: Connection, table: sa.Table, condition: sa.ColumnElement[bool]) -> int:
    """Return how many rows of ``table`` satisfy ``condition``."""
    return int(connection.execute(sa.select(sa.func.count()).select_from(table).where(condition)).scalar_one())
