"""Batches in the ledger: registered once, never changed under their name, moved forward only."""

from collections.abc import Iterable

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.ledger.attempts import FINAL, OPEN
from huleedu_pipeline.ledger.book import Book, count
from huleedu_pipeline.ledger.moves import now
from huleedu_pipeline.ledger.records import (
    BatchRecord,
)
from huleedu_pipeline.ledger.schema import attempts, batches, requests
from huleedu_pipeline.ledger.states import BATCH_MOVES, BatchStatus, StaleStateError


class UnknownBatchError(HuleeduError):
    """The ledger has no batch of that name."""


class ChangedBatchError(HuleeduError):
    """A batch was handed in again with other content although its requests have been planned."""


_HAS_ENDED = sa.exists().where(attempts.c.custom_id == requests.c.custom_id, FINAL)
_IS_BEING_ASKED = sa.exists().where(attempts.c.custom_id == requests.c.custom_id, OPEN, attempts.c.job_token.is_not(None))


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
            known = find_batch(connection, batch_id)
            if known is None:
                connection.execute(
                    batches.insert().values(
                        batch_id=batch_id, status=BatchStatus.PENDING, created_at=at, updated_at=at, **values
                    )
                )
            elif known.content_sha256 != content_sha256:
                if count(connection, requests, requests.c.batch_id == batch_id):
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
        with self.read() as connection:
            record = find_batch(connection, batch_id)
        if record is None:
            raise UnknownBatchError(f"batch {batch_id}: is not in the ledger (`huleedu status` lists the batches that are)")
        return record

    def batches(self) -> list[BatchRecord]:
        """Return all batches, oldest first."""
        with self.read() as connection:
            rows = connection.execute(sa.select(batches).order_by(batches.c.created_at, batches.c.batch_id)).mappings()
            return [_batch_record(row) for row in rows]

    def move_batch(self, batch_id: str, to: BatchStatus) -> None:
        """Move a batch along an allowed edge; being there already, or past it, is not an error.

        Raises:
            StaleStateError: ``to`` can not be reached in one move from where the batch stands.

        """
        with self.engine.begin() as connection:
            record = find_batch(connection, batch_id)
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


def find_batch(connection: Connection, batch_id: str) -> BatchRecord | None:
    """Return a batch inside a transaction, or ``None`` when there is none of that name."""
    row = connection.execute(sa.select(batches).where(batches.c.batch_id == batch_id)).mappings().one_or_none()
    return None if row is None else _batch_record(row)


def _batch_record(row: RowMapping) -> BatchRecord:
    return BatchRecord(**{**row, "status": BatchStatus(row["status"])})


def _reachable(start: BatchStatus) -> set[BatchStatus]:
    found: set[BatchStatus] = set()
    frontier = {start}
    while frontier:
        frontier = {after for status in frontier for after in BATCH_MOVES[status]} - found
        found |= frontier
    return found
