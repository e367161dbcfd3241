"""What may become of an assignment: pure functions from what stands and what is asked for to what stands afterwards.

Not here: reading and writing rows (:mod:`.rows`), transactions (:mod:`.service`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from huleedu_pipeline.context.errors import ConflictError, InvalidInputError, NotFoundError
from huleedu_pipeline.context.models import AnchorInput, AssignmentInput, ContextOrigin
from huleedu_pipeline.grading.scales import GradeScale, UnknownScaleError, get_scale

AnchorKey = tuple[str, str]  # scale, label


@dataclass(frozen=True)
class AnchorState:
    """An anchor's grade and text."""

    grade: str
    text: str


@dataclass(frozen=True)
class State:
    """All that a version of an assignment consists of; ``anchors`` by scale and label."""

    assignment_id: str
    grade_scale: str
    context_origin: ContextOrigin
    instructions: str
    prompt: str | None = None
    rubric: str | None = None
    anchors: Mapping[AnchorKey, AnchorState] = field(default_factory=dict)


def with_instructions(before: State | None, wanted: AssignmentInput) -> State:
    """Return the assignment as ``wanted`` makes or changes it; raises ConflictError if it would change a fixed field."""
    if before is None:
        return State(wanted.assignment_id, wanted.grade_scale, wanted.context_origin, wanted.instructions)
    for name in ("grade_scale", "context_origin"):
        stands, asked = getattr(before, name), getattr(wanted, name)
        if stands != asked:
            raise ConflictError(
                f"assignment {before.assignment_id}: {name} is {stands} and can not become {asked}, because what was judged "
                "rests on it (register another assignment)"
            )
    return replace(before, instructions=wanted.instructions)


def with_prompt(before: State, prompt: str) -> State:
    """Return the assignment with its student prompt."""
    return replace(before, prompt=prompt)


def with_rubric(before: State, rubric: str) -> State:
    """Return the assignment with its rubric; raises ConflictError where a national one would be replaced."""
    if before.context_origin == "canonical_national" and before.rubric not in (None, rubric):
        raise ConflictError(
            f"assignment {before.assignment_id}: is canonical_national, and its rubric can not be replaced "
            "(register another assignment with the origin research_experiment to try another rubric)"
        )
    return replace(before, rubric=rubric)


def with_anchors(before: State, wanted: Sequence[AnchorInput], scales: Mapping[str, GradeScale]) -> State:
    """Return the assignment with anchors added, or replaced where their labels are there on the same scale.

    Args:
        before: The assignment.
        wanted: The anchors.
        scales: The installation's own scales by name.

    Raises:
        InvalidInputError: two anchors have one label, a scale is not known, or a grade is not on its scale.
        ConflictError: two anchors on a scale come to have the same text, which can not be compared with itself.

    """
    anchors, labels = dict(before.anchors), set()
    for anchor in wanted:
        place = f"assignment {before.assignment_id}: anchor {anchor.label}"
        scale = known_scale(anchor.grade_scale or before.grade_scale, scales, place)
        if anchor.grade not in scale.grades:
            raise InvalidInputError(
                f"{place}: grade '{anchor.grade}' is not on {scale.scale_id} ({' '.join(scale.grades)}); correct it"
            )
        key = (scale.scale_id, anchor.label)
        if key in labels:
            raise InvalidInputError(f"{place}: is given twice (give each anchor a label of its own)")
        labels.add(key)
        anchors[key] = AnchorState(anchor.grade, anchor.text)
    first: dict[tuple[str, str], str] = {}
    for (scale_id, label), state in anchors.items():
        earlier = first.setdefault((scale_id, state.text), label)
        if earlier != label:
            raise ConflictError(
                f"assignment {before.assignment_id}: anchors {earlier} and {label} have exactly the same text "
                "(register it once, under one label)"
            )
    return replace(before, anchors=anchors)


def known_scale(scale_id: str, scales: Mapping[str, GradeScale], place: str) -> GradeScale:
    """Return a scale that comes with the pipeline or is among ``scales``; raises InvalidInputError."""
    try:
        return get_scale(scale_id, scales)
    except UnknownScaleError as error:
        raise InvalidInputError(f"{place}: {error}") from None


def without_anchor(before: State, label: str, scale_id: str) -> State:
    """Return the assignment without an anchor; raises NotFoundError where there is none of that label."""
    if (scale_id, label) not in before.anchors:
        raise no_anchor(before.assignment_id, label, scale_id)
    return replace(before, anchors={key: anchor for key, anchor in before.anchors.items() if key != (scale_id, label)})


def no_anchor(assignment_id: str, label: str, scale_id: str) -> NotFoundError:
    """Return the error that says that an assignment has no such anchor."""
    return NotFoundError(
        f"assignment {assignment_id}: has no anchor '{label}' on {scale_id} "
        f"(`huleedu admin anchors list {assignment_id}` shows what it has)"
    )


def what_changed(before: State | None, after: State) -> dict[str, Any]:
    """Return the parts in which two versions differ, for the record: names and labels, no text."""
    parts = [name for name in ("instructions", "prompt", "rubric") if _part(before, name) != getattr(after, name)]
    stood = {} if before is None else before.anchors
    found: dict[str, Any] = {"texts": parts} if parts else {}
    for name, keys in {
        "anchors_added": after.anchors.keys() - stood.keys(),
        "anchors_replaced": {key for key in after.anchors.keys() & stood.keys() if after.anchors[key] != stood[key]},
        "anchors_deleted": stood.keys() - after.anchors.keys(),
    }.items():
        if keys:
            found[name] = [f"{label} ({scale_id})" for scale_id, label in sorted(keys)]
    return found


def _part(state: State | None, name: str) -> str | None:
    return None if state is None else getattr(state, name)
