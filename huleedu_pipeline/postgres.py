"""What ledger, warehouse and Dagster share on a Postgres server: schemas, roles, and who acts as whom.

One database holds four schemas. ``huleedu_owner`` owns and changes the tables of ledger and warehouse, ``huleedu_pipeline``
reads and writes their rows and owns Dagster's own schema, and ``huleedu_analyst`` reads the warehouse. Without these roles, a
single one owns everything that it makes. Not here: the tables themselves (the ledger's migrations, the lake's declarations).
"""

from importlib.util import find_spec

import sqlalchemy as sa

from huleedu_pipeline.errors import HuleeduError

OWNER, PIPELINE, ANALYST = "huleedu_owner", "huleedu_pipeline", "huleedu_analyst"
LEDGER, WAREHOUSE, PUBLICATION, DAGSTER = "ledger", "warehouse", "publication", "dagster"
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
"""


class PostgresError(HuleeduError):
    """Postgres is to be used and can not be."""


def open_engine(url: str) -> sa.Engine:
    """Return an engine on a database, whose errors do not quote what they failed to write: that holds pupils' texts.

    Raises:
        PostgresError: what Postgres needs is not installed.

    """
    if find_spec("psycopg2") is None:
        raise PostgresError("HULEEDU_DATABASE_URL: needs psycopg2, which is not installed (pip install 'huleedu-pipeline[postgres]')")
    return sa.create_engine(url, hide_parameters=True)


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
