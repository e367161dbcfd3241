"""What every publication of the lake has in common, wherever it goes: what it came to, and which files are new to it."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from huleedu_pipeline.canonical import short_hash
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.lake.tables import PUBLISHED_TABLES
from huleedu_pipeline.lake.views import VIEWS


class WarehouseError(HuleeduError):
    """A warehouse that can not be read, or not be written."""


@dataclass(frozen=True)
class LeftOut:
    """A file of the lake that could not be published, and why; of its batch, the table has what was there before."""

    batch_id: str
    table: str
    reason: str


@dataclass(frozen=True)
class Publication:
    """What a publication came to: the number of rows of each table, and the files that it had to leave out."""

    rows: dict[str, int]
    left_out: tuple[LeftOut, ...]


def file_version(file: Path) -> str:
    """Return what changes whenever a file of the lake is replaced."""
    stat = file.stat()
    return f"{stat.st_ino}.{stat.st_mtime_ns}.{stat.st_size}"


def fingerprint(ddl: Iterable[list[str]]) -> str:
    """Return what changes whenever a table or view is declared in another way, ``ddl`` being the tables' in one dialect."""
    return short_hash([list(ddl), [repr(view) for view in VIEWS]], 64)


def view_comments(columns: list[str], own: dict[str, str]) -> dict[str, str]:
    """Describe a view's columns: its own as given, the others as the table column of the same name."""
    known = {column.name: column.comment for table in PUBLISHED_TABLES for column in table.columns} | own
    return {name: known[name] for name in columns}
