"""Pair designs: which essays are compared, and which of the two is shown first.

A design is balanced (each essay takes part about equally often), connected (every essay can be placed relative to every
other) and deterministic by seed. Not here: what a pair is called in tables, or whether more pairs are needed.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class PlannedPair:
    """One comparison: positions (0-based) of the two essays in the list that was planned for; ``first`` is shown as A."""

    first: int
    second: int


def plan_single_wave(n_essays: int, max_pairs: int, seed: int) -> list[PlannedPair]:
    """Plan one wave of ``min(max_pairs, n(n-1)/2)`` different pairs.

    The pairs are rounds of the circle method for round-robin tournaments under a random relabelling: in one round each
    essay meets one other. The first two rounds form one chain through all essays, so the design is connected from
    ``n - 1`` pairs on; the others follow in random order, which gives the graph the long links that a plain
    circular design lacks. Orientation alternates along closed walks (:func:`orient`).

    Args:
        n_essays: Number of essays, at least 2.
        max_pairs: Most pairs to plan, at least ``n_essays - 1``.
        seed: Same seed, same design.

    Returns:
        Pairs in the order in which they are to be asked.

    Raises:
        ValueError: fewer than two essays, or too few pairs to connect them.

    """
    if n_essays < 2:
        raise ValueError(f"{n_essays} essays can not be compared; at least 2 are needed")
    if max_pairs < n_essays - 1:
        raise ValueError(f"{max_pairs} pairs can not connect {n_essays} essays; at least {n_essays - 1} are needed")
    rng = np.random.default_rng(seed)
    labels = rng.permutation(n_essays)
    n_rounds = n_essays - 1 + n_essays % 2
    later = rng.permutation(np.arange(2, max(n_rounds, 2)))
    degree: Counter[int] = Counter()
    edges: list[tuple[int, int]] = []
    for shift in [*range(min(2, n_rounds)), *(int(i) for i in later)]:
        pairs = [(int(labels[i]), int(labels[j])) for i, j in _round(n_essays, shift)]
        room = max_pairs - len(edges)
        if len(pairs) > room:
            # The last round is cut short: those who have met fewest others so far go first.
            pairs = sorted(pairs, key=lambda pair: (min(degree[pair[0]], degree[pair[1]]), degree[pair[0]] + degree[pair[1]]))[
                :room
            ]
        edges.extend(pairs)
        degree.update(essay for pair in pairs for essay in pair)
        if len(edges) == max_pairs:
            break
    oriented = orient(n_essays, edges, rng)
    return [PlannedPair(*oriented[i]) for i in rng.permutation(len(oriented))]


def orient(n_essays: int, edges: list[tuple[int, int]], rng: np.random.Generator) -> list[tuple[int, int]]:
    """Decide who is shown first in each pair so that every essay is first and second equally often, give or take one.

    Essays with an odd number of comparisons are tied to an extra node; every node then has even degree and the graph
    falls into closed walks (Euler 1736). Following a walk, each essay is entered as often as it is left.

    Returns:
        One (first, second) for each edge, in the order of ``edges``.

    """
    degree = Counter(essay for edge in edges for essay in edge)
    extra = n_essays
    links = [*edges, *((essay, extra) for essay in range(n_essays) if degree[essay] % 2)]
    incident: list[list[int]] = [[] for _ in range(n_essays + 1)]
    for index, (i, j) in enumerate(links):
        incident[i].append(index)
        incident[j].append(index)
    for stack in incident:
        rng.shuffle(stack)
    direction: list[tuple[int, int] | None] = [None] * len(links)
    for start in range(n_essays + 1):
        node = start
        while incident[node]:
            index = incident[node].pop()
            if direction[index] is None:
                i, j = links[index]
                other = j if node == i else i
                direction[index] = (node, other)
                node = other
    return [pair for pair in direction[: len(edges)] if pair is not None]


def _round(n: int, shift: int) -> list[tuple[int, int]]:
    """Return one round of the circle method; with odd ``n`` one essay rests in it."""
    size = n + n % 2
    pairs = [(shift, size - 1)]
    pairs += [((shift + k) % (size - 1), (shift - k) % (size - 1)) for k in range(1, size // 2)]
    return [(i, j) for i, j in pairs if i < n and j < n]
