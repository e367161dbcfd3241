"""The assessment context's service: every read and write of it, each one transaction of the ledger's database.

Pydantic models in and out, errors of three kinds (:mod:`.errors`), no printing and no files: the command line uses it, and an
API needs nothing more. Each write says who it is by, and leaves a line in the record of writes unless it changes nothing.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from huleedu_pipeline.canonical import sha256_hex
from huleedu_pipeline.context import rules
from huleedu_pipeline.context.errors import ConflictError, ContextError, InvalidInputError, NotFoundError
from huleedu_pipeline.context.models import (
    Anchor,
    AnchorInput,
    Assignment,
    AssignmentInput,
    AssignmentPage,
    AssignmentSummary,
    ContextEvent,
    ScaleInput,
    TextInput,
    WholeAssignment,
)
from huleedu_pipeline.context.rows import (
    Head,
    Version,
    add_event,
    add_refusal,
    add_version,
    read_events,
    read_head,
    read_page,
    read_version,
    set_deleted,
)
from huleedu_pipeline.context.scale_rows import add_scale, own_scales, remove_scale, users_of
from huleedu_pipeline.essays.registered import RegisteredAnchor, RegisteredAssignment
from huleedu_pipeline.essays.text import count_words
from huleedu_pipeline.grading.scales import GradeScale, get_scale, list_scales
from huleedu_pipeline.ledger.book import Book
from huleedu_pipeline.ledger.moves import now
from huleedu_pipeline.ledger.schema import batches, requests

MAX_PAGE_SIZE = 200
MAX_ACTOR_CHARACTERS = 100

Scales = Mapping[str, GradeScale]
Change = Callable[[rules.State, Scales], rules.State]


class AssessmentContext:
    """The assessment context in ``ledger``'s database. It is also the registry that :func:`.read_batch` asks."""

    def __init__(self, ledger: Book) -> None:
        self._ledger = ledger

    # Reading

    def assignment(self, assignment_id: str, version: int | None = None) -> Assignment:
        """Return an assignment as it stands, or as it stood in ``version``, which a deleted one still can be read in.

        Raises:
            NotFoundError: there is none of that name or in that version, or no version is given and it is deleted.

        """
        with self._ledger.read() as connection:
            return _assignment(*_read(connection, assignment_id, version))

    def anchor(self, assignment_id: str, label: str, *, grade_scale: str | None = None, version: int | None = None) -> Anchor:
        """Return one anchor, on the assignment's scale if none is named; raises NotFoundError."""
        found = self.assignment(assignment_id, version)
        scale_id = grade_scale or found.grade_scale
        for anchor in found.anchors:
            if (anchor.grade_scale, anchor.label) == (scale_id, label):
                return anchor
        raise rules.no_anchor(assignment_id, label, scale_id)

    def assignments(self, *, grade_scale: str | None = None, page: int = 1, page_size: int = MAX_PAGE_SIZE) -> AssignmentPage:
        """Return a page of the assignments that are not deleted, by name, perhaps those on one scale.

        Raises:
            InvalidInputError: the page or its size is out of range.

        """
        if page < 1 or not 1 <= page_size <= MAX_PAGE_SIZE:
            raise InvalidInputError(
                f"page {page} of {page_size} assignments: is no page (pages count from 1 and hold 1-{MAX_PAGE_SIZE})"
            )
        with self._ledger.read() as connection:
            n_total, rows = read_page(connection, grade_scale, (page - 1) * page_size, page_size)
        found = tuple(AssignmentSummary(**row) for row in rows)
        return AssignmentPage(n_total=n_total, page=page, page_size=page_size, assignments=found)

    def events(
        self,
        subject_id: str | None = None,
        *,
        by: str | None = None,
        action: str | None = None,
        since: datetime | None = None,
    ) -> list[ContextEvent]:
        """Return the record of writes, oldest first; perhaps of one assignment or scale, person or kind, from an instant on."""
        with self._ledger.read() as connection:
            rows = read_events(connection, since, subject_id=subject_id, actor=by, action=action)
        return [ContextEvent(**{**row, "detail": json.loads(row["detail"])}) for row in rows]

    def scales(self) -> list[GradeScale]:
        """Return all grade scales: those that come with the pipeline, then the registered ones."""
        with self._ledger.read() as connection:
            return [*list_scales(), *own_scales(connection).values()]

    def scale(self, scale_id: str) -> GradeScale:
        """Return a grade scale.

        Raises:
            UnknownScaleError: there is none of that name; the message suggests the nearest.

        """
        with self._ledger.read() as connection:
            return get_scale(scale_id, own_scales(connection))

    def assignment_for(self, assignment_id: str, batch_id: str) -> RegisteredAssignment:
        """Return what ``batch_id`` takes from an assignment.

        A batch whose requests are planned keeps the version that they were planned with, whatever has become of the
        assignment since; any other takes the current version.

        Raises:
            NotFoundError: there is no such assignment, or it is deleted.

        """
        with self._ledger.read() as connection:
            version = _planned_version(connection, assignment_id, batch_id)
            _, found = _read(connection, assignment_id, version)
            state = found.state
            scale = get_scale(state.grade_scale, own_scales(connection))
        return RegisteredAssignment(
            assignment_id=assignment_id,
            version=found.version,
            prompt=state.prompt or "",
            criteria="\n\n".join(text for text in (state.instructions, state.rubric) if text),
            has_rubric=state.rubric is not None,
            scale=scale,
            anchors=tuple(
                RegisteredAnchor(label, anchor.grade, anchor.text)
                for (scale_id, label), anchor in sorted(state.anchors.items())
                if scale_id == state.grade_scale
            ),
            is_national=state.context_origin == "canonical_national",
        )

    # Writing

    def put_assignment(self, wanted: AssignmentInput, *, by: str) -> Assignment:
        """Register an assignment, or change its instructions; one that was deleted is restored with all that it had.

        Raises:
            InvalidInputError: its scale is not known.
            ConflictError: scale or origin differ from what stands.

        """
        return self.put_all(WholeAssignment(assignment=wanted), by=by)

    def put_prompt(self, assignment_id: str, wanted: TextInput, *, by: str) -> Assignment:
        """Register or replace the student prompt; raises NotFoundError."""
        return self._change(assignment_id, by, lambda state, _: rules.with_prompt(state, wanted.text))

    def put_rubric(self, assignment_id: str, wanted: TextInput, *, by: str) -> Assignment:
        """Register or replace the judge rubric; raises NotFoundError, or ConflictError where a national one stands."""
        return self._change(assignment_id, by, lambda state, _: rules.with_rubric(state, wanted.text))

    def put_anchors(self, assignment_id: str, wanted: Sequence[AnchorInput], *, by: str) -> Assignment:
        """Register anchors, all or none; a label that is there on the same scale is replaced.

        Raises:
            NotFoundError: there is no such assignment.
            InvalidInputError: a grade is not on its scale, the scale is not known, or two of them have one label.
            ConflictError: two anchors would have the same text.

        """
        return self._change(assignment_id, by, lambda state, scales: rules.with_anchors(state, wanted, scales))

    def delete_anchor(self, assignment_id: str, label: str, *, grade_scale: str | None = None, by: str) -> Assignment:
        """Take an anchor out of the assignment's next version; raises NotFoundError."""
        return self._change(
            assignment_id, by, lambda state, _: rules.without_anchor(state, label, grade_scale or state.grade_scale)
        )

    def delete_assignment(self, assignment_id: str, *, by: str) -> None:
        """Delete an assignment: new batches can not name it, and every version stays readable; raises NotFoundError."""
        actor = _actor(by)
        with self._writing("delete", "assignment") as connection:
            head, _ = _read(connection, assignment_id, None)
            at = now()
            set_deleted(connection, assignment_id, at)
            add_event(connection, at, actor, "delete", "assignment", assignment_id, head.version, {})

    def put_all(self, wanted: WholeAssignment, *, by: str) -> Assignment:
        """Register scales and an assignment with its texts and anchors, all or nothing, as one version.

        Texts that are left out and anchors under other labels stay as they are; the same once more changes nothing.

        Raises:
            InvalidInputError: a grade is not on its scale, or a scale is not known.
            ConflictError: a scale, a fixed field or a national rubric would change, or two anchors have the same text.

        """
        actor, assignment_id = _actor(by), wanted.assignment.assignment_id
        with self._writing("put", "assignment") as connection:
            for scale in wanted.scales:
                _put_scale(connection, scale.as_scale(), actor)
            scales = own_scales(connection)
            rules.known_scale(wanted.assignment.grade_scale, scales, f"assignment {assignment_id}")
            head = read_head(connection, assignment_id)
            before = None if head is None else _state(connection, assignment_id, head.version)
            after = rules.with_instructions(before, wanted.assignment)
            if wanted.prompt is not None:
                after = rules.with_prompt(after, wanted.prompt)
            if wanted.rubric is not None:
                after = rules.with_rubric(after, wanted.rubric)
            after = rules.with_anchors(after, wanted.anchors, scales)
            _write(connection, head, before, after, actor)
            return _assignment(*_read(connection, assignment_id, None))

    def put_scales(self, wanted: Sequence[ScaleInput], *, by: str) -> list[GradeScale]:
        """Register grade scales, all or none; one that stands there just so is left alone.

        Raises:
            ConflictError: a scale of that name is another one; a scale never changes, because grades rest on it.

        """
        actor, found = _actor(by), [scale.as_scale() for scale in wanted]
        with self._writing("put", "scale") as connection:
            for scale in found:
                _put_scale(connection, scale, actor)
        return found

    def delete_scale(self, scale_id: str, *, by: str) -> None:
        """Delete a registered scale that nothing uses.

        Raises:
            NotFoundError: there is none of that name.
            ConflictError: it comes with the pipeline, or an assignment, an anchor or a batch uses it.

        """
        actor = _actor(by)
        with self._writing("delete", "scale") as connection:
            scale = own_scales(connection).get(scale_id)
            if scale is None and any(scale_id == one.scale_id for one in list_scales()):
                raise ConflictError(f"scale {scale_id}: comes with the pipeline and can not be deleted (leave it unused)")
            if scale is None:
                raise NotFoundError(f"scale {scale_id}: is not registered (`huleedu admin scales list` shows what is)")
            if users := users_of(connection, scale_id):
                raise ConflictError(f"scale {scale_id}: is used by {' and '.join(users)}, which rest on it (it stays)")
            remove_scale(connection, scale_id)
            add_event(connection, now(), actor, "delete", "scale", scale_id, None, asdict(scale))

    @contextmanager
    def _writing(self, action: str, subject: str) -> Iterator[Connection]:
        """Write in one transaction; of a write that is refused, only that it was is recorded."""
        try:
            with self._ledger.engine.begin() as connection:
                yield connection
        except ContextError as error:
            with self._ledger.engine.begin() as connection:
                add_refusal(connection, now(), action, subject, error.kind)
            raise

    def _change(self, assignment_id: str, by: str, change: Change) -> Assignment:
        actor = _actor(by)
        with self._writing("put", "assignment") as connection:
            head, found = _read(connection, assignment_id, None)
            _write(connection, head, found.state, change(found.state, own_scales(connection)), actor)
            return _assignment(*_read(connection, assignment_id, None))


