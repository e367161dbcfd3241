"""What the heavy suites share: an installation whose daemon judges what is dropped into its inbox, and what it came to.

Not here: what a suite drops, what it expects, and how its processes are ended (:mod:`.guardian`).
"""

import os
import re
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any

import pandas as pd

from huleedu_pipeline import open_warehouse
from huleedu_pipeline.essays.inbox import SETTLE_SECONDS, stage
from huleedu_pipeline.essays.overrides import NO_OVERRIDES, Overrides
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.orchestration.home import dagster_environment, open_instance
from huleedu_pipeline.project_files import project_file
from huleedu_pipeline.providers.backend import emulator_config
from huleedu_pipeline.providers.emulator.launcher import ensure_emulator
from huleedu_pipeline.settings import Settings
from tests.emulator.kit import fetch
from tests.heavy.guardian import guarded
from tests.kit import emulator_books, write_batch
from tests.metrics.kit import Scrape
from tests.processes import wait_until

PATIENCE_SECONDS = 1200.0
BUNDLE_SIZE = 16
TABLES = (
    "batch_status",
    "comparison_pairs",
    "judge_requests",
    "llm_judgements",
    "provider_jobs",
    "wave_decisions",
    "cj_rankings",
)
LOG_TAIL_CHARACTERS = 4000

HULEEDU = [sys.executable, "-c", "from huleedu_pipeline.cli.app import main; main()"]
DAEMON = [sys.executable, "-m", "dagster._daemon", "run", "-w", str(project_file("workspace.yaml"))]


class EndedEarlyError(Exception):
    """A process that a suite needs has ended, or a batch has."""


@dataclass(frozen=True)
class Judged:
    """What an installation came to: its ledger, its published tables, the scraped metrics, and the emulator's own account."""

    settings: Settings
    ledger: Ledger
    tables: Mapping[str, pd.DataFrame]
    scrape: Scrape
    books: Mapping[str, Any]
    mock_mode: Mapping[str, Any]

    def counted(self, name: str, *columns: str) -> dict[tuple[str, ...], float]:
        """Return how many rows of a table there are, by the values of some of its columns."""
        rows = self.tables[name][list(columns)].itertuples(index=False)
        return dict(Counter(tuple(map(str, row)) for row in rows))


def write_essays(folder: Path, n_essays: int, **spec: Any) -> Path:
    """Write a batch of so many essays of one sentence each, without anchors."""
    path = write_batch(folder, anchors={}, **spec)
    for essay in (path / "essays").iterdir():
        essay.unlink()
    for n in range(n_essays):
        (path / "essays" / f"synthetic{n:02}.txt").write_text(f"This is the only sentence of essay {n}.\n", encoding="utf-8")
    return path


@contextmanager
def judged_by_the_daemon(settings: Settings, batches: Sequence[Path], overrides: Overrides = NO_OVERRIDES) -> Iterator[Judged]:
    """Start emulator, daemon and metrics server, drop batches into the inbox, wait until all are published, end the processes.

    Raises:
        EndedEarlyError: a batch has failed, or a process has ended.
        TimeoutError: a batch is not published within twenty minutes.

    """
    with open_instance(settings):
        environment = dagster_environment(settings) | _variables(settings)
    ledger = Ledger(settings.ledger_url)
    commands = {"daemon": DAEMON, "metrics": [*HULEEDU, "metrics", "serve", "--port", "0"]}
    try:
        with guarded(commands, environment, settings.home, settings.emulator_dir) as guardian:
            emulator = ensure_emulator(emulator_config(settings))
            for folder in batches:
                _arrive(stage(folder, settings.inbox_dir, overrides=overrides))
            names = {folder.name for folder in batches}
            what = f"{len(names)} batches are published (see {settings.home / 'daemon.log'})"
            wait_until(lambda: _are_published(ledger, names, guardian, settings.home), PATIENCE_SECONDS, what)
            with open_warehouse(settings.warehouse_path) as warehouse:
                tables = {name: warehouse.frame(name) for name in TABLES}
            judged = Judged(
                settings,
                ledger,
                tables,
                Scrape(_scraped(settings.home)),
                emulator_books(settings.emulator_dir),
                fetch(f"{emulator}/admin/mock-mode"),
            )
        yield judged
    finally:
        ledger.close()


def _variables(settings: Settings) -> dict[str, str]:
    given = settings.model_dump(mode="json", exclude_unset=True)
    return {f"HULEEDU_{name.upper()}": str(value) for name, value in given.items() if value is not None}


def _arrive(folder: Path) -> None:
    """Let a folder look as if it had been copied a while ago, so that the inbox takes it at its first look."""
    earlier = time.time() - 2 * SETTLE_SECONDS
    for path in (*folder.rglob("*"), folder):
        os.utime(path, (earlier, earlier))


def _are_published(ledger: Ledger, names: set[str], guardian: "Popen[bytes]", folder: Path) -> bool:
    if guardian.poll() is not None:
        tails = [f"{log.name} ends:\n{log.read_text(errors='replace')[-LOG_TAIL_CHARACTERS:]}" for log in folder.glob("*.log")]
        raise EndedEarlyError("\n".join(["a process has ended", *tails]))
    found = ledger.batches()
    if closed := [f"{batch.batch_id} is {batch.status}: {batch.status_reason}" for batch in found if batch.status.is_closed]:
        raise EndedEarlyError("; ".join(closed))
    return {batch.batch_id for batch in found if batch.is_published} == names


def _scraped(folder: Path) -> str:
    """Return what the metrics server answers, as Prometheus would get it."""
    said = re.search(r"metrics at (\S+)", (folder / "metrics.log").read_text(encoding="utf-8"))
    if said is None:
        raise EndedEarlyError(f"{folder / 'metrics.log'}: the metrics server names no address")
    # A local address must not be asked for through a proxy of the environment.
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(said[1], timeout=30) as reply:
        return str(reply.read().decode("utf-8"))
