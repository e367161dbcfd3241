"""Batches in the ledger: registered once, never changed under their name, moved forward, and brought back by a person only.

Every move is a compare-and-set inside one write transaction, and leaves a line in the batch's history. A batch that does
not take judgements any more is refused every new attempt, here and nowhere else. Not here: when a move is due.
"""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from typing import Any
from uuid import uuid4

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.judging.outcome import OutcomeKind
from huleedu_pipeline.ledger.attempts import FINAL
from huleedu_pipeline.ledger.book import Book, count
from huleedu_pipeline.ledger.moves import add_decision, has_decision, now
from huleedu_pipeline.ledger.records import BatchMove, BatchRecord, ScalingRecord, WorkflowDecision
from huleedu_pipeline.ledger.schema import (
    attempts,
    batch_moves,
    batches,
    provider_jobs,
    requests,
    scalings,
    spell_checks,
    workflow_decisions,
)
from huleedu_pipeline.ledger.states import BATCH_MOVES, CLOSED, SCORED, BatchStatus, StaleStateError
from huleedu_pipeline.logs import events


class UnknownBatchError(HuleeduError):
    """The ledger has no batch of that name."""


class ChangedBatchError(HuleeduError):
    """A batch was handed in again with other content although its requests have been planned."""


class ClosedBatchError(StaleStateError):
    """A request of a batch that asks for nothing more: it has ended, is being scored, or was told to finish."""


