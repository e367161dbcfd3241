"""The warehouse's tables and views in Postgres, made from what is declared and changed without anybody's waiting.

When a table or view is declared in another way, all are made beside those that are there, take over their rows, and the two
schemas change names; those of old are dropped when their last reader has gone. Not here: the rows of the lake
(:mod:`.postgres`).
"""

import sqlalchemy as sa

from huleedu_pipeline.lake.publication import fingerprint, view_comments
from huleedu_pipeline.lake.schema import Table, sql_name, sql_names, sql_string
from huleedu_pipeline.lake.tables import PUBLISHED_TABLES
from huleedu_pipeline.lake.views import VIEWS
from huleedu_pipeline.postgres import PUBLICATION, WAREHOUSE, act_as_owner, share

BUILT, LEFT_BEHIND = "warehouse_built", "warehouse_before_"
# Any numbers, the same in every process. Who publishes shares the first.
DECLARATIONS_LOCK, CLEARING_LOCK = 4_853_751_013, 4_853_751_014
CLEARING_TIMEOUT = "200ms"
STILL_IN_USE = frozenset({"55P03", "2BP01", "40P01"})  # it is locked, something depends on it, a deadlock
ACCOUNT = (
    f"CREATE TABLE {PUBLICATION}.made_from (declarations text NOT NULL)",
    f"COMMENT ON TABLE {PUBLICATION}.made_from IS 'Fingerprint of the declared tables and views.'",
    f"CREATE TABLE {PUBLICATION}.files (table_name text, batch_id text, version text NOT NULL, lake text NOT NULL, "
    "n_rows bigint NOT NULL, PRIMARY KEY (table_name, batch_id))",
    f"COMMENT ON TABLE {PUBLICATION}.files IS 'The files of the lake that were read, by inode, time of change (ns) and size.'",
)


def declare(engine: sa.Engine) -> None:
    """Make the tables and views that are declared, unless they are there, taking over the rows that are."""
    with engine.connect() as connection:
        is_current = is_as_declared(connection)
    if not is_current:
        with engine.begin() as connection:
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({DECLARATIONS_LOCK})")
            if not is_as_declared(connection):
                _build(connection)
    _clear_away(engine)


def is_as_declared(connection: sa.Connection) -> bool:
    """Whether the tables and views that are there were made from what is declared."""
    if connection.scalar(sa.text("SELECT to_regclass(:name)"), {"name": f"{PUBLICATION}.made_from"}) is None:
        return False
    return bool(connection.scalar(sa.text(f"SELECT declarations FROM {PUBLICATION}.made_from")) == _declared())


def _declared() -> str:
    return fingerprint(table.postgres_ddl(WAREHOUSE) for table in PUBLISHED_TABLES)


def _build(connection: sa.Connection) -> None:
    """Make all tables beside those that are there, take over their rows, and change places with them."""
    act_as_owner(connection, PUBLICATION)
    if not sa.inspect(connection).has_table("made_from", schema=PUBLICATION):
        _execute(connection, *ACCOUNT)
    act_as_owner(connection, WAREHOUSE)
    inspector = sa.inspect(connection)
    connection.exec_driver_sql(f"CREATE SCHEMA {BUILT}")
    for table in PUBLISHED_TABLES:
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
        _execute(
            connection, *(f"COMMENT ON COLUMN {view.name}.{sql_name(name)} IS {sql_string(text)}" for name, text in comments)
        )
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
        names = sql_names(common)
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
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({CLEARING_LOCK})")
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


def _execute(connection: sa.Connection, *statements: str) -> None:
    """Execute statements in one go and as they stand: a percent sign in a comment is one."""
    connection.exec_driver_sql(";\n".join(statements), execution_options={"no_parameters": True})
