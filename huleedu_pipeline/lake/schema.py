"""Schema as data: what a table is, and everything that follows from its declaration.

A table is declared once (:mod:`.tables`); its Arrow schema, its DDL with comments and the list of ways in which data break
the contract are derived here. Not here: where files lie (:mod:`.store`) or how they are published (:mod:`.warehouse`).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

import pyarrow as pa

from huleedu_pipeline.errors import HuleeduError


class ContractError(HuleeduError):
    """Data that do not keep a table's contract; the message names table, column and what is wrong."""


class ColumnType(Enum):
    """The column types in use, each as Arrow, DuckDB and Postgres know it."""

    STRING = "VARCHAR"
    INTEGER = "BIGINT"
    FLOAT = "DOUBLE"
    BOOLEAN = "BOOLEAN"
    TIMESTAMP = "TIMESTAMPTZ"
    PROBABILITIES = "MAP(VARCHAR, DOUBLE)"
    LABELS = "VARCHAR[]"

    @property
    def arrow(self) -> pa.DataType:
        """The type in Arrow."""
        return _ARROW[self]

    def accepts(self, value: object) -> bool:
        """Whether a Python value has this type as it is: nothing is cut off, parsed or reinterpreted to make it fit."""
        if isinstance(value, bool):
            return self is ColumnType.BOOLEAN
        if isinstance(value, datetime) and value.tzinfo is None:
            return False
        return isinstance(value, _PYTHON[self])

    @property
    def duckdb(self) -> str:
        """The type in DuckDB's SQL."""
        return self.value

    @property
    def postgres(self) -> str:
        """The type in Postgres' SQL."""
        return _POSTGRES[self]


_ARROW: dict[ColumnType, pa.DataType] = {
    ColumnType.STRING: pa.string(),
    ColumnType.INTEGER: pa.int64(),
    ColumnType.FLOAT: pa.float64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.TIMESTAMP: pa.timestamp("us", tz="UTC"),
    ColumnType.PROBABILITIES: pa.map_(pa.string(), pa.float64()),
    ColumnType.LABELS: pa.list_(pa.string()),
}

_POSTGRES: dict[ColumnType, str] = {
    ColumnType.STRING: "text",
    ColumnType.INTEGER: "bigint",
    ColumnType.FLOAT: "double precision",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.TIMESTAMP: "timestamptz",
    ColumnType.PROBABILITIES: "jsonb",
    ColumnType.LABELS: "text[]",
}

_PYTHON: dict[ColumnType, tuple[type, ...]] = {
    ColumnType.STRING: (str,),
    ColumnType.INTEGER: (int,),
    ColumnType.FLOAT: (float, int),
    ColumnType.BOOLEAN: (bool,),
    ColumnType.TIMESTAMP: (datetime,),
    ColumnType.PROBABILITIES: (dict,),
    ColumnType.LABELS: (list,),
}


@dataclass(frozen=True)
class Column:
    """One column of a table."""

    name: str
    type: ColumnType
    description: str
    is_nullable: bool = False
    unit: str | None = None

    @property
    def comment(self) -> str:
        """Description with its unit, as the database shows it."""
        return f"{self.description} Unit: {self.unit}." if self.unit else self.description


