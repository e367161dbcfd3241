"""The compiled loops of selection and orientation: plain arrays in, plain arrays out.

Importing this module imports the compiler; import it where it is called. Not here: why a pair is worth asking
(:mod:`.selection`) or what an orientation is for (:mod:`.orientation`), beyond the arithmetic.
"""

import numpy as np
from numpy.typing import NDArray

from huleedu_pipeline.compiled import compiled

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@compiled
def nearest_open(order: Ints, begin: Ints, closed: Ints, reach: int) -> Ints:
    """Return the open pairs of each essay with the ``reach`` essays that come next in ``order``, shape (k, 2).

    Essay i may not meet ``closed[begin[i]:begin[i + 1]]``. Each essay is thereby offered about as many of either side.
    """
    n = len(order)
    pairs = np.empty((n * min(reach, n), 2), dtype=np.int64)
    is_closed_to = np.full(n, -1, dtype=np.int64)
    k = 0
    for place in range(n):
        i = order[place]
        for at in range(begin[i], begin[i + 1]):
            is_closed_to[closed[at]] = i
        found = 0
        for later in range(place + 1, n):
            j = order[later]
            if is_closed_to[j] != i:
                pairs[k, 0], pairs[k, 1] = i, j
                k += 1
                found += 1
                if found == reach:
                    break
    return pairs[:k]


@compiled
def _fall(theta_i: float, theta_j: float, v_i: float, v_j: float, c_i: float, c_j: float) -> float:
    """Return the fall in c_i v_i + c_j v_j that a verdict on (i, j) brings."""
    t = _gain(theta_i - theta_j, v_i + v_j)
    fall: float = (c_i * v_i * v_i + c_j * v_j * v_j) * t
    return fall


@compiled
def _gain(difference: float, variance: float) -> float:
    # E[p(1 - p)] of a normal difference, as the slope of MacKay's (1992) approximation of E[p].
    shrink = 1.0 / np.sqrt(1.0 + np.pi * variance / 8.0)
    p = 1.0 / (1.0 + np.exp(-shrink * difference))
    w = shrink * p * (1.0 - p)
    gain: float = w / (1.0 + w * variance)
    return gain


@compiled
def _sift(heap: Ints, value: Floats, size: int, at: int) -> None:
    """Let the entry at ``at`` sink to its place in a heap with the largest value on top."""
    entry = heap[at]
    while True:
        child = 2 * at + 1
        if child >= size:
            break
        if child + 1 < size and value[heap[child + 1]] > value[heap[child]]:
            child += 1
        if value[heap[child]] <= value[entry]:
            break
        heap[at] = heap[child]
        at = child
    heap[at] = entry


@compiled
def lazy_greedy(pairs: Ints, theta: Floats, variance: Floats, importance: Floats, room: Ints, n_pairs: int) -> Ints:
    """Choose up to ``n_pairs`` rows of ``pairs``, always the one whose verdict lowers the weighted variances most.

    A chosen pair lowers the variances of its two essays and takes one place of each one's ``room``. Values only fall as
    variances do (or nearly so), so that a value is computed anew only when it comes to the top (Minoux 1978).
    """
    v, places = variance.copy(), room.copy()
    size = len(pairs)
    heap, value = np.arange(size), np.empty(size)
    for k in range(size):
        i, j = pairs[k, 0], pairs[k, 1]
        value[k] = _fall(theta[i], theta[j], v[i], v[j], importance[i], importance[j])
    for at in range(size // 2 - 1, -1, -1):
        _sift(heap, value, size, at)
    version = np.zeros(len(theta), dtype=np.int64)
    seen = np.zeros(size, dtype=np.int64)
    chosen = np.empty(min(n_pairs, size), dtype=np.int64)
    n_chosen = 0
    while size and n_chosen < n_pairs:
        k = heap[0]
        i, j = pairs[k, 0], pairs[k, 1]
        if places[i] > 0 and places[j] > 0 and seen[k] != version[i] + version[j]:
            seen[k] = version[i] + version[j]
            value[k] = _fall(theta[i], theta[j], v[i], v[j], importance[i], importance[j])
            _sift(heap, value, size, 0)
            continue
        size -= 1
        heap[0] = heap[size]
        _sift(heap, value, size, 0)
        if places[i] > 0 and places[j] > 0:
            chosen[n_chosen] = k
            n_chosen += 1
            t = _gain(theta[i] - theta[j], v[i] + v[j])
            v[i] -= v[i] * v[i] * t
            v[j] -= v[j] * v[j] * t
            places[i] -= 1
            places[j] -= 1
            version[i] += 1
            version[j] += 1
    return chosen[:n_chosen]


@compiled
def greedy(pairs: Ints, room: Ints, n_pairs: int) -> Ints:
    """Choose up to ``n_pairs`` rows of ``pairs`` from the first on, skipping those without room at either essay."""
    places = room.copy()
    chosen = np.empty(min(n_pairs, len(pairs)), dtype=np.int64)
    n_chosen = 0
    for k in range(len(pairs)):
        if n_chosen == n_pairs:
            break
        i, j = pairs[k, 0], pairs[k, 1]
        if places[i] > 0 and places[j] > 0:
            places[i] -= 1
            places[j] -= 1
            chosen[n_chosen] = k
            n_chosen += 1
    return chosen[:n_chosen]


@compiled
def even_out(pairs: Ints, surplus: Ints, begin: Ints, by_node: Ints) -> Ints:
    """Reverse shortest paths from essays that are first too often to essays that are second too often.

    ``surplus`` is of earlier waves; the rows of ``pairs`` at essay i are ``by_node[begin[i]:begin[i + 1]]``. Reversing a
    path changes the surplus of its two ends by two, and of no other essay.
    """
    oriented = pairs.copy()
    n = len(surplus)
    total = surplus.copy()
    for k in range(len(pairs)):
        total[pairs[k, 0]] += 1
        total[pairs[k, 1]] -= 1
    came_by, seen_at, queue = np.empty(n, dtype=np.int64), np.full(n, -1, dtype=np.int64), np.empty(n, dtype=np.int64)
    search = 0
    for sign in (1, -1):
        for source in range(n):
            while sign * total[source] >= 2:
                search += 1
                seen_at[source] = search
                queue[0], head, tail, target = source, 0, 1, -1
                while head < tail and target < 0:
                    node = queue[head]
                    head += 1
                    for at in range(begin[node], begin[node + 1]):
                        k = by_node[at]
                        # Leaving: along the pairs whose reversal lowers |total| of the source.
                        near, far = (oriented[k, 0], oriented[k, 1]) if sign > 0 else (oriented[k, 1], oriented[k, 0])
                        if near != node or seen_at[far] == search:
                            continue
                        seen_at[far] = search
                        came_by[far] = k
                        queue[tail] = far
                        tail += 1
                        if sign * total[far] <= -1:
                            target = far
                            break
                if target < 0:
                    break
                node = target
                while node != source:
                    k = came_by[node]
                    node = oriented[k, 0] if sign > 0 else oriented[k, 1]
                    oriented[k, 0], oriented[k, 1] = oriented[k, 1], oriented[k, 0]
                total[source] -= 2 * sign
                total[target] += 2 * sign
    return oriented
