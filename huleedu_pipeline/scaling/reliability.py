"""Reliability: how much of the differences between the locations is signal, each kind under its own name.

Print ``marginal`` first: it stays honest when pairs were chosen by earlier results, where the classical figures call coin
tosses reliable. ``separation`` and ``separation_g`` are both published as "scale separation reliability" and differ; here
they have two names. ``null`` says what each would read if the recorded pairs had been judged by tosses of a coin. What
they mean in plain words stands in docs/reliability.md, the simulations behind the choices made here in docs/statistics.md.
Not here: whether single essays or judges fit the scale (:mod:`.misfit`), and what to expect before judging
(:mod:`.expected_precision`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import combinations
from math import sqrt
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from huleedu_pipeline.scaling.bradley_terry import BradleyTerryFit
from huleedu_pipeline.scaling.comparisons import Floats, Ints, ScalingError
from huleedu_pipeline.scaling.network import dominance_groups
from huleedu_pipeline.scaling.prior import estimate_prior_sd

Estimates = Literal["maximum likelihood", "wide prior"]

# Prior of the near-maximum-likelihood fit that stands in where an essay or a group of essays won or lost everything.
WIDE_PRIOR_SD = 10.0
# Variance in square logits below which locations differ by nothing but the rounding of the optimum.
NO_VARIANCE = 1e-12
# Draws behind a figure: so many essays in all, within these bounds.
ESSAYS_DRAWN, FEWEST_DRAWS, MOST_DRAWS = 40_000, 20, 100
# Up to so many judges, all ways of halving them are fewer than a few hundred and are gone through instead of drawn.
MOST_ENUMERATED_JUDGES = 10


def reliability(fit: BradleyTerryFit, *, n_splits: int | None = None, seed: int = 1) -> "Reliability":
    """Return the reliability of ``fit``; each figure is worked out when it is first looked at.

    Args:
        fit: Result of :func:`.fit_bradley_terry`.
        n_splits: Random halvings behind ``split_half``; by default, as of the null's replications, 100 for up to 400 essays and
            fewer for more, down to 20: what is averaged over many essays varies less from one draw to the next.
        seed: Seed of the halvings and of the same-design null.

    Raises:
        ValueError: fewer than one split.

    """
    n_draws = min(max(ESSAYS_DRAWN // len(fit.theta), FEWEST_DRAWS), MOST_DRAWS)
    return Reliability(fit, n_draws if n_splits is None else n_splits, seed, n_draws)


@dataclass(frozen=True)
class Distribution:
    """Mean and central 95 % of a simulated distribution."""

    mean: float
    lower: float
    upper: float


@dataclass(frozen=True)
class SameDesignNull:
    """What each reliability reads on the recorded pairs with random verdicts; ``None`` where it could never be had."""

    n_replications: int
    marginal: Distribution
    separation: Distribution | None
    separation_g: Distribution | None
    split_half: Distribution | None


@dataclass(frozen=True, eq=False)
class Reliability:
    """Reliability of one fit; see :func:`reliability`."""

    fit: BradleyTerryFit = field(repr=False)
    n_splits: int = MOST_DRAWS
    seed: int = 1
    n_null_replications: int = MOST_DRAWS

    def __post_init__(self) -> None:
        if self.n_splits < 1 or self.n_null_replications < 1:
            raise ValueError(f"n_splits and n_null_replications must be positive: {self.n_splits}, {self.n_null_replications}")

    @cached_property
    def marginal(self) -> float:
        """Empirical-Bayes marginal reliability, 0..1: print this one first.

        ``1 - mean SE^2 / sigma^2``, the share of the prior's variance that the verdicts have taken away, where sigma is the
        most likely spread (maximum of the marginal likelihood), whatever the prior of ``fit``: a prior that is given, or
        nudged away from 0 as that of ``fit`` is, would add to the spread that it is compared with. Known as marginal or EAP
        reliability in item response theory (Green, Bock, Humphreys, Linn & Reckase 1984), there often with a fixed prior,
        which reads .4 and more on coin tosses.
        """
        return _marginal(self.fit)

    @property
    def separation(self) -> float | None:
        """Separation reliability in its classical definition, ``1 - MSE / Var(theta)`` (Andrich 1982; Wright 1996).

        It is defined for estimates without a prior: those of maximum likelihood where they exist (the wins connect all
        essays in both directions; Ford 1957), else those of a prior so wide (10 logits) that it only keeps them finite;
        ``separation_estimates`` says which. MSE is the mean SE^2 from the full covariance, Var has n - 1. Negative when the
        errors are larger than the spread; ``None`` when it can not be had, for the reason in ``separation_unavailable``.
        Inflated when pairs were chosen by earlier results: .9 and more on coin tosses.
        """
        spread = self._spread
        return None if isinstance(spread, str) else 1 - spread.mse / spread.variance

    @property
    def separation_g(self) -> float | None:
        """``G^2 / (1 + G^2)`` of the observed separation ``G = SD(theta) / RMSE`` (as Kinnear, Jones & Davies 2025).

        Equal to ``1 / (2 - separation)``: it reads .5 where the classical definition reads 0. Not to be held against
        thresholds that were set on the other one.
        """
        spread = self._spread
        return None if isinstance(spread, str) else spread.variance / (spread.variance + spread.mse)

    @property
    def strata(self) -> float | None:
        """Statistically distinct levels of quality, ``(4 G + 1) / 3`` with the true separation G (Wright & Masters 1982)."""
        spread = self._spread
        if isinstance(spread, str):
            return None
        return (4 * sqrt(max(spread.variance - spread.mse, 0.0) / spread.mse) + 1) / 3

    @property
    def mse(self) -> float | None:
        """Mean SE^2 behind ``separation``, in square logits."""
        return None if isinstance(self._spread, str) else self._spread.mse

    @property
    def variance(self) -> float | None:
        """Variance of the locations behind ``separation``, in square logits."""
        return None if isinstance(self._spread, str) else self._spread.variance

    @property
    def separation_estimates(self) -> Estimates | None:
        """What the estimates behind ``separation`` are."""
        return None if isinstance(self._spread, str) else self._spread.estimates

    @property
    def separation_unavailable(self) -> str | None:
        """Why there is no ``separation``, or ``None`` when there is one."""
        return self._spread if isinstance(self._spread, str) else None

    @cached_property
    def split_half(self) -> float | None:
        """Split-half reliability: how well two halves of the verdicts agree, stepped up to all of them.

        Each half is scaled alone with the spread of the whole; r is the median correlation of their locations over the
        splits, and the result is ``2 r / (1 + r)`` (Spearman 1910; Brown 1910), or r itself when it is negative. With several
        judges the judges are halved, which measures their agreement; with one judge its verdicts are, which measures
        precision only: ``split_half_by`` says which. Reads low when pairs were chosen by earlier results: a half lacks some
        of what they were chosen by. ``None`` with fewer than two essays or two verdicts.
        """
        fit, m = self.fit, len(self.fit.comparisons.first)
        items = _estimated_items(fit)
        if len(items) < 2 or m < 2:
            return None
        correlations = [
            _correlation(fit.refit(keep=half).theta[items], fit.refit(keep=~half).theta[items]) for half in self._halves(m)
        ]
        r = float(np.median(correlations))
        return 2 * r / (1 + r) if r > 0 else r

    @property
    def split_half_by(self) -> Literal["judge", "judgement"]:
        """What is halved for ``split_half``."""
        return "judge" if self._n_judges > 1 else "judgement"

    @cached_property
    def null(self) -> SameDesignNull:
        """The same-design null: what each figure reads when every recorded verdict is turned round by the toss of a coin.

        Pairs, weights, judges and the share of ties and of soft verdicts stay as they are. The choice of pairs is not made
        anew: for adaptive pairs ``separation`` reads more than this on noise.
        """
        rng = np.random.default_rng(self.seed)
        verdicts = self.fit.comparisons.first_won
        readings = []
        for _ in range(self.n_null_replications):
            turned = np.where(rng.random(len(verdicts)) < 0.5, verdicts, 1 - verdicts)
            one = Reliability(self.fit.refit(turned, prior_sd="estimate"), n_splits=1)
            readings.append((one.marginal, one.separation, one.separation_g, one.split_half))
        marginal, separation, separation_g, split_half = (_distribution(column) for column in zip(*readings, strict=True))
        if marginal is None:
            raise AssertionError("a marginal reliability always exists")
        return SameDesignNull(self.n_null_replications, marginal, separation, separation_g, split_half)

    @property
    def _n_judges(self) -> int:
        judge = self.fit.comparisons.judge
        return 1 if judge is None else len(np.unique(judge))

    @cached_property
    def _spread(self) -> "_Spread | str":
        return _spread_without_prior(self.fit)

    def _halves(self, m: int) -> Iterator[NDArray[np.bool_]]:
        """Yield masks of one half of the verdicts; the others are the other half."""
        rng = np.random.default_rng(self.seed)
        if self.split_half_by == "judgement":
            for _ in range(self.n_splits):
                yield rng.permutation(m) < m // 2
            return
        judges, of = np.unique(np.asarray(self.fit.comparisons.judge), return_inverse=True)
        k = len(judges)
        if k <= MOST_ENUMERATED_JUDGES:
            ways = [np.array(way) for way in combinations(range(k), k // 2) if k % 2 or 0 in way]
            chosen = rng.permutation(len(ways))[: self.n_splits]
            picks = [ways[index] for index in chosen]
        else:
            picks = [rng.permutation(k)[: k // 2] for _ in range(self.n_splits)]
        for pick in picks:
            yield np.isin(of, pick)


@dataclass(frozen=True)
class _Spread:
    mse: float
    variance: float
    estimates: Estimates


def _estimated_items(fit: BradleyTerryFit) -> Ints:
    """Return the items whose location was estimated from nothing but comparisons."""
    return np.setdiff1d(np.arange(len(fit.theta)), np.fromiter(fit.options.fixed or (), dtype=np.int64))


def _marginal(fit: BradleyTerryFit) -> float:
    items = _estimated_items(fit)
    if len(items) < 2:
        return 0.0
    sigma = estimate_prior_sd(fit._model, shape=1.0, rate=0.0)
    likely = fit.refit(prior_sd=sigma)
    # The trace of a centred covariance has one direction less than items.
    error = float(np.sum(likely.se[items] ** 2)) / (len(items) - 1)
    return max(1 - error / sigma**2, 0.0)


def _spread_without_prior(fit: BradleyTerryFit) -> _Spread | str:
    items = _estimated_items(fit)
    if len(items) < 2:
        return "there are fewer than two essays to place"
    n_groups = len(np.unique(fit.components))
    if n_groups > 1 and fit.options.fixed is None:
        return f"the comparisons fall into {n_groups} groups of essays without a comparison between them"
    free, estimates = _without_prior(fit)
    variance = float(np.var(free.theta[items], ddof=1))
    if variance < NO_VARIANCE:
        return "the locations do not vary"
    return _Spread(float(np.mean(free.se[items] ** 2)), variance, estimates)


def _without_prior(fit: BradleyTerryFit) -> tuple[BradleyTerryFit, Estimates]:
    if not dominance_groups(fit.comparisons).any():  # a single group: the estimates exist (Ford 1957)
        try:
            return fit.refit(prior_sd=None), "maximum likelihood"
        except ScalingError:
            pass  # a judge that only looks at the place, for example
    return fit.refit(prior_sd=WIDE_PRIOR_SD), "wide prior"


def _correlation(x: Floats, y: Floats) -> float:
    """Return Pearson's r; 0 when one of the two does not vary, since nothing is agreed on."""
    dx, dy = x - x.mean(), y - y.mean()
    scale = sqrt(float(dx @ dx) * float(dy @ dy))
    return float(dx @ dy) / scale if scale > NO_VARIANCE else 0.0


def _distribution(values: tuple[float | None, ...]) -> Distribution | None:
    known = [value for value in values if value is not None]
    if not known:
        return None
    lower, upper = np.quantile(known, [0.025, 0.975])
    return Distribution(float(np.mean(known)), float(lower), float(upper))
