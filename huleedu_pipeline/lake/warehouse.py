"""The warehouse: the lake published as one DuckDB file with tables, views and comments.

A publication works on a copy of the old file beside it and moves that into place, so a reader keeps the snapshot it opened and
neither ever waits for the other. Only batches whose files in the lake have changed are read again, and a file that breaks its
contract leaves the rows that were published before. Reading is :func:`open_warehouse`, two lines in a notebook.
"""

import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import pandas as pd
from filelock import FileLock

from huleedu_pipeline.files import replacing
from huleedu_pipeline.lake.publication import LeftOut, Publication, WarehouseError, file_version, fingerprint, view_comments
from huleedu_pipeline.lake.schema import ContractError, Table, sql_name, sql_names, sql_string
from huleedu_pipeline.lake.store import Lake
from huleedu_pipeline.lake.tables import PUBLISHED_TABLES
from huleedu_pipeline.lake.views import VIEWS
from huleedu_pipeline.settings import Settings

LOCK_TIMEOUT_SECONDS = 300
STORAGE: dict[str, str | bool | int | float | list[str]] = {"storage_compatibility_version": "v1.0.0"}
# What the tables were made from, for the next publication; in a schema of its own, out of analysts' way.
ACCOUNT = (
    "CREATE SCHEMA publication",
    "CREATE TABLE publication.made_from (declarations VARCHAR NOT NULL)",
    "COMMENT ON TABLE publication.made_from IS 'Fingerprint of the declared tables and views.'",
    "COMMENT ON COLUMN publication.made_from.declarations IS 'Changes whenever one of them is declared in another way.'",
    "CREATE TABLE publication.files (table_name VARCHAR NOT NULL, batch_id VARCHAR NOT NULL, version VARCHAR NOT NULL)",
    "COMMENT ON TABLE publication.files IS 'The files of the lake that were read.'",
    "COMMENT ON COLUMN publication.files.table_name IS 'Table that the file belongs to.'",
    "COMMENT ON COLUMN publication.files.batch_id IS 'Batch that the file belongs to.'",
    "COMMENT ON COLUMN publication.files.version IS 'Its inode, time of change (ns) and size (bytes).'",
)


