"""The warehouse in Postgres: the lake published as tables, views and comments of the schema ``warehouse``.

Each batch is replaced in one transaction, so an analyst sees a batch of old or of new and never a part of it, and a writer that
is killed leaves what was there. Nobody waits for a reader: when tables are declared in another way they are made beside the old
ones, take over their rows, and the schemas change names. The account of what was published is the schema ``publication``.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from huleedu_pipeline.lake.publication import LeftOut, Publication, WarehouseError, file_version, fingerprint, view_comments
from huleedu_pipeline.lake.schema import ColumnType, ContractError, Table, sql_string
from huleedu_pipeline.lake.store import Lake
from huleedu_pipeline.lake.tables import TABLES
from huleedu_pipeline.lake.views import VIEWS
from huleedu_pipeline.postgres import INSUFFICIENT_PRIVILEGE, OWNER, PUBLICATION, WAREHOUSE, act_as_owner, open_engine, share

BUILT, LEFT_BEHIND = "warehouse_built", "warehouse_before_"
# Any numbers, the same in every process: who publishes shares the first and holds the second for its batch alone.
DECLARATIONS_LOCK, BATCH_LOCK = 4_853_751_013, 485_375
CLEARING_LOCK, CLEARING_TIMEOUT = 4_853_751_014, "200ms"
STILL_IN_USE = frozenset({"55P03", "2BP01", "40P01"})  # it is locked, something depends on it, a deadlock
ACCOUNT = (
    f"CREATE TABLE {PUBLICATION}.made_from (declarations text NOT NULL)",
    f"COMMENT ON TABLE {PUBLICATION}.made_from IS 'Fingerprint of the declared tables and views.'",
    f"CREATE TABLE {PUBLICATION}.files (table_name text, batch_id text, version text NOT NULL, lake text NOT NULL, "
    "n_rows bigint NOT NULL, PRIMARY KEY (table_name, batch_id))",
    f"COMMENT ON TABLE {PUBLICATION}.files IS 'The files of the lake that were read, by inode, time of change (ns) and size.'",
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
        WarehouseError: the server can not be reached, or this role may not do what is to be done.

    """
    with _server(url) as engine:
        _declare(engine)
        left_out: list[LeftOut] = []
        identity = lake.identity()
        for batch_id in _changed(engine, lake, identity):
            with engine.begin() as connection:
                left_out.extend(_replace_batch(connection, lake, identity, batch_id))
        return Publication(_rows(engine), tuple(left_out))


def migrate_warehouse(url: str) -> None:
    """Make the tables and views that are declared, taking over the rows that are there; raises as :func:`publish_to_postgres`."""
    with _server(url) as engine:
        _declare(engine)


def postgres_state(url: str) -> PostgresState:
    """Return how the warehouse stands; raises as :func:`publish_to_postgres`."""
    with _server(url) as engine:
        is_current = _is_current(engine)
        return PostgresState(is_current, _rows(engine) if is_current else {})


def postgres_rows(url: str, table: Table) -> list[tuple[Any, ...]]:
    """Return a table's rows with their columns as declared; raises as :func:`publish_to_postgres`."""
    names = ", ".join(column.name for column in table.columns)
    with _server(url) as engine, engine.connect() as connection:
        return [tuple(row) for row in connection.exec_driver_sql(f"SELECT {names} FROM {WAREHOUSE}.{table.name}")]


@contextmanager
def _server(url: str) -> Iterator[sa.Engine]:
    """Give an engine, and tell its errors without what was to be written: rows hold pupils' texts."""
    engine = open_engine(url)
    try:
        yield engine
    except (sa.exc.DBAPIError, engine.dialect.loaded_dbapi.Error) as error:
        where = engine.url.render_as_string(hide_password=True)
        raise WarehouseError(f"{where}: {_reason(getattr(error, 'orig', error))}") from None
    finally:
        engine.dispose()


def _reason(error: Any) -> str:
    code = error.pgcode
    if code is None:
        return f"can not be reached: {str(error).strip()} (check the server and PGPASSWORD)"
    if code == INSUFFICIENT_PRIVILEGE:
        return f"{error.diag.message_primary} (as {OWNER}: huleedu database migrate)"
    if code.startswith(("22", "23")):  # the message would quote the value
        return f"table {error.diag.table_name or '?'} can not take what was to be written: {type(error).__name__} ({code})"
    return f"{error.diag.message_primary} ({code})"


def _declared() -> str:
    return fingerprint(table.postgres_ddl(WAREHOUSE) for table in TABLES)


def _is_current(engine: sa.Engine) -> bool:
    with engine.connect() as connection:
        return _made_from(connection) == _declared()


def _made_from(connection: sa.Connection) -> str | None:
    if connection.scalar(sa.text("SELECT to_regclass(:name)"), {"name": f"{PUBLICATION}.made_from"}) is None:
        return None
    return connection.scalar(sa.text(f"SELECT declarations FROM {PUBLICATION}.made_from"))


