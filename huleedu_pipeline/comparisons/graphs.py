"""Random near-regular graphs: which essays meet when nothing is known about them yet.

Pairs are rows of integer arrays of shape (m, 2), without an order within the pair. Here: graphs whose degrees differ by at
most one, as random as such graphs can be, and the repair that makes one connected. Not here: who is shown first
(:mod:`.orientation`), anchors (:mod:`.anchoring`), or choices that follow estimates (:mod:`.selection`).
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from scipy.sparse import coo_array

Ints = NDArray[np.int64]

N_SWEEPS = 16


def n_pairs_of(n: int) -> int:
    """Return how many different pairs ``n`` essays have."""
    return n * (n - 1) // 2


def near_regular(n: int, n_pairs: int, rng: np.random.Generator) -> Ints:
    """Draw a random graph of ``n`` nodes and ``n_pairs`` different pairs whose degrees differ by at most one.

    A circulant graph with the right degrees is randomised by switches, each of which replaces two pairs (a, b), (c, d) by
    (a, d), (c, b) and so keeps all degrees (Rao, Jana & Bandyopadhyay 1996); every pair is offered :data:`N_SWEEPS`
    switches. Random regular graphs are nearly the best expanders there are (Friedman 2008): their second eigenvalue is
    about ``2 sqrt(d - 1)``, so that every essay is a few comparisons from every other. Of graphs with more than half of all
    pairs the missing ones are drawn.

    Args:
        n: Number of nodes.
        n_pairs: Number of pairs, from 0 to n(n - 1)/2.
        rng: Source of chance.

    Returns:
        Pairs, shape (n_pairs, 2); connected if ``n_pairs >= n - 1``.

    """
    n_missing = n_pairs_of(n) - n_pairs
    if n_missing < n_pairs:
        rows, columns = np.triu_indices(n, 1)
        missing = _keys(n, _switched(n, _circulant(n, n_missing), rng))
        is_kept = ~np.isin(rows * n + columns, missing)
        pairs = np.column_stack([rows[is_kept], columns[is_kept]]).astype(np.int64)
    else:
        pairs = _switched(n, _circulant(n, n_pairs), rng)
    if n_pairs >= n - 1:
        pairs = _connected(n, pairs)
    # The circulant's uneven degrees sit on its first nodes: names at random treat all essays alike.
    return np.asarray(rng.permutation(n)[pairs], dtype=np.int64)


def with_both_orders(n: int, pairs: Ints, n_twice: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Replace pairs of a connected graph so that up to ``n_twice`` pairs are in it twice, and all degrees stay.

    To ask (a, b) twice, (a, c) and (b, d) give way to (a, b) and (c, d). In a graph that is nearly complete there is no
    such (c, d), and fewer pairs than wanted are asked twice; in one so sparse that it would fall apart, none are.

    Returns:
        The pairs that are asked once and those that are asked twice: k pairs twice and ``len(pairs) - 2k`` once.

    """
    if not n_twice:
        return pairs, np.empty((0, 2), dtype=np.int64)
    present = {key: row for row, key in enumerate(_keys(n, pairs).tolist())}
    incident: list[list[int]] = [[] for _ in range(n)]
    for row, (a, b) in enumerate(pairs.tolist()):
        incident[a].append(row)
        incident[b].append(row)
    ends: list[tuple[int, int]] = [(a, b) for a, b in pairs.tolist()]
    is_used = np.zeros(len(ends), dtype=bool)
    twice: list[int] = []

    def neighbour(node: int, but: int) -> tuple[int, int] | None:
        rows = [row for row in incident[node] if row != but and not is_used[row]]
        if not rows:
            return None
        row = rows[int(rng.integers(len(rows)))]
        return row, sum(ends[row]) - node

    for kept in rng.permutation(len(ends)).tolist() * 4:
        if len(twice) == n_twice:
            break
        a, b = ends[kept]
        at_a, at_b = neighbour(a, kept), neighbour(b, kept)
        if is_used[kept] or at_a is None or at_b is None:
            continue
        (row_c, c), (row_d, d) = at_a, at_b
        key = min(c, d) * n + max(c, d)
        if c == d or key in present:
            continue
        # The row of (a, c) becomes (c, d); that of (b, d) is spent on the repetition.
        for row, (i, j) in ((row_c, ends[row_c]), (row_d, ends[row_d])):
            del present[min(i, j) * n + max(i, j)]
            incident[i].remove(row)
            incident[j].remove(row)
        ends[row_c] = (c, d)
        present[key] = row_c
        incident[c].append(row_c)
        incident[d].append(row_c)
        is_used[[kept, row_d]] = True
        incident[a].remove(kept)
        incident[b].remove(kept)
        twice.append(kept)
    table = np.array(ends, dtype=np.int64)
    once, double = table[~is_used], table[twice]
    if n_components(n, np.vstack([once, double])) > 1:
        return pairs, np.empty((0, 2), dtype=np.int64)
    return once, double


