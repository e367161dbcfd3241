"""What the grading's tests share: ordered anchors, covariances of centred locations, projections that must succeed."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from huleedu_pipeline.grading import GradeProjection, GradeScale, get_scale, project_grades

Floats = NDArray[np.float64]
Grades = list[str | None]
CEFR = get_scale("cefr_6_level")

# Two anchors for each grade, two logits from grade to grade, a little apart from one another.
ORDERED = np.concatenate([np.arange(6) * 2.0 - 5.3, np.arange(6) * 2.0 - 4.7])
OWN: Grades = [*CEFR.grades, *CEFR.grades]


def centred_covariance(n: int, se: float) -> Floats:
    """Return the covariance of ``n`` equally uncertain locations whose sum is 0."""
    return np.asarray(se**2 * (np.eye(n) - 1 / n), dtype=np.float64)


def projected(
    theta: ArrayLike, covariance: ArrayLike, grades: Grades, scale: GradeScale = CEFR, **options: Any
) -> GradeProjection:
    """Project grades, and fail if there are none."""
    projection = project_grades(theta, covariance, grades, scale, **options)
    assert isinstance(projection, GradeProjection), projection
    return projection


def places(projection: GradeProjection) -> Floats:
    """Return where the boundaries lie, in logits."""
    return np.array([boundary.theta for boundary in projection.boundaries])


def errors(projection: GradeProjection) -> Floats:
    """Return the boundaries' standard errors in logits."""
    return np.array([boundary.se for boundary in projection.boundaries])


@cache
def with_pupils(theta: tuple[float, ...], se: tuple[float, ...] | float = 0.1, anchor_se: float = 0.1) -> GradeProjection:
    """Project onto pupils' essays at ``theta``, whose uncertainty is independent of the ordered anchors'.

    The anchors are the first 12 essays, the pupils' essays follow.
    """
    n = len(theta)
    covariance = np.zeros((12 + n, 12 + n))
    covariance[:12, :12] = centred_covariance(12, anchor_se)
    covariance[12:, 12:] = np.diag(np.broadcast_to(np.asarray(se) ** 2, n))
    return projected([*ORDERED, *theta], covariance, OWN + [None] * n)
