"""Grading: grade scales, pupils' grades from graded anchors, and whether the anchors are to be believed. Needs only arrays.

Importing it costs no more than NumPy: intake asks for the scales only.
"""

from huleedu_pipeline.grading.anchors import AnchorDiagnostics, AnchorReport, check_anchors
from huleedu_pipeline.grading.certainty import ConfidenceLabel, GradeAccuracy, confidence_label
from huleedu_pipeline.grading.order import ContradictedRegion, Inversion
from huleedu_pipeline.grading.projection import Boundary, GradeProjection, Unavailable, project_grades
from huleedu_pipeline.grading.scales import GradeScale, get_scale, list_scales

__all__ = [
    "AnchorDiagnostics",
    "AnchorReport",
    "Boundary",
    "ConfidenceLabel",
    "ContradictedRegion",
    "GradeAccuracy",
    "GradeProjection",
    "GradeScale",
    "Inversion",
    "Unavailable",
    "check_anchors",
    "confidence_label",
    "get_scale",
    "list_scales",
    "project_grades",
]
