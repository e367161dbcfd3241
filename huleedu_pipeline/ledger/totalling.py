"""Making the declared sums in a database: views, tables and triggers, on SQLite and Postgres, and the full recount.

All of it follows from the rows, so it is dropped and made anew whenever the declarations change or the schema moves. Not
here: what is summed (:mod:`.totals`).
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from huleedu_pipeline.canonical import short_hash
from huleedu_pipeline.ledger.totals import ALL_TOTALS, NOT_OBSERVED, TABLES, Spread, Totals, batch_tallies, totals_definition

_MACROS = {
    "sqlite": {
        r"MS\(([\w.]+), ([\w.]+)\)": (
            r"max(0, CAST(round((julianday(\2) - julianday(\1)) * 86400000.0) AS INTEGER))"  # null if either is
        ),
        r"WHOLE\(([^()]+)\)": r"CAST(round(\1) AS INTEGER)",
    },
    "postgresql": {
        r"MS\(([\w.]+), ([\w.]+)\)": (
            r"CASE WHEN \1 IS NOT NULL AND \2 IS NOT NULL THEN greatest(0, CAST(round(extract(epoch FROM "
            r"(CAST(\2 AS timestamptz) - CAST(\1 AS timestamptz))) * 1000) AS BIGINT)) END"
        ),
        r"WHOLE\(([^()]+)\)": r"CAST(round(CAST(\1 AS numeric)) AS BIGINT)",
    },
}


# By these endings what a version before this one has made is known, too.
_TRIGGERS, _VIEWS, _SUMS = ("_inserted", "_updated"), "_totals_facts", ("_totals", "_tallies")


def has_totals(connection: Connection) -> bool:
    """Whether a database keeps the sums just as they are declared."""
    if not sa.inspect(connection).has_table(totals_definition.name):
        return False
    return connection.scalars(sa.select(totals_definition.c.fingerprint)).all() == [_fingerprint(connection.dialect.name)]


def drop_totals(connection: Connection) -> None:
    """Remove the sums and all that keeps them, whichever version made it."""
    is_sqlite = connection.dialect.name == "sqlite"
    all_triggers = (
        "SELECT name FROM sqlite_master WHERE type = 'trigger'"
        if is_sqlite
        else "SELECT DISTINCT trigger_name FROM information_schema.triggers WHERE trigger_schema = current_schema()"
    )
    for name in connection.exec_driver_sql(all_triggers).scalars().all():
        if name.endswith(_TRIGGERS):
            connection.exec_driver_sql(f"DROP TRIGGER {name}" if is_sqlite else f"DROP FUNCTION {name}() CASCADE")
    inspector = sa.inspect(connection)
    for name in inspector.get_view_names():
        if name.endswith(_VIEWS):
            connection.exec_driver_sql(f"DROP VIEW {name}")
    for name in inspector.get_table_names():
        if name.endswith(_SUMS) or name == totals_definition.name:
            connection.exec_driver_sql(f"DROP TABLE {name}")


def make_totals(connection: Connection) -> None:
    """Make what keeps the sums, and count all rows that are there; nothing of it may be there yet."""
    dialect = connection.dialect.name
    for table in TABLES:
        table.create(connection)
    for totals in ALL_TOTALS:
        connection.exec_driver_sql(_view(totals, dialect))
    for statement in recount():
        connection.exec_driver_sql(statement)
    for name, (table_name, event, body) in _triggers(dialect).items():
        for statement in _trigger(name, table_name, event, body, dialect):
            connection.exec_driver_sql(statement)
    connection.execute(totals_definition.insert().values(fingerprint=_fingerprint(dialect)))


def recount(into: str = "INSERT INTO {table} ({columns}) ") -> Iterator[str]:
    """Yield the statements that count all rows anew, each after ``into``; those of batches first, which others read."""
    tallied = (
        "SELECT r.batch_id AS batch_id, count(*) AS n_outcomes, "
        "sum(CASE WHEN a.outcome = 'success' THEN 1 ELSE 0 END) AS n_verdicts "
        "FROM attempts a JOIN requests r ON r.custom_id = a.custom_id WHERE a.is_final GROUP BY r.batch_id"
    )
    yield into.format(table=batch_tallies.name, columns="batch_id, n_outcomes, n_verdicts") + tallied
    for totals in ALL_TOTALS:
        columns = ", ".join((*totals.dimensions, *totals.sums))
        yield into.format(table=totals.name, columns=columns) + recounted(totals)


def recounted(totals: Totals) -> str:
    """Return the query that gives the sums by counting all rows."""
    dimensions = ", ".join(totals.dimensions)
    sums = ", ".join(f"sum({name}) AS {name}" for name in totals.sums)
    return f"SELECT {dimensions}, {sums} FROM {totals.view} GROUP BY {dimensions}"


def _view(totals: Totals, dialect: str) -> str:
    inner = [
        *(f"f.{name} AS {name}" for name in totals.key),
        *(f"{sql} AS {name}" for name, sql in {**totals.texts, **totals.measures}.items()),
        *(f"{spread.value} AS {name}" for name, spread in totals.spreads.items()),
    ]
    outer = [
        *totals.key,
        *totals.texts,
        *(_bucket(name, spread) for name, spread in totals.spreads.items()),
        "1 AS n",
        *totals.measures,
        *(f"coalesce({name}, 0) AS {name}" for name in totals.spreads),
    ]
    facts = f"SELECT {', '.join(inner)} FROM {totals.table} f {totals.joined} WHERE {totals.where}"
    return _expanded(f"CREATE VIEW {totals.view} AS SELECT {', '.join(outer)} FROM ({facts}) AS facts", dialect)


def _bucket(name: str, spread: Spread) -> str:
    found = _found(name, [round(bound * spread.per_unit) for bound in spread.bounds], 0)
    return f"CASE WHEN {name} IS NULL THEN {NOT_OBSERVED} ELSE {found} END AS {name}_bucket"


def _found(name: str, limits: Sequence[int], first: int) -> str:
    """Return the number of the first limit that a value does not exceed, by halves: SQLite works the value out at each look."""
    if not limits:
        return str(first)
    middle = len(limits) // 2
    lower, upper = _found(name, limits[:middle], first), _found(name, limits[middle + 1 :], first + middle + 1)
    return f"CASE WHEN {name} <= {limits[middle]} THEN {lower} ELSE {upper} END"


def _triggers(dialect: str) -> dict[str, tuple[str, str, str]]:
    """Return each trigger's table, what fires it, and what it does, by name."""
    found = {}
    for totals in ALL_TOTALS:
        this_row = " AND ".join(f"{name} = NEW.{name}" for name in totals.key)
        added = _added(
            totals.name,
            totals.dimensions,
            totals.sums,
            f"SELECT {', '.join((*totals.dimensions, *totals.sums))} FROM {totals.view} WHERE {this_row}",
        )
        condition = f" WHEN ({totals.when})" if totals.when else ""
        found[f"{totals.name}_inserted"] = totals.table, f"AFTER INSERT{condition}", added
        if totals.updated is not None:
            column, before = totals.updated
            fires = f"AFTER UPDATE OF {column} WHEN ({before} AND {totals.when})"
            found[f"{totals.name}_updated"] = totals.table, fires, added
    new, old = "CAST(NEW.is_final AS INTEGER)", "CAST(OLD.is_final AS INTEGER)"
    for name, change, event in (
        ("inserted", new, "AFTER INSERT WHEN (NEW.is_final)"),
        ("updated", f"({new} - {old})", "AFTER UPDATE OF is_final WHEN (OLD.is_final <> NEW.is_final)"),
    ):
        added = _added(
            batch_tallies.name,
            ("batch_id",),
            ("n_outcomes", "n_verdicts"),
            f"SELECT batch_id, {change}, {change} * CASE WHEN NEW.outcome = 'success' THEN 1 ELSE 0 END "
            "FROM requests WHERE custom_id = NEW.custom_id",
        )
        found[f"{batch_tallies.name}_{name}"] = "attempts", event, added
    return {name: (table, event, _expanded(body, dialect)) for name, (table, event, body) in found.items()}