def _actor(by: str) -> str:
    actor = by.strip()
    if not actor or len(actor) > MAX_ACTOR_CHARACTERS or not actor.isprintable():
        raise InvalidInputError(
            f"the name of who writes: is empty, longer than {MAX_ACTOR_CHARACTERS} characters or not printable "
            "(every write is recorded under a name: give one)"
        )
    return actor


def _read(connection: Connection, assignment_id: str, version: int | None) -> tuple[Head, Version]:
    head = read_head(connection, assignment_id)
    if head is None:
        raise NotFoundError(
            f"assignment {assignment_id}: is not registered (`huleedu admin instructions list` shows what is, "
            "`huleedu admin import-dir DIR` registers one)"
        )
    if version is None and head.deleted_at is not None:
        raise NotFoundError(
            f"assignment {assignment_id}: was deleted on {head.deleted_at:%Y-%m-%d} (`huleedu admin instructions create` "
            f"restores it; --version 1 to {head.version} shows what it was)"
        )
    found = read_version(connection, assignment_id, head.version if version is None else version)
    if found is None:
        raise NotFoundError(f"assignment {assignment_id}: has no version {version} (it has 1 to {head.version})")
    return head, found


def _state(connection: Connection, assignment_id: str, version: int) -> rules.State | None:
    found = read_version(connection, assignment_id, version)
    return None if found is None else found.state


