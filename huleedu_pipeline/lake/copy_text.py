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
ROWS_AT_ONCE = 4_000  # so that a column of texts stays below the two gigabytes of one Arrow array
TEXTS = frozenset({ColumnType.STRING, ColumnType.PROBABILITIES, ColumnType.LABELS})


def copy_text(table: Table, data: pa.Table) -> bytes:
    """Return the rows of ``data``, which keep the table's contract.

    Raises:
        ContractError: a text holds the character NUL, which Postgres can not store.

    """
    return b"".join(_lines(table, piece) for piece in data.to_batches(max_chunksize=ROWS_AT_ONCE))


def _lines(table: Table, rows: pa.RecordBatch) -> bytes:
    fields = [_field(table, column.name, column.type, rows.column(column.name)) for column in table.columns]
    join: Any = pc.binary_join_element_wise
    lines = join(*fields, "\t", null_handling="replace", null_replacement=r"\N")
    return "".join(f"{line}\n" for line in lines.to_pylist()).encode()


def _field(table: Table, name: str, kind: ColumnType, values: Any) -> Any:
    if kind in _WRITTEN:
        write = _WRITTEN[kind]
        values = pa.array([None if value is None else write(value) for value in values.to_pylist()], pa.string())
    if kind not in TEXTS:
        return pc.cast(values, pa.string())
    characters = b"" if values.buffers()[2] is None else values.buffers()[2].to_pybytes()
    if b"\0" in characters and pc.any(pc.match_substring(values, "\0")).as_py():
        raise ContractError(f"table {table.name}: column '{name}' holds the character NUL, which Postgres can not store")
    for character, escaped in ESCAPES:
        if character.encode() in characters:
            values = pc.replace_substring(values, character, escaped)
    return values


def _json(pairs: list[tuple[str, float]]) -> str:
    return json.dumps(dict(pairs), ensure_ascii=False)


def _array(labels: list[str]) -> str:
    return "{" + ",".join('"' + label.replace("\\", "\\\\").replace('"', '\\"') + '"' for label in labels) + "}"


_WRITTEN: dict[ColumnType, Callable[[Any], str]] = {ColumnType.PROBABILITIES: _json, ColumnType.LABELS: _array}
