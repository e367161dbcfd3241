"""Grading: grade scales, and the projection of anchors' grades onto pupils' essays. Needs nothing but arrays."""

from huleedu_pipeline.grading.certainty import ConfidenceLabel, GradeAccuracy, confidence_label
from huleedu_pipeline.grading.order import ContradictedRegion, Inversion
from huleedu_pipeline.grading.projection import Boundary, GradeProjection, Unavailable, project_grades
from huleedu_pipeline.grading.scales import GradeScale, get_scale, list_scales

__all__ = [
    "Boundary",
    "ConfidenceLabel",
    "ContradictedRegion",
    "GradeAccuracy",
    "GradeProjection",
    "GradeScale",
    "Inversion",
    "Unavailable",
    "confidence_label",
    "get_scale",
    "list_scales",
    "project_grades",
]
