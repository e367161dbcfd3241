"""How certain grades are: words for a probability, grades that two neighbours share, expected accuracy and consistency.

All of it follows from the probabilities of the grades alone. Not here: where those come from (:mod:`.projection`).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ConfidenceLabel = Literal["HIGH", "MID", "LOW"]

HIGH_PROBABILITY, MID_PROBABILITY = 0.70, 0.40
SPLIT_ODDS = 2.0


@dataclass(frozen=True)
class GradeAccuracy:
    """What to expect of the essays that were given one grade, or of all.

    Attributes:
        grade: The grade; ``None`` for all grades together.
        n_essays: How many essays were given it.
        accuracy: Expected share of them whose grade is right (Rudner 2005); ``None`` without essays.
        consistency: Expected share that a second, independent grading would give the same grade (Lee 2010); ``None``
            without essays.

    """

    grade: str | None
    n_essays: int
    accuracy: float | None
    consistency: float | None


def confidence_label(probability: float) -> ConfidenceLabel:
    """Return the label of a grade that has this probability: HIGH from .70 on, MID from .40 on, else LOW."""
    if probability >= HIGH_PROBABILITY:
        return "HIGH"
    return "MID" if probability >= MID_PROBABILITY else "LOW"


def sharing_neighbour(probabilities: Floats, level: int) -> int | None:
    """Return the neighbour with which the grade at ``level`` shares the mass, or ``None``.

    The two share it when together they would be HIGH (.70 and more), and neither is more than twice as probable as the other.

    Args:
        probabilities: Of the grades of one essay, from the lowest, shape (n_grades,).
        level: Place of the printed grade.

    """
    neighbours = [k for k in (level - 1, level + 1) if 0 <= k < len(probabilities)]
    best = max(neighbours, key=lambda k: probabilities[k])
    lesser, greater = sorted((float(probabilities[level]), float(probabilities[best])))
    return best if lesser + greater >= HIGH_PROBABILITY and greater <= SPLIT_ODDS * lesser else None


def grade_accuracy(probabilities: Floats, levels: Ints, ladder: tuple[str, ...]) -> tuple[GradeAccuracy, ...]:
    """Return expected accuracy and consistency: of all essays first, then of each grade from the lowest.

    Args:
        probabilities: Of the grades of each essay, shape (n_essays, n_grades).
        levels: Places of the grades that were given, shape (n_essays,).
        ladder: The grades from the lowest to the highest.

    """
    right = probabilities[np.arange(len(levels)), levels]
    same = (probabilities**2).sum(axis=1)

    def of(grade: str | None, given: NDArray[np.bool_]) -> GradeAccuracy:
        n = int(given.sum())
        return GradeAccuracy(grade, n, float(right[given].mean()) if n else None, float(same[given].mean()) if n else None)

    everything = np.ones(len(levels), dtype=np.bool_)
    return (of(None, everything), *(of(grade, levels == k) for k, grade in enumerate(ladder)))
