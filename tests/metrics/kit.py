"""Reading an exposition, holding the kept sums against a recount, and a ledger that is driven without a provider."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

from huleedu_pipeline.judging.outcome import ErrorCode, Outcome, Usage, failure, success
from huleedu_pipeline.judging.verdict import Verdict
from huleedu_pipeline.ledger import (
    Answer,
    BatchStatus,
    FrameRecord,
    JobRecord,
    JobState,
    Ledger,
    RequestRecord,
    ScalingRecord,
    WorkflowDecision,
)
from huleedu_pipeline.ledger.moves import now
from huleedu_pipeline.ledger.states import NOT_YET_SUBMITTED
from huleedu_pipeline.ledger.totalling import recount, recounted
from huleedu_pipeline.ledger.totals import ALL_TOTALS
from huleedu_pipeline.metrics import exposition

VERDICT = Verdict(winner="Essay A", justification="It says more.", confidence=3.0)
FRAME = FrameRecord("f", "openai", "/v1/responses", '{"a":"', '","b":"', '"}')

Labels = frozenset[tuple[str, str]]


class Scrape:
    """The samples of one exposition."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.families = {family.name: family for family in text_string_to_metric_families(self.text)}
        self.samples: dict[str, dict[Labels, float]] = {}
        for family in self.families.values():
            for sample in family.samples:
                self.samples.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value

    @classmethod
    def of(cls, ledger: Ledger) -> "Scrape":
        """Return what a scrape of ``ledger`` gives now."""
        return cls(exposition(ledger))

    def __call__(self, name: str, **labels: str) -> float:
        """Return the sum of all samples of a name that have these labels."""
        wanted = frozenset(labels.items())
        return sum(value for found, value in self.samples[name].items() if wanted <= found)

    def by(self, name: str, *labels: str) -> dict[tuple[str, ...], float]:
        """Return the samples of a name that are not 0, summed by some of their labels."""
        found: Counter[tuple[str, ...]] = Counter()
        for pairs, value in self.samples.get(name, {}).items():
            found[tuple(dict(pairs)[label] for label in labels)] += value  # type: ignore[assignment]
        return {key: value for key, value in found.items() if value}


def drift(ledger: Ledger) -> list[str]:
    """Return every difference between the sums that the database keeps and a recount of all rows."""
    found = []
    with ledger.read() as connection:
        for totals in ALL_TOTALS:
            columns = ", ".join((*totals.dimensions, *totals.sums))
            kept = {tuple(row) for row in connection.exec_driver_sql(f"SELECT {columns} FROM {totals.name}")}
            counted = {tuple(row) for row in connection.exec_driver_sql(recounted(totals))}
            found += [f"{totals.name}: kept {row}" for row in kept - counted]
            found += [f"{totals.name}: counted {row}" for row in counted - kept]
        kept = {tuple(r) for r in connection.exec_driver_sql("SELECT * FROM batch_tallies WHERE n_outcomes <> 0")}
        counted = {tuple(row) for row in connection.exec_driver_sql(next(recount(into="")))}
    return found + [f"batch_tallies: {row}" for row in kept ^ counted]


def count(ledger: Ledger, query: str) -> dict[tuple[str, ...], float]:
    """Return a count or sum by hand: the last column by those before it, without what is 0."""
    with ledger.read() as connection:
        rows = connection.execute(sa.text(query)).all()
    return {tuple(str(value) for value in row[:-1]): float(row[-1]) for row in rows if row[-1]}


