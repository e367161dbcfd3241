"""Rows in the text format of Postgres' COPY: whole columns at a time, and any text told from what separates texts.

Not CSV, which older servers take to end at a line inside a text that is a backslash and a full stop.
"""

import json
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from huleedu_pipeline.lake.schema import ColumnType, ContractError, Table

ESCAPES = (("\\", "\\\\"), ("\t", "\\t"), ("\n", "\\n"), ("\r", "\\r"))
TEXTS = frozenset({ColumnType.STRING, ColumnType.PROBABILITIES, ColumnType.LABELS})


def copy_text(table: Table, data: pa.Table) -> bytes:
    """Return the rows of ``data``, which keep the table's contract.

    Raises:
        ContractError: a text holds the character NUL, which Postgres can not store.

    """
    if data.num_rows == 0:
        return b""
    fields = [_field(table, column.name, column.type, data.column(column.name)) for column in table.columns]
    join: Any = pc.binary_join_element_wise
    lines = join(*fields, pa.scalar("\t", pa.large_string()), null_handling="replace", null_replacement=r"\N")
    return ("\n".join(lines.to_pylist()) + "\n").encode()


def _field(table: Table, name: str, kind: ColumnType, values: Any) -> Any:
    if kind in _WRITTEN:
        write = _WRITTEN[kind]
        values = pa.chunked_array([[None if value is None else write(value) for value in values.to_pylist()]], pa.string())
    values = pc.cast(values, pa.large_string())
    if kind in TEXTS:
        if pc.any(pc.match_substring(values, "\0")).as_py():
            raise ContractError(f"table {table.name}: column '{name}' holds the character NUL, which Postgres can not store")
        for character, escaped in ESCAPES:
            values = pc.replace_substring(values, character, escaped)
    return values


def _json(pairs: list[tuple[str, float]]) -> str:
    return json.dumps(dict(pairs), ensure_ascii=False)


def _array(labels: list[str]) -> str:
    return "{" + ",".join('"' + label.replace("\\", "\\\\").replace('"', '\\"') + '"' for label in labels) + "}"


_WRITTEN: dict[ColumnType, Callable[[Any], str]] = {ColumnType.PROBABILITIES: _json, ColumnType.LABELS: _array}
