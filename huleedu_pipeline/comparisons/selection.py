"""Selection: which pairs the next wave asks for, given what is known so far.

Wave one is a random near-regular graph; later waves of about equal size follow a strategy. A strategy is a function of the
state of knowledge that returns open pairs; :func:`select_pairs` adds what all strategies share: the exact number of pairs,
no pair twice while others are open, and who is shown first. Not here: designs without estimates (:mod:`.design`),
estimation, or whether another wave is worth its price.
"""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from huleedu_pipeline.comparisons.graphs import Ints, n_pairs_of, near_regular
from huleedu_pipeline.comparisons.orientation import orient

Floats = NDArray[np.float64]

NEAREST = 16
CAP_OVER_MEAN = 2.0
N_BINS = 512
# Of the counting and proximity strategy (HuleEdu's optimal graph).
COUNT_WEIGHT, PROXIMITY_WEIGHT, PROXIMITY_RANGE, JITTER = 1.0, 0.5, 2.0, 0.001
ALL_PAIRS_UP_TO, NEAREST_OF_MANY = 600, 64


@dataclass(frozen=True)
class Knowledge:
    """What a strategy may go by, for ``n`` essays.

    Attributes:
        theta: Estimated locations in logits, shape (n,).
        variance: Their variances in logits squared, shape (n,).
        n_comparisons: Comparisons of each essay so far, shape (n,).
        closed: Pairs that may not be asked now, without duplicates, shape (k, 2).
        boundaries: Grade boundaries in logits where grades matter, else ``None``, shape (K - 1,).

    """

    theta: Floats
    variance: Floats
    n_comparisons: Ints
    closed: Ints
    boundaries: Floats | None = None

    @property
    def n(self) -> int:
        """Number of essays."""
        return len(self.theta)

    def nearest_open(self, order: ArrayLike, reach: int) -> Ints:
        """Return the open pairs of each essay with the ``reach`` next ones in ``order``, shape (k, 2).

        With a ``reach`` of n - 1 they are all open pairs.
        """
        from huleedu_pipeline.comparisons.loops import nearest_open

        begin, neighbours = self._closed_by_essay
        return np.asarray(nearest_open(np.asarray(order, dtype=np.int64), begin, neighbours, reach), dtype=np.int64)

    @cached_property
    def _closed_by_essay(self) -> tuple[Ints, Ints]:
        ends = np.r_[self.closed[:, 0], self.closed[:, 1]]
        others = np.r_[self.closed[:, 1], self.closed[:, 0]]
        begin = np.r_[0, np.cumsum(np.bincount(ends, minlength=self.n))]
        return begin, others[np.argsort(ends, kind="stable")]


class Strategy(Protocol):
    """A strategy of selection."""

    def __call__(self, known: Knowledge, n_pairs: int, rng: np.random.Generator) -> Ints:
        """Return from 1 to ``n_pairs`` different open pairs, shape (k, 2), or none if none is open."""
        ...


@dataclass(frozen=True)
class Selection:
    """Pairs of one wave, in the order in which they are to be asked.

    Attributes:
        first: Index of the essay shown first, shape (m,).
        second: Index of the other one, shape (m,).
        is_repeat: Whether the pair was asked before, in either order, shape (m,); only when all pairs have been asked.

    """

    first: Ints
    second: Ints
    is_repeat: NDArray[np.bool_]


def local_rank(known: Knowledge, n_pairs: int, rng: np.random.Generator) -> Ints:
    """Choose by the expected fall in misordered pairs, or in misgraded essays where there are grade boundaries.

    A verdict on (i, j) lowers the variance of i by ``v_i^2 t`` with ``t = w / (1 + w (v_i + v_j))`` and
    ``w = E[p (1 - p)]``: greedy A-optimality (the sum of variances; Atkinson, Donev & Tobias 2007) in which each essay's
    variance counts as much as rivals, or boundaries, are dense around it. The pairs chosen so far in the wave count as
    judged. Candidates are the nearest open pairs by rank; no essay gets more than twice the mean number.
    """
    from huleedu_pipeline.comparisons.loops import lazy_greedy

    mean = 2 * n_pairs / known.n
    pairs = known.nearest_open(_ranked(known, rng), _reach(known, n_pairs))
    room = np.full(known.n, max(1, int(np.ceil(CAP_OVER_MEAN * mean))), dtype=np.int64)
    return pairs[lazy_greedy(pairs, known.theta, known.variance, _importance(known), room, n_pairs)]


