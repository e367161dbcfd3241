"""Opening the ledger's database: engine, write transactions that can not deadlock, migrations.

Write transactions queue one behind another, on SQLite by ``BEGIN IMMEDIATE`` and on Postgres by an advisory lock, so that what
a transaction has read still holds when it writes. Every commit is flushed to disk: what is recorded has happened. On Postgres
the ledger is the schema ``ledger``; whoever migrates it acts as that schema's owner.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from filelock import FileLock

from huleedu_pipeline import postgres
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.ledger.totalling import drop_totals, has_totals, make_totals
from huleedu_pipeline.postgres import INSUFFICIENT_PRIVILEGE, LEDGER, act_as_owner, explained

BUSY_TIMEOUT_SECONDS = 30
WRITERS_LOCK = 4_853_751_012  # any number, the same in every process
# Whatever the server does by default, unless that is to wait for more.
FLUSHED = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local')"
DAMAGED = ("not a database", "malformed")


class DamagedLedgerError(HuleeduError):
    """The ledger's file is no database that can be read."""


class LedgerUnavailableError(HuleeduError):
    """The ledger can not be opened now: locked, no space, no permission."""


READ_ONLY = {"huleedu_read_only": True}


def open_engine(url: str) -> sa.Engine:
    """Return an engine on an up-to-date ledger database, making or migrating it first where needed."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        # An error must not quote what it failed to write: request bodies hold pupils' texts.
        engine = sa.create_engine(parsed, hide_parameters=True)
        path = Path(str(parsed.database))
        path.parent.mkdir(parents=True, exist_ok=True)
        _make_safe(engine)
        try:
            with FileLock(path.with_name(path.name + ".migrate.lock")):
                migrate(engine)
        except sa.exc.DatabaseError as error:
            if not any(sign in str(error.orig) for sign in DAMAGED):
                raise LedgerUnavailableError(
                    f"{path}: can not be opened: {error.orig} (check the disk and try again)"
                ) from None
            raise DamagedLedgerError(
                f"{path}: can not be read as a ledger: {error.orig} (restore it from a backup before anything is submitted)"
            ) from None
        return engine
    engine = _postgres_engine(url)
    try:
        migrate(engine)
    except sa.exc.DBAPIError as error:
        if isinstance(error, sa.exc.OperationalError) or getattr(error.orig, "pgcode", None) == INSUFFICIENT_PRIVILEGE:
            raise LedgerUnavailableError(explained(parsed, error.orig)) from None
        raise
    return engine


def ledger_revisions(url: str) -> tuple[str | None, str]:
    """Return the revision of the ledger in a Postgres database, ``None`` where there is none, and the newest.

    Raises:
        LedgerUnavailableError: the server can not be reached, or shows it to others only.

    """
    engine = _postgres_engine(url)
    try:
        return _revisions(engine)
    except (sa.exc.OperationalError, sa.exc.ProgrammingError) as error:
        raise LedgerUnavailableError(explained(engine.url, error.orig)) from None
    finally:
        engine.dispose()


def _revisions(engine: sa.Engine) -> tuple[str | None, str]:
    with _alembic() as config, engine.connect().execution_options(**READ_ONLY) as connection:
        found = MigrationContext.configure(connection).get_current_revision()
        return found, str(ScriptDirectory.from_config(config).get_current_head())


def migrate(engine: sa.Engine) -> None:
    """Bring the database to the newest schema and its sums to their declarations; does nothing when it is there already."""
    found, head = _revisions(engine)
    with engine.connect().execution_options(**READ_ONLY) as connection:
        if found == head and has_totals(connection):
            return
    with _alembic() as config, engine.connect() as connection, _free_to_rebuild(connection), connection.begin():
        if connection.dialect.name == "postgresql":
            act_as_owner(connection, LEDGER)
        # Made anew, whatever a migration does to the tables beneath: rebuilding a table takes its triggers away.
        drop_totals(connection)
        if found != head:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
            _ensure_references(connection)
        make_totals(connection)


@contextmanager
def _free_to_rebuild(connection: sa.Connection) -> Iterator[None]:
    """Let a migration replace a table that others refer to, which SQLite takes for removing all its rows."""
    if connection.dialect.name != "sqlite":
        yield
        return
    cursor = connection.connection.cursor()
    cursor.execute("PRAGMA foreign_keys = OFF")  # means nothing inside a transaction
    try:
        yield
    finally:
        cursor.execute("PRAGMA foreign_keys = ON")


def _ensure_references(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite" and (broken := connection.exec_driver_sql("PRAGMA foreign_key_check").all()):
        raise DamagedLedgerError(
            f"table {broken[0][0]}: a row refers to one in {broken[0][2]} that is not there, and nothing was migrated (restore "
            "the ledger from a backup, or migrate it with the version before)"
        )


@contextmanager
def _alembic() -> Iterator[Config]:
    with as_file(files("huleedu_pipeline.ledger") / "migrations") as folder:
        config = Config()
        config.set_main_option("script_location", str(folder))
        yield config


def _postgres_engine(url: str) -> sa.Engine:
    engine = postgres.open_engine(url)

    @sa.event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"SET search_path = {LEDGER}")
            cursor.execute(FLUSHED)
        connection.commit()

    @sa.event.listens_for(engine, "begin")
    def _on_begin(connection: sa.Connection) -> None:
        if not connection.get_execution_options().get("huleedu_read_only", False):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({WRITERS_LOCK})")

    return engine


def _make_safe(engine: sa.Engine) -> None:
    @sa.event.listens_for(engine, "connect")
    def _on_connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # SQLAlchemy's own BEGIN below, not the driver's late one
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            f"busy_timeout = {BUSY_TIMEOUT_SECONDS * 1000}",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @sa.event.listens_for(engine, "begin")
    def _on_begin(connection: sa.Connection) -> None:
        is_read_only = connection.get_execution_options().get("huleedu_read_only", False)
        connection.exec_driver_sql("BEGIN" if is_read_only else "BEGIN IMMEDIATE")
