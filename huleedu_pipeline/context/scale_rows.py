"""Rows of an installation's own grade scales: a scale never changes, and only one that nothing was graded by can go."""

import json
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from huleedu_pipeline.canonical import canonical_json
from huleedu_pipeline.grading.scales import GradeScale, scale_of
from huleedu_pipeline.ledger.book import count
from huleedu_pipeline.ledger.schema import assignment_anchors, assignments, batches, grade_scales


def own_scales(connection: Connection) -> dict[str, GradeScale]:
    """Return the registered scales by name."""
    rows = connection.execute(sa.select(grade_scales).order_by(grade_scales.c.scale_id))
    return {row.scale_id: scale_of(json.loads(row.definition)) for row in rows}


def add_scale(connection: Connection, scale: GradeScale, at: datetime, actor: str) -> None:
    """Write a scale that is not there yet."""
    definition = canonical_json(asdict(scale))
    connection.execute(
        grade_scales.insert().values(scale_id=scale.scale_id, definition=definition, created_at=at, created_by=actor)
    )


def remove_scale(connection: Connection, scale_id: str) -> None:
    """Remove a scale that nothing uses; the record of writes keeps its definition."""
    connection.execute(grade_scales.delete().where(grade_scales.c.scale_id == scale_id))


def users_of(connection: Connection, scale_id: str) -> list[str]:
    """Return what keeps a scale from being removed, in words: assignments, also deleted ones, their anchors, and batches."""
    # The specification stands in canonical JSON, so that a name with its quotes can be nothing else.
    named = batches.c.original_request.contains(canonical_json({"grade_scale": scale_id})[1:-1], autoescape=True)
    found = {
        "assignments": count(connection, assignments, assignments.c.grade_scale == scale_id),
        "anchors": count(connection, assignment_anchors, assignment_anchors.c.grade_scale == scale_id),
        "batches": count(connection, batches, named),
    }
    return [f"{n} {what}" for what, n in found.items() if n]
