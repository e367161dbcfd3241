"""The daemon drill: with Dagster's daemon at work, its daemon, a run worker in the middle of a wave, and the judge are killed.

``python -m tests.drills.daemon`` starts the daemon and a server in the place of the providers (the emulator, on loopback, which
keeps books of its own), drops batches in every mode into the inbox, and kills with SIGKILL: the run workers while a wave is
half judged, the daemon, and the judge, which stays away for a minute. Daemon and judge are started again, and nothing else is
done by hand. Every batch has to end with every outcome, and nothing may be bought twice.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from huleedu_pipeline.essays.inbox import stage
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.orchestration.dead_runs import process_of
from huleedu_pipeline.orchestration.home import dagster_environment, open_instance
from huleedu_pipeline.orchestration.watch import runs_in_progress
from huleedu_pipeline.project_files import project_file
from huleedu_pipeline.settings import Settings
from tests.kit import write_batch
from tests.processes import end_group, wait_until

N_REQUESTS = 28  # all pairs of the small batch's eight essays
CONCURRENCY = 2
LIVE_LATENCY_SECONDS, SECONDS_PER_JOB = 1.0, 45.0
# What the server in the providers' place calls its models.
OPENAI = {"provider": "openai", "model": "emulated-gpt-6-luna", "is_unlisted_model": True}
ANTHROPIC = {"provider": "anthropic", "model": "emulated-claude-haiku-4-5-20251001", "is_unlisted_model": True}
BATCHES: dict[str, dict[str, Any]] = {
    "jobs-openai": {"judge": OPENAI, "llm_batching_mode": "provider_batch_api"},
    "jobs-anthropic": {"judge": ANTHROPIC, "llm_batching_mode": "provider_batch_api"},
    "live-openai": {"judge": OPENAI, "llm_batching_mode": "per_request", "waves": 3},
    "live-anthropic": {"judge": ANTHROPIC, "llm_batching_mode": "serial_bundle", "waves": 3},
}
out = Console(highlight=False, stderr=True)


@dataclass(frozen=True)
class Ending:
    """What a batch came to; ``n_again`` calls were in flight when something was killed, and had to be asked again."""

    batch_id: str
    status: str
    n_outcomes: int
    n_verdicts: int
    n_answers_twice: int
    n_again: int

    @property
    def is_clean(self) -> bool:
        """Whether the batch has ended with every outcome and no request was answered twice."""
        return (
            self.status.startswith("completed")
            and self.n_outcomes == self.n_verdicts == N_REQUESTS
            and not self.n_answers_twice
        )


class Judge:
    """The server in the providers' place, on a port of its own, so that it is found again after it was killed."""

    def __init__(self, state_dir: Path) -> None:
        self.state_dir = state_dir
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def base_url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        command = [sys.executable, "-m", "huleedu_pipeline.providers.emulator", "--state-dir", str(self.state_dir)]
        command += ["--port", str(self.port), "--seconds-per-job", str(SECONDS_PER_JOB), "--idle-exit-seconds", "600"]
        command += ["--live-latency-seconds", str(LIVE_LATENCY_SECONDS)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_until(lambda: self.books() is not None, 30, "the judge answers")

    def books(self) -> dict[str, int] | None:
        """Return its own account of what it was asked to do, or ``None`` while it is away."""
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(f"{self.base_url}/admin/ledger", timeout=5) as response:
                found: dict[str, int] = json.load(response)
        except OSError:
            return None
        return found

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@contextmanager
def the_daemon(settings: Settings, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run Dagster's daemon in a process group of its own, and end what is left of the group afterwards."""
    command = [sys.executable, "-m", "dagster._daemon", "run", "-w", str(project_file("workspace.yaml"))]
    with log.open("ab") as stream:
        own_group: dict[str, Any] = {"start_new_session": True, "cwd": settings.home}
        process = subprocess.Popen(command, env=environment, stdout=stream, stderr=stream, **own_group)
    try:
        yield process
    finally:
        end_group(process)


def workers_of(settings: Settings) -> set[int]:
    """Return the processes that are running batches, as Dagster knows them."""
    with open_instance(settings) as instance:
        found = {process_of(instance, run) for batch_id in BATCHES for run in runs_in_progress(instance, batch_id)}
    return {process.pid for process in found if process is not None and process.is_here and not process.has_ended}


def drill(home: Path, away_seconds: float, end_seconds: float) -> list[Ending]:
    """Run the drill in ``home`` and return what each batch came to."""
    judge = Judge(home / "judge")
    settings = Settings(home=home / "home").absolute()
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HULEEDU_", "DAGSTER_"))}
    own = {
        "HULEEDU_JUDGE_BACKEND": "provider",
        "HULEEDU_OPENAI_BASE_URL": f"{judge.base_url}/v1",
        "HULEEDU_ANTHROPIC_BASE_URL": judge.base_url,
        "OPENAI_API_KEY": "not-a-key",
        "ANTHROPIC_API_KEY": "not-a-key",
        "HULEEDU_LIVE_CONCURRENCY": str(CONCURRENCY),
        "HULEEDU_RECONCILE_SETTLE_SECONDS": "2",
    }
    with open_instance(settings):
        environment = clean | dagster_environment(settings) | own
    ledger = Ledger(settings.ledger_url)
    log = home / "daemon.log"

    def n_outcomes(batch_id: str) -> int:
        return ledger.tally(batch_id).n_outcomes

    with ExitStack() as stack:
        stack.callback(ledger.close)
        stack.callback(judge.kill)
        judge.start()
        for batch_id, spec in BATCHES.items():
            stage(write_batch(home / batch_id, **spec), settings.inbox_dir)
        with the_daemon(settings, environment, log) as daemon:
            wait_until(lambda: 2 < n_outcomes("live-openai") < N_REQUESTS, 240, "a wave is half judged")
            workers = workers_of(settings)
            for pid in workers:
                os.kill(pid, signal.SIGKILL)
            out.print(f"killed {len(workers)} run workers at {n_outcomes('live-openai')} of {N_REQUESTS} outcomes")
            time.sleep(5)
            daemon.kill()
            out.print("killed the daemon")
        time.sleep(5)
        with the_daemon(settings, environment, log):
            wait_until(lambda: bool(workers_of(settings)), 240, "a run has been started again")
            time.sleep(5)
            judge.kill()
            out.print(f"killed the judge; it is away for {away_seconds:.0f} s")
            time.sleep(away_seconds)
            judge.start()
            wait_until(
                lambda: len(batches := ledger.batches()) == len(BATCHES) and all(one.is_published for one in batches),
                end_seconds,
                "every batch is published",
            )
        return [_ending(ledger, batch_id) for batch_id in BATCHES]


def _ending(ledger: Ledger, batch_id: str) -> Ending:
    tally = ledger.tally(batch_id)
    with ledger.engine.connect() as connection:
        answers = connection.exec_driver_sql(
            "SELECT count(*) - count(DISTINCT a.custom_id) FROM attempts a JOIN requests r USING (custom_id) "
            f"WHERE a.outcome = 'success' AND r.batch_id = '{batch_id}'"
        ).scalar_one()
    return Ending(
        batch_id,
        str(ledger.batch(batch_id).status),
        tally.n_outcomes,
        tally.n_succeeded,
        int(answers),
        tally.n_attempts - tally.n_requests,
    )


def main() -> None:
    """Run the drill from the command line; exits with 1 when a batch did not come through."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--away", type=float, default=60.0, help="how long the judge stays away, in seconds")
    parser.add_argument("--end", type=float, default=1500.0, help="how long to wait for the last batch, in seconds")
    parser.add_argument("--home", type=Path, help="where to run it and leave everything; default: a folder that is removed")
    given = parser.parse_args()
    started = time.monotonic()
    with ExitStack() as stack:
        home = given.home or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        home.mkdir(parents=True, exist_ok=True)
        endings = drill(home.resolve(), given.away, given.end)
    table = Table(title="The daemon drill: run worker, daemon and judge killed", caption=f"{time.monotonic() - started:.0f} s")
    for heading in ("batch", "state", "outcomes", "verdicts", "answered twice", "attempts more"):
        table.add_column(heading)
    for one in endings:
        table.add_row(one.batch_id, one.status, *map(str, (one.n_outcomes, one.n_verdicts, one.n_answers_twice, one.n_again)))
    Console(highlight=False, width=120).print(table)
    sys.exit(0 if all(one.is_clean for one in endings) else 1)


if __name__ == "__main__":
    main()
