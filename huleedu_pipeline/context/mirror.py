"""The assessment context of one ledger as it stands, put into another: a rehearsal judges by the same versions as the real run.

All versions come along under their own numbers. Not here: the record of who wrote what, which stays where it was written.
"""

import sqlalchemy as sa

from huleedu_pipeline.ledger.book import Book
from huleedu_pipeline.ledger.schema import assignment_anchors, assignment_versions, assignments, context_texts, grade_scales

# Each after those that its rows point to.
TABLES = (context_texts, grade_scales, assignments, assignment_versions, assignment_anchors)
ROWS_AT_ONCE = 500


def mirror_context(source: Book, target: Book) -> None:
    """Make the context in ``target`` the one in ``source``, in one transaction; what was there only is gone."""
    with source.read() as there, target.engine.begin() as here:
        for table in reversed(TABLES):
            here.execute(table.delete())
        for table in TABLES:
            for rows in there.execute(sa.select(table)).mappings().partitions(ROWS_AT_ONCE):
                here.execute(table.insert(), [dict(row) for row in rows])
