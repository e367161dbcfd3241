"""Pair designs: one wave of comparisons, planned before any verdict is known.

A design is balanced (degrees and places differ by at most one), connected, full of short ways between any two essays, and
deterministic by seed. Not here: how its graphs are drawn (:mod:`.graphs`, :mod:`.anchoring`), what a pair is called in
tables (:mod:`.pairs`), or waves that follow estimates (:mod:`.selection`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from huleedu_pipeline.comparisons.anchoring import anchored, split
from huleedu_pipeline.comparisons.graphs import n_pairs_of, near_regular, with_both_orders
from huleedu_pipeline.comparisons.orientation import orient


@dataclass(frozen=True)
class PlannedPair:
    """One comparison: positions (0-based) of the two essays in the list that was planned for; ``first`` is shown as A."""

    first: int
    second: int


def plan_single_wave(
    n_essays: int,
    max_pairs: int,
    seed: int,
    *,
    anchor_levels: Sequence[int | None] | None = None,
    both_orders_share: float = 0.0,
) -> list[PlannedPair]:
    """Plan one wave of ``min(max_pairs, n(n-1)/2)`` comparisons.

    Without anchors it is a random near-regular graph: numbers of comparisons differ by at most one. With anchors of at
    least two grades, every pupil's essay meets anchors of different grades (:func:`.anchored`): numbers differ by at most
    one among the pupils' essays, and anchors have more. Everybody is first and second equally often, give or take one.

    Args:
        n_essays: Number of essays, at least 2.
        max_pairs: Most comparisons to plan, at least ``n_essays - 1``.
        seed: Same seed, same design.
        anchor_levels: Place on the grade scale of each anchor, 0 for the lowest, and ``None`` for a pupil's essay; length
            ``n_essays``.
        both_orders_share: Share of the pairs (of pupils' essays, if there are anchors) that are asked in both orders, to
            measure how consistent the judge is, 0..0.5. They are part of the number of comparisons; a design with nearly
            all pairs has no room for them.

    Returns:
        Pairs in the order in which they are to be asked, which is random.

    Raises:
        ValueError: fewer than two essays, too few pairs to connect them, levels that are not one for each essay, or a
            share out of range.

    """
    if n_essays < 2:
        raise ValueError(f"{n_essays} essays can not be compared; at least 2 are needed")
    if max_pairs < n_essays - 1:
        raise ValueError(f"{max_pairs} pairs can not connect {n_essays} essays; at least {n_essays - 1} are needed")
    levels = [None] * n_essays if anchor_levels is None else list(anchor_levels)
    if len(levels) != n_essays:
        raise ValueError(f"anchor_levels has {len(levels)} entries for {n_essays} essays; one for each is needed")
    if not 0 <= both_orders_share <= 0.5:
        raise ValueError(f"both_orders_share must lie in 0..0.5, and is {both_orders_share}")
    rng = np.random.default_rng(seed)
    n_pairs = min(max_pairs, n_pairs_of(n_essays))
    n_twice = round(both_orders_share * n_pairs)
    n_pupils = levels.count(None)
    if n_pupils and len(set(levels) - {None}) >= 2:
        once, twice = anchored(levels, split(n_pupils, n_essays - n_pupils, n_pairs), n_twice, rng)
    else:
        once, twice = with_both_orders(n_essays, near_regular(n_essays, n_pairs, rng), n_twice, rng)
    pairs = np.vstack([orient(n_essays, once, rng), twice, twice[:, ::-1]])
    return [PlannedPair(first, second) for first, second in pairs[rng.permutation(len(pairs))].tolist()]
