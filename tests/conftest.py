"""Fixtures for all tests: an installation of its own for each test that needs one, and never a key of a real provider."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.logs.writing import end as end_log
from huleedu_pipeline.providers.emulator.launcher import stop_emulator
from huleedu_pipeline.settings import Settings

SECONDS_PER_JOB = 0.3

# The same examples on every machine, however busy it is: a test that fails says something about the code.
hypothesis_settings.register_profile(
    "everywhere", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
hypothesis_settings.load_profile("everywhere")


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "DAGSTER_HOME", "HULEEDU_JUDGE_BACKEND", "HULEEDU_HOME"):
        monkeypatch.delenv(name, raising=False)


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
        emulator_idle_exit_seconds=60,
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
