"""Provider jobs in the ledger: which requests they carry, their moves with their events, their collection."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import RowMapping

from huleedu_pipeline.canonical import short_hash
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.judging.outcome import OutcomeKind
from huleedu_pipeline.ledger.attempts import CHUNK, batched, begin, bury, end
from huleedu_pipeline.ledger.batches import ensure_asks
from huleedu_pipeline.ledger.book import HAS_ENDED, IS_BEING_ASKED, Book, count
from huleedu_pipeline.ledger.moves import add_event, move_job, now, update_job
from huleedu_pipeline.ledger.records import (
    Answer,
    DeadLetter,
    JobRecord,
    RequestRecord,
)
from huleedu_pipeline.ledger.schema import attempts, batches, dead_letters, provider_job_events, provider_jobs, requests
from huleedu_pipeline.ledger.states import JobState, StaleStateError
from huleedu_pipeline.logs import events


class UnknownJobError(HuleeduError):
    """The ledger has no provider job of that name."""


_OF_ITS_BATCH = (batches.c.correlation_id, batches.c.judge_backend)
_JOBS = sa.select(provider_jobs, *_OF_ITS_BATCH).join(batches, batches.c.batch_id == provider_jobs.c.batch_id)


class JobBook(Book):
    """The part of the ledger about provider jobs."""

    def plan_job(self, planned: Sequence[RequestRecord], *, estimated_cost_usd: float | None = None) -> JobRecord:
        """Make a provider job of requests that none carries now; they share batch, provider and model.

        The job's token follows from its requests and how often each has been asked, so that planning the same job twice is
        not possible.

        Raises:
            ClosedBatchError: the batch asks for nothing more.
            StaleStateError: one of the requests has an outcome, or is in a job already.

        """
        first, custom_ids = planned[0], [request.custom_id for request in planned]
        with self.engine.begin() as connection:
            ensure_asks(connection, [first.batch_id])
            free = n_asked = 0
            for chunk in batched(custom_ids, CHUNK):
                chosen = requests.c.custom_id.in_(chunk)
                free += count(connection, requests, chosen & ~HAS_ENDED & ~IS_BEING_ASKED)
                n_asked += count(connection, attempts, attempts.c.custom_id.in_(chunk))
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
        job = self.job(token)
        events.JOB_CREATED.tell(**job.log_fields, estimated_cost_usd=estimated_cost_usd)
        return job

    def job(self, token: str) -> JobRecord:
        """Return the job called ``token``.

        Raises:
            UnknownJobError: there is none.

        """
        with self.read() as connection:
            row = connection.execute(_JOBS.where(provider_jobs.c.token == token)).mappings().one_or_none()
        if row is None:
            raise UnknownJobError(f"job {token}: is not in the ledger (`huleedu reconcile` lists what needs a decision)")
        return _job_record(row)

    def jobs(self, batch_id: str | None = None, states: Iterable[JobState] | None = None) -> list[JobRecord]:
        """Return jobs, oldest first, of one batch or all and in some states or all."""
        query = _JOBS.order_by(provider_jobs.c.created_at, provider_jobs.c.token)
        if batch_id is not None:
            query = query.where(provider_jobs.c.batch_id == batch_id)
        if states is not None:
            query = query.where(provider_jobs.c.state.in_(list(states)))
        with self.read() as connection:
            return [_job_record(row) for row in connection.execute(query).mappings()]

    def carriers(self, batch_id: str) -> dict[str, str]:
        """Return the provider's job that carried each request last, by ``custom_id``; live requests are not among them."""
        query = (
            sa.select(attempts.c.custom_id, provider_jobs.c.provider_job_id)
            .join(provider_jobs, provider_jobs.c.token == attempts.c.job_token)
            .where(provider_jobs.c.batch_id == batch_id, provider_jobs.c.provider_job_id.is_not(None))
            .order_by(attempts.c.attempt)
        )
        with self.read() as connection:
            return {row[0]: row[1] for row in connection.execute(query)}

    def times_asked(self, job: JobRecord) -> int:
        """Return how often the requests of a job have been asked, that job included: the most of any of them."""
        query = sa.select(sa.func.max(attempts.c.attempt)).where(attempts.c.job_token == job.token)
        with self.read() as connection:
            return int(connection.scalar(query) or 0)

    def job_events(self, token: str) -> list[tuple[datetime, str | None, str, str | None]]:
        """Return a job's history as (instant, from, to, detail as JSON), oldest first."""
        columns = provider_job_events.c
        query = sa.select(columns.at, columns.from_state, columns.to_state, columns.detail).where(columns.token == token)
        with self.read() as connection:
            return [tuple(row) for row in connection.execute(query.order_by(columns.event_id))]

    def move_job(self, job: JobRecord, to: JobState, detail: Mapping[str, Any] | None = None, **fields: Any) -> JobRecord:
        """Move a job from the state in which ``job`` shows it to ``to``, set ``fields``, and add the event.

        Raises:
            StaleStateError: the job has left that state, or the move is not allowed.

        """
        with self.engine.begin() as connection:
            move_job(connection, job, to, detail, fields)
        moved = self.job(job.token)
        _tell_move(job, moved, to, detail or {})
        return moved

    def quarantine(self, job: JobRecord, why: str) -> JobRecord:
        """Leave a job to a person: nothing is done with it until ``huleedu reconcile`` says what became of it.

        Raises:
            StaleStateError: as :meth:`move_job`.

        """
        return self.move_job(job, JobState.QUARANTINED, {"error": why}, last_error=why)

    def record_create_attempt(self, job: JobRecord) -> JobRecord:
        """Record, right before the call, that a create call is about to be made.

        Raises:
            ClosedBatchError: the batch asks for nothing more.
            StaleStateError: the job has left the state in which ``job`` shows it.

        """
        with self.engine.begin() as connection:
            ensure_asks(connection, [job.batch_id])
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
        answers, letters = list(answers), list(letters)
        with self.engine.begin() as connection:
            n_ended, n_final = end(connection, answers, job, max_attempts)
            bury(connection, job, letters, now())
            told = {**detail, "n_to_ask_again": n_ended - n_final}
            move_job(connection, job, JobState.COLLECTED, told, {"collected_at": now()})
        counts = {"n_to_ask_again": n_ended - n_final, "n_dead_letters": len(letters)}
        events.JOB_COLLECTED.tell(**job.log_fields, **counts, **_totals(answers))
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
        with self.read() as connection:
            return [(row[0], DeadLetter(*row[1:])) for row in connection.execute(query)]


