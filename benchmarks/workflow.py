"""How long the pipeline itself takes over whole batches, from folders to the published warehouse, and how much memory.

``python benchmarks/workflow.py`` runs one batch of 2 000 essays with 20 comparisons each, and 200 batches of 40 essays that
are in flight at the provider at once, through real Dagster runs against the local emulator. It prints for each step the
wall-clock seconds of all runs, and what is left per judgement: everything but the time in which a provider works, so calls
to the emulator and writing its answers count, and waiting for its jobs does not. The second process of the pipeline is the
emulator's own. Judgements are **simulated**. Nothing here asserts how long something takes.

The peer is Dagster: the same number of runs, of jobs of as many steps and checks that do nothing, in the same instance.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from rich.console import Console
from rich.progress import track
from rich.table import Table

from assets.common import cj_batch
from huleedu_pipeline.definitions import build_definitions
from huleedu_pipeline.essays.inbox import stage
from huleedu_pipeline.lake import open_warehouse
from huleedu_pipeline.ledger import JobState, Ledger
from huleedu_pipeline.orchestration.home import open_instance
from huleedu_pipeline.orchestration.jobs import COLLECT, SUBMIT
from huleedu_pipeline.orchestration.watch import look
from huleedu_pipeline.providers.emulator.config import EmulatorConfig
from huleedu_pipeline.providers.emulator.launcher import ensure_emulator, stop_emulator
from huleedu_pipeline.settings import Settings

SEED = 20261120
SECONDS_PER_SUBMISSION, LOOK_EVERY_SECONDS = 1.6, 2.0
COMPARISONS_PER_ESSAY, WORDS_PER_ESSAY = 20, 300
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
WORDS = [
    *("the", "essay", "argues", "that", "school", "uniforms", "change", "how", "pupils", "see", "one", "another", "because"),
    *("it", "gives", "clear", "reasons", "and", "examples", "from", "daily", "life", "while", "its", "language", "stays"),
]
SCENARIOS = {"one batch": (1, 2000), "many batches": (200, 40)}


def write_batch(folder: Path, n_essays: int, rng: random.Random) -> Path:
    """Write a batch folder of invented essays."""
    spec = {"batch_id": folder.name, "max_comparisons": n_essays * COMPARISONS_PER_ESSAY // 2}
    (folder / "essays").mkdir(parents=True)
    (folder / "batch.yaml").write_text(yaml.safe_dump(spec), encoding="utf-8")
    (folder / "prompt.md").write_text("Write about a person who made you change your mind.\n", encoding="utf-8")
    (folder / "rubric.md").write_text("Judge content, structure, vocabulary and grammar.\n", encoding="utf-8")
    for number in range(n_essays):
        sentences = [" ".join(rng.choices(WORDS, k=15)).capitalize() for _ in range(WORDS_PER_ESSAY // 15)]
        text = f"Text {number}. {'. '.join(sentences)}.\n"
        (folder / "essays" / f"pupil-{number:04}.txt").write_text(text, encoding="utf-8")
    return folder


class Driver:
    """Runs jobs one after another in this process and adds up what each step took."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance) -> None:
        self.settings, self.instance = settings, instance
        self.definitions = build_definitions(settings)
        assets = (asset for asset in self.definitions.assets or [] if isinstance(asset, dg.AssetsDefinition))
        self.asset_steps = {asset.op.name for asset in assets}
        self.seconds: defaultdict[str, float] = defaultdict(float)
        self.memory_mb: dict[str, float] = {}
        self.n_steps: dict[str, int] = {}

    def run(self, job: str, batch_id: str) -> None:
        """Run a job of a batch."""
        self.instance.add_dynamic_partitions(str(cj_batch.name), [batch_id])
        started = time.perf_counter()
        result = self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance, partition_key=batch_id, run_config=QUIET
        )
        elapsed = time.perf_counter() - started
        in_steps, n_steps = 0.0, 0
        for event in result.all_events:
            if event.is_step_success and event.step_key is not None:
                seconds = event.step_success_data.duration_ms / 1000
                in_steps, n_steps = in_steps + seconds, n_steps + 1
                self.seconds[f"{job}: {event.step_key if event.step_key in self.asset_steps else 'checks'}"] += seconds
        self.seconds[f"{job}: Dagster"] += elapsed - in_steps
        self.n_steps[job] = n_steps
        self.memory_mb[job] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def bare_seconds(instance: dg.DagsterInstance, n_steps: int) -> float:
    """Return what Dagster takes for a run of so many steps that do nothing: the median of three."""

    def nothing(number: int) -> dg.AssetsDefinition:
        @dg.asset(name=f"nothing_{number}", deps=[f"nothing_{number - 1}"] if number else [], partitions_def=cj_batch)
        def does_nothing() -> None:
            return None

        return does_nothing

    job = dg.define_asset_job("bare", selection=dg.AssetSelection.all())
    bare = dg.Definitions(assets=[nothing(number) for number in range(n_steps)], jobs=[job]).resolve_job_def("bare")
    found = []
    for _ in range(3):
        started = time.perf_counter()
        bare.execute_in_process(instance=instance, partition_key="batch-000", run_config=QUIET)
        found.append(time.perf_counter() - started)
    return sorted(found)[1]


