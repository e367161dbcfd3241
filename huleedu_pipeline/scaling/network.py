"""The comparison graph: comparisons laid out item by item, and what can be said of the graph before any model is fitted."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from huleedu_pipeline.scaling import kernels
from huleedu_pipeline.scaling.comparisons import Comparisons, Floats, Ints, ScalingError

NO_WEIGHT = np.zeros(0)


@dataclass(frozen=True)
class Network:
    """Comparisons in slots (:mod:`.kernels`), with each item's results; comparisons of weight 0 are left out.

    Attributes:
        start: First slot of each item, shape (n + 1,).
        slot: Slots, shape (2 m,).
        slot_weight: Weight of each slot, shape (2 m,), or empty when all are 1.
        wins: Weighted wins of each item, ties as a half, shape (n,).
        losses: Weighted losses, shape (n,).
        n_wins: Comparisons in an item's favour, shape (n,); a tie is in nobody's.
        won_by_first: Weighted wins of the items shown first.
        components: Connected component of each item, numbered from 0 in the order of their first items, shape (n,).
        n_one_sided: Number of items that won or lost all their comparisons.

    """

    start: Ints
    slot: NDArray[np.int32]
    slot_weight: Floats
    wins: Floats
    losses: Floats
    n_wins: Ints
    won_by_first: float
    components: Ints
    n_one_sided: int

    @classmethod
    def of(cls, comparisons: Comparisons) -> "Network":
        """Lay out the comparisons.

        Raises:
            ScalingError: an index or a verdict out of range, an item compared with itself, a weight that is negative or not
                finite, or no comparison of positive weight.

        """
        weight = NO_WEIGHT if comparisons.weight is None else comparisons.weight
        layout = kernels.lay_out(comparisons.first, comparisons.second, comparisons.first_won, weight, comparisons.n_items)
        if layout[0] >= 0:
            raise ScalingError(_why(comparisons, layout[0]))
        network = cls(*layout[1:])
        if not len(network.slot):
            raise ScalingError("there are no comparisons to scale: every weight is 0")
        return network

    @property
    def n_items(self) -> int:
        """Number of items."""
        return len(self.wins)

    @property
    def n_comparisons(self) -> Ints:
        """Comparisons of each item, shape (n,)."""
        return np.diff(self.start)

    @cached_property
    def component_sizes(self) -> Ints:
        """Number of items in each component."""
        return np.bincount(self.components)

    @property
    def separated_items(self) -> Ints:
        """Items that won or lost all their comparisons."""
        return np.flatnonzero((self.n_comparisons > 0) & ((self.wins == 0) | (self.losses == 0)))


def dominance_groups(comparisons: Comparisons) -> Ints:
    """Return for each item its group, such that inside a group every item is above every other by some chain of wins.

    A finite maximum-likelihood estimate exists just when each connected component is one such group (Ford 1957).
    """
    used = slice(None) if comparisons.weight is None else comparisons.weight > 0
    i, j, y = comparisons.first[used], comparisons.second[used], comparisons.first_won[used]
    winner, loser = np.concatenate([i[y > 0], j[y < 1]]), np.concatenate([j[y > 0], i[y < 1]])
    graph = coo_array((np.ones(len(winner), dtype=np.int8), (winner, loser)), shape=(comparisons.n_items,) * 2)
    return np.asarray(connected_components(graph, directed=True, connection="strong")[1], dtype=np.int64)


def _why(comparisons: Comparisons, c: int) -> str:
    i, j, y = int(comparisons.first[c]), int(comparisons.second[c]), float(comparisons.first_won[c])
    if min(i, j) < 0 or max(i, j) >= comparisons.n_items:
        return f"comparison {c}: item indices must lie in 0..{comparisons.n_items - 1}, and are {i} and {j}"
    if i == j:
        return f"comparison {c}: item {i} is compared with itself"
    if not 0 <= y <= 1:
        return f"comparison {c}: first_won must lie in 0..1, and is {y}"
    weight = comparisons.weight[c] if comparisons.weight is not None else 1.0
    return f"comparison {c}: weight must be finite and not negative, and is {weight}"
