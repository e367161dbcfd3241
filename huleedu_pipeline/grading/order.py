"""The order of graded anchors on the theta scale: pairs that contradict their grades, and the stretches of the scale where.

Only the order is looked at here. How far an anchor lies from where its grade belongs is for :mod:`.anchors`, and what a
contradiction costs in certainty for :mod:`.projection`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CONTRADICTION_Z = 2.0


@dataclass(frozen=True)
class Inversion:
    """Two anchors in the wrong order: the one with the lower grade lies higher.

    Attributes:
        lower: Index among the anchors of the one with the lower grade.
        higher: Index of the one with the higher grade.
        overlap: By how much the lower grade lies above the higher one, in logits, positive.
        z: That in standard errors of the difference; from 2 on it counts as a contradiction, below as chance.

    """

    lower: int
    higher: int
    overlap: float
    z: float

    @property
    def is_contradiction(self) -> bool:
        """Whether the judge contradicts the grades here, beyond its own noise."""
        return self.z >= CONTRADICTION_Z


@dataclass(frozen=True)
class ContradictedRegion:
    """A stretch of the scale, both ends included, in which the judge's order contradicts the order of the grades."""

    from_grade: str
    to_grade: str
    n_contradictions: int
    largest_overlap: float


def find_inversions(theta: Floats, levels: Ints, covariance: Floats) -> tuple[Inversion, ...]:
    """Return the pairs of anchors in the wrong order, the most certain ones first.

    Args:
        theta: Locations of the anchors in logits, shape (n_anchors,).
        levels: Their grades, counted from the lowest, shape (n_anchors,).
        covariance: Of their locations, shape (n_anchors, n_anchors).

    """
    found = []
    for a, b in zip(*np.nonzero((levels[:, None] < levels[None, :]) & (theta[:, None] > theta[None, :])), strict=True):
        overlap = float(theta[a] - theta[b])
        variance = float(covariance[a, a] + covariance[b, b] - 2 * covariance[a, b])
        found.append(Inversion(int(a), int(b), overlap, overlap / float(np.sqrt(max(variance, 1e-12)))))
    return tuple(sorted(found, key=lambda one: (-one.z, one.lower, one.higher)))


def contradicted_regions(
    inversions: tuple[Inversion, ...], levels: Ints, ladder: tuple[str, ...]
) -> tuple[ContradictedRegion, ...]:
    """Return the stretches that contradictions cover, from the lowest; those with a boundary in common are one.

    Args:
        inversions: From :func:`find_inversions`.
        levels: Grades of the anchors, counted from the lowest of ``ladder``, shape (n_anchors,).
        ladder: The grades from the lowest to the highest.

    """
    regions: list[tuple[int, int, list[Inversion]]] = []
    contradictions = [one for one in inversions if one.is_contradiction]
    for one in sorted(contradictions, key=lambda one: (levels[one.lower], levels[one.higher])):
        low, high = int(levels[one.lower]), int(levels[one.higher])
        if regions and low < regions[-1][1]:
            before = regions.pop()
            regions.append((before[0], max(before[1], high), [*before[2], one]))
        else:
            regions.append((low, high, [one]))
    return tuple(
        ContradictedRegion(ladder[low], ladder[high], len(ones), max(one.overlap for one in ones))
        for low, high, ones in regions
    )


def contradicted_width(inversions: tuple[Inversion, ...], levels: Ints, n_grades: int, largest: float) -> Floats:
    """Return by how much contradictions make each boundary uncertain, as a standard deviation in logits, (n_grades - 1,).

    Of two anchors in the wrong order at least one is misleading. The boundary lies above both if the one is, and below
    both if it is the other: half the overlap to either side of its middle. More than ``largest`` says nothing more.
    """
    width = np.zeros(n_grades - 1)
    for one in inversions:
        if one.is_contradiction:
            between = slice(int(levels[one.lower]), int(levels[one.higher]))
            width[between] = np.maximum(width[between], min(one.overlap / 2, largest))
    return width
