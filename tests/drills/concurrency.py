"""The concurrency drill: many processes judge many batches at once, on one ledger and one provider account.

``python -m tests.drills.concurrency`` registers 64 batches and lets eight processes loose on them with the ledger and a
warehouse in Postgres, then four with the ledger in SQLite, then eight again of which a third are killed at random moments.
Every process may take up any batch at any time. The judge is the emulator's own book of what it was asked to do: no provider
job twice, no answer lost, every request with one outcome, no deadlock, and both warehouses with every row. Judgements are
**simulated**.
"""

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console
from rich.table import Table

from huleedu_pipeline.cli.runner import take_in
from huleedu_pipeline.essays.batch_folder import read_batch
from huleedu_pipeline.essays.inbox import find
from huleedu_pipeline.lake import open_warehouse
from huleedu_pipeline.lake.checksums import checksum
from huleedu_pipeline.lake.postgres import postgres_rows
from huleedu_pipeline.lake.tables import PUBLISHED_TABLES
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.providers.emulator.config import EmulatorConfig
from huleedu_pipeline.providers.emulator.launcher import ensure_emulator, stop_emulator
from huleedu_pipeline.providers.planning import plan_comparisons, plan_requests, planned_scale, planned_spec
from huleedu_pipeline.settings import Settings
from tests.kit import emulator_books, write_batch
from tests.postgres import drop_database, make_database, serving

N_REQUESTS = 28  # all pairs of the small batch's eight essays
SECONDS_PER_JOB = 2.0
END_SECONDS = 3600.0
# Another process has the batch, took it in the same moment, or was quicker: what many workers at once are expected to meet.
EXPECTED = re.compile(
    r"is working on it|took the lease in the same moment|is (not|no longer)|already|was held up|has just lost"
)
out = Console(highlight=False, width=140)


@dataclass(frozen=True)
class Drill:
    """One run of the drill: how many workers and batches, and how many of the workers are killed.

    ``kind`` is what a worker does: everything by the graph's jobs (:mod:`.crew`), or judging alone (:mod:`.hands`).
    """

    engine: str
    n_workers: int
    n_batches: int
    n_killed: int = 0
    kind: Literal["crew", "hands"] = "crew"


@dataclass(frozen=True)
class Audit:
    """What a run came to; everything but the first three should be zero or empty."""

    seconds: float
    n_runs: int
    n_busy: int
    n_duplicate_jobs: int
    n_judged_twice: int
    n_lost: int
    n_without_one_outcome: int
    n_tokens_apart: int
    n_deadlocks: int
    tables_apart: tuple[str, ...]
    problems: tuple[str, ...]

    @property
    def is_clean(self) -> bool:
        """Whether nothing was bought twice or lost, nobody was in anybody's way, and all books agree."""
        zeros = (self.n_duplicate_jobs, self.n_judged_twice, self.n_lost, self.n_without_one_outcome, self.n_tokens_apart)
        return not (any(zeros) or self.n_deadlocks or self.tables_apart or self.problems)


def drill(plan: Drill, folder: Path, server: str | None, seed: int = 1) -> Audit:
    """Run one drill in ``folder``, with a database of its own on ``server`` if it is one on Postgres."""
    url = make_database(str(server)) if plan.engine == "postgres" else None
    environment = _environment(folder / "home", url)
    settings = Settings(home=folder / "home", database_url=url, reconcile_settle_seconds=0.5).absolute()
    ensure_emulator(EmulatorConfig(state_dir=settings.emulator_dir, seconds_per_job=SECONDS_PER_JOB, idle_exit_seconds=600))
    try:
        for number in range(plan.n_batches):
            provider = "openai" if number % 2 else "anthropic"
            take_in(write_batch(folder / f"batch-{number:03}", judge={"provider": provider}), settings)
        if plan.kind == "hands":
            _plan_requests(settings)
        started = time.monotonic()
        said = _work(plan, environment, seed)
        return _audit(plan, settings, said, time.monotonic() - started)
    finally:
        stop_emulator(settings.emulator_dir)
        if url is not None:
            drop_database(str(server), url)


