"""Rows of the context inside a transaction: an assignment's versions, its anchors, texts by hash, events.

A version is never changed. What is read of one version is therefore the same whenever it is read.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from huleedu_pipeline.canonical import canonical_json, sha256_hex
from huleedu_pipeline.context.rules import AnchorState, State
from huleedu_pipeline.ledger.book import count
from huleedu_pipeline.ledger.schema import (
    assignment_anchors,
    assignment_versions,
    assignments,
    context_events,
    context_refusals,
    context_texts,
)

TEXTS = ("instructions", "prompt", "rubric")


@dataclass(frozen=True)
class Head:
    """The row of an assignment: its newest version, and whether it is deleted."""

    version: int
    deleted_at: datetime | None


@dataclass(frozen=True)
class Version:
    """One version of an assignment, and who wrote it."""

    state: State
    version: int
    created_at: datetime
    created_by: str


def read_head(connection: Connection, assignment_id: str) -> Head | None:
    """Return where an assignment stands, or ``None`` when there never was one of that name."""
    columns = (assignments.c.version, assignments.c.deleted_at)
    row = connection.execute(sa.select(*columns).where(assignments.c.assignment_id == assignment_id)).one_or_none()
    return None if row is None else Head(*row)


def read_version(connection: Connection, assignment_id: str, version: int) -> Version | None:
    """Return one version of an assignment with all its texts, or ``None`` when there is none of that number."""
    key = (assignment_versions.c.assignment_id == assignment_id, assignment_versions.c.version == version)
    joined = assignments.join(assignment_versions, assignments.c.assignment_id == assignment_versions.c.assignment_id)
    row = (
        connection.execute(
            sa.select(assignment_versions, assignments.c.grade_scale, assignments.c.context_origin)
            .select_from(joined)
            .where(*key)
        )
        .mappings()
        .one_or_none()
    )
    if row is None:
        return None
    anchors = {
        (anchor.grade_scale, anchor.label): AnchorState(anchor.grade, anchor.text)
        for anchor in connection.execute(
            sa.select(assignment_anchors, context_texts.c.text)
            .join(context_texts, context_texts.c.text_sha256 == assignment_anchors.c.text_sha256)
            .where(*_part_of(assignment_id, version))
            .order_by(assignment_anchors.c.grade_scale, assignment_anchors.c.label)
        )
    }
    instructions, prompt, rubric = (row[f"{part}_sha256"] for part in TEXTS)
    texts = _read_texts(connection, [instructions, prompt, rubric])
    state = State(
        assignment_id,
        row["grade_scale"],
        row["context_origin"],
        texts[instructions],
        texts.get(prompt),
        texts.get(rubric),
        anchors,
    )
    return Version(state, version, row["created_at"], row["created_by"])


def read_page(connection: Connection, grade_scale: str | None, offset: int, limit: int) -> tuple[int, list[dict[str, Any]]]:
    """Return how many assignments are not deleted, perhaps of one scale, and some of them by name, as a summary's fields."""
    is_listed: list[sa.ColumnElement[bool]] = [assignments.c.deleted_at.is_(None)]
    if grade_scale is not None:
        is_listed.append(assignments.c.grade_scale == grade_scale)
    versions = assignment_versions.c
    same = sa.and_(versions.assignment_id == assignments.c.assignment_id, versions.version == assignments.c.version)
    rows = connection.execute(
        sa.select(assignments, versions.prompt_sha256, versions.rubric_sha256, versions.created_at.label("updated_at"))
        .select_from(assignments.join(assignment_versions, same))
        .where(*is_listed)
        .order_by(assignments.c.assignment_id)
        .offset(offset)
        .limit(limit)
    )
    found = [
        {
            "assignment_id": row.assignment_id,
            "version": row.version,
            "grade_scale": row.grade_scale,
            "context_origin": row.context_origin,
            "has_prompt": row.prompt_sha256 is not None,
            "has_rubric": row.rubric_sha256 is not None,
            "anchors_by_scale": _anchors_by_scale(connection, row.assignment_id, row.version),
            "created_at": row.created_at,
            "updated_at": row.updated_at,
        }
        for row in rows
    ]
    return count(connection, assignments, sa.and_(*is_listed)), found


def _anchors_by_scale(connection: Connection, assignment_id: str, version: int) -> dict[str, int]:
    columns = (assignment_anchors.c.grade_scale, sa.func.count())
    counted = sa.select(*columns).where(*_part_of(assignment_id, version)).group_by(assignment_anchors.c.grade_scale)
    rows = connection.execute(counted.order_by(assignment_anchors.c.grade_scale))
    return {row[0]: row[1] for row in rows}


