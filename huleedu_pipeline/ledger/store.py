"""The ledger: the durable record of every request, provider job and answer.

Money is spent only on what stands here, so each method is one transaction, each move a compare-and-set, and nothing that
was recorded is changed afterwards. Not here: what to ask, or how to talk to a provider.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from huleedu_pipeline.canonical import canonical_json, short_hash
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.judging.outcome import OutcomeKind
from huleedu_pipeline.ledger.database import READ_ONLY, open_engine
from huleedu_pipeline.ledger.leases import Lease
from huleedu_pipeline.ledger.records import Answer, BatchRecord, JobRecord, OutcomeRecord, RequestRecord, Tally
from huleedu_pipeline.ledger.schema import batches, outcomes, provider_job_events, provider_jobs, replies, requests
from huleedu_pipeline.ledger.states import BATCH_MOVES, JOB_MOVES, BatchStatus, JobState, StaleStateError

CHUNK = 500
T = TypeVar("T")


class UnknownBatchError(HuleeduError):
    """The ledger has no batch of that name."""


class ChangedBatchError(HuleeduError):
    """A batch was handed in again with other content although its requests have been planned."""


def now() -> datetime:
    """Return this instant in UTC."""
    return datetime.now(UTC)


class Ledger:
    """The ledger in the database at ``url``, migrated on opening."""

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)

    def close(self) -> None:
        """Let go of all connections."""
        self.engine.dispose()

    def lease(self, name: str, *, wait_seconds: float = 0.0) -> AbstractContextManager[Lease]:
        """Hold the lease ``name`` so that no other process does the same work; see :class:`Lease`."""
        return Lease(self.engine, name, wait_seconds)

    def _read(self) -> Connection:
        return self.engine.connect().execution_options(**READ_ONLY)

    # Batches

    def register_batch(
        self,
        *,
        batch_id: str,
        llm_batching_mode: str,
        judge_backend: str,
        content_sha256: str,
        original_request: str,
        n_essays: int,
        n_anchors: int,
    ) -> BatchRecord:
        """Record a batch on first sight, and return what is recorded.

        The same content again changes nothing. Other content replaces the record as long as no request was planned.

        Raises:
            ChangedBatchError: requests were planned for other content; pupils' grades must not mix the two.

        """
        values = {
            "llm_batching_mode": llm_batching_mode,
            "judge_backend": judge_backend,
            "content_sha256": content_sha256,
            "original_request": original_request,
            "n_essays": n_essays,
            "n_anchors": n_anchors,
        }
        at = now()
        with self.engine.begin() as connection:
            known = _batch(connection, batch_id)
            if known is None:
                connection.execute(
                    batches.insert().values(
                        batch_id=batch_id, status=BatchStatus.PENDING, created_at=at, updated_at=at, **values
                    )
                )
            elif known.content_sha256 != content_sha256:
                if _count(connection, requests, requests.c.batch_id == batch_id):
                    raise ChangedBatchError(
                        f"batch {batch_id}: was submitted before with other content (essays, prompt, rubric or batch.yaml "
                        "have changed since; put the old files back, or give the new ones another batch_id)"
                    )
                connection.execute(batches.update().where(batches.c.batch_id == batch_id).values(updated_at=at, **values))
        return self.batch(batch_id)

    def batch(self, batch_id: str) -> BatchRecord:
        """Return a batch.

        Raises:
            UnknownBatchError: there is none of that name.

        """
        with self._read() as connection:
            record = _batch(connection, batch_id)
        if record is None:
            raise UnknownBatchError(f"batch {batch_id}: is not in the ledger (`huleedu status` lists the batches that are)")
        return record

    def batches(self) -> list[BatchRecord]:
        """Return all batches, oldest first."""
        with self._read() as connection:
            rows = connection.execute(sa.select(batches).order_by(batches.c.created_at, batches.c.batch_id)).mappings()
            return [_batch_record(row) for row in rows]

    def move_batch(self, batch_id: str, to: BatchStatus) -> None:
        """Move a batch along an allowed edge; being there already, or past it, is not an error.

        Raises:
            StaleStateError: ``to`` can not be reached in one move from where the batch stands.

        """
        with self.engine.begin() as connection:
            record = _batch(connection, batch_id)
            if record is None:
                raise UnknownBatchError(f"batch {batch_id}: is not in the ledger")
            if record.status is to or record.status in _reachable(to):
                return
            if to not in BATCH_MOVES[record.status]:
                raise StaleStateError(f"batch {batch_id}: can not go from {record.status} to {to}")
            at = now()
            completed = at if not BATCH_MOVES[to] else None
            connection.execute(
                batches.update()
                .where(batches.c.batch_id == batch_id, batches.c.status == record.status)
                .values(status=to, updated_at=at, completed_at=completed)
            )

    def mark_published(self, batch_ids: Iterable[str]) -> None:
        """Record that the results of completed batches have reached the warehouse."""
        with self.engine.begin() as connection:
            chosen = (batches.c.batch_id.in_(list(batch_ids)), batches.c.completed_at.is_not(None))
            connection.execute(batches.update().where(*chosen).values(published_at=now()))

    # Requests and outcomes

    def plan_requests(self, planned: Iterable[RequestRecord]) -> int:
        """Record requests that are not recorded yet and return how many were new."""
        with self.engine.begin() as connection:
            new = 0
            for chunk in batched(planned, CHUNK):
                ids = [request.custom_id for request in chunk]
                known = set(connection.scalars(sa.select(requests.c.custom_id).where(requests.c.custom_id.in_(ids))))
                fresh = [asdict(request) for request in chunk if request.custom_id not in known]
                if fresh:
                    connection.execute(requests.insert(), fresh)
                new += len(fresh)
        return new

    def requests(self, batch_id: str, *, only_open: bool = False, job_token: str | None = None) -> list[RequestRecord]:
        """Return a batch's requests in the order in which they were planned, perhaps only those without an outcome."""
        query = sa.select(requests).where(requests.c.batch_id == batch_id).order_by(requests.c.position)
        if job_token is not None:
            query = query.where(requests.c.job_token == job_token)
        if only_open:
            query = query.where(~sa.exists().where(outcomes.c.custom_id == requests.c.custom_id))
        with self._read() as connection:
            return [RequestRecord(**row) for row in connection.execute(query).mappings()]

    def count_without_job(self, batch_id: str) -> int:
        """Return how many of a batch's requests have neither an outcome nor a provider job that carries them."""
        no_outcome = ~sa.exists().where(outcomes.c.custom_id == requests.c.custom_id)
        with self._read() as connection:
            return _count(connection, requests, (requests.c.batch_id == batch_id) & requests.c.job_token.is_(None) & no_outcome)

    def mark_sent(self, custom_ids: list[str]) -> None:
        """Record that live calls are about to be made, so that a crash leaves a trace of what may have been billed."""
        at = now()
        with self.engine.begin() as connection:
            connection.execute(requests.update().where(requests.c.custom_id.in_(custom_ids)).values(sent_at=at))

    def record_answers(self, answers: Iterable[Answer], job_token: str | None = None) -> int:
        """Record answers in one transaction; a request that has its outcome keeps it. Return how many were new."""
        with self.engine.begin() as connection:
            return _record_answers(connection, answers, job_token)

    def outcomes(self, batch_id: str) -> list[OutcomeRecord]:
        """Return a batch's outcomes with their requests, in the order in which the requests were planned."""
        query = (
            sa.select(requests, *(column.label(f"outcome__{column.name}") for column in outcomes.c))
            .join(outcomes, outcomes.c.custom_id == requests.c.custom_id)
            .where(requests.c.batch_id == batch_id)
            .order_by(requests.c.position)
        )
        with self._read() as connection:
            rows = connection.execute(query).mappings().all()
        return [_outcome_record(row) for row in rows]

    def tally(self, batch_id: str, *, job_token: str | None = None) -> Tally:
        """Return how far a batch, or one of its jobs, has come."""
        kinds = {kind: sa.func.count().filter(outcomes.c.outcome == kind) for kind in OutcomeKind}
        query = (
            sa.select(
                sa.func.count(requests.c.custom_id),
                *kinds.values(),
                sa.func.coalesce(sa.func.sum(outcomes.c.input_tokens), 0),
                sa.func.coalesce(sa.func.sum(outcomes.c.output_tokens), 0),
                sa.func.coalesce(sa.func.sum(outcomes.c.cost_usd), 0.0),
                sa.func.count(outcomes.c.custom_id) - sa.func.count(outcomes.c.cost_usd),
            )
            .select_from(requests.outerjoin(outcomes, outcomes.c.custom_id == requests.c.custom_id))
            .where(requests.c.batch_id == batch_id)
        )
        if job_token is not None:
            query = query.where(requests.c.job_token == job_token)
        with self._read() as connection:
            n, succeeded, failed, expired, tokens_in, tokens_out, cost, unpriced = connection.execute(query).one()
        return Tally(n, succeeded, failed, expired, tokens_in, tokens_out, None if unpriced else cost)

    # Provider jobs

    def plan_job(self, batch_id: str, custom_ids: list[str]) -> JobRecord:
        """Make a provider job of requests that belong to none yet; they share provider and model.

        The job's token follows from its requests, so planning the same job twice is not possible.

        Raises:
            StaleStateError: one of the requests belongs to a job already.

        """
        token = "hj_" + short_hash([batch_id, sorted(custom_ids)], 40)
        at = now()
        with self.engine.begin() as connection:
            rows: list[sa.Row[tuple[str, str]]] = []
            for chunk in batched(custom_ids, CHUNK):
                chosen = requests.c.custom_id.in_(chunk)
                rows += connection.execute(
                    sa.select(requests.c.provider, requests.c.model).where(chosen, requests.c.job_token.is_(None))
                ).all()
            if len(rows) != len(custom_ids) or len(set(rows)) != 1:
                raise StaleStateError(f"batch {batch_id}: requests of job {token} belong to another job, or differ in model")
            provider, model = rows[0]
            connection.execute(
                provider_jobs.insert().values(
                    token=token,
                    batch_id=batch_id,
                    provider=provider,
                    model=model,
                    state=JobState.PLANNED,
                    n_requests=len(custom_ids),
                    created_at=at,
                )
            )
            for chunk in batched(custom_ids, CHUNK):
                chosen = requests.c.custom_id.in_(chunk)
                connection.execute(requests.update().where(chosen).values(job_token=token))
            _add_event(connection, token, None, JobState.PLANNED, {"n_requests": len(custom_ids)})
        return self.job(token)

    def job(self, token: str) -> JobRecord:
        """Return the job called ``token``."""
        with self._read() as connection:
            return _job_record(
                connection.execute(sa.select(provider_jobs).where(provider_jobs.c.token == token)).mappings().one()
            )

    def jobs(self, batch_id: str | None = None, states: Iterable[JobState] | None = None) -> list[JobRecord]:
        """Return jobs, oldest first, of one batch or all and in some states or all."""
        query = sa.select(provider_jobs).order_by(provider_jobs.c.created_at, provider_jobs.c.token)
        if batch_id is not None:
            query = query.where(provider_jobs.c.batch_id == batch_id)
        if states is not None:
            query = query.where(provider_jobs.c.state.in_(list(states)))
        with self._read() as connection:
            return [_job_record(row) for row in connection.execute(query).mappings()]

    def job_events(self, token: str) -> list[tuple[datetime, str | None, str, str | None]]:
        """Return a job's history as (instant, from, to, detail as JSON), oldest first."""
        columns = provider_job_events.c
        query = sa.select(columns.at, columns.from_state, columns.to_state, columns.detail).where(columns.token == token)
        with self._read() as connection:
            return [tuple(row) for row in connection.execute(query.order_by(columns.event_id))]

    def move_job(self, job: JobRecord, to: JobState, detail: Mapping[str, Any] | None = None, **fields: Any) -> JobRecord:
        """Move a job from the state in which ``job`` shows it to ``to``, set ``fields``, and add the event.

        Raises:
            StaleStateError: the job has left that state, or the move is not allowed.

        """
        with self.engine.begin() as connection:
            _move_job(connection, job, to, detail, fields)
        return self.job(job.token)

    def record_create_attempt(self, job: JobRecord) -> JobRecord:
        """Record, right before the call, that a create call is about to be made.

        Raises:
            StaleStateError: the job has left the state in which ``job`` shows it.

        """
        with self.engine.begin() as connection:
            same = (provider_jobs.c.token == job.token, provider_jobs.c.state == job.state)
            if connection.execute(provider_jobs.update().where(*same).values(create_attempted_at=now())).rowcount != 1:
                raise StaleStateError(f"provider job {job.token}: is no longer {job.state}; another process moved it")
            _add_event(connection, job.token, job.state, job.state, {"create_attempted": True})
        return self.job(job.token)

    def note_provider_status(self, job: JobRecord, status: str) -> JobRecord:
        """Record what the provider calls the state of a job that is still running; not a move, and no event."""
        if job.provider_status == status:
            return job
        with self.engine.begin() as connection:
            same = (provider_jobs.c.token == job.token, provider_jobs.c.state == job.state)
            connection.execute(provider_jobs.update().where(*same).values(provider_status=status))
        return self.job(job.token)

    def collect_job(self, job: JobRecord, answers: Iterable[Answer], detail: Mapping[str, Any]) -> JobRecord:
        """Record a finished job's answers and mark it collected, both or neither."""
        with self.engine.begin() as connection:
            _record_answers(connection, answers, job.token)
            _move_job(connection, job, JobState.COLLECTED, detail, {"collected_at": now()})
        return self.job(job.token)


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut ``items`` into lists of at most ``size``."""
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk


def _batch(connection: Connection, batch_id: str) -> BatchRecord | None:
    row = connection.execute(sa.select(batches).where(batches.c.batch_id == batch_id)).mappings().one_or_none()
    return None if row is None else _batch_record(row)


def _batch_record(row: RowMapping) -> BatchRecord:
    return BatchRecord(**{**row, "status": BatchStatus(row["status"])})


def _job_record(row: RowMapping) -> JobRecord:
    return JobRecord(**{**row, "state": JobState(row["state"])})


def _outcome_record(row: RowMapping) -> OutcomeRecord:
    request = RequestRecord(**{column.name: row[column.name] for column in requests.c})
    values = {c.name: row[f"outcome__{c.name}"] for c in outcomes.c if c.name != "custom_id"}
    return OutcomeRecord(request=request, **values)


def _count(connection: Connection, table: sa.Table, condition: sa.ColumnElement[bool]) -> int:
    return int(connection.execute(sa.select(sa.func.count()).select_from(table).where(condition)).scalar_one())


def _reachable(start: BatchStatus) -> set[BatchStatus]:
    found: set[BatchStatus] = set()
    frontier = {start}
    while frontier:
        frontier = {after for status in frontier for after in BATCH_MOVES[status]} - found
        found |= frontier
    return found


def _move_job(
    connection: Connection, job: JobRecord, to: JobState, detail: Mapping[str, Any] | None, fields: Mapping[str, Any]
) -> None:
    if to not in JOB_MOVES[job.state]:
        raise StaleStateError(f"provider job {job.token}: can not go from {job.state} to {to}")
    where = (provider_jobs.c.token == job.token, provider_jobs.c.state == job.state)
    if connection.execute(provider_jobs.update().where(*where).values(state=to, **fields)).rowcount != 1:
        raise StaleStateError(f"provider job {job.token}: is no longer {job.state}; another process moved it")
    if to is JobState.SUBMITTED:
        unsent = (requests.c.job_token == job.token, requests.c.sent_at.is_(None))
        connection.execute(requests.update().where(*unsent).values(sent_at=fields["submitted_at"]))
    _add_event(connection, job.token, job.state, to, detail)


def _add_event(
    connection: Connection, token: str, before: JobState | None, after: JobState, detail: Mapping[str, Any] | None
) -> None:
    connection.execute(
        provider_job_events.insert().values(
            token=token, at=now(), from_state=before, to_state=after, detail=canonical_json(detail) if detail else None
        )
    )


def _record_answers(connection: Connection, answers: Iterable[Answer], job_token: str | None) -> int:
    new = 0
    for chunk in batched(answers, CHUNK):
        ids = [answer.custom_id for answer in chunk]
        asked = connection.execute(sa.select(requests).where(requests.c.custom_id.in_(ids))).mappings()
        known = {row["custom_id"]: row for row in asked}
        ended = set(connection.scalars(sa.select(outcomes.c.custom_id).where(outcomes.c.custom_id.in_(ids))))
        fresh = [answer for answer in chunk if answer.custom_id not in ended]
        raw = [
            {"custom_id": a.custom_id, "job_token": job_token, "received_at": a.completed_at, "body": a.raw}
            for a in fresh
            if a.raw is not None
        ]
        if raw:
            connection.execute(replies.insert(), raw)
        if fresh:
            connection.execute(outcomes.insert(), [_outcome_values(answer, known[answer.custom_id]) for answer in fresh])
        new += len(fresh)
    return new


def _outcome_values(answer: Answer, request: RowMapping) -> dict[str, Any]:
    outcome, verdict = answer.outcome, answer.outcome.verdict
    winner = None
    if verdict is not None:
        winner = request["essay_a_id"] if verdict.winner == "Essay A" else request["essay_b_id"]
    return {
        "custom_id": answer.custom_id,
        "outcome": outcome.kind,
        "winner_essay_id": winner,
        "justification": verdict.justification if verdict else None,
        "confidence": verdict.confidence if verdict else None,
        "error_code": outcome.error_code,
        "error_message": outcome.error_message,
        "model": outcome.model or request["model"],
        "input_tokens": outcome.usage.input_tokens,
        "cached_input_tokens": outcome.usage.cached_input_tokens,
        "output_tokens": outcome.usage.output_tokens,
        "cost_usd": answer.cost_usd,
        "requested_at": request["sent_at"] or answer.completed_at,
        "completed_at": answer.completed_at,
    }