def _added(table: str, key: Sequence[str], sums: Sequence[str], query: str) -> str:
    more = ", ".join(f"{name} = {table}.{name} + excluded.{name}" for name in sums)
    columns = ", ".join((*key, *sums))
    return f"INSERT INTO {table} ({columns}) {query} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {more}"


def _trigger(name: str, table: str, event: str, body: str, dialect: str) -> Iterator[str]:
    fires, _, condition = event.partition(" WHEN ")
    when = f"WHEN {condition} " if condition else ""
    if dialect == "sqlite":
        yield f"CREATE TRIGGER {name} {fires} ON {table} FOR EACH ROW {when}BEGIN {body}; END"
        return
    function = f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
    yield f"{function} $$ BEGIN {body}; RETURN NULL; END $$"
    yield f"CREATE TRIGGER {name} {fires} ON {table} FOR EACH ROW {when}EXECUTE FUNCTION {name}()"


def _expanded(sql: str, dialect: str) -> str:
    for pattern, replacement in _MACROS[dialect].items():
        sql = re.sub(pattern, replacement, sql)
    return sql


@cache
def _fingerprint(dialect: str) -> str:
    views = [_view(totals, dialect) for totals in ALL_TOTALS]
    return short_hash([views, _triggers(dialect)], 64)
