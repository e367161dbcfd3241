"""One of many workers: ``python -m tests.drills.crew SEED`` runs whatever is due of any batch until all are published.

It takes the batches in an order of its own, through the graph's real jobs on a Dagster instance of its own: all that it shares
with the others is the ledger, the provider's account, the lake and the warehouses. Its last line is what it ran into.
"""

import json
import random
import sys
import time
from collections import Counter
from dataclasses import replace

import dagster as dg

from assets.common import cj_batch
from huleedu_pipeline.definitions import build_definitions
from huleedu_pipeline.ledger import BatchRecord, Ledger
from huleedu_pipeline.orchestration.decisions import decide
from huleedu_pipeline.orchestration.sensors import JOBS_DUE
from huleedu_pipeline.orchestration.watch import look
from huleedu_pipeline.settings import Settings

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
PAUSE_SECONDS = 0.2


class Worker:
    """Runs what is due, and counts its runs by job and the failures by what they said."""

    def __init__(self, seed: int, instance: dg.DagsterInstance) -> None:
        self.chance, self.instance = random.Random(seed), instance
        self.settings = Settings.load()
        self.definitions = build_definitions(self.settings)
        self.ledger = Ledger(self.settings.ledger_url)
        self.runs: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()

    def work(self) -> None:
        """Go on until every batch is published."""
        while batches := [batch for batch in self.ledger.batches() if not batch.is_published]:
            if not self._advance(self.chance.choice(batches)):
                time.sleep(PAUSE_SECONDS)
        self.ledger.close()

    def _advance(self, batch: BatchRecord) -> bool:
        seen = look(self.ledger, self.settings, self.instance, only=batch.batch_id)
        if not seen.situations:
            return False
        # Runs that failed because another worker had the batch are no reason to pause.
        fresh = replace(seen.situations[0], n_failed_submit_runs=0, n_failed_collect_runs=0, seconds_since_failed_run=None)
        due = decide(fresh).due
        if due not in JOBS_DUE:
            return False
        job = JOBS_DUE[due]
        self.instance.add_dynamic_partitions(str(cj_batch.name), [batch.batch_id])
        result = self.definitions.resolve_job_def(job).execute_in_process(
            instance=self.instance, partition_key=batch.batch_id, run_config=QUIET, raise_on_error=False
        )
        self.runs[job] += 1
        for event in result.get_step_failure_events():
            data = event.step_failure_data
            told = data.user_failure_data.description if data.user_failure_data else None
            self.failures[str(told or (data.error and data.error.to_string()))] += 1
        return result.success


def main() -> None:
    """Work, and print runs and failures as JSON."""
    with dg.DagsterInstance.ephemeral() as instance:
        worker = Worker(int(sys.argv[1]), instance)
        worker.work()
        sys.stdout.write(json.dumps({"runs": worker.runs, "failures": worker.failures}))


if __name__ == "__main__":
    main()
