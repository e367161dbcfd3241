"""The context in an empty ledger: on SQLite, and on Postgres as well where HULEEDU_DRILL_POSTGRES names a server."""

import os
from collections.abc import Iterator

import pytest

from huleedu_pipeline.context import AssessmentContext
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.settings import Settings
from tests.drills.kill import drop_database, make_database

SERVER = os.environ.get("HULEEDU_DRILL_POSTGRES")


@pytest.fixture(params=["sqlite", *(["postgres"] if SERVER else [])])
def book(request: pytest.FixtureRequest, settings: Settings) -> Iterator[Ledger]:
    """An empty ledger."""
    is_server = request.param == "postgres" and SERVER is not None
    url = make_database(str(SERVER)) if is_server else settings.ledger_url
    ledger = Ledger(url)
    yield ledger
    ledger.close()
    if is_server:
        drop_database(str(SERVER), url)


@pytest.fixture
def context(book: Ledger) -> AssessmentContext:
    """The context in that ledger."""
    return AssessmentContext(book)
