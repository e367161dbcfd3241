"""What ledger, warehouse and Dagster share on a Postgres server: schemas, roles, and who acts as whom.

One database holds four schemas. ``huleedu_owner`` owns and changes the tables of ledger and warehouse, ``huleedu_pipeline``
reads and writes their rows and owns Dagster's own schema, and ``huleedu_analyst`` reads the warehouse. Without these roles, a
single one owns everything that it makes. Not here: the tables themselves (the ledger's migrations, the lake's declarations).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import sqlalchemy as sa

from huleedu_pipeline.errors import HuleeduError

OWNER, PIPELINE, ANALYST = "huleedu_owner", "huleedu_pipeline", "huleedu_analyst"
LEDGER, WAREHOUSE, PUBLICATION, DAGSTER = SCHEMAS = "ledger", "warehouse", "publication", "dagster"
INSUFFICIENT_PRIVILEGE = "42501"

_INSTALLATION = f"""
-- Roles. None has a password yet: \\password {PIPELINE}
DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['{OWNER}', '{PIPELINE}', '{ANALYST}'] LOOP
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
      EXECUTE format('CREATE ROLE %I LOGIN', name);
    END IF;
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
      EXECUTE format('GRANT %I TO CURRENT_USER', name);
    END IF;
  END LOOP;
END $$;
-- Who may connect, and who may make schemas.
DO $$
BEGIN
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT, CREATE, TEMPORARY ON DATABASE %I TO {OWNER}', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO {PIPELINE}, {ANALYST}', current_database());
  EXECUTE format('ALTER ROLE {PIPELINE} IN DATABASE %I SET search_path = {DAGSTER}', current_database());
  EXECUTE format('ALTER ROLE {ANALYST} IN DATABASE %I SET search_path = {WAREHOUSE}', current_database());
  EXECUTE format('ALTER ROLE {ANALYST} IN DATABASE %I SET default_transaction_read_only = on', current_database());
END $$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
-- The schemas, and what the pipeline may do in them.
CREATE SCHEMA IF NOT EXISTS {LEDGER} AUTHORIZATION {OWNER};
CREATE SCHEMA IF NOT EXISTS {WAREHOUSE} AUTHORIZATION {OWNER};
CREATE SCHEMA IF NOT EXISTS {PUBLICATION} AUTHORIZATION {OWNER};
CREATE SCHEMA IF NOT EXISTS {DAGSTER} AUTHORIZATION {PIPELINE};
GRANT USAGE ON SCHEMA {LEDGER}, {WAREHOUSE}, {PUBLICATION} TO {PIPELINE};
GRANT USAGE ON SCHEMA {WAREHOUSE} TO {ANALYST};
ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA {LEDGER}, {PUBLICATION}
  GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {PIPELINE};
ALTER DEFAULT PRIVILEGES FOR ROLE {OWNER} IN SCHEMA {LEDGER} GRANT USAGE ON SEQUENCES TO {PIPELINE};
"""  # noqa: S608 (our own names)


class PostgresError(HuleeduError):
    """Postgres is to be used and can not be."""


@dataclass(frozen=True)
class Seen:
    """What a role sees of a database: the schemas of ours that it may use."""

    version: str
    database: str
    role: str
    schemas: frozenset[str]


def open_engine(url: str) -> sa.Engine:
    """Return an engine on a database, whose errors do not quote what they failed to write: that holds pupils' texts.

    Raises:
        PostgresError: what Postgres needs is not installed.

    """
    if find_spec("psycopg2") is None:
        raise PostgresError(
            "HULEEDU_DATABASE_URL: needs psycopg2, which is not installed (pip install 'huleedu-pipeline[postgres]')"
        )
    return sa.create_engine(url, hide_parameters=True)


@contextmanager
def connected(url: str) -> Iterator[sa.Engine]:
    """Give an engine for the length of a ``with`` block, and tell its errors by place and remedy.

    Raises:
        PostgresError: the server can not be reached, or does not do what is asked; no value is quoted.

    """
    engine = open_engine(url)
    try:
        yield engine
    except (sa.exc.DBAPIError, engine.dialect.loaded_dbapi.Error) as error:
        raise PostgresError(explained(engine.url, getattr(error, "orig", error))) from None
    finally:
        engine.dispose()


def explained(url: sa.URL, error: Any) -> str:
    """Return an error of the driver as a message, without what was to be written."""
    where = url.render_as_string(hide_password=True)
    code = getattr(error, "pgcode", None)
    if code is None:
        return f"{where}: can not be reached: {str(error).strip()} (check the server and PGPASSWORD)"
    if code == INSUFFICIENT_PRIVILEGE:
        return f"{where}: {error.diag.message_primary} (as {OWNER}: huleedu database migrate)"
    if code.startswith(("22", "23")):  # the server's message would quote the value
        table = error.diag.table_name or "?"
        return f"{where}: table {table} can not take what was to be written: {type(error).__name__} ({code})"
    return f"{where}: {error.diag.message_primary} ({code})"


def look(url: str) -> Seen:
    """Return what the role of ``url`` sees; raises as :func:`connected`."""
    with connected(url) as engine, engine.connect() as connection:
        version, database, role = connection.exec_driver_sql(
            "SELECT current_setting('server_version'), current_database(), current_user"
        ).one()
        usable = sa.text("SELECT nspname FROM pg_namespace WHERE nspname = ANY(:ours) AND has_schema_privilege(oid, 'USAGE')")
        return Seen(version, database, role, frozenset(connection.scalars(usable, {"ours": [*SCHEMAS]})))


def install(url: str) -> None:
    """Execute :func:`installation_sql` as the administrator that ``url`` names; raises as :func:`connected`."""
    with connected(url) as engine, engine.begin() as connection:
        connection.exec_driver_sql(installation_sql(), execution_options={"no_parameters": True})


def installation_sql() -> str:
    """Return the SQL that makes the roles and schemas in the database that it is executed in; it can be repeated.

    It is for an administrator: a superuser, or the database's owner with the right to make roles.
    """
    return _INSTALLATION.strip() + "\n"


def share(connection: sa.Connection, schema: str, like: str) -> None:
    """Let the pipeline write and analysts read the tables of ``schema``, if they may use the schema ``like``."""
    for role, rights in ((PIPELINE, "SELECT, INSERT, DELETE"), (ANALYST, "SELECT")):
        may_use = sa.text(
            "SELECT bool_or(has_schema_privilege(r.oid, n.oid, 'USAGE')) FROM pg_roles r, pg_namespace n "
            "WHERE r.rolname = :role AND n.nspname = :schema"
        )
        if connection.scalar(may_use, {"role": role, "schema": like}):
            connection.exec_driver_sql(f"GRANT USAGE ON SCHEMA {schema} TO {role}")
            connection.exec_driver_sql(f"GRANT {rights} ON ALL TABLES IN SCHEMA {schema} TO {role}")


def act_as_owner(connection: sa.Connection, schema: str) -> None:
    """For the rest of the transaction be the owner of ``schema``, which is made where it is not there.

    What is made then belongs to the same role whoever makes it, and what that role grants by default holds for it.
    """
    owner = connection.scalar(
        sa.text("SELECT quote_ident(pg_get_userbyid(nspowner)) FROM pg_namespace WHERE nspname = :schema"), {"schema": schema}
    )
    connection.exec_driver_sql(f"CREATE SCHEMA {schema}" if owner is None else f"SET LOCAL ROLE {owner}")
