"""The warehouse in Postgres: the lake published in the schema ``warehouse``.

Each batch is replaced in one transaction, so an analyst sees a batch of old or of new and never a part of it, and a writer that
is killed leaves what was there; nobody waits for a reader. The account of what was published is the schema ``publication``.
"""

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import sqlalchemy as sa

from huleedu_pipeline.lake.copy_text import copy_text
from huleedu_pipeline.lake.postgres_tables import DECLARATIONS_LOCK, declare, is_as_declared
from huleedu_pipeline.lake.publication import LeftOut, Publication, WarehouseError, file_version
from huleedu_pipeline.lake.schema import ContractError, Table, sql_names
from huleedu_pipeline.lake.store import Lake
from huleedu_pipeline.lake.tables import PUBLISHED_TABLES
from huleedu_pipeline.postgres import PUBLICATION, WAREHOUSE, connected

BATCH_LOCK = 485_375  # any number, the same in every process: held for one batch

_KNOWN = sa.text(f"SELECT table_name, version, lake FROM {PUBLICATION}.files WHERE batch_id = :batch")
_FORGET = sa.text(f"DELETE FROM {PUBLICATION}.files WHERE table_name = :table AND batch_id = :batch")
_ACCOUNT_FOR = sa.text(
    f"INSERT INTO {PUBLICATION}.files VALUES (:table, :batch, :version, :lake, :n_rows) ON CONFLICT (table_name, batch_id) "
    "DO UPDATE SET version = excluded.version, lake = excluded.lake, n_rows = excluded.n_rows"
)


@dataclass(frozen=True)
class PostgresState:
    """How a Postgres warehouse stands: whether its tables are those that are declared, and how many rows each has."""

    is_current: bool
    rows: dict[str, int]


def publish_to_postgres(lake: Lake, url: str) -> Publication:
    """Publish everything in ``lake`` in the Postgres database ``url``; only batches with new files are written.

    Any number of processes may publish at once. A batch that is gone from the lake goes from the warehouse too, if it was
    published from this lake.

    Raises:
        PostgresError: the server can not be reached, or this role may not do what is to be done.
        WarehouseError: another version of this software has changed the tables in the meantime.

    """
    with connected(url) as engine:
        declare(engine)
        left_out: list[LeftOut] = []
        identity = lake.identity()
        for batch_id in _changed(engine, lake, identity):
            with engine.begin() as connection:
                left_out.extend(_replace_batch(connection, lake, identity, batch_id))
        return Publication(_rows(engine), tuple(left_out))


def migrate_warehouse(url: str) -> None:
    """Make the tables and views that are declared, taking over the rows that are there; raises as publishing does."""
    with connected(url) as engine:
        declare(engine)


def postgres_state(url: str) -> PostgresState:
    """Return how the warehouse stands; raises as :func:`publish_to_postgres`."""
    with connected(url) as engine:
        with engine.connect() as connection:
            is_current = is_as_declared(connection)
        return PostgresState(is_current, _rows(engine) if is_current else {})


def postgres_rows(url: str, table: Table) -> list[tuple[Any, ...]]:
    """Return a table's rows with their columns as declared; raises as :func:`publish_to_postgres`."""
    names = sql_names(column.name for column in table.columns)
    with connected(url) as engine, engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(f"SELECT {names} FROM {WAREHOUSE}.{table.name}")]


def _changed(engine: sa.Engine, lake: Lake, identity: str) -> list[str]:
    """Return the batches of which a file is new, is another, or is gone."""
    files = {
        (table.name, file.parent.name.removeprefix("batch=")): file for table in PUBLISHED_TABLES for file in lake.files(table)
    }
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f"SELECT table_name, batch_id, version, lake FROM {PUBLICATION}.files").all()
    known = {(row.table_name, row.batch_id): row.version for row in rows}
    gone = {row.batch_id for row in rows if row.lake == identity and (row.table_name, row.batch_id) not in files}
    return sorted(gone | {key[1] for key, file in files.items() if known.get(key) != file_version(file)})


def _replace_batch(connection: sa.Connection, lake: Lake, identity: str, batch_id: str) -> list[LeftOut]:
    """Bring the rows of a batch up to date in this transaction, and return what can not be read."""
    connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock_shared({DECLARATIONS_LOCK})")
    if not is_as_declared(connection):
        raise WarehouseError("another version of this software has just changed the warehouse's tables (run one version)")
    lock = sa.text("SELECT pg_advisory_xact_lock(:which, hashtext(:batch))")
    connection.execute(lock, {"which": BATCH_LOCK, "batch": batch_id})
    known = {row.table_name: row for row in connection.execute(_KNOWN, {"batch": batch_id})}
    left_out = []
    for table in PUBLISHED_TABLES:
        row, path = known.get(table.name), lake.path(table, batch_id)
        account = {"table": table.name, "batch": batch_id}
        if not path.exists():
            if row is not None and row.lake == identity:
                _delete(connection, table, batch_id)
                connection.execute(_FORGET, account)
            continue
        version = file_version(path)
        if row is not None and row.version == version:
            continue
        try:
            incoming = copy_text(table, lake.read(table, batch_id))
        except ContractError as error:
            left_out.append(LeftOut(batch_id, table.name, str(error)))
            continue
        _delete(connection, table, batch_id)
        n_rows = _copy(connection, table, incoming)
        connection.execute(_ACCOUNT_FOR, {**account, "version": version, "lake": identity, "n_rows": n_rows})
    return left_out


def _delete(connection: sa.Connection, table: Table, batch_id: str) -> None:
    connection.execute(sa.text(f"DELETE FROM {WAREHOUSE}.{table.name} WHERE batch_id = :batch"), {"batch": batch_id})


def _copy(connection: sa.Connection, table: Table, rows: bytes) -> int:
    names = sql_names(column.name for column in table.columns)
    cursor: Any = connection.connection.cursor()  # psycopg2's own, which knows COPY
    with cursor:
        cursor.copy_expert(f"COPY {WAREHOUSE}.{table.name} ({names}) FROM STDIN", BytesIO(rows))
        return int(cursor.rowcount)


def _rows(engine: sa.Engine) -> dict[str, int]:
    with engine.connect() as connection:
        counted = connection.exec_driver_sql(f"SELECT table_name, sum(n_rows)::bigint FROM {PUBLICATION}.files GROUP BY 1")
        known: dict[str, int] = dict(counted.tuples().all())
    return {table.name: known.get(table.name, 0) for table in PUBLISHED_TABLES}
