"""The ladder: the line of anchors' locations on their grades, and how far each anchor lies off the others' line.

It takes grades to be about equally wide. Where they are not, the scatter around the line is large, and so is what an
anchor must be off to be seen; that limit is part of the result. Not here: boundaries, or what becomes of a bad anchor.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huleedu_pipeline.grading.boundaries import rise_per_grade

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FALSE_ALARMS = 0.05
POWER_Z = 1.645


@dataclass(frozen=True)
class LadderResidual:
    """How far an anchor lies above where the others' ladder puts its grade.

    Attributes:
        logits: The distance in logits.
        se: Its standard error in logits.
        limit: How many standard errors are an alarm.

    """

    logits: float
    se: float
    limit: float

    @property
    def z(self) -> float:
        """The distance in standard errors."""
        return self.logits / self.se

    @property
    def is_off(self) -> bool:
        """Whether the anchor is off the ladder beyond chance."""
        return abs(self.z) > self.limit

    @property
    def detectable(self) -> float:
        """How many logits off an anchor in this place must be for an alarm 95 times of 100."""
        return (self.limit + POWER_Z) * self.se


def ladder_residuals(theta: Floats, levels: Ints, covariance: Floats) -> list[LadderResidual | None]:
    """Return each anchor's distance from the line of location on grade through the others (externally studentised residual).

    The scatter of the others around their line holds their errors, the blur of grades, and how uneven the grades' widths
    are; it is never taken for less than their own standard errors. The limit lets one batch in twenty raise a false alarm
    (Bonferroni over the anchors; Cook & Weisberg 1982), with the t distribution's wide tails where that scatter has to be
    estimated from few others.

    Args:
        theta: Locations of the anchors in logits, shape (n_anchors,).
        levels: Their grades, counted from the lowest, shape (n_anchors,).
        covariance: Of their locations, shape (n_anchors, n_anchors).

    Returns:
        One for each anchor; ``None`` with fewer than four anchors, or when all others carry one grade.

    """
    from scipy.special import ndtri, stdtrit  # half a second, which only those who grade should pay

    n = len(theta)
    degrees, errors = n - 3, np.diag(covariance)
    found: list[LadderResidual | None] = [None] * n
    if degrees < 1:
        return found
    tail = 1 - FALSE_ALARMS / (2 * n)
    for a in range(n):
        rest = np.arange(n) != a
        others, grades = theta[rest], levels[rest]
        if len(set(grades.tolist())) < 2:
            continue
        step, _ = rise_per_grade(others, grades, covariance[np.ix_(rest, rest)])
        centred, away = grades - grades.mean(), float(levels[a] - grades.mean())
        scatter = others - others.mean() - step * centred
        error = float(errors[rest].mean())
        uneven = max(float(scatter @ scatter) / degrees - error, 0.0)
        of_line = (uneven + error) * (1 / (n - 1) + away**2 / float(centred @ centred))
        distance = float(theta[a] - others.mean() - step * away)
        # Scatter that the known errors explain leaves nothing to estimate.
        limit = float(stdtrit(degrees, tail) if uneven > 0 else ndtri(tail))
        found[a] = LadderResidual(distance, float(np.sqrt(uneven + errors[a] + of_line)), limit)
    return found
