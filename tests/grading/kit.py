"""What the grading's tests share: covariances of centred locations, and projections that must succeed."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from huleedu_pipeline.grading import GradeProjection, GradeScale, get_scale, project_grades

Floats = NDArray[np.float64]
NINE = get_scale("eng5_np_legacy_9_step")


def centred_covariance(n: int, se: float) -> Floats:
    """Return the covariance of ``n`` equally uncertain locations whose sum is 0."""
    return np.asarray(se**2 * (np.eye(n) - 1 / n), dtype=np.float64)


def projected(
    theta: ArrayLike, covariance: ArrayLike, grades: list[str | None], scale: GradeScale = NINE, **options: Any
) -> GradeProjection:
    """Project grades, and fail if there are none."""
    projection = project_grades(theta, covariance, grades, scale, **options)
    assert isinstance(projection, GradeProjection), projection
    return projection
