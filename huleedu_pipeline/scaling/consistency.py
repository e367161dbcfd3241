"""Consistency: whether verdicts agree with themselves, before any model is believed.

Circular triads (A beats B beats C beats A), pairs asked in both orders, comparisons asked again, and agreement between
judges. All of it is counting on the verdicts alone: nothing is fitted here, and nothing is known of locations. Not here:
whether verdicts agree with a fitted scale (:mod:`.misfit`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import csr_array
from scipy.special import bdtr, betaincinv

from huleedu_pipeline.scaling.comparisons import Floats, Ints, ScalingError


@dataclass(frozen=True)
class CircularTriads:
    """Circular triads among the triads whose three pairs are all decided.

    Attributes:
        n_triads: Triads of essays that were compared pairwise, each pair with a winner.
        n_circular: Those of them in which each essay beats one of the other two.
        coefficient: Kendall and Babington Smith's coefficient of consistence zeta, 1 without circles and 0 with as many as
            there can be; ``None`` unless every pair of essays is decided.

    """

    n_triads: int
    n_circular: int
    coefficient: float | None

    @property
    def share(self) -> float | None:
        """Share of the triads that is circular; tosses of a coin give .25. ``None`` without a triad."""
        return self.n_circular / self.n_triads if self.n_triads else None


def circular_triads(first: ArrayLike, second: ArrayLike, first_won: ArrayLike, *, n_items: int | None = None) -> CircularTriads:
    """Count circular triads (Kendall & Babington Smith 1940), in complete and in incomplete designs.

    A pair's winner is the essay with more of its verdicts; a pair that is even decides nothing, and its triads do not count.

    Args:
        first: Index of the item shown first, shape (m,).
        second: Index of the other, shape (m,).
        first_won: 1 where the first won, 0 where the second did, anything between by degree, shape (m,).
        n_items: Number of items; one more than the largest index by default.

    Raises:
        ScalingError: shapes that differ, or verdicts outside 0..1.

    """
    i, j, y = _checked(first, second, first_won)
    n = n_items if n_items is not None else int(max(i.max(initial=-1), j.max(initial=-1))) + 1
    balance = csr_array((2 * y - 1, (i, j)), shape=(n, n))
    lead = (balance - balance.T).tocoo()
    won = lead.data > 0
    beats = csr_array((np.ones(int(won.sum())), (lead.row[won], lead.col[won])), shape=(n, n))
    met = beats + beats.T
    n_triads = round((met @ met).multiply(met).sum() / 6)
    n_circular = round((beats @ beats).multiply(beats.T).sum() / 3)
    is_complete = n >= 3 and beats.nnz == n * (n - 1) // 2
    most = (n**3 - n) / 24 if n % 2 else (n**3 - 4 * n) / 24
    return CircularTriads(n_triads, n_circular, 1 - n_circular / most if is_complete else None)


@dataclass(frozen=True)
class OrderConsistency:
    """What pairs that were judged in both orders say, and how often the first place wins.

    A flip is a pair in which the place won and not an essay. Flips are information about close pairs; they are counted, never
    dropped from the scaling.

    Attributes:
        n_pairs: Comparisons matched with one of the same pair, by the same judge, in the other order, both decided.
        n_consistent: Those in which the same essay won both times.
        n_first: Those in which the first place won both times.
        n_second: Those in which the second place won both times.
        n_judgements: All decided judgements, in whatever order.
        n_first_won: Those that the first place won.

    """

    n_pairs: int
    n_consistent: int
    n_first: int
    n_second: int
    n_judgements: int
    n_first_won: int

    @property
    def agreement(self) -> float | None:
        """Share of the matched pairs with the same winner both times; ``None`` without such pairs."""
        return self.n_consistent / self.n_pairs if self.n_pairs else None

    @property
    def agreement_interval(self) -> tuple[float, float] | None:
        """95 % interval of ``agreement`` (Clopper & Pearson 1934)."""
        return exact_interval(self.n_consistent, self.n_pairs)

    @property
    def first_share(self) -> float | None:
        """Share of all decided judgements that the first place won."""
        return self.n_first_won / self.n_judgements if self.n_judgements else None

    @property
    def first_share_p_value(self) -> float | None:
        """Two-sided binomial test that the first place wins half of all decided judgements.

        Quality drops out of it only in a design that shows every essay first as often as second.
        """
        return _sign_test(self.n_first_won, self.n_judgements)

    @property
    def flip_p_value(self) -> float | None:
        """Two-sided binomial test that flips favour either place alike; free of quality in any design."""
        return _sign_test(self.n_first, self.n_first + self.n_second)


def order_consistency(
    first: ArrayLike, second: ArrayLike, first_won: ArrayLike, *, judge: ArrayLike | None = None
) -> OrderConsistency:
    """Compare verdicts on the same pair in both orders (Shi et al. 2024 call it position consistency).

    Each comparison is matched with at most one in the other order, by the same judge, in the order in which they stand. A tie
    (one half) is no decision; of soft verdicts the side counts.

    Args:
        first: Index of the item shown first, shape (m,).
        second: Index of the other, shape (m,).
        first_won: 1 where the first won, 0 where the second did, anything between by degree, shape (m,).
        judge: Index of the judge, shape (m,); one judge by default.

    Raises:
        ScalingError: shapes that differ, or verdicts outside 0..1.

    """
    i, j, y = _checked(first, second, first_won)
    k = _judges(judge, i)
    decided = y != 0.5
    i, j, k, won = i[decided], j[decided], k[decided], y[decided] > 0.5
    low, high, in_order = np.minimum(i, j), np.maximum(i, j), i < j
    turn = _occurrence(low, high, k, in_order.astype(np.int64))
    keys = np.column_stack([low, high, k, turn])
    _, group, size = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    matched = size == 2
    low_won = np.zeros((len(size), 2), dtype=bool)
    low_won[group, in_order.astype(np.int64)] = won == in_order
    when_second, when_first = low_won[matched].T
    return OrderConsistency(
        n_pairs=int(matched.sum()),
        n_consistent=int((when_first == when_second).sum()),
        n_first=int((when_first & ~when_second).sum()),
        n_second=int((~when_first & when_second).sum()),
        n_judgements=len(won),
        n_first_won=int(won.sum()),
    )


@dataclass(frozen=True)
class Agreement:
    """How often two verdicts on the same question agree; ``share`` is ``None`` when no question was asked twice."""

    n_compared: int
    n_agreeing: int

    @property
    def share(self) -> float | None:
        """Share of the compared verdicts that agree."""
        return self.n_agreeing / self.n_compared if self.n_compared else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """95 % interval of ``share`` (Clopper & Pearson 1934), as if all compared verdicts were independent."""
        return exact_interval(self.n_agreeing, self.n_compared)


def repeat_consistency(
    first: ArrayLike, second: ArrayLike, first_won: ArrayLike, *, judge: ArrayLike | None = None
) -> Agreement:
    """Compare every two verdicts of one judge on the same pair in the same order; ties are left out.

    Args:
        first: Index of the item shown first, shape (m,).
        second: Index of the other, shape (m,).
        first_won: 1 where the first won, 0 where the second did, anything between by degree, shape (m,).
        judge: Index of the judge, shape (m,); one judge by default.

    Raises:
        ScalingError: shapes that differ, or verdicts outside 0..1.

    """
    i, j, y = _checked(first, second, first_won)
    decided = y != 0.5
    keys = np.column_stack([i, j, _judges(judge, i)])[decided]
    _, group, n = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    won = np.bincount(group, y[decided] > 0.5, len(n)).astype(np.int64)
    lost = n - won
    return Agreement(int((n * (n - 1)).sum()) // 2, int((won * (won - 1) + lost * (lost - 1)).sum()) // 2)


def judge_agreement(first: ArrayLike, second: ArrayLike, first_won: ArrayLike, judge: ArrayLike) -> list[list[Agreement]]:
    """Compare judges with each other on the pairs that both decided, whatever the order in which they saw them.

    Args:
        first: Index of the item shown first, shape (m,).
        second: Index of the other, shape (m,).
        first_won: 1 where the first won, 0 where the second did, anything between by degree, shape (m,).
        judge: Index of the judge, integers from 0, shape (m,).

    Returns:
        For judges k and l, ``result[k][l]``: on how many pairs both have a winner (the essay with more of the judge's
        verdicts), and on how many it is the same one.

    Raises:
        ScalingError: shapes that differ, or verdicts outside 0..1.

    """
    i, j, y = _checked(first, second, first_won)
    k = _judges(judge, i)
    keys = np.column_stack([np.minimum(i, j), np.maximum(i, j)])
    _, pair = np.unique(keys, axis=0, return_inverse=True)
    for_low = np.where(i < j, 2 * y - 1, 1 - 2 * y)
    shape = (int(pair.max(initial=-1)) + 1, int(k.max(initial=-1)) + 1)
    side = csr_array((for_low, (pair, k)), shape=shape)
    side.data = np.sign(side.data)
    both = (abs(side).T @ abs(side)).toarray()
    agreeing = (both + (side.T @ side).toarray()) / 2
    return [
        [Agreement(round(n), round(same)) for n, same in zip(*rows, strict=True)] for rows in zip(both, agreeing, strict=True)
    ]


def _occurrence(*columns: Ints) -> Ints:
    """Return, for each row, how many equal rows stand before it."""
    _, group, size = np.unique(np.column_stack(columns), axis=0, return_inverse=True, return_counts=True)
    order = np.argsort(group, kind="stable")
    starts = np.cumsum(size) - size
    occurrence = np.empty(len(group), dtype=np.int64)
    occurrence[order] = np.arange(len(group)) - np.repeat(starts, size)
    return occurrence


def exact_interval(k: int, n: int) -> tuple[float, float] | None:
    """Return the 95 % interval of a share, ``k`` of ``n`` independent trials (Clopper & Pearson 1934); ``None`` without any."""
    if not n:
        return None
    low = float(betaincinv(k, n - k + 1, 0.025)) if k else 0.0
    high = float(betaincinv(k + 1, n - k, 0.975)) if k < n else 1.0
    return low, high


def _sign_test(k: int, n: int) -> float | None:
    # Against one half the distribution is symmetric, so the two-sided test is twice the smaller tail.
    return min(1.0, 2 * float(bdtr(min(k, n - k), n, 0.5))) if n else None


def _judges(judge: ArrayLike | None, like: Ints) -> Ints:
    k = np.zeros(like.shape, dtype=np.int64) if judge is None else np.asarray(judge, dtype=np.int64)
    if k.shape != like.shape:
        raise ScalingError(f"judge has shape {k.shape}, and the comparisons {like.shape}")
    return k


def _checked(first: ArrayLike, second: ArrayLike, first_won: ArrayLike) -> tuple[Ints, Ints, Floats]:
    i, j = np.asarray(first, dtype=np.int64), np.asarray(second, dtype=np.int64)
    y = np.asarray(first_won, dtype=np.float64)
    if not (i.ndim == 1 and i.shape == j.shape == y.shape):
        raise ScalingError(f"first, second and first_won differ in shape: {i.shape}, {j.shape}, {y.shape}")
    if not np.all((y >= 0) & (y <= 1)):
        raise ScalingError("first_won must lie in 0..1")
    return i, j, y
