"""What the lake's tests share: rows made from the declared columns, and processes that write or read."""

import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from huleedu_pipeline.lake import Column, ColumnType, Lake, Table
from huleedu_pipeline.lake.tables import TABLES

VALUES: dict[ColumnType, Any] = {
    ColumnType.STRING: 'Åsa\'s "text"\nwith lines',
    ColumnType.INTEGER: 7,
    ColumnType.FLOAT: 0.25,
    ColumnType.BOOLEAN: True,
    ColumnType.TIMESTAMP: datetime(2026, 11, 20, 8, 30, 15, 123456, tzinfo=UTC),
    ColumnType.PROBABILITIES: {"A": 0.25, "B": 0.75},
    ColumnType.LABELS: ["misfit", "few_comparisons"],
}


def value_of(column: Column) -> Any:
    """Return a value of the column's type."""
    return VALUES[column.type]


def a_row(table: Table, batch_id: str = "b1", **values: Any) -> dict[str, Any]:
    """Return a row of ``table`` with a value in every column."""
    return {column.name: value_of(column) for column in table.columns} | {"batch_id": batch_id} | values


def fill(lake: Lake, batch_id: str = "b1") -> None:
    """Write one row of ``batch_id`` to each table."""
    for table in TABLES:
        lake.write_rows(table, batch_id, [a_row(table, batch_id)])


def files_in(folder: Path) -> dict[str, bytes]:
    """Return the contents of all files below ``folder``, hidden ones too, by their place in it."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def start(code: str, *arguments: object) -> "subprocess.Popen[str]":
    """Start a Python process that runs ``code`` and can be talked to in lines."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )


def say(process: "subprocess.Popen[str]", line: str = "") -> None:
    """Send a line to a process."""
    assert process.stdin is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()


def hear(process: "subprocess.Popen[str]") -> str:
    """Wait for the next line of a process."""
    assert process.stdout is not None
    return process.stdout.readline().strip()
