"""Running the graph for real: Dagster jobs on a temporary instance, against the emulator."""

import time
from pathlib import Path
from typing import Any

import dagster as dg

from assets.common import cj_batch
from huleedu_pipeline.definitions import build_definitions
from huleedu_pipeline.essays.inbox import stage
from huleedu_pipeline.lake import Lake
from huleedu_pipeline.lake.tables import TABLES
from huleedu_pipeline.ledger import JobState, Ledger
from huleedu_pipeline.orchestration.watch import look
from huleedu_pipeline.settings import Settings
from tests.kit import write_batch

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Installation:
    """An installation whose jobs a test runs by hand."""

    def __init__(self, settings: Settings, instance: dg.DagsterInstance, folder: Path) -> None:
        self.settings = settings
        self.instance = instance
        self.folder = folder
        self.definitions = build_definitions(settings)

    def drop(self, batch_id: str, **spec: Any) -> Path:
        """Put a small valid batch into the inbox."""
        return stage(write_batch(self.folder / batch_id, **spec), self.settings.inbox_dir)

    def run(self, job: str, batch_id: str | None, *, raise_on_error: bool = True) -> dg.ExecuteInProcessResult:
        """Run a job for a batch."""
        if batch_id is not None:
            self.instance.add_dynamic_partitions(str(cj_batch.name), [batch_id])
        return self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance, partition_key=batch_id, raise_on_error=raise_on_error, run_config=QUIET
        )

    def wait_for_provider(self, batch_id: str) -> None:
        """Wait until no job of the batch is at the provider any more."""
        ledger = Ledger(self.settings.ledger_url)
        deadline = time.monotonic() + 300
        try:
            while any(job.state is JobState.SUBMITTED for job in ledger.jobs(batch_id)):
                assert time.monotonic() < deadline
                time.sleep(0.05)
                look(ledger, self.settings, self.instance)
        finally:
            ledger.close()

    def run_to_the_end(self, batch_id: str, **spec: Any) -> None:
        """Drop, submit, wait and collect."""
        self.drop(batch_id, **spec)
        self.run("submit_batch", batch_id)
        self.wait_for_provider(batch_id)
        self.run("collect_batch", batch_id)


def tables_of(lake: Lake, batch_id: str = "b1") -> dict[str, list[dict[str, Any]]]:
    """Return everything in the lake about a batch, but for how long it took."""
    rows = {table.name: lake.read_rows(table, batch_id) for table in TABLES}
    return {
        name: [{key: value for key, value in row.items() if key != "seconds"} for row in some] for name, some in rows.items()
    }
