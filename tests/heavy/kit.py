"""What the heavy suites share: an installation whose daemon judges what is dropped into its inbox, and a way to wait for it.

Not here: what a suite drops and asserts. Everything that is started here is ended here.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from huleedu_pipeline.essays.inbox import stage
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.orchestration.home import dagster_environment, open_instance
from huleedu_pipeline.providers.emulator.launcher import stop_emulator
from huleedu_pipeline.settings import Settings
from tests.drills.daemon import the_daemon, wait_until

PATIENCE_SECONDS = 1200.0


@contextmanager
def judged_by_the_daemon(settings: Settings, batches: Sequence[Path]) -> Iterator[Ledger]:
    """Start the daemon, drop batches into its inbox, wait until all are published, and give the ledger.

    The daemon has ended then; the emulator that it started is left to be looked at, and ends with the block.

    Raises:
        TimeoutError: a batch is not published within twenty minutes.

    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HULEEDU_", "DAGSTER_"))}
    own = {
        f"HULEEDU_{name.upper()}": str(value)
        for name, value in settings.model_dump(mode="json", exclude_unset=True).items()
        if value is not None
    }
    with open_instance(settings):
        environment = clean | dagster_environment(settings) | own
    ledger = Ledger(settings.ledger_url)
    try:
        for folder in batches:
            stage(folder, settings.inbox_dir)
        with the_daemon(settings, environment, settings.home / "daemon.log"):
            wait_until(
                lambda: len(found := ledger.batches()) == len(batches) and all(batch.is_published for batch in found),
                PATIENCE_SECONDS,
                f"{len(batches)} batches are published (see {settings.home / 'daemon.log'})",
            )
        yield ledger
    finally:
        ledger.close()
        stop_emulator(settings.emulator_dir)