def _circulant(n: int, n_pairs: int) -> Ints:
    """Return a circulant graph with at most half of all pairs: whole rings of some distances, and part of the plain ring."""
    n_rings, n_rest = divmod(n_pairs, n) if n else (0, 0)
    start = np.arange(n, dtype=np.int64)
    rings = [np.column_stack([start, (start + distance) % n]) for distance in range(2, n_rings + 2)]
    ring = np.column_stack([start, (start + 1) % n])
    # Every other pair of the ring, or all but every other one.
    rest = ring[0 : 2 * n_rest : 2] if n_rest <= n // 2 else np.delete(ring, np.s_[0 : 2 * (n - n_rest) : 2], axis=0)
    return np.vstack([*rings, rest])


def _switched(n: int, pairs: Ints, rng: np.random.Generator) -> Ints:
    pairs = pairs.copy()
    half = len(pairs) // 2
    for _ in range(N_SWEEPS if half else 0):
        rows = rng.permutation(len(pairs))[: 2 * half].reshape(2, half)
        one, other = pairs[rows[0]], pairs[rows[1]]
        flip = rng.random(half) < 0.5
        other[flip] = other[flip, ::-1]
        new = np.stack([np.column_stack([one[:, 0], other[:, 1]]), np.column_stack([other[:, 0], one[:, 1]])])
        keys = _keys(n, new.reshape(-1, 2))
        _, inverse, count = np.unique(keys, return_inverse=True, return_counts=True)
        is_free = (count[inverse] == 1) & ~np.isin(keys, _keys(n, pairs)) & (new[..., 0] != new[..., 1]).ravel()
        accepted = is_free.reshape(2, half).all(axis=0)
        pairs[rows[0, accepted]], pairs[rows[1, accepted]] = new[0, accepted], new[1, accepted]
    return pairs


def _connected(n: int, pairs: Ints) -> Ints:
    """Join the components by switches of one pair that its component can spare with any pair of another component."""
    from scipy.sparse.csgraph import connected_components, minimum_spanning_tree

    while True:
        n_components, label = connected_components(_matrix(n, pairs), directed=False)
        if n_components == 1:
            return pairs
        tree = minimum_spanning_tree(_matrix(n, pairs))
        spare = int(np.setdiff1d(np.arange(len(pairs)), np.asarray(tree.data, dtype=np.int64) - 1)[0])
        far = int(np.flatnonzero(label[pairs[:, 0]] != label[pairs[spare, 0]])[0])
        pairs[[spare, far], 1] = pairs[[far, spare], 1]


def n_components(n: int, pairs: Ints) -> int:
    """Return into how many unconnected parts ``n`` nodes fall with these pairs, shape (m, 2)."""
    from scipy.sparse.csgraph import connected_components

    return int(connected_components(_matrix(n, pairs), directed=False)[0])


def _matrix(n: int, pairs: Ints) -> "coo_array":
    """Return the graph with the row of each pair, counted from 1, as its weight."""
    # SciPy takes a third of a second to load: only who plans pays for it.
    from scipy.sparse import coo_array

    return coo_array((np.arange(1.0, len(pairs) + 1), (pairs[:, 0], pairs[:, 1])), shape=(n, n))


def _keys(n: int, pairs: Ints) -> Ints:
    return np.asarray(pairs.min(axis=1) * n + pairs.max(axis=1), dtype=np.int64)
