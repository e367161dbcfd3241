"""What intake asks the assessment context: an installation's own grade scales, and the registered assignments.

Only the question and the form of the answer are here, so that a folder can be read without a database; the context itself
is :mod:`huleedu_pipeline.context`.
"""

from dataclasses import dataclass
from typing import Protocol

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.grading.scales import GradeScale, get_scale


class UnknownAssignmentError(HuleeduError):
    """No assignment of that name is registered, or not in that version."""


@dataclass(frozen=True)
class RegisteredAnchor:
    """A graded essay of an assignment."""

    label: str
    grade: str
    text: str


@dataclass(frozen=True)
class RegisteredAssignment:
    """All that a batch takes from a registered assignment, as it stands in one version.

    Attributes:
        assignment_id: Its name.
        version: The version, counted from 1.
        prompt: What the pupils were asked to write; empty while nothing is registered.
        criteria: What the judge judges by: the assignment's instructions, and its rubric after them.
        has_rubric: Whether a rubric is part of the criteria.
        scale: The grade scale.
        anchors: Graded essays on that scale, by label.
        is_national: Whether it is a national test's, which is judged by its own criteria and no others.

    """

    assignment_id: str
    version: int
    prompt: str
    criteria: str
    has_rubric: bool
    scale: GradeScale
    anchors: tuple[RegisteredAnchor, ...]
    is_national: bool = False


class Registry(Protocol):
    """Where registered assignments and grade scales are looked up."""

    def scale(self, scale_id: str) -> GradeScale:
        """Return a grade scale; raises UnknownScaleError."""

    def assignment_for(self, assignment_id: str, batch_id: str) -> RegisteredAssignment:
        """Return what ``batch_id`` takes from an assignment; raises UnknownAssignmentError.

        A batch whose requests are planned keeps the version that they were planned with.
        """


class NothingRegistered:
    """The registry of whoever reads a folder without an installation: the scales that come with the pipeline, no assignment."""

    def scale(self, scale_id: str) -> GradeScale:
        """Return one of the scales that come with the pipeline; raises UnknownScaleError."""
        return get_scale(scale_id)

    def assignment_for(self, assignment_id: str, batch_id: str) -> RegisteredAssignment:  # noqa: ARG002
        """Raise UnknownAssignmentError."""
        raise UnknownAssignmentError(
            f"assignment {assignment_id}: is not known here, because the folder is read without an assessment context "
            "(read it with one: read_batch(folder, AssessmentContext(ledger)))"
        )


NOTHING_REGISTERED = NothingRegistered()