class Batches(Book):
    """The part of the ledger about batches."""

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
        assignment_id: str | None = None,
        assignment_version: int | None = None,
        llm_batching_mode_reason: str | None = None,
    ) -> BatchRecord:
        """Record a batch on first sight, and return what is recorded.

        The same content again changes nothing. Other content replaces the record as long as no request was planned, and what
        was found of the spelling goes with the old content; it is the same batch, so it keeps its correlation id.

        Raises:
            ChangedBatchError: requests were planned for other content; pupils' grades must not mix the two.

        """
        values = {
            "llm_batching_mode": llm_batching_mode,
            "llm_batching_mode_reason": llm_batching_mode_reason,
            "judge_backend": judge_backend,
            "content_sha256": content_sha256,
            "original_request": original_request,
            "n_essays": n_essays,
            "n_anchors": n_anchors,
            "assignment_id": assignment_id,
            "assignment_version": assignment_version,
        }
        at = now()
        with self.engine.begin() as connection:
            known = find_batch(connection, batch_id)
            if known is None:
                first = {"status": BatchStatus.PENDING, "correlation_id": str(uuid4()), "created_at": at, "updated_at": at}
                connection.execute(batches.insert().values(batch_id=batch_id, **first, **values))
                _add_move(connection, batch_id, at, None, BatchStatus.PENDING, None)
            elif known.content_sha256 != content_sha256:
                if count(connection, requests, requests.c.batch_id == batch_id):
                    raise ChangedBatchError(
                        f"batch {batch_id}: was submitted before with other content (essays, prompt, rubric, batch.yaml or "
                        "options have changed since; put the old ones back, or give the new ones another batch_id)"
                    )
                connection.execute(batches.update().where(batches.c.batch_id == batch_id).values(updated_at=at, **values))
                connection.execute(spell_checks.delete().where(spell_checks.c.batch_id == batch_id))
        record = self.batch(batch_id)
        if known is None:
            events.BATCH_REGISTERED.tell(
                **record.log_fields,
                n_essays=n_essays,
                n_anchors=n_anchors,
                assignment_id=assignment_id,
                assignment_version=assignment_version,
            )
        return record

    def batch(self, batch_id: str) -> BatchRecord:
        """Return a batch.

        Raises:
            UnknownBatchError: there is none of that name.

        """
        with self.read() as connection:
            return _existing(connection, batch_id)

    def batches(self) -> list[BatchRecord]:
        """Return all batches, oldest first."""
        with self.read() as connection:
            rows = connection.execute(sa.select(batches).order_by(batches.c.created_at, batches.c.batch_id)).mappings()
            return [_batch_record(row) for row in rows]

    def move_batch(
        self,
        batch_id: str,
        to: BatchStatus,
        reason: str | None = None,
        *,
        moved_by: str | None = None,
        decision: WorkflowDecision | None = None,
    ) -> None:
        """Move a batch along an allowed edge; being there already, or past it, is not an error.

        Args:
            batch_id: The batch.
            to: Where it is to stand.
            reason: Why, where that does not go without saying; kept with the batch and in its history.
            moved_by: Who moves it, where that is neither its own run nor a person; kept in its history.
            decision: What the move follows from, where it follows from a decision after a wave.

        Raises:
            StaleStateError: ``to`` can not be reached in one move from where the batch stands.

        """
        with self.engine.begin() as connection:
            record = _existing(connection, batch_id)
            if record.status is to or record.status in _reachable(to):
                return
            _move(connection, record, to, reason, moved_by)
            if decision is not None:
                add_decision(connection, batch_id, decision)
        _tell_move(record, to)

    def complete_batch(self, batch_id: str) -> None:
        """End a batch that was scored, in the state that was decided for it, or else as one that used its comparisons.

        Raises:
            StaleStateError: the batch is not being scored, and has not ended either.

        """
        with self.engine.begin() as connection:
            record = _existing(connection, batch_id)
            if record.status.is_final:
                return
            to = record.ends_as or BatchStatus.COMPLETED_MAX_COMPARISONS
            _move(connection, record, to, record.status_reason)
        _tell_move(record, to)

    def conclude(self, batch_id: str, ends_as: BatchStatus, reason: str, *, decision: WorkflowDecision | None = None) -> None:
        """Decide that nothing more is asked for a batch, and as what it ends once it is scored; from here on, no request is.

        ``decision`` is what it follows from, where it follows from a decision after a wave.

        Raises:
            StaleStateError: the batch does not await judgements.
            ValueError: ``ends_as`` is not the end of a batch that was scored.

        """
        if ends_as not in SCORED:
            raise ValueError(f"{ends_as}: is not how a batch ends that was scored")
        with self.engine.begin() as connection:
            record = _existing(connection, batch_id)
            if record.status is not BatchStatus.AWAITING_JUDGEMENTS:
                raise StaleStateError(f"batch {batch_id}: is {record.status}, and does not await judgements")
            _set(connection, record, ends_as=ends_as, status_reason=reason, updated_at=now())
            if decision is not None:
                add_decision(connection, batch_id, decision)
        events.BATCH_CONCLUDED.tell(**record.log_fields, ends_as=ends_as)

    def record_decision(self, batch_id: str, made: WorkflowDecision) -> None:
        """Record what was decided after a wave where nothing else changes; the same decision again adds nothing.

        Raises:
            UnknownBatchError: there is no such batch.

        """
        with self.read() as connection:  # first: whoever waits looks often, and should not make writers wait for nothing
            _existing(connection, batch_id)
            if has_decision(connection, batch_id, made):
                return
        with self.engine.begin() as connection:
            add_decision(connection, batch_id, made)

    def decisions(self, batch_id: str) -> list[WorkflowDecision]:
        """Return what was decided about a batch, oldest first."""
        columns = workflow_decisions.c
        query = sa.select(columns.wave, columns.decision, columns.reason).where(columns.batch_id == batch_id)
        with self.read() as connection:
            return [WorkflowDecision(*row) for row in connection.execute(query.order_by(columns.decision_id))]

    def record_scaling(self, batch_id: str, made: ScalingRecord) -> None:
        """Record how precise the final ranking of a batch was; the first one stays, because a batch is scored once."""
        with self.engine.begin() as connection:
            if not count(connection, scalings, scalings.c.batch_id == batch_id):
                connection.execute(scalings.insert().values(batch_id=batch_id, at=now(), **asdict(made)))

    def reopen_batch(self, batch_id: str, reason: str) -> int:
        """Bring a failed or cancelled batch back, so that what has no verdict is asked again, and return how many that are.

        Whatever has a verdict stays as it is. An attempt without one that was a request's last is not its last any more.

        Raises:
            StaleStateError: the batch is neither failed nor cancelled.

        """
        with self.engine.begin() as connection:
            record = _existing(connection, batch_id)
            if not record.status.is_closed:
                raise StaleStateError(
                    f"batch {batch_id}: is {record.status}; only one that is failed or cancelled can be brought back"
                )
            ours = requests.c.batch_id == batch_id
            mine = attempts.c.custom_id.in_(sa.select(requests.c.custom_id).where(ours))
            without_verdict = (mine, FINAL, attempts.c.outcome != OutcomeKind.SUCCESS)
            connection.execute(attempts.update().where(*without_verdict).values(is_final=False))
            n_requests = count(connection, requests, ours)
            n_verdicts = count(connection, attempts, mine & FINAL)
            to = BatchStatus.AWAITING_JUDGEMENTS if n_requests else BatchStatus.PENDING
            at = now()
            cleared = {"completed_at": None, "published_at": None, "status_reason": None, "ends_as": None}
            _set(connection, record, status=to, updated_at=at, reopened_at=at, **cleared)
            _add_move(connection, batch_id, at, record.status, to, reason)
        n_left = n_requests - n_verdicts
        told = {"from_state": record.status, "to_state": to}
        events.BATCH_REOPENED.tell(**record.log_fields, **told, n_without_verdict=n_left)
        return n_left

    def set_cost_limit(self, batch_id: str, max_cost_usd: float, reason: str) -> None:
        """Set what a batch may cost, in USD, in place of what its request says; what has failed for it is tried anew.

        Raises:
            UnknownBatchError: there is no such batch.
            StaleStateError: the batch has ended, so nothing is asked for it.

        """
        with self.engine.begin() as connection:
            record = _existing(connection, batch_id)
            if record.status.is_final:
                raise StaleStateError(f"batch {batch_id}: is {record.status}, and nothing is asked for it any more")
            at = now()
            _set(connection, record, max_cost_usd=max_cost_usd, updated_at=at, reopened_at=at)
            told = f"may cost {max_cost_usd:g} USD from now on: {reason}"
            _add_move(connection, batch_id, at, record.status, record.status, told)
        events.COST_LIMIT_SET.tell(**record.log_fields, limit_usd=max_cost_usd)

    def batch_history(self, batch_id: str) -> list[BatchMove]:
        """Return the moves of a batch, oldest first."""
        columns = batch_moves.c
        query = sa.select(columns.at, columns.from_status, columns.to_status, columns.reason)
        with self.read() as connection:
            rows = connection.execute(query.where(columns.batch_id == batch_id).order_by(columns.move_id)).all()
        return [BatchMove(at, before and BatchStatus(before), BatchStatus(after), why) for at, before, after, why in rows]

    def last_activity(self, batch_id: str) -> datetime:
        """Return when something last happened with a batch: a move, a job's progress, an attempt sent or ended."""
        jobs, ours = provider_jobs.c, provider_jobs.c.batch_id == batch_id
        asked = attempts.join(requests, requests.c.custom_id == attempts.c.custom_id)
        with self.read() as connection:
            record = _existing(connection, batch_id)
            of_jobs = sa.select(
                *(sa.func.max(c) for c in (jobs.created_at, jobs.submitted_at, jobs.ended_at, jobs.collected_at))
            )
            of_attempts = sa.select(sa.func.max(attempts.c.sent_at), sa.func.max(attempts.c.ended_at)).select_from(asked)
            instants: list[datetime | None] = [
                *connection.execute(of_jobs.where(ours)).one(),
                *connection.execute(of_attempts.where(requests.c.batch_id == batch_id)).one(),
            ]
        return max([record.updated_at, *(instant for instant in instants if instant is not None)])

    def mark_published(self, batch_ids: Iterable[str]) -> None:
        """Record that what ended batches came to has reached the warehouse."""
        with self.engine.begin() as connection:
            chosen = (batches.c.batch_id.in_(list(batch_ids)), batches.c.completed_at.is_not(None))
            rows = connection.execute(sa.select(batches).where(*chosen)).mappings()
            published = [_batch_record(row) for row in rows]
            connection.execute(batches.update().where(*chosen).values(published_at=now()))
        for record in published:
            events.BATCH_PUBLISHED.tell(**record.log_fields)

    def mark_unpublished(self, batch_id: str) -> None:
        """Record that a closed batch has something to collect again, so that it is looked at until it is published anew."""
        with self.engine.begin() as connection:
            chosen = (batches.c.batch_id == batch_id, batches.c.status.in_([str(status) for status in CLOSED]))
            connection.execute(batches.update().where(*chosen).values(published_at=None))


