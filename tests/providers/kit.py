"""A planned batch in a ledger, and providers that misbehave in front of the real adapter and the real emulator."""

from collections.abc import Iterable, Iterator
from datetime import datetime, time
from pathlib import Path
from typing import Any

import pyarrow as pa

from huleedu_pipeline.comparisons import plan_pairs
from huleedu_pipeline.essays import read_batch
from huleedu_pipeline.judging.served_models import ServedModel
from huleedu_pipeline.ledger import BatchStatus, Ledger, RequestRecord
from huleedu_pipeline.providers.budget import Gate
from huleedu_pipeline.providers.nights import Night
from huleedu_pipeline.providers.payloads import Line
from huleedu_pipeline.providers.planning import plan_requests, planned_judge, register
from huleedu_pipeline.providers.protocols import AmbiguousError, JobLimits, JobOrder, JobSnapshot, Provider, Reply
from huleedu_pipeline.providers.result_table import RESULT_SCHEMA
from huleedu_pipeline.settings import Settings
from tests.kit import write_batch

BATCH = "small"
N_PAIRS = 12
NIGHT = Night(time(2), "Europe/Stockholm")


def plan(ledger: Ledger, settings: Settings, folder: Path, **spec: Any) -> list[RequestRecord]:
    """Plan a small batch and return its requests."""
    batch = read_batch(write_batch(folder / BATCH, **{"max_comparisons": N_PAIRS, **spec}))
    register(ledger, settings, batch)
    texts = {essay.essay_id: essay.text for essay in batch.essays}
    requests = plan_requests(ledger, BATCH, plan_pairs(BATCH, list(texts), N_PAIRS, seed=1), texts)
    ledger.move_batch(BATCH, BatchStatus.AWAITING_JUDGEMENTS)
    return requests


def gate(ledger: Ledger, *, is_batch: bool = True, limit: float | None = None, per_night: float | None = None) -> Gate:
    """Return the gate on the small batch's money."""
    judge = planned_judge(ledger, BATCH)
    limits = {"max_cost_usd": limit, "max_cost_usd_per_night": per_night}
    return Gate(ledger, ledger.batch(BATCH), judge, is_batch=is_batch, **limits, night=NIGHT)


class Front:
    """A provider in front of another: passes everything on. Tests override what is to go wrong."""

    def __init__(self, behind: Provider) -> None:
        self.behind = behind
        self.name = behind.name
        self.job_limits: JobLimits = behind.job_limits
        self.keeps_token = behind.keeps_token
        self.n_creates = 0

    async def ask(self, path: str, body: str) -> Reply:
        return await self.behind.ask(path, body)

    async def aclose(self) -> None:
        await self.behind.aclose()

    def list_models(self) -> list[ServedModel]:
        return self.behind.list_models()

    def write_payload(self, descriptor: int, lines: Iterable[Line], path: str) -> int:
        return self.behind.write_payload(descriptor, lines, path)

    def upload(self, order: JobOrder) -> str | None:
        return self.behind.upload(order)

    def create_job(self, order: JobOrder, input_file_id: str | None) -> JobSnapshot:
        self.n_creates += 1
        return self.behind.create_job(order, input_file_id)

    def list_jobs(self, created_after: datetime) -> list[JobSnapshot]:
        return self.behind.list_jobs(created_after)

    def retrieve_job(self, provider_job_id: str) -> JobSnapshot:
        return self.behind.retrieve_job(provider_job_id)

    def cancel_job(self, provider_job_id: str) -> JobSnapshot:
        return self.behind.cancel_job(provider_job_id)

    def download(self, job: JobSnapshot, folder: Path) -> list[Path]:
        return self.behind.download(job, folder)

    def read_results(self, path: Path) -> Iterator[pa.RecordBatch]:
        return self.behind.read_results(path)


class Rewrites(Front):
    """A provider whose result files hold other lines than the real one's; tests say which."""

    def rewritten(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return rows

    def read_results(self, path: Path) -> Iterator[pa.RecordBatch]:
        rows = [row for batch in super().read_results(path) for row in batch.to_pylist()]
        yield pa.RecordBatch.from_pylist(self.rewritten(rows), schema=RESULT_SCHEMA)


class Died(BaseException):
    """Stands for the death of the process at this point: nothing after it runs."""


class DiesBeforeCreate(Front):
    """The process dies with the intent written and nothing sent."""

    def create_job(self, order: JobOrder, input_file_id: str | None) -> JobSnapshot:
        raise Died


class DiesAfterCreate(Front):
    """The process dies when the provider has the job and the ledger does not know it."""

    def create_job(self, order: JobOrder, input_file_id: str | None) -> JobSnapshot:
        super().create_job(order, input_file_id)
        raise Died


class LosesTheAnswer(Front):
    """The create call takes effect and its answer is lost."""

    def create_job(self, order: JobOrder, input_file_id: str | None) -> JobSnapshot:
        super().create_job(order, input_file_id)
        raise AmbiguousError("creating the batch job: no usable answer (ReadTimeout)")


class NeverArrives(Front):
    """The create call is lost on its way."""

    def create_job(self, order: JobOrder, input_file_id: str | None) -> JobSnapshot:
        raise AmbiguousError("creating the batch job: no usable answer (ConnectError)")
