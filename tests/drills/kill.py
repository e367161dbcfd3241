"""The kill drill: a real `huleedu run` is killed with SIGKILL at every point, started again, and the books are compared.

``python -m tests.drills.kill`` runs every point on both providers and prints a table; all zeros is the promise that nothing
is bought twice and nothing is lost. The judge of each cell is the emulator's own book of what it was asked to do.

Every cell is run with its ledger on SQLite and with it on Postgres, in a database of its own that is made for the cell and
dropped after it; ``--engine`` chooses one of the two.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.providers.emulator.config import EmulatorConfig
from huleedu_pipeline.providers.emulator.launcher import ensure_emulator, stop_emulator
from tests.drills.kill_points import BATCH_MODE, KILL_POINTS, KillPoint
from tests.kit import emulator_books, write_batch
from tests.postgres import drop_database, make_database, serving

KILLED = -9
MOST_RUNS = 4
N_REQUESTS = 28  # all pairs of the small batch's eight essays
RUN_SECONDS = 120
CONCURRENCY = 4


@dataclass(frozen=True)
class Cell:
    """One kill: at which point, which provider, and where the ledger is (``None``: SQLite)."""

    point: str
    provider: str
    postgres: str | None = None


@dataclass(frozen=True)
class Audit:
    """What a cell came to; ``n_repeated`` live calls were asked again because a call in flight can not be looked up."""

    n_duplicates: int
    n_lost: int
    n_without_one_outcome: int
    n_tokens_apart: int
    n_repeated: int
    problem: str = ""

    @property
    def is_clean(self) -> bool:
        """Whether nothing was bought twice or lost, and both books agree."""
        return not (self.n_duplicates or self.n_lost or self.n_without_one_outcome or self.n_tokens_apart or self.problem)


def cells(pattern: str = "", servers: Sequence[str | None] = (None,)) -> Iterator[Cell]:
    """Yield every cell whose point's name contains ``pattern``, for each place of the ledger (``None``: SQLite)."""
    for point, place in KILL_POINTS.items():
        if pattern in point:
            for provider in place.providers:
                for server in servers:
                    yield Cell(point, provider, server)


def drill(cell: Cell, folder: Path) -> Audit:
    """Run one cell in ``folder`` and compare the books."""
    point, home = KILL_POINTS[cell.point], folder / "home"
    batch = write_batch(folder / "small", judge={"provider": cell.provider}, llm_batching_mode=point.mode)
    database = None if cell.postgres is None else make_database(cell.postgres)
    environment = _environment(home, database)
    base_url = ensure_emulator(EmulatorConfig(state_dir=home / "emulator", seconds_per_job=0.3, idle_exit_seconds=120))
    try:
        if rules := point.faults.get(cell.provider):
            _set_faults(base_url, rules)
        command = [*point.command, str(batch)]
        victim = [sys.executable, "-m", "tests.drills.victim", cell.point, cell.provider, *command]
        if not _until(victim, environment, KILLED):
            return Audit(0, 0, 0, 0, 0, problem="was not killed")
        run = [sys.executable, "-c", "from huleedu_pipeline.cli.app import main; main()", *command]
        if not _until(run, environment, 0):
            return Audit(0, 0, 0, 0, 0, problem="does not come to an end")
        return _audit(cell, point, home, database)
    finally:
        stop_emulator(home / "emulator")
        if cell.postgres is not None and database is not None:
            drop_database(cell.postgres, database)


def _until(command: list[str], environment: dict[str, str], code: int) -> bool:
    """Run a command again and again until it ends with ``code``: a run may fail, and the next must make it good."""
    for _ in range(MOST_RUNS):
        ended = subprocess.run(command, env=environment, capture_output=True, timeout=RUN_SECONDS, check=False)
        if ended.returncode == code:
            return True
    return False


def _environment(home: Path, database: str | None) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HULEEDU_", "DAGSTER_"))}
    own = {
        "HULEEDU_HOME": str(home),
        "HULEEDU_EMULATOR_SECONDS_PER_JOB": "0.3",
        "HULEEDU_EMULATOR_IDLE_EXIT_SECONDS": "120",
        "HULEEDU_POLL_INTERVAL_SECONDS": "0.1",
        "HULEEDU_RECONCILE_SETTLE_SECONDS": "0.5",
        "HULEEDU_LIVE_CONCURRENCY": str(CONCURRENCY),
        "COLUMNS": "200",
    }
    return clean | own | ({} if database is None else {"HULEEDU_DATABASE_URL": database})


