"""Fixtures for all tests: an installation of its own for each test that needs one, and never a key of a real provider."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from huleedu_pipeline.lake.postgres import migrate_warehouse
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.logs.writing import end as end_log
from huleedu_pipeline.providers.emulator.launcher import stop_emulator
from huleedu_pipeline.settings import Settings
from tests.postgres import drop_database, make_database, serving

SECONDS_PER_JOB = 0.3

# The same examples on every machine, however busy it is: a test that fails says something about the code.
hypothesis_settings.register_profile(
    "everywhere", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("everywhere")


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "OPENAI_API_KEY",
        "OPENAI_API_KEY_FILE",
        "ANTHROPIC_API_KEY",
        "ANTHROPIC_API_KEY_FILE",
        "DAGSTER_HOME",
        "HULEEDU_JUDGE_BACKEND",
        "HULEEDU_HOME",
        "HULEEDU_DATABASE_URL",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    """Commands make this very process private, which must not last: the tests' Postgres server is another user's."""
    os.umask(0o022)
    yield
    os.umask(0o022)


@pytest.fixture(autouse=True)
def _logs_of_this_test() -> Iterator[None]:
    """What a test began to write down ends with it."""
    yield
    end_log()


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    """An installation in an empty folder, judged by an emulator that is stopped afterwards."""
    made = Settings(
        home=tmp_path / "home",
        emulator_seconds_per_job=SECONDS_PER_JOB,
        emulator_idle_exit_seconds=600,
        reconcile_settle_seconds=0.0,
        poll_interval_seconds=0.1,
    )
    yield made
    if made.emulator_dir.is_dir():
        stop_emulator(made.emulator_dir)


@pytest.fixture
def ledger(settings: Settings) -> Iterator[Ledger]:
    """The empty ledger of that installation."""
    book = Ledger(settings.ledger_url)
    yield book
    book.close()


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a Postgres server as its administrator; all workers of a session share it."""
    own = tmp_path_factory.getbasetemp()
    with serving(own.parent if hasattr(request.config, "workerinput") else own) as url:
        yield url


@pytest.fixture
def postgres_url(postgres_server: str) -> Iterator[str]:
    """The URL of an empty database."""
    url = make_database(postgres_server)
    yield url
    drop_database(postgres_server, url)


@pytest.fixture(scope="session")
def postgres_template(postgres_server: str) -> Iterator[str]:
    """The URL of a database with an empty ledger and warehouse, to be copied: quicker than making each."""
    url = make_database(postgres_server)
    Ledger(url).close()
    migrate_warehouse(url)
    yield url
    drop_database(postgres_server, url)


@pytest.fixture
def postgres_home(postgres_server: str, postgres_template: str) -> Iterator[str]:
    """The URL of a database with an empty ledger and warehouse."""
    url = make_database(postgres_server, postgres_template)
    yield url
    drop_database(postgres_server, url)


@pytest.fixture(params=["sqlite", "postgres"])
def ledger_on_each(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Ledger]:
    """An empty ledger, once on SQLite and once on Postgres."""
    if request.param == "sqlite":
        book = Ledger(settings.ledger_url)
        yield book
        book.close()
        return
    book = Ledger(request.getfixturevalue("postgres_home"))
    yield book
    book.close()