def _write(connection: Connection, head: Head | None, before: rules.State | None, after: rules.State, actor: str) -> None:
    """Write a new version if there is anything new, and say so in the record of writes."""
    is_restored = head is not None and head.deleted_at is not None
    if after == before and not is_restored:
        return
    at, version = now(), 0 if head is None else head.version
    if after != before:
        version += 1
        add_version(connection, before, after, version, at, actor)
    if is_restored:
        set_deleted(connection, after.assignment_id, None)
    action = "create" if head is None else "restore" if is_restored else "change"
    add_event(connection, at, actor, action, "assignment", after.assignment_id, version, rules.what_changed(before, after))


def _put_scale(connection: Connection, scale: GradeScale, actor: str) -> None:
    stands = own_scales(connection).get(scale.scale_id)
    if stands == scale:
        return
    if stands is not None:
        raise ConflictError(
            f"scale {scale.scale_id}: is registered with other grades or another description, and a scale never changes "
            "(give the new one another scale_id)"
        )
    at = now()
    add_scale(connection, scale, at, actor)
    add_event(connection, at, actor, "create", "scale", scale.scale_id, None, asdict(scale))


def _planned_version(connection: Connection, assignment_id: str, batch_id: str) -> int | None:
    """Return the version that a batch was planned or has ended with, or ``None`` before that."""
    # A batch of a single essay ends without a request.
    is_fixed = sa.or_(batches.c.completed_at.is_not(None), sa.exists().where(requests.c.batch_id == batches.c.batch_id))
    query = sa.select(batches.c.assignment_version).where(
        batches.c.batch_id == batch_id, batches.c.assignment_id == assignment_id, is_fixed
    )
    found: int | None = connection.scalar(query)
    return found


def _assignment(head: Head, found: Version) -> Assignment:
    state = found.state
    is_deleted = head.deleted_at is not None
    values: dict[str, Any] = {name: getattr(state, name) for name in ("instructions", "prompt", "rubric")}
    return Assignment(
        assignment_id=state.assignment_id,
        version=found.version,
        is_current=found.version == head.version and not is_deleted,
        is_deleted=is_deleted,
        grade_scale=state.grade_scale,
        context_origin=state.context_origin,
        anchors=tuple(
            Anchor(
                label=label,
                grade=anchor.grade,
                grade_scale=scale_id,
                text=anchor.text,
                text_sha256=sha256_hex(anchor.text),
                n_words=count_words(anchor.text),
            )
            for (scale_id, label), anchor in sorted(state.anchors.items())
        ),
        created_at=found.created_at,
        created_by=found.created_by,
        **values,
    )