def _set_faults(base_url: str, rules: list[dict[str, object]]) -> None:
    body = json.dumps({"rules": rules}).encode()
    request = urllib.request.Request(f"{base_url}/admin/faults", data=body, method="PUT")
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10):
        pass


def _audit(cell: Cell, point: KillPoint, home: Path, database: str | None) -> Audit:
    books = emulator_books(home / "emulator")
    ledger = Ledger(database or f"sqlite:///{home / 'ledger.sqlite'}")
    try:
        tally, jobs = ledger.tally("small"), ledger.jobs("small")
        with ledger.engine.connect() as connection:
            final = connection.exec_driver_sql(
                "SELECT count(*) FROM (SELECT r.custom_id FROM requests r LEFT JOIN attempts a "
                "ON a.custom_id = r.custom_id AND a.is_final GROUP BY r.custom_id HAVING count(a.custom_id) <> 1) odd"
            ).scalar_one()
            answered, attempted, tokens = connection.exec_driver_sql(
                "SELECT count(CASE WHEN input_tokens > 0 THEN 1 END), count(*), coalesce(sum(input_tokens), 0) FROM attempts"
            ).one()
    finally:
        ledger.close()
    ours = {job.provider_job_id for job in jobs if job.provider_job_id}
    theirs = {job["id"] for job in books["jobs"]}
    judged = books["requests_judged"]
    is_batch = point.mode == BATCH_MODE
    return Audit(
        # In batch mode what was judged is what was answered; a live call in flight is an attempt without an answer.
        n_duplicates=judged - answered if is_batch else max(0, judged - attempted),
        n_lost=N_REQUESTS - tally.n_succeeded + len(theirs - ours),
        n_without_one_outcome=final + (N_REQUESTS - tally.n_requests),
        n_tokens_apart=books["billed"][cell.provider]["input_tokens"] - tokens if is_batch else 0,
        n_repeated=0 if is_batch else judged - N_REQUESTS,
        problem="" if is_batch or judged - N_REQUESTS <= CONCURRENCY else "more calls repeated than can be in flight",
    )


def _print(results: dict[Cell, Audit]) -> None:
    table = Table(
        title="The kill drill: SIGKILL at each point, the same command again, and both sides' books",
        caption="duplicates / lost / requests without just one outcome / tokens apart; +n: live calls in flight, asked again",
    )
    columns = sorted({(cell.provider, "SQLite" if cell.postgres is None else "Postgres") for cell in results})
    table.add_column("killed")
    for provider, engine in columns:
        table.add_column(f"{provider}, {engine}", justify="center")
    for point in KILL_POINTS:
        row = {(c.provider, "SQLite" if c.postgres is None else "Postgres"): a for c, a in results.items() if c.point == point}
        if row:
            table.add_row(point, *(_shown(row.get(column)) for column in columns))
    console = Console(highlight=False, width=max(140, Console().width))
    console.print(table)
    bad = sum(not audit.is_clean for audit in results.values())
    console.print(f"{len(results)} kills at {len({c.point for c in results})} points: {len(results) - bad} clean, {bad} not")


def _shown(audit: Audit | None) -> str:
    if audit is None:
        return "-"
    counts = (audit.n_duplicates, audit.n_lost, audit.n_without_one_outcome, audit.n_tokens_apart)
    repeated = f" +{audit.n_repeated}" if audit.n_repeated else ""
    return audit.problem or " ".join(str(count) for count in counts) + repeated


def main() -> None:
    """Run the drill from the command line; exits with 1 when a cell is not clean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="part of the names of the points to run")
    parser.add_argument("--engine", choices=("sqlite", "postgres", "both"), default="both", help="where the ledger is")
    parser.add_argument("--workers", type=int, default=2, help="cells run side by side")
    arguments = parser.parse_args()
    results: dict[Cell, Audit] = {}
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        server = None if arguments.engine == "sqlite" else stack.enter_context(serving(Path(folder) / "postgres"))
        servers = {"sqlite": (None,), "postgres": (server,)}.get(arguments.engine, (None, server))
        chosen = list(cells(arguments.only, servers))
        bar = stack.enter_context(Progress(console=Console(stderr=True)))
        task = bar.add_task("kills", total=len(chosen))

        def run(number: int, cell: Cell) -> None:
            results[cell] = drill(cell, Path(folder) / str(number))
            bar.advance(task)

        with ThreadPoolExecutor(arguments.workers) as pool:
            for done in [pool.submit(run, number, cell) for number, cell in enumerate(chosen)]:
                done.result()
    _print({cell: results[cell] for cell in chosen})
    sys.exit(0 if all(audit.is_clean for audit in results.values()) else 1)


if __name__ == "__main__":
    main()