def read_events(connection: Connection, since: datetime | None, **columns: str | None) -> list[dict[str, Any]]:
    """Return the record of writes, oldest first, perhaps from an instant on, and where ``columns`` have these values."""
    query = sa.select(context_events).order_by(context_events.c.event_id)
    for name, value in columns.items():
        if value is not None:
            query = query.where(context_events.c[name] == value)
    if since is not None:
        query = query.where(context_events.c.at >= since)
    return [dict(row) for row in connection.execute(query).mappings()]


def _part_of(assignment_id: str, version: int) -> tuple[sa.ColumnElement[bool], ...]:
    anchors = assignment_anchors.c
    ends = sa.or_(anchors.to_version.is_(None), anchors.to_version > version)
    return (anchors.assignment_id == assignment_id, anchors.from_version <= version, ends)


def _read_texts(connection: Connection, hashes: list[str | None]) -> dict[str | None, str]:
    wanted = [one for one in hashes if one is not None]
    rows = connection.execute(sa.select(context_texts).where(context_texts.c.text_sha256.in_(wanted)))
    return {row.text_sha256: row.text for row in rows}


def add_version(connection: Connection, before: State | None, after: State, version: int, at: datetime, actor: str) -> None:
    """Write ``after`` as version ``version``, and end the anchors of the version before that are not part of it."""
    key = assignments.c.assignment_id == after.assignment_id
    if before is None:
        connection.execute(
            assignments.insert().values(
                assignment_id=after.assignment_id,
                grade_scale=after.grade_scale,
                context_origin=after.context_origin,
                version=version,
                created_at=at,
            )
        )
    else:
        connection.execute(assignments.update().where(key).values(version=version))
    texts = {part: getattr(after, part) for part in TEXTS}
    stood = {} if before is None else before.anchors
    fresh = {name: anchor for name, anchor in after.anchors.items() if stood.get(name) != anchor}
    _add_texts(connection, {text for text in texts.values() if text is not None} | {one.text for one in fresh.values()})
    connection.execute(
        assignment_versions.insert().values(
            assignment_id=after.assignment_id,
            version=version,
            created_at=at,
            created_by=actor,
            **{f"{part}_sha256": None if text is None else sha256_hex(text) for part, text in texts.items()},
        )
    )
    for (scale_id, label), anchor in stood.items():
        if after.anchors.get((scale_id, label)) != anchor:
            columns = assignment_anchors.c
            connection.execute(
                assignment_anchors.update()
                .where(
                    columns.assignment_id == after.assignment_id,
                    columns.grade_scale == scale_id,
                    columns.label == label,
                    columns.to_version.is_(None),
                )
                .values(to_version=version)
            )
    for (scale_id, label), anchor in fresh.items():
        connection.execute(
            assignment_anchors.insert().values(
                assignment_id=after.assignment_id,
                grade_scale=scale_id,
                label=label,
                from_version=version,
                grade=anchor.grade,
                text_sha256=sha256_hex(anchor.text),
            )
        )


def _add_texts(connection: Connection, texts: set[str]) -> None:
    by_hash = {sha256_hex(text): text for text in sorted(texts)}
    known = set(
        connection.scalars(sa.select(context_texts.c.text_sha256).where(context_texts.c.text_sha256.in_(list(by_hash))))
    )
    rows = [{"text_sha256": digest, "text": text} for digest, text in by_hash.items() if digest not in known]
    if rows:
        connection.execute(context_texts.insert(), rows)


def set_deleted(connection: Connection, assignment_id: str, at: datetime | None) -> None:
    """Mark an assignment as deleted at an instant, or as not deleted."""
    connection.execute(assignments.update().where(assignments.c.assignment_id == assignment_id).values(deleted_at=at))


def add_event(
    connection: Connection,
    at: datetime,
    actor: str,
    action: str,
    subject: str,
    subject_id: str,
    version: int | None,
    detail: dict[str, Any],
) -> None:
    """Add a line to the record of writes."""
    connection.execute(
        context_events.insert().values(
            at=at,
            actor=actor,
            action=action,
            subject=subject,
            subject_id=subject_id,
            version=version,
            detail=canonical_json(detail),
        )
    )


def add_refusal(connection: Connection, at: datetime, action: str, subject: str, kind: str) -> None:
    """Record that a write was refused."""
    connection.execute(context_refusals.insert().values(at=at, action=action, subject=subject, kind=kind))