def scenario(name: str) -> dict[str, Any]:
    """Run a scenario to its end and return what it took."""
    n_batches, n_essays = SCENARIOS[name]
    rng = random.Random(SEED)
    with tempfile.TemporaryDirectory() as scratch:
        settings = Settings(home=Path(scratch) / "home", reconcile_settle_seconds=0.0).absolute()
        state = settings.emulator_dir
        ids = [f"batch-{number:03}" for number in range(n_batches)]
        # Long enough for all to be submitted before the first job ends.
        seconds_per_job = SECONDS_PER_SUBMISSION * n_batches
        ensure_emulator(EmulatorConfig(state_dir=state, seconds_per_job=seconds_per_job, idle_exit_seconds=600.0))
        ledger = Ledger(settings.ledger_url)
        try:
            with open_instance(settings) as instance:
                driver = Driver(settings, instance)
                for batch_id in _shown(ids, f"{name}: submitting"):
                    stage(write_batch(Path(scratch) / batch_id, n_essays, rng), settings.inbox_dir)
                    driver.run(SUBMIT, batch_id)
                since = datetime.now(UTC) - timedelta(seconds=seconds_per_job)
                n_in_flight = sum(job.submitted_at is not None and job.submitted_at > since for job in ledger.jobs())
                for batch_id in _shown(ids, f"{name}: collecting"):
                    while ledger.jobs(batch_id, [JobState.SUBMITTED]):
                        time.sleep(LOOK_EVERY_SECONDS)
                        started = time.perf_counter()
                        look(ledger, settings, instance)
                        driver.seconds["the longest of a sensor's looks"] = max(
                            driver.seconds["the longest of a sensor's looks"], time.perf_counter() - started
                        )
                    driver.run(COLLECT, batch_id)
                bare = sum(bare_seconds(instance, n_steps) for n_steps in driver.n_steps.values()) * n_batches
        finally:
            ledger.close()
            stop_emulator(state)
        with open_warehouse(settings.warehouse_path) as warehouse:
            statuses = warehouse.frame("batch_status")
        return {
            "n_batches": n_batches,
            "n_essays": n_essays,
            "n_in_flight": n_in_flight,
            "n_completed": int((statuses["status"] == "completed_max_comparisons").sum()),
            "n_judgements": int(statuses["n_succeeded"].sum()),
            "seconds": dict(driver.seconds),
            "bare": bare,
            "memory_mb": driver.memory_mb,
        }


def _shown(ids: list[str], title: str) -> Iterator[str]:
    yield from track(ids, description=title, console=Console(stderr=True))


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--batches", type=int, default=SCENARIOS["many batches"][0], help="batches in flight at once")
    parser.add_argument("--essays", type=int, default=SCENARIOS["one batch"][1], help="essays of the one large batch")
    parser.add_argument("--scenario", choices=list(SCENARIOS), help="only this one, as JSON")
    given = parser.parse_args()
    SCENARIOS["many batches"] = (given.batches, SCENARIOS["many batches"][1])
    SCENARIOS["one batch"] = (1, given.essays)
    if given.scenario:
        print(json.dumps(scenario(given.scenario)))
        return
    for name in SCENARIOS:
        sizes = ["--batches", str(given.batches), "--essays", str(given.essays)]
        command = [sys.executable, __file__, "--scenario", name, *sizes]
        _print(name, json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))


def _print(name: str, found: dict[str, Any]) -> None:
    seconds, n = found["seconds"], found["n_judgements"]
    total = sum(seconds.values())
    out = Console(width=110)
    size = f"{found['n_batches']} x {found['n_essays']} essays, {n:,} simulated judgements"
    table = Table(title=f"{name}: {size}", caption=f"{found['n_in_flight']} jobs in flight at once")
    for heading in ("step", "seconds", "ms per judgement", "share"):
        table.add_column(heading, justify="left" if heading == "step" else "right")
    for step, own in seconds.items():
        table.add_row(step, f"{own:.2f}", f"{1000 * own / n:.3f}", f"{own / total:.0%}")
    table.add_row("all", f"{total:.2f}", f"{1000 * total / n:.2f}", "100%", style="bold")
    out.print(table)
    out.print(f"runs of as many steps that do nothing: {found['bare']:.1f} s; all is {total / found['bare']:.2f} times that")
    out.print("peak memory: " + ", ".join(f"{job} {mb:.0f} MB" for job, mb in found["memory_mb"].items()))
    if found["n_completed"] != found["n_batches"] or n != found["n_batches"] * found["n_essays"] * COMPARISONS_PER_ESSAY // 2:
        raise SystemExit(f"not every batch came to its end: {found}")


if __name__ == "__main__":
    main()
