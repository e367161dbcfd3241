"""The context in an empty ledger, on SQLite and on Postgres."""

import pytest

from huleedu_pipeline.context import AssessmentContext
from huleedu_pipeline.ledger import Ledger


@pytest.fixture
def book(ledger_on_each: Ledger) -> Ledger:
    """An empty ledger."""
    return ledger_on_each


@pytest.fixture
def context(book: Ledger) -> AssessmentContext:
    """The context in that ledger."""
    return AssessmentContext(book)