def publish(lake: Lake, path: Path) -> Publication:
    """Publish everything in ``lake`` as the DuckDB file ``path``.

    Publications by several processes queue up behind a lock file; readers are never asked to wait.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    counts: dict[str, int] = {}
    left_out: list[LeftOut] = []
    with FileLock(path.with_suffix(".lock"), timeout=LOCK_TIMEOUT_SECONDS), replacing(path) as temporary:
        connection = _copy_of(path, temporary) or _declared(temporary)
        try:
            for table in PUBLISHED_TABLES:
                left_out.extend(_bring_up_to_date(connection, table, lake))
                counts[table.name] = _single(connection.execute(f"SELECT count(*) FROM {table.name}").fetchone())
            connection.execute("CHECKPOINT")
        finally:
            connection.close()
    return Publication(counts, tuple(left_out))


def _copy_of(published: Path, temporary: Path) -> duckdb.DuckDBPyConnection | None:
    """Open a copy of what was published last; ``None`` where there is none that was made from these declarations."""
    if not published.is_file():
        return None
    shutil.copyfile(published, temporary)
    try:
        connection = duckdb.connect(str(temporary), config=STORAGE)
    except duckdb.Error:
        temporary.unlink()
        return None
    try:
        if connection.execute("SELECT declarations FROM publication.made_from").fetchall() == [(_fingerprint(),)]:
            return connection
    except duckdb.CatalogException:
        pass  # by a version that kept no account: made anew, like one from other declarations
    connection.close()
    temporary.unlink()
    return None


def _declared(temporary: Path) -> duckdb.DuckDBPyConnection:
    """Make a warehouse with empty tables."""
    connection = duckdb.connect(str(temporary), config=STORAGE)
    for statement in ACCOUNT:
        connection.execute(statement)
    connection.execute("INSERT INTO publication.made_from VALUES (?)", [_fingerprint()])
    for table in PUBLISHED_TABLES:
        for statement in table.duckdb_ddl():
            connection.execute(statement)
    for view in VIEWS:
        connection.execute(f"CREATE VIEW {view.name} AS {view.sql}")
        connection.execute(f"COMMENT ON VIEW {view.name} IS {sql_string(view.description)}")
        _comment_columns(connection, view.name, view.comments)
    return connection


def _bring_up_to_date(connection: duckdb.DuckDBPyConnection, table: Table, lake: Lake) -> list[LeftOut]:
    """Replace the rows of the batches whose files are others than those that were read, and return what can not be read."""
    read = "SELECT batch_id, version FROM publication.files WHERE table_name = ?"
    known = dict(connection.execute(read, [table.name]).fetchall())
    files = {file.parent.name.removeprefix("batch="): file for file in lake.files(table)}
    versions = {batch_id: file_version(file) for batch_id, file in files.items()}
    _delete(connection, table, [batch_id for batch_id in known if batch_id not in files])
    left_out = []
    for batch_id in (batch_id for batch_id, version in versions.items() if known.get(batch_id) != version):
        try:
            incoming = lake.read(table, batch_id)
        except ContractError as error:
            left_out.append(LeftOut(batch_id, table.name, str(error)))
            continue
        _delete(connection, table, [batch_id] if batch_id in known else [])
        connection.register("incoming", incoming)
        connection.execute(f"INSERT INTO {table.name} BY NAME SELECT * FROM incoming")
        connection.unregister("incoming")
        connection.execute("INSERT INTO publication.files VALUES (?, ?, ?)", [table.name, batch_id, versions[batch_id]])
    return left_out


def _delete(connection: duckdb.DuckDBPyConnection, table: Table, batch_ids: list[str]) -> None:
    if batch_ids:
        connection.execute(f"DELETE FROM {table.name} WHERE list_contains(?, batch_id)", [batch_ids])
        connection.execute(
            "DELETE FROM publication.files WHERE table_name = ? AND list_contains(?, batch_id)", [table.name, batch_ids]
        )


def _fingerprint() -> str:
    return fingerprint(table.duckdb_ddl() for table in PUBLISHED_TABLES)


def _comment_columns(connection: duckdb.DuckDBPyConnection, view: str, own: dict[str, str]) -> None:
    found = connection.execute("SELECT column_name FROM duckdb_columns() WHERE table_name = ?", [view]).fetchall()
    for name, comment in view_comments([name for (name,) in found], own).items():
        connection.execute(f"COMMENT ON COLUMN {view}.{sql_name(name)} IS {sql_string(comment)}")


def _single(row: tuple[Any, ...] | None) -> int:
    if row is None:
        raise WarehouseError("the database returned no row for a count")
    return int(row[0])


@dataclass
class Warehouse:
    """A read-only look at one publication; use it as a context manager, or close it."""

    connection: duckdb.DuckDBPyConnection

    def sql(self, query: str, parameters: list[Any] | None = None) -> pd.DataFrame:
        """Return the result of ``query`` as a frame; ``?`` in it takes the ``parameters`` in order."""
        with warnings.catch_warnings():
            # DuckDB 1.5 makes its frames in a way that pandas 3 has begun to deprecate.
            warnings.filterwarnings("ignore", message="The inplace keyword in DataFrame.drop")
            return self.connection.execute(query, parameters or []).df()

    def frame(self, name: str, batch_id: str | None = None) -> pd.DataFrame:
        """Return a table or view as a frame, of one batch or of all.

        Raises:
            WarehouseError: there is no such table or view; the message lists what there is.

        """
        names = [table.name for table in PUBLISHED_TABLES] + [view.name for view in VIEWS]
        if name not in names:
            raise WarehouseError(f"the warehouse has no '{name}' (it has {', '.join(names)})")
        if batch_id is None:
            return self.sql(f"SELECT * FROM {name}")
        return self.sql(f"SELECT * FROM {name} WHERE batch_id = ?", [batch_id])

    def rows(self, table: Table) -> list[tuple[Any, ...]]:
        """Return a table's rows with their columns as declared, as :func:`.checksums.checksum` takes them."""
        names = sql_names(column.name for column in table.columns)
        data = self.connection.sql(f"SELECT {names} FROM {table.name}").to_arrow_table()
        return list(zip(*(column.to_pylist() for column in data.columns), strict=True))

    def close(self) -> None:
        """Let the file go."""
        self.connection.close()

    def __enter__(self) -> "Warehouse":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def open_warehouse(path: Path | str | None = None) -> Warehouse:
    """Open the published warehouse for reading.

    Args:
        path: The DuckDB file; by default the one under ``HULEEDU_HOME``.

    Raises:
        WarehouseError: nothing has been published there yet.

    """
    file = Path(path) if path is not None else Settings.load().warehouse_path
    if not file.is_file():
        raise WarehouseError(f"{file}: there is no warehouse yet (run `huleedu demo`, or `huleedu run BATCH_DIR`)")
    # DuckDB gives a process that has a path open the same database again; attached, each look is at the newest file.
    connection = duckdb.connect()
    connection.execute(f"ATTACH {sql_string(str(file))} AS warehouse (READ_ONLY)")
    connection.execute("USE warehouse")
    return Warehouse(connection)