def _declare(engine: sa.Engine) -> None:
    if not _is_current(engine):
        with engine.begin() as connection:
            _lock(connection, f"pg_advisory_xact_lock({DECLARATIONS_LOCK})")
            if _made_from(connection) != _declared():
                _build(connection)
    _clear_away(engine)


def _build(connection: sa.Connection) -> None:
    """Make all tables beside those that are there, take over their rows, and change places with them."""
    act_as_owner(connection, PUBLICATION)
    if _made_from(connection) is None:
        _execute(connection, *ACCOUNT)
    act_as_owner(connection, WAREHOUSE)
    inspector = sa.inspect(connection)
    connection.exec_driver_sql(f"CREATE SCHEMA {BUILT}")
    for table in TABLES:
        _execute(connection, *table.postgres_ddl(BUILT))
        _take_over(connection, table)
    _execute(connection, f"SET LOCAL search_path = {BUILT}")
    for view in VIEWS:
        _execute(
            connection,
            f"CREATE VIEW {view.name} AS {view.sql}",
            f"COMMENT ON VIEW {view.name} IS {sql_string(view.description)}",
        )
        columns = [column["name"] for column in inspector.get_columns(view.name, schema=BUILT)]
        comments = view_comments(columns, view.comments).items()
        _execute(connection, *(f"COMMENT ON COLUMN {view.name}.{name} IS {sql_string(text)}" for name, text in comments))
    share(connection, BUILT, like=WAREHOUSE)
    share(connection, PUBLICATION, like=PUBLICATION)
    before = connection.scalar(sa.text("SELECT pg_current_xact_id()::text"))
    connection.exec_driver_sql(f"ALTER SCHEMA {WAREHOUSE} RENAME TO {LEFT_BEHIND}{before}")
    connection.exec_driver_sql(f"ALTER SCHEMA {BUILT} RENAME TO {WAREHOUSE}")
    connection.exec_driver_sql(f"DELETE FROM {PUBLICATION}.made_from")
    connection.execute(sa.text(f"INSERT INTO {PUBLICATION}.made_from VALUES (:declared)"), {"declared": _declared()})
    # What was read as it was declared before is read again.
    connection.exec_driver_sql(f"UPDATE {PUBLICATION}.files SET version = ''")


def _take_over(connection: sa.Connection, table: Table) -> None:
    """Copy the rows of the table's columns that were there before, with the same type; a new column is null in them."""
    found = sa.text(
        "SELECT attname, format_type(atttypid, NULL) FROM pg_attribute "
        "WHERE attrelid = to_regclass(:name) AND attnum > 0 AND NOT attisdropped"
    )
    of_old, of_new = (
        dict(connection.execute(found, {"name": f"{schema}.{table.name}"}).tuples().all()) for schema in (WAREHOUSE, BUILT)
    )
    common = [name for name, kind in of_new.items() if of_old.get(name) == kind]
    if set(table.key) <= set(common):
        names = ", ".join(common)
        connection.exec_driver_sql(f"INSERT INTO {BUILT}.{table.name} ({names}) SELECT {names} FROM {WAREHOUSE}.{table.name}")
    else:
        connection.execute(sa.text(f"DELETE FROM {PUBLICATION}.files WHERE table_name = :table"), {"table": table.name})


def _clear_away(engine: sa.Engine) -> None:
    """Drop the tables of earlier declarations that this role owns, as soon as nobody reads them any more."""
    query = sa.text("SELECT nspname FROM pg_namespace WHERE starts_with(nspname, :name) AND pg_has_role(nspowner, 'MEMBER')")
    with engine.connect() as connection:
        left_behind = list(connection.scalars(query, {"name": LEFT_BEHIND}))
    for schema in left_behind:
        try:
            with engine.begin() as connection:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{CLEARING_TIMEOUT}'")
                _lock(connection, f"pg_advisory_xact_lock({CLEARING_LOCK})")
                if schema in connection.scalars(query, {"name": LEFT_BEHIND}).all():
                    act_as_owner(connection, schema)
                    _drop(connection, schema)
        except sa.exc.DBAPIError as error:
            if getattr(error.orig, "pgcode", None) not in STILL_IN_USE:
                raise


def _drop(connection: sa.Connection, schema: str) -> None:
    """Drop a schema with its tables and views, unless somebody else has built on them."""
    inspector = sa.inspect(connection)
    for kind, names in (("VIEW", inspector.get_view_names(schema)), ("TABLE", inspector.get_table_names(schema))):
        if names:
            connection.exec_driver_sql(f"DROP {kind} " + ", ".join(f"{schema}.{name}" for name in names))
    connection.exec_driver_sql(f"DROP SCHEMA {schema}")


def _changed(engine: sa.Engine, lake: Lake, identity: str) -> list[str]:
    """Return the batches of which a file is new, is another, or is gone."""
    files = {(table.name, file.parent.name.removeprefix("batch=")): file for table in TABLES for file in lake.files(table)}
    with engine.connect() as connection:
        rows = connection.exec_driver_sql(f"SELECT table_name, batch_id, version, lake FROM {PUBLICATION}.files").all()
    known = {(row.table_name, row.batch_id): row.version for row in rows}
    gone = {row.batch_id for row in rows if row.lake == identity and (row.table_name, row.batch_id) not in files}
    return sorted(gone | {key[1] for key, file in files.items() if known.get(key) != file_version(file)})