def _plan_requests(settings: Settings) -> None:
    """Plan what the graph would, for workers that only judge."""
    ledger = Ledger(settings.ledger_url)
    try:
        for record in ledger.batches():
            batch = read_batch(find(settings.inbox_dir, record.batch_id))
            texts = {essay.essay_id: essay.text for essay in batch.essays}
            grades = {essay.essay_id: essay.anchor_grade for essay in batch.essays}
            spec, scale = planned_spec(ledger, record.batch_id), planned_scale(ledger, record.batch_id)
            plan_requests(ledger, record.batch_id, plan_comparisons(spec, scale, grades), texts)
    finally:
        ledger.close()


def _environment(home: Path, url: str | None) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HULEEDU_", "DAGSTER_"))}
    own = {
        "HULEEDU_HOME": str(home),
        "HULEEDU_EMULATOR_SECONDS_PER_JOB": str(SECONDS_PER_JOB),
        "HULEEDU_RECONCILE_SETTLE_SECONDS": "0.5",
        "DAGSTER_DISABLE_TELEMETRY": "1",
        "OMP_NUM_THREADS": "1",
    }
    return clean | own | ({} if url is None else {"HULEEDU_DATABASE_URL": url})


@dataclass(frozen=True)
class Said:
    """What the workers said in the end, and what went wrong with those that said nothing."""

    runs: Counter[str]
    failures: Counter[str]
    problems: tuple[str, ...]


def _work(plan: Drill, environment: dict[str, str], seed: int) -> Said:
    """Let the workers loose, kill some of them, and wait for the others."""
    chance = random.Random(seed)
    command = [sys.executable, "-m", f"tests.drills.{plan.kind}"]
    pipe = subprocess.PIPE
    workers = [
        subprocess.Popen([*command, str(seed + n)], env=environment, stdout=pipe, stderr=pipe, text=True)
        for n in range(plan.n_workers)
    ]
    victims = chance.sample(workers, plan.n_killed)
    ledger = Ledger(environment.get("HULEEDU_DATABASE_URL") or f"sqlite:///{environment['HULEEDU_HOME']}/ledger.sqlite")
    try:
        # Each at some point between the first outcome and the last.
        points = sorted(chance.uniform(0.05, 0.8) for _ in victims)
        for victim, point in zip(victims, points, strict=True):
            while _share_ended(ledger) < point and victim.poll() is None:
                time.sleep(0.1)
            victim.kill()
    finally:
        ledger.close()
    runs, failures, problems = Counter[str](), Counter[str](), list[str]()
    for worker in workers:
        told, errors = worker.communicate(timeout=END_SECONDS)
        if worker in victims:
            continue
        if worker.returncode != 0:
            problems.append(f"a worker ended with {worker.returncode}: {errors.strip()[-500:]}")
            continue
        account = json.loads(told.splitlines()[-1])
        runs.update(account["runs"])
        failures.update(account["failures"])
    return Said(runs, failures, tuple(problems))


def _share_ended(ledger: Ledger) -> float:
    tallies = [ledger.tally(batch.batch_id) for batch in ledger.batches()]
    return sum(tally.n_outcomes for tally in tallies) / sum(tally.n_requests for tally in tallies)