def misorder(known: Knowledge, n_pairs: int, rng: np.random.Generator) -> Ints:
    """Choose the pairs that are most probably in the wrong order now (Fathullah & Gales 2025), spread evenly over essays.

    The probability is ``Phi(-|theta_i - theta_j| / sqrt(v_i + v_j))``, with each essay's location taken as independent.
    """
    from scipy.special import ndtr

    from huleedu_pipeline.comparisons.loops import greedy

    pairs = known.nearest_open(_ranked(known, rng), _reach(known, n_pairs))
    i, j = pairs.T
    probability = ndtr(-np.abs(known.theta[i] - known.theta[j]) / np.sqrt(known.variance[i] + known.variance[j]))
    pairs = pairs[np.lexsort((rng.random(len(pairs)), -probability))]
    room = np.full(known.n, max(1, int(np.ceil(2 * n_pairs / known.n))), dtype=np.int64)
    return pairs[greedy(pairs, room, n_pairs)]


def optimal_graph(known: Knowledge, n_pairs: int, rng: np.random.Generator) -> Ints:
    """Choose one matching, each essay at most once, by few comparisons so far and by proximity (HuleEdu's optimal graph).

    The weight of a pair is ``1/(1 + c_i) + 1/(1 + c_j) + exp(-|d|)/2 + jitter`` with c the comparisons so far and d the
    difference in theta, whose term is 0 from 2 logits on. The matching is greedy by weight, which is at least half of the
    maximum (Preis 1999) and here within a per cent or two of it. Of more than :data:`ALL_PAIRS_UP_TO` essays the nearest
    :data:`NEAREST_OF_MANY` open pairs of each are weighed.
    """
    from huleedu_pipeline.comparisons.loops import greedy

    reach = known.n - 1 if known.n <= ALL_PAIRS_UP_TO else NEAREST_OF_MANY
    pairs = known.nearest_open(_ranked(known, rng), reach)
    few = COUNT_WEIGHT / (1 + known.n_comparisons)
    difference = np.abs(known.theta[pairs[:, 0]] - known.theta[pairs[:, 1]])
    near = np.where(difference < PROXIMITY_RANGE, PROXIMITY_WEIGHT * np.exp(-difference), 0.0)
    weight = few[pairs].sum(axis=1) + near + rng.uniform(0, JITTER, len(pairs))
    pairs = pairs[np.argsort(-weight, kind="stable")]
    return pairs[greedy(pairs, np.ones(known.n, dtype=np.int64), n_pairs)]


STRATEGIES: dict[str, Strategy] = {"local_rank": local_rank, "misorder": misorder, "optimal_graph": optimal_graph}


def select_pairs(
    theta: ArrayLike,
    variance: ArrayLike,
    asked_first: ArrayLike,
    asked_second: ArrayLike,
    n_pairs: int,
    *,
    strategy: Strategy = local_rank,
    seed: int,
    boundaries: ArrayLike | None = None,
) -> Selection:
    """Select exactly ``n_pairs`` pairs for the next wave.

    With nothing asked yet they are a random near-regular graph, whatever the strategy: it keeps the long links without which
    neighbours in rank are precisely placed beside each other in regions that are not placed beside each other at all. A
    pair is open when no pair has been asked less often; none is asked again while another has not been asked.

    Args:
        theta: Estimated locations in logits, shape (n,); ignored when nothing is asked yet.
        variance: Their variances in logits squared (squared standard errors), shape (n,).
        asked_first: Index of the essay that was shown first in each comparison so far, shape (m,).
        asked_second: Index of the other one, shape (m,).
        n_pairs: Size of the wave.
        strategy: One of :data:`STRATEGIES`, or a function of one's own.
        seed: Same seed and same arguments, same pairs.
        boundaries: Grade boundaries in logits, shape (K - 1,): strategies that can, choose to place essays on the right side of
            these rather than in the right order.

    Raises:
        ValueError: fewer than two essays, a negative number of pairs, arrays that do not fit each other or are not finite,
            variances that are not positive, or a strategy that chose nothing although pairs were open.

    """
    location, spread = np.asarray(theta, dtype=np.float64), np.asarray(variance, dtype=np.float64)
    asked = np.column_stack([np.asarray(asked_first, dtype=np.int64), np.asarray(asked_second, dtype=np.int64)])
    _check(location, spread, asked, n_pairs)
    n, rng = len(location), np.random.default_rng(seed)
    if len(asked) == 0 and n_pairs <= n_pairs_of(n):
        pairs = near_regular(n, n_pairs, rng)
        return _selection(n, pairs, asked, rng)
    known = Knowledge(
        location, spread, np.bincount(asked.ravel(), minlength=n), asked, None if boundaries is None else _sorted(boundaries)
    )
    chosen = np.empty((0, 2), dtype=np.int64)
    while len(chosen) < n_pairs:
        so_far = np.vstack([asked, chosen])
        known = replace(known, n_comparisons=np.bincount(so_far.ravel(), minlength=n), closed=_closed(n, so_far))
        more = strategy(known, n_pairs - len(chosen), rng)
        if not len(more):
            raise ValueError(f"the strategy {getattr(strategy, '__name__', strategy)} chose no pair although some were open")
        chosen = np.vstack([chosen, more])
    return _selection(n, chosen, asked, rng)


