"""The warehouse: the lake published as one DuckDB file with tables, views and comments.

A publication builds a new file beside the old one and moves it into place, so a reader keeps the snapshot it opened and
neither ever waits for the other. Reading is :func:`open_warehouse`, two lines in a notebook.
"""

import warnings
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import duckdb
import pandas as pd
from filelock import FileLock

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.files import replacing
from huleedu_pipeline.lake.schema import sql_string
from huleedu_pipeline.lake.store import Lake
from huleedu_pipeline.lake.tables import TABLES
from huleedu_pipeline.lake.views import VIEWS
from huleedu_pipeline.settings import Settings

LOCK_TIMEOUT_SECONDS = 300


class WarehouseError(HuleeduError):
    """There is no warehouse to read."""


def publish(lake: Lake, path: Path) -> dict[str, int]:
    """Publish everything in ``lake`` as the DuckDB file ``path`` and return the number of rows of each table.

    Publications by several processes queue up behind a lock file; readers are never asked to wait.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    counts: dict[str, int] = {}
    with FileLock(path.with_suffix(".lock"), timeout=LOCK_TIMEOUT_SECONDS), replacing(path) as temporary:
        connection = duckdb.connect(str(temporary), config={"storage_compatibility_version": "v1.0.0"})
        try:
            for table in TABLES:
                for statement in table.duckdb_ddl():
                    connection.execute(statement)
                files = [str(file) for file in lake.files(table)]
                if files:
                    connection.execute(
                        f"INSERT INTO {table.name} BY NAME SELECT * FROM read_parquet(?, hive_partitioning = false)", [files]
                    )
                counts[table.name] = _single(connection.execute(f"SELECT count(*) FROM {table.name}").fetchone())
            for view in VIEWS:
                connection.execute(f"CREATE VIEW {view.name} AS {view.sql}")
                connection.execute(f"COMMENT ON VIEW {view.name} IS {sql_string(view.description)}")
                _comment_columns(connection, view.name, view.comments)
            connection.execute("CHECKPOINT")
        finally:
            connection.close()
    return counts


def _comment_columns(connection: duckdb.DuckDBPyConnection, view: str, own: dict[str, str]) -> None:
    """Describe a view's columns: its own as given, the others as the table column of the same name."""
    known = {column.name: column.comment for table in TABLES for column in table.columns} | own
    for (name,) in connection.execute("SELECT column_name FROM duckdb_columns() WHERE table_name = ?", [view]).fetchall():
        connection.execute(f"COMMENT ON COLUMN {view}.{name} IS {sql_string(known[name])}")


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
        names = [table.name for table in TABLES] + [view.name for view in VIEWS]
        if name not in names:
            raise WarehouseError(f"the warehouse has no '{name}' (it has {', '.join(names)})")
        if batch_id is None:
            return self.sql(f"SELECT * FROM {name}")
        return self.sql(f"SELECT * FROM {name} WHERE batch_id = ?", [batch_id])

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