def _audit(plan: Drill, settings: Settings, said: Said, seconds: float) -> Audit:
    books = emulator_books(settings.emulator_dir)
    ledger = Ledger(settings.ledger_url)
    try:
        jobs, tallies = ledger.jobs(), [ledger.tally(batch.batch_id) for batch in ledger.batches()]
        with ledger.read() as connection:
            odd = connection.exec_driver_sql(
                "SELECT count(*) FROM (SELECT r.custom_id FROM requests r LEFT JOIN attempts a "
                "ON a.custom_id = r.custom_id AND a.is_final GROUP BY r.custom_id HAVING count(a.custom_id) <> 1) odd"
            ).scalar_one()
            tokens = connection.exec_driver_sql("SELECT coalesce(sum(input_tokens), 0) FROM attempts").scalar_one()
            deadlocks = 0
            if plan.engine == "postgres":
                counted = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
                deadlocks = connection.exec_driver_sql(counted).scalar_one()
    finally:
        ledger.close()
    ours, theirs = {job.provider_job_id for job in jobs if job.provider_job_id}, {job["id"] for job in books["jobs"]}
    n_expected = plan.n_batches * N_REQUESTS
    unexpected = [message for message in said.failures if not EXPECTED.search(message)]
    return Audit(
        seconds=seconds,
        n_runs=said.runs.total(),
        n_busy=said.failures.total(),
        n_duplicate_jobs=len(theirs - ours),
        n_judged_twice=books["requests_judged"] - n_expected,
        n_lost=n_expected - sum(tally.n_succeeded for tally in tallies),
        n_without_one_outcome=int(odd),
        n_tokens_apart=sum(bill["input_tokens"] for bill in books["billed"].values()) - int(tokens),
        n_deadlocks=int(deadlocks),
        tables_apart=_tables_apart(plan, settings) if plan.kind == "crew" else (),
        problems=(*said.problems, *unexpected),
    )


def _tables_apart(plan: Drill, settings: Settings) -> tuple[str, ...]:
    """Return the tables that do not hold every batch, or differ between the two warehouses."""
    if not settings.warehouse_path.is_file():
        return ("there is no warehouse",)
    apart = []
    with open_warehouse(settings.warehouse_path) as published:
        for table in PUBLISHED_TABLES:
            rows = published.rows(table)
            is_whole = table.name != "llm_judgements" or len(rows) == plan.n_batches * N_REQUESTS
            url = settings.database_url
            is_same = url is None or checksum(table, rows) == checksum(table, postgres_rows(url, table))
            if not (is_whole and is_same):
                apart.append(table.name)
    return tuple(apart)


def _print(results: dict[Drill, Audit]) -> None:
    table = Table(title="The concurrency drill: any worker may take up any batch at any time (simulated judgements)")
    for heading in ("ledger", "workers", "killed", "batches", "seconds", "runs", "met another"):
        table.add_column(heading, justify="right")
    for heading in ("jobs twice", "judged twice", "lost", "not one outcome", "tokens apart", "deadlocks", "tables apart"):
        table.add_column(heading, justify="right")
    for plan, audit in results.items():
        first = (plan.engine, plan.n_workers, plan.n_killed, plan.n_batches, f"{audit.seconds:.0f}", audit.n_runs, audit.n_busy)
        zeros = (audit.n_duplicate_jobs, audit.n_judged_twice, audit.n_lost, audit.n_without_one_outcome)
        table.add_row(*map(str, (*first, *zeros, audit.n_tokens_apart, audit.n_deadlocks, len(audit.tables_apart))))
    out.print(table)
    for plan, audit in results.items():
        for problem in (*audit.problems, *audit.tables_apart):
            out.print(f"{plan.engine}: {problem}", markup=False)


def main() -> None:
    """Run the drill from the command line; exits with 1 when a run is not clean."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=64, help="how many batches")
    parser.add_argument("--seed", type=int, default=1, help="of the workers' choices and of who is killed when")
    arguments = parser.parse_args()
    n = arguments.batches
    plans = (Drill("postgres", 8, n), Drill("sqlite", 4, n), Drill("postgres", 8, n, n_killed=3))
    results: dict[Drill, Audit] = {}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = stack.enter_context(serving(folder / "postgres"))
        for number, plan in enumerate(plans):
            out.print(
                f"{plan.n_workers} workers, {plan.n_killed} of them to be killed, {n} batches, ledger in {plan.engine} ..."
            )
            results[plan] = drill(plan, folder / str(number), server, arguments.seed)
    _print(results)
    sys.exit(0 if all(audit.is_clean for audit in results.values()) else 1)


if __name__ == "__main__":
    main()