def _tell_move(before: JobRecord, after: JobRecord, to: JobState, detail: Mapping[str, Any]) -> None:
    """Tell a move as what it means; ``after`` may have been moved on by another process already."""
    if to is JobState.SUBMITTED:
        # By a person's decision, or because a run that was cut short had made it.
        is_adopted = bool(detail.get("adopted")) or "decided" in detail
        events.JOB_SUBMITTED.tell(**after.log_fields, is_adopted=is_adopted)
    elif to is JobState.QUARANTINED:
        events.JOB_QUARANTINED.tell(**after.log_fields, from_state=before.state)
    else:
        events.JOB_STATE_CHANGED.tell(**after.log_fields, from_state=before.state, to_state=to)


def _totals(answers: Sequence[Answer]) -> dict[str, int | float | None]:
    """Return what answers came to, all together; the cost is ``None`` as soon as one in it is unknown."""
    kinds = Counter(answer.outcome.kind for answer in answers)
    costs = [answer.cost_usd for answer in answers if answer.cost_usd is not None]
    return {
        "n_succeeded": kinds[OutcomeKind.SUCCESS],
        "n_failed": kinds[OutcomeKind.FAILURE],
        "n_expired": kinds[OutcomeKind.EXPIRED],
        "input_tokens": sum(answer.outcome.usage.input_tokens for answer in answers),
        "output_tokens": sum(answer.outcome.usage.output_tokens for answer in answers),
        "cost_usd": round(sum(costs), 6) if len(costs) == len(answers) else None,
    }


def _job_record(row: RowMapping) -> JobRecord:
    return JobRecord(**{**row, "state": JobState(row["state"])})
