"""The database's URL: made explicit, and refused with a password in it, which no message repeats."""

import pytest
from pydantic import ValidationError

from huleedu_pipeline.settings import Settings, SettingsError


@pytest.mark.parametrize("scheme", ["postgresql", "postgresql+psycopg2"])
def test_the_driver_is_made_explicit(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setenv("HULEEDU_DATABASE_URL", f"{scheme}://judge@db:5433/huleedu?host=%2Frun&sslmode=require")
    settings = Settings.load()
    assert settings.database_url == "postgresql+psycopg2://judge@db:5433/huleedu?host=%2Frun&sslmode=require"
    assert settings.ledger_url == settings.database_url


def test_libpqs_own_variables_can_name_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HULEEDU_DATABASE_URL", "postgresql://")
    assert Settings.load().ledger_url == "postgresql+psycopg2://"


def test_a_refused_address_is_not_repeated_by_pydantic() -> None:
    with pytest.raises(ValidationError) as refused:
        Settings(database_url="postgresql://judge:s3cret@db/huleedu")
    assert "s3cret" not in str(refused.value)


def test_without_one_the_ledger_is_a_file() -> None:
    settings = Settings.load()
    assert settings.database_url is None
    assert settings.ledger_url.startswith("sqlite:///")


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("postgresql://judge:s3cret@db/huleedu", "holds a password, which belongs in PGPASSWORD or a password file"),
        ("postgresql://judge@db/huleedu?password=s3cret", "holds a password"),
        ("postgresql://judge@db/huleedu?sslpassword=s3cret", "holds a password"),
        (
            "postgresql+psycopg://judge@db/huleedu",
            r"begins with postgresql\+psycopg://, and only Postgres by psycopg2 is known",
        ),
        ("mysql://judge@db/huleedu", "begins with mysql://"),
        ("the database: s3cret", "is no URL of a database, like postgresql://"),
    ],
)
def test_what_can_not_be_used_is_refused(monkeypatch: pytest.MonkeyPatch, url: str, why: str) -> None:
    monkeypatch.setenv("HULEEDU_DATABASE_URL", url)
    with pytest.raises(SettingsError, match=f"HULEEDU_DATABASE_URL: {why}") as refused:
        Settings.load()
    assert "s3cret" not in str(refused.value)