@dataclass(frozen=True)
class Table:
    """A table's contract: column names and types are public, in this order.

    ``indexes`` are those that Postgres keeps besides the key; DuckDB finds its way without any.
    A table that is not published stays in the lake, out of the warehouse that analysts open.
    """

    name: str
    description: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    indexes: tuple[tuple[str, ...], ...] = ()
    is_published: bool = True

    @property
    def arrow_schema(self) -> pa.Schema:
        """The exact Arrow schema of every file of this table."""
        return pa.schema([pa.field(c.name, c.type.arrow, nullable=c.is_nullable) for c in self.columns])

    def from_rows(self, rows: Iterable[dict[str, Any]]) -> pa.Table:
        """Make an Arrow table of this contract from one dictionary for each row.

        Raises:
            ContractError: a row lacks a column or has one too many, or a value is not of its column's type; an instant
                without a time zone is none.

        """
        rows = list(rows)
        names = [column.name for column in self.columns]
        for row in rows:
            if row.keys() != set(names):
                raise ContractError(_difference(self.name, names, list(row)))
        return pa.Table.from_arrays([self._array(column, rows) for column in self.columns], schema=self.arrow_schema)

    def _array(self, column: Column, rows: list[dict[str, Any]]) -> "pa.Array[Any]":
        values = [row[column.name] for row in rows]
        for value in values:
            if value is not None and not column.type.accepts(value):
                held = type(value).__name__
                raise ContractError(f"table {self.name}: column '{column.name}' holds {held} where {column.type.arrow} belongs")
        try:
            return pa.array(values, type=column.type.arrow)
        except (pa.ArrowException, OverflowError, UnicodeEncodeError, TypeError) as error:
            raise ContractError(f"table {self.name}: column '{column.name}': {error}") from None

    def violations(self, data: pa.Table) -> list[str]:
        """Return every way in which ``data`` break this contract, one sentence each; an empty list means none."""
        expected = [column.name for column in self.columns]
        if data.column_names != expected:
            if sorted(data.column_names) == sorted(expected):
                at = next(i for i, name in enumerate(expected) if data.column_names[i] != name)
                return [f"table {self.name}: column '{data.column_names[at]}' stands where '{expected[at]}' belongs"]
            return [_difference(self.name, expected, data.column_names)]
        return list(self._value_violations(data))

    def _value_violations(self, data: pa.Table) -> Iterator[str]:
        for column in self.columns:
            values = data.column(column.name)
            if values.type != column.type.arrow:
                yield f"table {self.name}: column '{column.name}' is {values.type}, not {column.type.arrow}"
            elif values.null_count and not column.is_nullable:
                yield f"table {self.name}: column '{column.name}' has {values.null_count} nulls and may have none"
        if data.num_rows and data.select(self.key).group_by(list(self.key)).aggregate([]).num_rows != data.num_rows:
            yield f"table {self.name}: the key ({', '.join(self.key)}) is not unique"

    def duckdb_ddl(self) -> list[str]:
        """Return the statements that create this table in DuckDB, with a comment on it and on each column."""
        columns = ", ".join(f"{sql_name(c.name)} {c.type.duckdb}{'' if c.is_nullable else ' NOT NULL'}" for c in self.columns)
        return [f"CREATE TABLE {self.name} ({columns}, PRIMARY KEY ({sql_names(self.key)}))", *self._comments(self.name)]

    def postgres_ddl(self, schema: str) -> list[str]:
        """Return the statements that create this table in a schema of Postgres, with comments, its key and its indexes.

        No column is NOT NULL but those of the key: rows of an earlier declaration have nothing to put into a new one.
        """
        place = f"{schema}.{self.name}"
        columns = ", ".join(f"{sql_name(c.name)} {c.type.postgres}" for c in self.columns)
        return [
            f"CREATE TABLE {place} ({columns}, PRIMARY KEY ({sql_names(self.key)}))",
            *(f"CREATE INDEX ON {place} ({sql_names(index)})" for index in self.indexes),
            *self._comments(place),
        ]

    def _comments(self, place: str) -> list[str]:
        return [
            f"COMMENT ON TABLE {place} IS {sql_string(self.description)}",
            *(f"COMMENT ON COLUMN {place}.{sql_name(c.name)} IS {sql_string(c.comment)}" for c in self.columns),
        ]


def sql_name(name: str) -> str:
    """Return a column's name as SQL takes it even where it is a word of the language."""
    return f'"{name}"'


def sql_names(names: Iterable[str]) -> str:
    """Return columns' names as a list in SQL."""
    return ", ".join(map(sql_name, names))


def sql_string(text: str) -> str:
    """Return ``text`` as a SQL string literal."""
    return "'" + text.replace("'", "''") + "'"


def _difference(table: str, expected: list[str], found: list[str]) -> str:
    parts = [f"column '{name}' is missing" for name in sorted(set(expected) - set(found))]
    parts += [f"column '{name}' is not in the contract" for name in sorted(set(found) - set(expected))]
    parts += [f"column '{name}' is there {n} times" for name, n in sorted(Counter(found).items()) if n > 1]
    return f"table {table}: {', '.join(parts)}"
