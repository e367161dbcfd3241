"""Designs with anchors: every pupil's essay meets graded anchors from all over the scale.

A grade is read off where an essay lies among the anchors, and the anchors are few: left to chance, an essay would meet
two or three of them, perhaps of one grade. Here: how many comparisons go to anchors, and which anchors each essay meets.
Not here: grade scales, which know grades by name; levels are their places, 0 for the lowest.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huleedu_pipeline.comparisons.graphs import Ints, n_pairs_of, near_regular, with_both_orders

# By simulation: docs/designs.md.
ANCHOR_SHARE, LEAST_ANCHORS_MET = 0.12, 2
LINKS_PER_ANCHOR = 2


@dataclass(frozen=True)
class Split:
    """Pairs of a design by kind; the three sum to the design's size."""

    n_between_anchors: int
    n_with_anchor: int
    n_between_pupils: int


def split(
    n_pupils: int,
    n_anchors: int,
    n_pairs: int,
    *,
    anchor_share: float = ANCHOR_SHARE,
    least_anchors_met: int = LEAST_ANCHORS_MET,
    links_per_anchor: int = LINKS_PER_ANCHOR,
) -> Split:
    """Decide how many pairs of each kind a design has.

    The anchors are linked to each other; every pupil's essay meets equally many anchors, at least
    ``least_anchors_met`` where there are that many and so many pairs; the pupils' essays share the rest. What one kind has
    no room for goes to the next one.

    Args:
        n_pupils: Pupils' essays, at least 1.
        n_anchors: Anchors, at least 1.
        n_pairs: All pairs, from ``n_pupils + n_anchors - 1`` to as many as there are.
        anchor_share: Share of the comparisons of a pupil's essay that are with anchors, 0..1.
        least_anchors_met: Fewest anchors that a pupil's essay meets, at least 1.
        links_per_anchor: Comparisons of an anchor with other anchors.

    """
    all_between_pupils, all_between_anchors = n_pairs_of(n_pupils), n_pairs_of(n_anchors)
    links = min(max(n_anchors - 1, n_anchors * links_per_anchor // 2), all_between_anchors, n_pairs - n_pupils)
    each = 2 * (n_pairs - links) / n_pupils * anchor_share / (1 + anchor_share)
    with_anchor = n_pupils * min(max(least_anchors_met, round(each)), n_anchors, (n_pairs - links) // n_pupils)
    between_pupils = min(n_pairs - links - with_anchor, all_between_pupils)
    with_anchor = min(n_pairs - links - between_pupils, n_pupils * n_anchors)
    return Split(n_pairs - with_anchor - between_pupils, with_anchor, between_pupils)


def anchored(levels: Sequence[int | None], parts: Split, n_twice: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Draw a design in which every pupil's essay meets as many different grades as its meetings with anchors allow.

    Anchors are drawn by systematic sampling along the scale (Madow 1949), with chances that keep the anchors' loads as
    even as the grades' sizes permit, and taken in turn within a grade. The pupils' essays among themselves form a random
    near-regular graph, and so do the anchors. The design is connected.

    Args:
        levels: Grade level of each anchor, ``None`` for a pupil's essay, length n.
        parts: Pairs of each kind.
        n_twice: How many pairs of pupils' essays are to be asked in both orders, if there is room.
        rng: Source of chance.

    Returns:
        Pairs that are asked once and pairs that are asked twice, each of shape (k, 2), as :func:`.with_both_orders`.

    """
    pupils = np.array([i for i, level in enumerate(levels) if level is None], dtype=np.int64)
    anchors = np.array([i for i, level in enumerate(levels) if level is not None], dtype=np.int64)
    level_of = np.array([level for level in levels if level is not None])
    grades = [rng.permutation(anchors[level_of == level]) for level in np.unique(level_of)]
    once, twice = with_both_orders(len(pupils), near_regular(len(pupils), parts.n_between_pupils, rng), n_twice, rng)
    links = near_regular(len(anchors), parts.n_between_anchors, rng)
    met = _meetings(rng.permutation(pupils), grades, parts.n_with_anchor, rng)
    return np.vstack([pupils[once], anchors[links], met]), pupils[twice]


def _meetings(pupils: Ints, grades: list[Ints], n_meetings: int, rng: np.random.Generator) -> Ints:
    """Return pairs of pupils' essays and anchors, shape (n_meetings, 2); numbers for each essay differ by at most one."""
    each, n_more = divmod(n_meetings, len(pupils))
    sizes = np.array([len(grade) for grade in grades])
    counts = np.vstack([_systematic(sizes, each + 1, n_more, rng), _systematic(sizes, each, len(pupils) - n_more, rng)])
    pairs = []
    for grade, count in zip(grades, counts.T, strict=True):
        turn = np.arange(count.sum()) % len(grade)
        pairs.append(np.column_stack([np.repeat(pupils, count), grade[turn]]))
    return np.vstack(pairs)


def _systematic(sizes: Ints, n_met: int, n_pupils: int, rng: np.random.Generator) -> Ints:
    """Return how many anchors of each grade each essay meets, shape (n_pupils, len(sizes)); each row sums to ``n_met``."""
    if not n_pupils:
        return np.empty((0, len(sizes)), dtype=np.int64)
    cumulative = np.r_[0.0, np.cumsum(_expected(sizes, n_met))]
    cumulative[-1] = n_met
    start = (np.arange(n_pupils) + rng.random()) / n_pupils
    return np.asarray(np.diff(np.floor(cumulative + start[:, None]), axis=1), dtype=np.int64)


def _expected(sizes: Ints, n_met: int) -> NDArray[np.float64]:
    """Return expected meetings with each grade: in proportion to its anchors, but every grade before any grade twice."""
    few = n_met <= len(sizes)
    least, most = (0.0, 1.0) if few else (1.0, np.inf)

    def at(factor: float) -> NDArray[np.float64]:
        return np.asarray(np.minimum(np.clip(factor * sizes, least, most), sizes), dtype=np.float64)

    low, high = 0.0, float(n_met)
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if at(middle).sum() < n_met else (low, middle)
    return at(high)
