"""Grading: grade scales, and the projection of anchors' grades onto pupils' essays. Needs nothing but arrays."""

from huleedu_pipeline.grading.projection import GradeProjection, Unavailable, confidence_label, project_grades
from huleedu_pipeline.grading.scales import GradeScale, get_scale, list_scales

__all__ = [
    "GradeProjection",
    "GradeScale",
    "Unavailable",
    "confidence_label",
    "get_scale",
    "list_scales",
    "project_grades",
]
