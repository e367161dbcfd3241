"""The ledger's tests run on SQLite and on Postgres."""

import pytest

from huleedu_pipeline.ledger import Ledger


@pytest.fixture
def ledger(ledger_on_each: Ledger) -> Ledger:
    """An empty ledger."""
    return ledger_on_each
