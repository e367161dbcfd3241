"""The ledger of this installation and the assessment context in it, opened for the length of a command."""

from collections.abc import Iterator
from contextlib import contextmanager

from huleedu_pipeline.context import AssessmentContext
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.settings import Settings


@contextmanager
def opened_ledger() -> Iterator[Ledger]:
    """Open the ledger that the environment names; it is made where there is none."""
    ledger = Ledger(Settings.load().ledger_url)
    try:
        yield ledger
    finally:
        ledger.close()


@contextmanager
def opened_context() -> Iterator[AssessmentContext]:
    """Open that ledger and give the context in it."""
    with opened_ledger() as ledger:
        yield AssessmentContext(ledger)


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