def _replace_batch(connection: sa.Connection, lake: Lake, identity: str, batch_id: str) -> list[LeftOut]:
    """Bring the rows of a batch up to date in this transaction, and return what can not be read."""
    _lock(connection, f"pg_advisory_xact_lock_shared({DECLARATIONS_LOCK})")
    if _made_from(connection) != _declared():
        raise WarehouseError("another version of this software has just changed the warehouse's tables (run one version)")
    _lock(connection, f"pg_advisory_xact_lock({BATCH_LOCK}, hashtext({sql_string(batch_id)}))")
    read = sa.text(f"SELECT table_name, version, lake FROM {PUBLICATION}.files WHERE batch_id = :batch")
    known = {row.table_name: row for row in connection.execute(read, {"batch": batch_id})}
    left_out = []
    for table in TABLES:
        row, path = known.get(table.name), lake.path(table, batch_id)
        if not path.exists():
            if row is not None and row.lake == identity:
                _delete(connection, table, batch_id)
            continue
        version = file_version(path)
        if row is not None and row.version == version:
            continue
        try:
            incoming = _as_text(table, lake.read(table, batch_id))
        except ContractError as error:
            left_out.append(LeftOut(batch_id, table.name, str(error)))
            continue
        _delete(connection, table, batch_id)
        account = {"table": table.name, "batch": batch_id, "version": version, "lake": identity}
        account["n_rows"] = _copy(connection, table, incoming)
        connection.execute(sa.text(f"INSERT INTO {PUBLICATION}.files VALUES (:table, :batch, :version, :lake, :n_rows)"), account)
    return left_out


def _delete(connection: sa.Connection, table: Table, batch_id: str) -> None:
    values = {"batch": batch_id, "table": table.name}
    connection.execute(sa.text(f"DELETE FROM {WAREHOUSE}.{table.name} WHERE batch_id = :batch"), values)
    connection.execute(
        sa.text(f"DELETE FROM {PUBLICATION}.files WHERE table_name = :table AND batch_id = :batch"), values
    )


def _copy(connection: sa.Connection, table: Table, rows: BytesIO) -> int:
    names = ", ".join(column.name for column in table.columns)
    with connection.connection.cursor() as cursor:
        cursor.copy_expert(f"COPY {WAREHOUSE}.{table.name} ({names}) FROM STDIN", rows)
        return int(cursor.rowcount)


def _as_text(table: Table, data: pa.Table) -> BytesIO:
    """Return rows in COPY's text format, in which any text can be told from what separates texts.

    Raises:
        ContractError: a text holds the character NUL, which Postgres can not store.

    """
    fields = []
    for column in table.columns:
        values = data.column(column.name)
        if column.type in _WRITTEN:
            write = _WRITTEN[column.type]
            values = pa.chunked_array([[None if value is None else write(value) for value in values.to_pylist()]], pa.string())
        values = pc.cast(values, pa.large_string())
        if pa.types.is_string(data.schema.field(column.name).type) or column.type in _WRITTEN:
            if pc.any(pc.match_substring(values, "\0")).as_py():
                raise ContractError(f"table {table.name}: column '{column.name}' holds the character NUL, which Postgres can not")
            for character, escaped in ESCAPES:
                values = pc.replace_substring(values, character, escaped)
        fields.append(values)
    separator = pa.scalar("\t", pa.large_string())
    lines = pc.binary_join_element_wise(*fields, separator, null_handling="replace", null_replacement=r"\N")
    return BytesIO("".join(f"{line}\n" for line in lines.to_pylist()).encode())


def _json(pairs: list[tuple[str, float]]) -> str:
    return json.dumps(dict(pairs), ensure_ascii=False)


def _array(labels: list[str]) -> str:
    return "{" + ",".join('"' + label.replace("\\", "\\\\").replace('"', '\\"') + '"' for label in labels) + "}"


ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))
_WRITTEN: dict[ColumnType, Callable[[Any], str]] = {ColumnType.PROBABILITIES: _json, ColumnType.LABELS: _array}


def _rows(engine: sa.Engine) -> dict[str, int]:
    with engine.connect() as connection:
        counted = connection.exec_driver_sql(f"SELECT table_name, sum(n_rows)::bigint FROM {PUBLICATION}.files GROUP BY 1")
        known: dict[str, int] = dict(counted.tuples().all())
    return {table.name: known.get(table.name, 0) for table in TABLES}


def _execute(connection: sa.Connection, *statements: str) -> None:
    """Execute statements in one go and as they stand: a percent sign in a comment is one."""
    connection.exec_driver_sql(";\n".join(statements), execution_options={"no_parameters": True})


def _lock(connection: sa.Connection, call: str) -> None:
    _execute(connection, f"SELECT {call}")