def _check(theta: Floats, variance: Floats, asked: Ints, n_pairs: int) -> None:
    n = len(theta)
    if theta.ndim != 1 or variance.shape != theta.shape:
        raise ValueError(
            f"theta and variance must have one value for each essay; their shapes are {theta.shape}, {variance.shape}"
        )
    if n < 2:
        raise ValueError(f"{n} essays can not be compared; at least 2 are needed")
    if n_pairs < 0:
        raise ValueError(f"n_pairs must not be negative, and is {n_pairs}")
    if not (np.isfinite(theta).all() and np.isfinite(variance).all() and (variance > 0).all()):
        raise ValueError("theta must be finite, and variances finite and above 0")
    if not (((asked >= 0) & (asked < n)).all() and (asked[:, 0] != asked[:, 1]).all()):
        raise ValueError(f"asked pairs must be two different indices in 0..{n - 1}")


def _selection(n: int, pairs: Ints, asked: Ints, rng: np.random.Generator) -> Selection:
    surplus = np.bincount(asked[:, 0], minlength=n) - np.bincount(asked[:, 1], minlength=n)
    oriented = orient(n, pairs, rng, surplus if surplus.any() else None)[rng.permutation(len(pairs))]
    keys = _keys(n, np.vstack([asked, oriented]))
    _, first_place = np.unique(keys, return_index=True)
    is_repeat = np.ones(len(keys), dtype=bool)
    is_repeat[first_place] = False
    return Selection(oriented[:, 0], oriented[:, 1], is_repeat[len(asked) :])


def _closed(n: int, asked: Ints) -> Ints:
    """Return the pairs that have been asked more often than the least asked of all pairs."""
    keys, count = np.unique(_keys(n, asked), return_counts=True)
    if len(keys) == n_pairs_of(n):
        keys = keys[count > count.min()]
    return np.column_stack(np.divmod(keys, n)).astype(np.int64)


def _keys(n: int, pairs: Ints) -> Ints:
    return np.asarray(pairs.min(axis=1) * n + pairs.max(axis=1), dtype=np.int64)


def _ranked(known: Knowledge, rng: np.random.Generator) -> Ints:
    return np.lexsort((rng.random(known.n), known.theta))


def _reach(known: Knowledge, n_pairs: int) -> int:
    return min(known.n - 1, max(NEAREST, int(np.ceil(3 * n_pairs / known.n))))


def _importance(known: Knowledge) -> Floats:
    """Return by how much the misordered pairs (or misgraded essays) fall for each unit of variance, up to a factor.

    That is the density of rivals (or boundaries) around an essay, seen with the blur of a difference of two estimates,
    over the standard error of such a difference.
    """
    blur = float(np.mean(known.variance))
    among = known.theta if known.boundaries is None else known.boundaries
    return np.asarray(_density(among, known.theta, np.sqrt(2 * blur)) / np.sqrt(known.variance + blur), dtype=np.float64)


def _density(points: Floats, at: Floats, bandwidth: float) -> Floats:
    """Gaussian kernel density of ``points`` at ``at``, by bins of at most an eighth of the bandwidth where that is possible."""
    low, high = min(points.min(), at.min()), max(points.max(), at.max())
    if len(points) <= N_BINS or high - low > N_BINS * bandwidth:
        centres, count = points, np.ones(len(points))
    else:
        count, edges = np.histogram(points, N_BINS, (low, high))
        centres = (edges[1:] + edges[:-1]) / 2
    grid = np.linspace(low, high, N_BINS)
    kernel = np.exp(-0.5 * ((grid[:, None] - centres) / bandwidth) ** 2)
    return np.asarray(np.interp(at, grid, kernel @ count), dtype=np.float64)


def _sorted(boundaries: ArrayLike) -> Floats:
    return np.sort(np.asarray(boundaries, dtype=np.float64))
