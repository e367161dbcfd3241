"""Orientation: which essay of each pair is shown first, so that no essay profits from a judge's position bias.

Not here: which pairs there are.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

Ints = NDArray[np.int64]


def orient(n: int, pairs: Ints, rng: np.random.Generator, surplus: ArrayLike | None = None) -> Ints:
    """Decide who is shown first in each pair so that every essay is first and second equally often, give or take one.

    At each essay its pairs are tied in twos; following the ties, the pairs fall into walks, and whoever is entered in a
    walk as second leaves it as first (Euler 1736). Only an essay with an odd number of pairs has one that is not tied.
    What earlier waves left uneven is evened out by reversing shortest paths between essays that were first too often and
    essays that were second too often, as far as the new pairs connect them.

    Args:
        n: Number of essays.
        pairs: Pairs in any order, shape (m, 2); the same pair may come more than once.
        rng: Source of chance.
        surplus: How many times more each essay was first than second so far, shape (n,); 0 by default.

    Returns:
        The same pairs, the first essay in column 0 and the second in column 1, shape (m, 2).

    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    m = len(pairs)
    if not m:
        return np.empty((0, 2), dtype=np.int64)
    # End e < m of a pair belongs to its first column, end e + m to its second.
    node = pairs.T.ravel()
    order = np.lexsort((rng.random(2 * m), node))
    begin = np.r_[0, np.cumsum(np.bincount(node, minlength=n))]
    place = np.arange(2 * m) - begin[node[order]]
    left = np.flatnonzero((place % 2 == 0) & (np.r_[node[order][1:], -1] == node[order]))
    one, other = order[left], order[left + 1]
    # A walk goes on from an end to the end that is tied to the other end of its pair: the ends it leaves by.
    leaves, next_leaves = np.r_[(one + m) % (2 * m), (other + m) % (2 * m)], np.r_[other, one]
    steps = coo_array((np.ones(2 * len(left), dtype=np.int8), (leaves, next_leaves)), shape=(2 * m, 2 * m))
    n_walks, walk = connected_components(steps, directed=False)
    # Each walk is there twice, once in each direction; chance chooses.
    rank = rng.permutation(n_walks)
    is_kept = rank[walk[:m]] < rank[walk[m:]]
    oriented = np.where(is_kept[:, None], pairs, pairs[:, ::-1])
    if surplus is None:
        return oriented
    from huleedu_pipeline.comparisons.loops import even_out

    by_node = np.argsort(node, kind="stable") % m
    return np.asarray(even_out(oriented, np.asarray(surplus, dtype=np.int64), begin, by_node), dtype=np.int64)
