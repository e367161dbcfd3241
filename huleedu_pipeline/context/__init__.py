"""The assessment context: registered assignments and their anchors, grade scales of one's own, and who wrote what when."""

from huleedu_pipeline.context.errors import (
    ConflictError,
    ContextError,
    InvalidInputError,
    NotFoundError,
)
from huleedu_pipeline.context.models import (
    Anchor,
    AnchorInput,
    Assignment,
    AssignmentInput,
    AssignmentPage,
    AssignmentSummary,
    ContextEvent,
    ContextOrigin,
    ScaleInput,
    TextInput,
    WholeAssignment,
)
from huleedu_pipeline.context.service import AssessmentContext

__all__ = [
    "Anchor",
    "AnchorInput",
    "AssessmentContext",
    "Assignment",
    "AssignmentInput",
    "AssignmentPage",
    "AssignmentSummary",
    "ConflictError",
    "ContextError",
    "ContextEvent",
    "ContextOrigin",
    "InvalidInputError",
    "NotFoundError",
    "ScaleInput",
    "TextInput",
    "WholeAssignment",
]
