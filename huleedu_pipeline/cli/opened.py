"""The ledger and the assessment context of this installation, opened for the length of a command."""

from collections.abc import Iterator
from contextlib import contextmanager

from huleedu_pipeline.context import AssessmentContext
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.settings import Settings


@contextmanager
def opened_context() -> Iterator[AssessmentContext]:
    """Open the ledger that the environment names and give the context in it; the ledger is made where there is none."""
    ledger = Ledger(Settings.load().ledger_url)
    try:
        yield AssessmentContext(ledger)
    finally:
        ledger.close()


@contextmanager
def ledger_if_any(settings: Settings) -> Iterator[Ledger | None]:
    """Open the installation's ledger where there is one already, and give ``None`` where there is none: none is made."""
    if settings.database_url is None and not (settings.home / "ledger.sqlite").is_file():
        yield None
        return
    ledger = Ledger(settings.ledger_url)
    try:
        yield ledger
    finally:
        ledger.close()
