"""Batches that were not taken in because something that they need was not there: each content once, however often it is seen.

Rows are only ever added, so that counts of them can be published as counters. Not here: what a batch needs.
"""

import sqlalchemy as sa

from huleedu_pipeline.ledger.book import Book, count
from huleedu_pipeline.ledger.moves import now
from huleedu_pipeline.ledger.records import PrerequisiteBlock
from huleedu_pipeline.ledger.schema import prerequisite_blocks, prompt_fetch_failures
from huleedu_pipeline.logs import events


class Blocks(Book):
    """The part of the ledger about batches that were blocked before anything was planned."""

    def record_block(self, batch_id: str, content_sha256: str, code: str, pipeline_name: str) -> bool:
        """Record that a batch of this content was blocked, and return whether that is new."""
        key = {"batch_id": batch_id, "content_sha256": content_sha256, "code": code}
        same = sa.and_(*(prerequisite_blocks.c[name] == value for name, value in key.items()))
        with self.read() as connection:  # first: a sensor looks often, and should not make writers wait for nothing
            if count(connection, prerequisite_blocks, same):
                return False
        with self.engine.begin() as connection:
            if count(connection, prerequisite_blocks, same):
                return False
            connection.execute(prerequisite_blocks.insert().values(**key, pipeline_name=pipeline_name, at=now()))
        events.BATCH_BLOCKED.tell(batch_id=batch_id, code=code, pipeline_name=pipeline_name)
        return True

    def record_prompt_failure(self, batch_id: str, content_sha256: str, reason: str) -> bool:
        """Record that prompt or rubric of a batch of this content could not be fetched, and return whether that is new."""
        key = {"batch_id": batch_id, "content_sha256": content_sha256, "reason": reason}
        same = sa.and_(*(prompt_fetch_failures.c[name] == value for name, value in key.items()))
        with self.read() as connection:  # first, as above
            if count(connection, prompt_fetch_failures, same):
                return False
        with self.engine.begin() as connection:
            if count(connection, prompt_fetch_failures, same):
                return False
            connection.execute(prompt_fetch_failures.insert().values(**key, at=now()))
        return True

    def blocks(self) -> list[PrerequisiteBlock]:
        """Return every block, oldest first."""
        query = sa.select(prerequisite_blocks).order_by(prerequisite_blocks.c.at, prerequisite_blocks.c.batch_id)
        with self.read() as connection:
            return [PrerequisiteBlock(**row) for row in connection.execute(query).mappings()]

    def count_blocks(self, code: str) -> dict[str, int]:
        """Return how many blocks of one code there were, by name of the pipeline that was to run."""
        columns = prerequisite_blocks.c
        query = sa.select(columns.pipeline_name, sa.func.count()).where(columns.code == code).group_by(columns.pipeline_name)
        with self.read() as connection:
            return {str(name): int(n) for name, n in connection.execute(query.order_by(columns.pipeline_name))}