@dataclass
class Driver:
    """Writes what runs write, through the ledger's own methods."""

    ledger: Ledger
    n_batches: int = 0
    clock: int = 0

    def start(self, mode: str, provider: str, model: str, n_requests: int) -> str:
        """Register a batch and plan its first wave."""
        self.n_batches += 1
        batch_id = f"b{self.n_batches}"
        self.ledger.register_batch(
            batch_id=batch_id,
            llm_batching_mode=mode,
            judge_backend="emulator",
            content_sha256="c",
            original_request="{}",
            n_essays=3,
            n_anchors=0,
        )
        self.plan(batch_id, provider, model, n_requests)
        self.ledger.move_batch(batch_id, BatchStatus.AWAITING_JUDGEMENTS)
        return batch_id

    def plan(self, batch_id: str, provider: str, model: str, n_requests: int) -> None:
        """Plan another wave."""
        wave, n_before = self.ledger.last_wave(batch_id) + 1, len(self.ledger.requests(batch_id))
        planned = [self._request(batch_id, wave, n_before + n, provider, model) for n in range(n_requests)]
        decision = WorkflowDecision(wave - 1, "REQUEST_MORE_COMPARISONS", "coverage") if wave > 1 else None
        self.ledger.plan_requests(planned, [FRAME], {"a": "one", "b": "two"}, decision=decision)

    def _request(self, batch_id: str, wave: int, position: int, provider: str, model: str) -> RequestRecord:
        name = f"{batch_id}-{position}"
        pair = ("a", "b", wave, 1, "j", provider, model, "0" * 64, "f", "a", "b", 2)
        return RequestRecord(name, batch_id, position, name, *pair)

    def open_ids(self, batch_id: str) -> list[str]:
        """Return the requests that have no outcome and are in no job."""
        return [request.custom_id for request in self.ledger.unasked(batch_id)]

    def answer(self, custom_ids: Iterable[str], outcomes: list[Outcome], cost: float | None, max_attempts: int = 2) -> None:
        """Ask requests live, as one bundle, and record what came of it."""
        names = list(custom_ids)
        if not names:
            return
        self.ledger.begin_live(names, bundle_size=len(names))
        sent_at = now()
        answers = [
            Answer(name, outcomes[n % len(outcomes)], cost, None, sent_at + timedelta(milliseconds=700 * n), sent_at)
            for n, name in enumerate(names)
        ]
        self.ledger.end_live(answers, max_attempts=max_attempts)

    def job(self, batch_id: str, n: int) -> JobRecord | None:
        """Plan and submit a job of the next requests."""
        chosen = list(self.ledger.unasked(batch_id))[:n]
        if not chosen:
            return None
        job = self.ledger.move_job(self.ledger.plan_job(chosen, estimated_cost_usd=1.0), JobState.INTENT, intent_at=now())
        return self.ledger.move_job(
            job, JobState.SUBMITTED, provider_job_id=f"batch_{job.token}", submitted_at=now() - timedelta(hours=2)
        )

    def collect(self, job: JobRecord, to: JobState, outcomes: list[Outcome], cost: float | None) -> None:
        """End a job at the provider and collect it."""
        job = self.ledger.move_job(job, to, ended_at=now())
        requests = self.ledger.requests(job.batch_id, job_token=job.token)
        answers = [Answer(r.custom_id, outcomes[n % len(outcomes)], cost, "{}", now()) for n, r in enumerate(requests)]
        self.ledger.collect_job(job, answers, {}, max_attempts=2)

    def finish(self, batch_id: str, *, is_forced: bool) -> None:
        """Score and complete a batch, whatever it has."""
        if self.ledger.batch(batch_id).status is not BatchStatus.AWAITING_JUDGEMENTS:
            return
        if self.ledger.jobs(batch_id, NOT_YET_SUBMITTED | {JobState.SUBMITTED}):
            return
        ends_as = BatchStatus.COMPLETED_FORCED_RECOVERY if is_forced else BatchStatus.COMPLETED_STABLE
        made = WorkflowDecision(self.ledger.last_wave(batch_id), "FINALIZE_SCORING", "stable")
        self.ledger.conclude(batch_id, ends_as, "for a test", decision=made)
        self.ledger.expire_open(batch_id, "for a test")
        self.ledger.move_batch(batch_id, BatchStatus.SCORING)
        self.ledger.record_scaling(batch_id, ScalingRecord(3, 3, 0.5, 0.9, is_forced, not is_forced))
        self.ledger.complete_batch(batch_id)

    def fail_and_reopen(self, batch_id: str) -> None:
        """Fail a batch as the watch-dog does, and bring it back."""
        if self.ledger.batch(batch_id).status is BatchStatus.AWAITING_JUDGEMENTS:
            self.ledger.move_batch(batch_id, BatchStatus.FAILED, "for a test", moved_by="watch_dog")
            self.ledger.reopen_batch(batch_id, "for a test")


def outcome_of(kind: str) -> Outcome:
    """Return an outcome: a verdict whose prompt was in the cache, written to it or neither, or an error by its code."""
    usages = {
        "hit": Usage(input_tokens=1500, cached_input_tokens=1024, output_tokens=40, reasoning_tokens=8),
        "written": Usage(input_tokens=1500, cache_write_5m_tokens=900, output_tokens=41),
        "short": Usage(input_tokens=90, output_tokens=7),
    }
    if kind in usages:
        return success(VERDICT, usages[kind], "served")
    return failure(ErrorCode(kind), "for a test", usages["short"] if kind == "refusal" else Usage())