def ensure_asks(connection: Connection, batch_ids: Iterable[str]) -> None:
    """Check, in the transaction in which a request is about to be asked, that its batch still asks.

    Raises:
        ClosedBatchError: it does not.

    """
    for batch_id in batch_ids:
        record = _existing(connection, batch_id)
        if not record.status.takes_judgements or record.ends_as is not None:
            told = f"was told to end as {record.ends_as}" if record.status.takes_judgements else f"is {record.status}"
            raise ClosedBatchError(f"batch {batch_id}: {told}, and nothing more is asked for it")


def find_batch(connection: Connection, batch_id: str) -> BatchRecord | None:
    """Return a batch inside a transaction, or ``None`` when there is none of that name."""
    row = connection.execute(sa.select(batches).where(batches.c.batch_id == batch_id)).mappings().one_or_none()
    return None if row is None else _batch_record(row)


def _batch_record(row: RowMapping) -> BatchRecord:
    ends_as = row["ends_as"] and BatchStatus(row["ends_as"])
    return BatchRecord(**{**row, "status": BatchStatus(row["status"]), "ends_as": ends_as})


def _existing(connection: Connection, batch_id: str) -> BatchRecord:
    record = find_batch(connection, batch_id)
    if record is None:
        raise UnknownBatchError(f"batch {batch_id}: is not in the ledger (`huleedu status` lists the batches that are)")
    return record


