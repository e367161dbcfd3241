"""The ledger: the durable record of every request, provider job and answer.

Money is spent only on what stands here, so each method is one transaction, each move a compare-and-set, and nothing that
was recorded is changed afterwards. Not here: what to ask, or how to talk to a provider.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from huleedu_pipeline.canonical import short_hash
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.judging.outcome import OutcomeKind
from huleedu_pipeline.ledger.attempts import CHUNK, ENDED, FINAL, OPEN, USAGE_COLUMNS, abandon_open, batched, begin, bury, end
from huleedu_pipeline.ledger.database import READ_ONLY, open_engine
from huleedu_pipeline.ledger.leases import Lease
from huleedu_pipeline.ledger.moves import add_event, move_job, now, update_job
from huleedu_pipeline.ledger.records import (
    Answer,
    BatchRecord,
    Cost,
    DeadLetter,
    FrameRecord,
    JobRecord,
    LaneRecord,
    OutcomeRecord,
    RequestRecord,
    Tally,
)
from huleedu_pipeline.ledger.schema import (
    attempts,
    batches,
    dead_letters,
    fragments,
    frames,
    lanes,
    provider_job_events,
    provider_jobs,
    requests,
)
from huleedu_pipeline.ledger.states import (
    AT_PROVIDER,
    BATCH_MOVES,
    FINISHED_AT_PROVIDER,
    BatchStatus,
    JobState,
    StaleStateError,
)


class UnknownBatchError(HuleeduError):
    """The ledger has no batch of that name."""


class UnknownJobError(HuleeduError):
    """The ledger has no provider job of that name."""


class ChangedBatchError(HuleeduError):
    """A batch was handed in again with other content although its requests have been planned."""


_HAS_ENDED = sa.exists().where(attempts.c.custom_id == requests.c.custom_id, FINAL)
_IS_BEING_ASKED = sa.exists().where(attempts.c.custom_id == requests.c.custom_id, OPEN, attempts.c.job_token.is_not(None))


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

    # Requests and their attempts

    def plan_requests(
        self, planned: Iterable[RequestRecord], frame_records: Iterable[FrameRecord], fragment_bodies: Mapping[str, str]
    ) -> int:
        """Record requests that are not recorded yet, with what their bodies are made of, and return how many were new."""
        with self.engine.begin() as connection:
            _add_missing(connection, frames, "frame_id", [asdict(frame) for frame in frame_records])
            pieces = [{"fragment_id": name, "body": body} for name, body in fragment_bodies.items()]
            _add_missing(connection, fragments, "fragment_id", pieces)
            return _add_missing(connection, requests, "custom_id", (asdict(request) for request in planned))

    def requests(self, batch_id: str, *, only_open: bool = False, job_token: str | None = None) -> list[RequestRecord]:
        """Return a batch's requests in the order in which they were planned, perhaps only those without an outcome."""
        query = sa.select(requests).where(requests.c.batch_id == batch_id).order_by(requests.c.position)
        if job_token is not None:
            query = query.join(attempts, attempts.c.custom_id == requests.c.custom_id).where(attempts.c.job_token == job_token)
        if only_open:
            query = query.where(~_HAS_ENDED)
        with self._read() as connection:
            return [RequestRecord(**row) for row in connection.execute(query).mappings()]

    def unasked(self, batch_id: str) -> Iterator[RequestRecord]:
        """Yield, in order, the requests that have neither an outcome nor a provider job that carries them now.

        Read in pieces, each in a transaction of its own: requests that are put into jobs meanwhile are not yielded again.
        """
        position = -1
        query = sa.select(requests).where(requests.c.batch_id == batch_id, ~_HAS_ENDED, ~_IS_BEING_ASKED)
        query = query.order_by(requests.c.position).limit(10 * CHUNK)
        while True:
            with self._read() as connection:
                rows = connection.execute(query.where(requests.c.position > position)).mappings().all()
            yield from (RequestRecord(**row) for row in rows)
            if not rows:
                return
            position = rows[-1]["position"]

    def count_unasked(self, batch_id: str) -> int:
        """Return how many of a batch's requests have neither an outcome nor a provider job that carries them now."""
        with self._read() as connection:
            return _count(connection, requests, (requests.c.batch_id == batch_id) & ~_HAS_ENDED & ~_IS_BEING_ASKED)

    def frames(self, batch_id: str) -> dict[str, FrameRecord]:
        """Return the frames of a batch's requests by their id."""
        used = sa.select(requests.c.frame_id).where(requests.c.batch_id == batch_id)
        with self._read() as connection:
            rows = connection.execute(sa.select(frames).where(frames.c.frame_id.in_(used))).mappings()
            return {row["frame_id"]: FrameRecord(**row) for row in rows}

    def fragments(self, batch_id: str) -> dict[str, str]:
        """Return the fragments (escaped essays) of a batch's requests by their id."""
        ours = requests.c.batch_id == batch_id
        used = sa.select(requests.c.fragment_a_id).where(ours).union(sa.select(requests.c.fragment_b_id).where(ours))
        with self._read() as connection:
            query = sa.select(fragments.c.fragment_id, fragments.c.body).where(fragments.c.fragment_id.in_(used))
            return {row[0]: row[1] for row in connection.execute(query)}

    def body(self, custom_id: str) -> str:
        """Return the body of a request: the JSON that is sent."""
        a, b = fragments.alias("a"), fragments.alias("b")
        parts = sa.select(*(frames.c[name] for name in FrameRecord.__annotations__), a.c.body, b.c.body)
        query = (
            parts.select_from(requests)
            .join(frames, frames.c.frame_id == requests.c.frame_id)
            .join(a, a.c.fragment_id == requests.c.fragment_a_id)
            .join(b, b.c.fragment_id == requests.c.fragment_b_id)
            .where(requests.c.custom_id == custom_id)
        )
        with self._read() as connection:
            *frame, fragment_a, fragment_b = connection.execute(query).one()
        return FrameRecord(*frame).body(fragment_a, fragment_b)

    def begin_live(self, custom_ids: Sequence[str]) -> None:
        """Record that live calls are about to be made, so that a crash leaves a trace of what may have been billed.

        An attempt that a dead process left open is ended as unanswered first.
        """
        with self.engine.begin() as connection:
            abandon_open(connection, custom_ids, now())
            begin(connection, custom_ids, None, now())

    def end_live(self, answers: Iterable[Answer], *, max_attempts: int) -> int:
        """Record the answers of live calls in one transaction and return how many requests they ended."""
        with self.engine.begin() as connection:
            return end(connection, answers, None, max_attempts)[1]

    def record_judgements(
        self,
        batch_id: str,
        judged: Sequence[RequestRecord],
        frame: FrameRecord,
        fragment_bodies: Mapping[str, str],
        answers: Sequence[Answer],
    ) -> int:
        """Record judgements that were made elsewhere, requests and answers in one transaction, and return how many.

        Raises:
            StaleStateError: the batch is being scored, or is completed: what it was ranked by can not change.

        """
        with self.engine.begin() as connection:
            record = _batch(connection, batch_id)
            if record is None:
                raise UnknownBatchError(f"batch {batch_id}: is not in the ledger")
            if record.status not in (BatchStatus.PENDING, BatchStatus.AWAITING_JUDGEMENTS):
                raise StaleStateError(
                    f"batch {batch_id}: is {record.status}, and takes no more judgements (to rank with more of them, import "
                    "them all into a folder with another batch_id)"
                )
            _add_missing(connection, frames, "frame_id", [asdict(frame)])
            pieces = [{"fragment_id": name, "body": body} for name, body in fragment_bodies.items()]
            _add_missing(connection, fragments, "fragment_id", pieces)
            _add_missing(connection, requests, "custom_id", (asdict(request) for request in judged))
            begin(connection, [answer.custom_id for answer in answers], None, now())
            return end(connection, answers, None, 1)[1]

    def outcomes(self, batch_id: str) -> list[OutcomeRecord]:
        """Return how a batch's requests ended, in the order in which they were planned."""
        every = (
            sa.select(
                attempts.c.custom_id,
                sa.func.count().label("n_attempts"),
                *(sa.func.sum(sa.func.coalesce(attempts.c[name], 0)).label(name) for name in USAGE_COLUMNS),
                sa.case((sa.func.count() == sa.func.count(attempts.c.cost_usd), sa.func.sum(attempts.c.cost_usd))).label(
                    "cost_usd"
                ),
            )
            .join(requests, requests.c.custom_id == attempts.c.custom_id)
            .where(requests.c.batch_id == batch_id, ENDED)
            .group_by(attempts.c.custom_id)
            .subquery()
        )
        kept = ("outcome", "winner", "justification", "confidence", "p_a", "error_code", "error_message", "service_tier")
        query = (
            sa.select(
                requests,
                *(attempts.c[name].label(f"outcome__{name}") for name in kept),
                *(column.label(f"outcome__{column.name}") for column in every.c if column.name != "custom_id"),
                sa.func.coalesce(attempts.c.model, requests.c.model).label("outcome__model"),
                sa.func.coalesce(attempts.c.sent_at, attempts.c.ended_at, type_=attempts.c.sent_at.type).label(
                    "outcome__requested_at"
                ),
                attempts.c.ended_at.label("outcome__completed_at"),
            )
            .join(attempts, attempts.c.custom_id == requests.c.custom_id)
            .join(every, every.c.custom_id == requests.c.custom_id)
            .where(requests.c.batch_id == batch_id, FINAL)
            .order_by(requests.c.position)
        )
        with self._read() as connection:
            return [_outcome_record(row) for row in connection.execute(query).mappings()]

    def tally(self, batch_id: str, *, job_token: str | None = None) -> Tally:
        """Return how far a batch, or one of its jobs, has come.

        For a batch, the final attempts are its outcomes; for a job, every attempt that it carried counts.
        """
        counted = ENDED if job_token is not None else FINAL
        kinds = {kind: sa.func.count().filter(attempts.c.outcome == kind, counted) for kind in OutcomeKind}
        query = (
            sa.select(
                sa.func.count(sa.distinct(requests.c.custom_id)),
                *kinds.values(),
                sa.func.count(attempts.c.ended_at),
                sa.func.coalesce(sa.func.sum(attempts.c.input_tokens), 0),
                sa.func.coalesce(sa.func.sum(attempts.c.output_tokens), 0),
                sa.func.coalesce(sa.func.sum(attempts.c.cost_usd), 0.0),
                sa.func.count(attempts.c.ended_at) - sa.func.count(attempts.c.cost_usd),
            )
            .select_from(requests.outerjoin(attempts, attempts.c.custom_id == requests.c.custom_id))
            .where(requests.c.batch_id == batch_id)
        )
        if job_token is not None:
            query = query.where(attempts.c.job_token == job_token)
        with self._read() as connection:
            n, succeeded, failed, expired, ended, tokens_in, tokens_out, cost, unpriced = connection.execute(query).one()
        return Tally(n, succeeded, failed, expired, ended, tokens_in, tokens_out, None if unpriced else cost)

    # Provider jobs

    def plan_job(self, planned: Sequence[RequestRecord], *, estimated_cost_usd: float | None = None) -> JobRecord:
        """Make a provider job of requests that none carries now; they share batch, provider and model.

        The job's token follows from its requests and how often each has been asked, so that planning the same job twice is
        not possible.

        Raises:
            StaleStateError: one of the requests has an outcome, or is in a job already.

        """
        first, custom_ids = planned[0], [request.custom_id for request in planned]
        with self.engine.begin() as connection:
            free = n_asked = 0
            for chunk in batched(custom_ids, CHUNK):
                chosen = requests.c.custom_id.in_(chunk)
                free += _count(connection, requests, chosen & ~_HAS_ENDED & ~_IS_BEING_ASKED)
                n_asked += _count(connection, attempts, attempts.c.custom_id.in_(chunk))
            token = "hj_" + short_hash([first.batch_id, sorted(custom_ids), n_asked], 40)
            if free != len(custom_ids) or len({(r.batch_id, r.provider, r.model) for r in planned}) != 1:
                raise StaleStateError(f"batch {first.batch_id}: requests of job {token} are in another job, or differ in model")
            connection.execute(
                provider_jobs.insert().values(
                    token=token,
                    batch_id=first.batch_id,
                    provider=first.provider,
                    model=first.model,
                    state=JobState.PLANNED,
                    n_requests=len(custom_ids),
                    n_bytes=sum(request.n_bytes for request in planned),
                    estimated_cost_usd=estimated_cost_usd,
                    created_at=now(),
                )
            )
            begin(connection, custom_ids, token, None)
            add_event(connection, token, None, JobState.PLANNED, {"n_requests": len(custom_ids)})
        return self.job(token)

    def job(self, token: str) -> JobRecord:
        """Return the job called ``token``.

        Raises:
            UnknownJobError: there is none.

        """
        with self._read() as connection:
            row = connection.execute(sa.select(provider_jobs).where(provider_jobs.c.token == token)).mappings().one_or_none()
        if row is None:
            raise UnknownJobError(f"job {token}: is not in the ledger (`huleedu reconcile` lists what needs a decision)")
        return _job_record(row)

    def jobs(self, batch_id: str | None = None, states: Iterable[JobState] | None = None) -> list[JobRecord]:
        """Return jobs, oldest first, of one batch or all and in some states or all."""
        query = sa.select(provider_jobs).order_by(provider_jobs.c.created_at, provider_jobs.c.token)
        if batch_id is not None:
            query = query.where(provider_jobs.c.batch_id == batch_id)
        if states is not None:
            query = query.where(provider_jobs.c.state.in_(list(states)))
        with self._read() as connection:
            return [_job_record(row) for row in connection.execute(query).mappings()]

    def carriers(self, batch_id: str) -> dict[str, str]:
        """Return the provider's job that carried each request last, by ``custom_id``; live requests are not among them."""
        query = (
            sa.select(attempts.c.custom_id, provider_jobs.c.provider_job_id)
            .join(provider_jobs, provider_jobs.c.token == attempts.c.job_token)
            .where(provider_jobs.c.batch_id == batch_id, provider_jobs.c.provider_job_id.is_not(None))
            .order_by(attempts.c.attempt)
        )
        with self._read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def times_asked(self, job: JobRecord) -> int:
        """Return how often the requests of a job have been asked, that job included: the most of any of them."""
        query = sa.select(sa.func.max(attempts.c.attempt)).where(attempts.c.job_token == job.token)
        with self._read() as connection:
            return int(connection.scalar(query) or 0)

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
            move_job(connection, job, to, detail, fields)
        return self.job(job.token)

    def record_create_attempt(self, job: JobRecord) -> JobRecord:
        """Record, right before the call, that a create call is about to be made.

        Raises:
            StaleStateError: the job has left the state in which ``job`` shows it.

        """
        with self.engine.begin() as connection:
            update_job(connection, job, {"create_attempted_at": now()})
            add_event(connection, job.token, job.state, job.state, {"create_attempted": True})
        return self.job(job.token)

    def note_provider_status(self, job: JobRecord, status: str) -> JobRecord:
        """Record what the provider calls the state of a job that is still running; not a move, and no event."""
        if job.provider_status == status:
            return job
        with self.engine.begin() as connection:
            same = (provider_jobs.c.token == job.token, provider_jobs.c.state == job.state)
            connection.execute(provider_jobs.update().where(*same).values(provider_status=status))
        return self.job(job.token)

    def collect_job(
        self,
        job: JobRecord,
        answers: Iterable[Answer],
        detail: Mapping[str, Any],
        *,
        letters: Iterable[DeadLetter] = (),
        max_attempts: int,
    ) -> JobRecord:
        """Record a finished job's answers and dead letters and mark it collected, all or nothing."""
        with self.engine.begin() as connection:
            n_ended, n_final = end(connection, answers, job, max_attempts)
            bury(connection, job, letters, now())
            told = {**detail, "n_to_ask_again": n_ended - n_final}
            move_job(connection, job, JobState.COLLECTED, told, {"collected_at": now()})
        return self.job(job.token)

    def dead_letters(self, batch_id: str) -> list[tuple[str, DeadLetter]]:
        """Return (job token, letter) for every result line of a batch's jobs that ended no request."""
        columns = ("file_name", "line_number", "reason", "custom_id", "raw")
        query = (
            sa.select(dead_letters.c.job_token, *(dead_letters.c[name] for name in columns))
            .join(provider_jobs, provider_jobs.c.token == dead_letters.c.job_token)
            .where(provider_jobs.c.batch_id == batch_id)
            .order_by(dead_letters.c.dead_letter_id)
        )
        with self._read() as connection:
            return [(row[0], DeadLetter(*row[1:])) for row in connection.execute(query)]

    # Lanes

    def lane(self, provider: str, model: str) -> LaneRecord:
        """Return how a provider's model takes calls now; one that nothing was recorded about takes them."""
        here = (lanes.c.provider == provider, lanes.c.model == model)
        with self._read() as connection:
            row = connection.execute(sa.select(lanes).where(*here)).mappings().one_or_none()
        return LaneRecord(provider, model) if row is None else LaneRecord(**row)

    def change_lane(self, seen: LaneRecord, to: LaneRecord) -> bool:
        """Record ``to`` if the lane is still as ``seen``, and return whether it was."""
        values = {**asdict(to), "updated_at": now()}
        here = (lanes.c.provider == seen.provider, lanes.c.model == seen.model)
        with self.engine.begin() as connection:
            known = connection.execute(sa.select(lanes).where(*here)).mappings().one_or_none()
            if known is None:
                if seen.updated_at is not None:
                    return False
                connection.execute(lanes.insert().values(**values))
                return True
            if LaneRecord(**known) != seen:
                return False
            connection.execute(lanes.update().where(*here).values(**values))
            return True

    # Money

    def enqueued_bytes(self, provider: str, model: str) -> int:
        """Return the size of all requests that are, or may be, waiting in a provider's batch jobs for one model."""
        here = (provider_jobs.c.provider == provider, provider_jobs.c.model == model)
        query = sa.select(sa.func.coalesce(sa.func.sum(provider_jobs.c.n_bytes), 0))
        with self._read() as connection:
            return int(connection.scalar(query.where(*here, provider_jobs.c.state.in_(list(AT_PROVIDER)))) or 0)

    def cost(self, *, batch_id: str | None = None, judge_backend: str | None = None, since: datetime | None = None) -> Cost:
        """Return what was spent and what is on order, of one batch or of all on one backend, perhaps since an instant."""
        spent = (
            sa.select(sa.func.coalesce(sa.func.sum(attempts.c.cost_usd), 0.0))
            .join(requests, requests.c.custom_id == attempts.c.custom_id)
            .join(batches, batches.c.batch_id == requests.c.batch_id)
            .where(ENDED)
        )
        ordered = (
            sa.select(sa.func.coalesce(sa.func.sum(provider_jobs.c.estimated_cost_usd), 0.0))
            .join(batches, batches.c.batch_id == provider_jobs.c.batch_id)
            .where(provider_jobs.c.state.in_(list(AT_PROVIDER | FINISHED_AT_PROVIDER)))
        )
        for condition in (
            None if batch_id is None else batches.c.batch_id == batch_id,
            None if judge_backend is None else batches.c.judge_backend == judge_backend,
        ):
            if condition is not None:
                spent, ordered = spent.where(condition), ordered.where(condition)
        if since is not None:
            spent = spent.where(attempts.c.ended_at >= since)
        with self._read() as connection:
            return Cost(float(connection.scalar(spent) or 0.0), float(connection.scalar(ordered) or 0.0))


def _add_missing(connection: Connection, table: sa.Table, key: str, rows: Iterable[Mapping[str, Any]]) -> int:
    """Insert the rows whose key is not there yet, and return how many they were."""
    new = 0
    for chunk in batched(rows, CHUNK):
        ids = [row[key] for row in chunk]
        known = set(connection.scalars(sa.select(table.c[key]).where(table.c[key].in_(ids))))
        fresh = [row for row in chunk if row[key] not in known]
        if fresh:
            connection.execute(table.insert(), fresh)
        new += len(fresh)
    return new


def _batch(connection: Connection, batch_id: str) -> BatchRecord | None:
    row = connection.execute(sa.select(batches).where(batches.c.batch_id == batch_id)).mappings().one_or_none()
    return None if row is None else _batch_record(row)


def _batch_record(row: RowMapping) -> BatchRecord:
    return BatchRecord(**{**row, "status": BatchStatus(row["status"])})


def _job_record(row: RowMapping) -> JobRecord:
    return JobRecord(**{**row, "state": JobState(row["state"])})


def _outcome_record(row: RowMapping) -> OutcomeRecord:
    request = RequestRecord(**{column.name: row[column.name] for column in requests.c})
    prefix = "outcome__"
    values = {name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)}
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
