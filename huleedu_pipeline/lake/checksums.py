"""One checksum of a table's rows, the same wherever they are stored: what shows that two warehouses hold the same.

The order of rows does not count, every digit of every number does. Not here: reading the rows.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from huleedu_pipeline.lake.schema import ColumnType, Table


def checksum(table: Table, rows: Iterable[Sequence[Any]]) -> str:
    """Return the SHA-256 of rows whose values stand in the order of the table's columns."""
    kinds = [column.type for column in table.columns]
    plain = ([_plain(kind, value) for kind, value in zip(kinds, row, strict=True)] for row in rows)
    lines = sorted(json.dumps(values, sort_keys=True) for values in plain)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def _plain(kind: ColumnType, value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if kind is ColumnType.FLOAT and value is not None:
        return float(value) + 0.0  # there is one zero
    if kind is ColumnType.PROBABILITIES and value is not None:
        return {name: float(number) + 0.0 for name, number in dict(value).items()}
    return value