def _move(
    connection: Connection, record: BatchRecord, to: BatchStatus, reason: str | None, moved_by: str | None = None
) -> None:
    if to not in BATCH_MOVES[record.status]:
        raise StaleStateError(f"batch {record.batch_id}: can not go from {record.status} to {to}")
    at = now()
    kept = reason if reason is not None else record.status_reason
    _set(connection, record, status=to, updated_at=at, completed_at=at if to.is_final else None, status_reason=kept)
    _add_move(connection, record.batch_id, at, record.status, to, reason, moved_by)


def _tell_move(before: BatchRecord, to: BatchStatus) -> None:
    events.BATCH_STATE_CHANGED.tell(**before.log_fields, from_state=before.status, to_state=to)


def _set(connection: Connection, record: BatchRecord, **values: Any) -> None:
    """Set ``values`` of a batch if it still stands where ``record`` shows it; raises StaleStateError if not."""
    same = (batches.c.batch_id == record.batch_id, batches.c.status == record.status)
    if connection.execute(batches.update().where(*same).values(**values)).rowcount != 1:
        raise StaleStateError(f"batch {record.batch_id}: is no longer {record.status}; another process moved it")


def _add_move(
    connection: Connection,
    batch_id: str,
    at: datetime,
    before: BatchStatus | None,
    after: BatchStatus,
    reason: str | None,
    moved_by: str | None = None,
) -> None:
    values = {"from_status": before, "to_status": after, "reason": reason, "moved_by": moved_by}
    connection.execute(batch_moves.insert().values(batch_id=batch_id, at=at, **values))


def _reachable(start: BatchStatus) -> set[BatchStatus]:
    found: set[BatchStatus] = set()
    frontier = {start}
    while frontier:
        frontier = {after for status in frontier for after in BATCH_MOVES[status]} - found
        found |= frontier
    return found
