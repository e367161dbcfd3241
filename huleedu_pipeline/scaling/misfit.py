"""Misfit: which essays and which judges the fitted scale does not describe.

Infit and outfit are mean squares of residuals, about 1 where verdicts are as random as the model says: above it verdicts
contradict the scale, below it they are more regular than chance allows. How far from 1 is far depends on the design, so the
limits come from a parametric bootstrap: verdicts drawn from the fitted model on the recorded comparisons, scaled again, each
time. Rules of thumb (mean + 2 SD; .7 to 1.3) flag too many essays or too few. Not here: verdicts that contradict each
other without any scale (:mod:`.consistency`), and the reliability of the whole (:mod:`.reliability`).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from huleedu_pipeline.scaling.bradley_terry import BradleyTerryFit
from huleedu_pipeline.scaling.comparisons import Floats, Ints, ScalingError
from huleedu_pipeline.scaling.threads import one_thread
from huleedu_pipeline.scaling.verdict_law import VerdictLaw

N_REPLICATIONS = 200
FALSE_POSITIVES = 0.05
# Above so many essays their locations are drawn one by one from their standard errors, and not jointly from the covariance.
MOST_DRAWN_JOINTLY = 2000
# Drawn soft verdicts keep off 0 and 1, which would be binary ones; and how much less than binary ones they can vary.
LEAST_SOFT, DISPERSIONS = 1e-9, (1e-6, 1 - 1e-6)
# Even pairs can not tie more often without taking wins from essays that have none.
MOST_TIES = 0.5
# The spread of a mean square in units of itself, kept where the cube-root transformation holds.
LEAST_SPREAD, LARGEST_SPREAD = 0.02, 1.4


@dataclass(frozen=True)
class MeanSquares:
    """Infit and outfit of essays or of judges, shape (k,); ``nan`` where there are no comparisons.

    Attributes:
        infit: Sum of squared residuals over the sum of their variances: weighs even pairs most, where information is.
        outfit: Mean of squared standardised residuals: sensitive to single surprises between essays that are far apart.
        infit_limits: Lower and upper limit of ``infit``, shape (k, 2); outside them lie 5 % when the model holds.
        outfit_limits: The same for ``outfit``.

    """

    infit: Floats
    outfit: Floats
    infit_limits: Floats
    outfit_limits: Floats

    @property
    def is_misfit(self) -> NDArray[np.bool_]:
        """Where infit lies above its upper limit: verdicts contradict the scale more than chance does."""
        return np.asarray(self.infit > self.infit_limits[:, 1])

    @property
    def is_overfit(self) -> NDArray[np.bool_]:
        """Where infit lies below its lower limit: verdicts follow the scale more closely than chance allows."""
        return np.asarray(self.infit < self.infit_limits[:, 0])


@dataclass(frozen=True)
class PairHeterogeneity:
    """Whether verdicts on the same pair vary as the model says, over all pairs together.

    Attributes:
        chi_square: Sum over pairs of squared summed residuals over their summed variance.
        n_pairs: Unordered pairs with a comparison.
        p_value: Share of the bootstrap with at least that much; conservative with one verdict a pair.

    """

    chi_square: float
    n_pairs: int
    p_value: float


@dataclass(frozen=True)
class Misfit:
    """Result of :func:`misfit`.

    Attributes:
        essays: Mean squares of the essays.
        judges: Those of the judges; ``None`` when the fit knows of no judges.
        pairs: Heterogeneity of the pairs.
        soft_dispersion: Variance of soft verdicts (those between 0 and 1) in units of ``p (1 - p)``, by which their residuals
            are measured; ``None`` without soft verdicts.
        n_replications: Bootstrap replications behind the limits.
        seed: Their seed.

    """

    essays: MeanSquares
    judges: MeanSquares | None
    pairs: PairHeterogeneity
    soft_dispersion: float | None
    n_replications: int
    seed: int


def misfit(
    fit: BradleyTerryFit, *, judge: ArrayLike | None = None, n_replications: int = N_REPLICATIONS, seed: int = 1
) -> Misfit:
    """Return infit and outfit with limits that 5 % of essays (or judges) transgress by chance, half of them on either side.

    Infit and outfit are those of Rasch measurement (Wright & Masters 1982); weights weigh squared residuals. A replication
    draws locations from the posterior of ``fit``, one verdict for each comparison, and fits again with the same spread of
    the prior. Drawing at the estimates themselves would pretend that they are the truth, and flag too few. Mean squares are
    made comparable over essays by their cube root (Wilson & Hilferty 1931); limits are the quantiles of all replications
    of all essays, turned back into limits for each essay's own comparisons. So the rate of false alarms is right over all
    essays whatever the design, which limits from each essay's own replications alone are not.

    A judge whose discrimination is in the model is measured by it: to find judges who see less than the others, fit without
    judges and name them here.

    Ties that the fit counts as halves (``ties=None``) are drawn as often as they occur, and more often between even essays.
    Soft verdicts are drawn from beta distributions with the mean of the model and the dispersion that they show.

    Args:
        fit: Result of :func:`.fit_bradley_terry`.
        judge: Index of the judge of each comparison, shape (m,); those of the fit by default.
        n_replications: Bootstrap replications, at least 20.
        seed: Same seed, same limits.

    Raises:
        ValueError: too few replications.
        ScalingError: not one judge for each comparison.

    """
    if n_replications < 20:
        raise ValueError(f"limits of 95 % need at least 20 replications, not {n_replications}")
    groups = _Groups.of(fit, judge)
    observed = _residuals(fit)
    tables = [_tabulate(observed, kind) for kind in groups.kinds]
    chi_square = _chi_square(observed, groups)
    rng = np.random.default_rng(seed)
    replicated: list[list[_Table]] = []
    n_larger = 0
    for shift in _posterior_draws(fit, n_replications, rng):
        law = VerdictLaw.of(fit, groups.discrimination * (shift[groups.first] - shift[groups.second]))
        residuals = _residuals(fit.refit(_draw_verdicts(law, observed, rng)))
        replicated.append([_tabulate(residuals, kind) for kind in groups.kinds])
        n_larger += _chi_square(residuals, groups) >= chi_square
    results = [_limited(table, [tables[kind] for tables in replicated]) for kind, table in enumerate(tables)]
    return Misfit(
        essays=results[0],
        judges=results[1] if len(results) > 1 else None,
        pairs=PairHeterogeneity(chi_square, groups.n_pairs, (n_larger + 1) / (n_replications + 1)),
        soft_dispersion=observed.dispersion,
        n_replications=n_replications,
        seed=seed,
    )


@dataclass(frozen=True)
class _Kind:
    """Essays or judges: to which of ``n`` each comparison belongs, once or twice."""

    members: tuple[Ints, ...]
    n: int

    def total(self, values: Floats) -> Floats:
        """Return the sums of the comparisons' ``values``, shape (n,)."""
        return np.asarray(sum(np.bincount(member, values, self.n) for member in self.members), dtype=np.float64)


@dataclass(frozen=True)
class _Groups:
    """What residuals are summed over: essays, judges, and pairs."""

    first: Ints
    second: Ints
    kinds: list[_Kind]
    pair: Ints
    sign: Floats
    n_pairs: int
    discrimination: Floats | float

    @classmethod
    def of(cls, fit: BradleyTerryFit, judge: ArrayLike | None) -> "_Groups":
        data = fit.comparisons
        kinds = [_Kind((data.first, data.second), data.n_items)]
        judges = data.judge if judge is None else np.asarray(judge, dtype=np.int64)
        if judges is not None:
            if judges.shape != data.first.shape:
                raise ScalingError(f"judge has shape {judges.shape}, and the comparisons {data.first.shape}")
            kinds.append(_Kind((judges,), int(judges.max()) + 1))
        code = np.minimum(data.first, data.second) * data.n_items + np.maximum(data.first, data.second)
        _, pair = np.unique(code, return_inverse=True)
        n_pairs = len(np.unique(pair if data.weight is None else pair[data.weight > 0]))
        discrimination: Floats | float = 1.0 if data.judge is None else fit.judge_discrimination[data.judge]
        sign = np.where(data.first > data.second, -1.0, 1.0)
        return cls(data.first, data.second, kinds, pair, sign, n_pairs, discrimination)


@dataclass(frozen=True)
class _Residuals:
    """Residual of each comparison, its variance, and the variance of its square, under the fitted model; and weights."""

    residual: Floats
    variance: Floats
    variance_of_square: Floats
    weight: Floats
    is_soft: NDArray[np.bool_]
    dispersion: float | None
    tie_share: float


def _residuals(fit: BradleyTerryFit) -> _Residuals:
    verdicts, weight, law = fit.comparisons.first_won, fit.comparisons.weight, VerdictLaw.of(fit)
    w = np.ones(len(verdicts)) if weight is None else weight
    is_tie = verdicts == 0.5
    is_soft = (verdicts > 0) & (verdicts < 1) & ~is_tie
    tie_share = 0.0
    if fit.tie_parameter is None and is_tie.any():
        p, decided = law.mean, w * ~is_soft
        tie_share = min(float(decided @ is_tie) / max(float(decided @ (4 * p * (1 - p))), 1e-9), MOST_TIES)
        law = law.with_ties(tie_share)
    residual, variance = verdicts - law.mean, law.central_moment(2)
    of_square = law.central_moment(4) - variance**2
    dispersion = None
    if float(w[is_soft].sum()) > 0:
        v = variance[is_soft]
        dispersion = float(np.sum((w * residual**2)[is_soft]) / np.sum(w[is_soft] * v))
        dispersion = float(np.clip(dispersion, *DISPERSIONS))
        # Excess kurtosis of a beta distribution with a + b = s; a binary verdict is its limit s = 0.
        s = 1 / dispersion - 1
        excess = 6 * ((1 - 4 * v) * (1 + s) - v * (s + 2)) / (v * (s + 2) * (s + 3))
        variance[is_soft] = dispersion * v
        of_square[is_soft] = (dispersion * v) ** 2 * (excess + 2)
    return _Residuals(residual, variance, of_square, w, is_soft, dispersion, tie_share)


@dataclass(frozen=True)
class _Table:
    """Mean squares of one kind of group, with their spread under the model for given locations."""

    infit: Floats
    outfit: Floats
    infit_spread: Floats
    outfit_spread: Floats


def _tabulate(found: _Residuals, kind: _Kind) -> _Table:
    w, v, square, of_square = found.weight, found.variance, found.residual**2, found.variance_of_square
    with np.errstate(divide="ignore", invalid="ignore"):
        information, count = kind.total(w * v), kind.total(w)
        return _Table(
            infit=kind.total(w * square) / information,
            outfit=kind.total(w * square / v) / count,
            infit_spread=np.sqrt(kind.total(w**2 * of_square)) / information,
            outfit_spread=np.sqrt(kind.total(w**2 * of_square / v**2)) / count,
        )


def _limited(observed: _Table, replicated: list[_Table]) -> MeanSquares:
    infit = np.concatenate([_to_normal(table.infit, table.infit_spread) for table in replicated])
    outfit = np.concatenate([_to_normal(table.outfit, table.outfit_spread) for table in replicated])
    return MeanSquares(
        infit=observed.infit,
        outfit=observed.outfit,
        infit_limits=_limits(infit, observed.infit_spread),
        outfit_limits=_limits(outfit, observed.outfit_spread),
    )


def _limits(null: Floats, spread: Floats) -> Floats:
    null = null[np.isfinite(null)]
    if not len(null):
        return np.full((len(spread), 2), np.nan)
    ends = np.quantile(null, [FALSE_POSITIVES / 2, 1 - FALSE_POSITIVES / 2])
    return np.column_stack([_from_normal(end, spread) for end in ends])


def _to_normal(mean_square: Floats, spread: Floats) -> Floats:
    q = np.clip(spread, LEAST_SPREAD, LARGEST_SPREAD)
    return np.asarray((np.cbrt(mean_square) - 1) * 3 / q + q / 3, dtype=np.float64)


def _from_normal(z: float, spread: Floats) -> Floats:
    q = np.clip(spread, LEAST_SPREAD, LARGEST_SPREAD)
    return np.asarray(np.maximum((z - q / 3) * q / 3 + 1, 0.0) ** 3, dtype=np.float64)


def _chi_square(found: _Residuals, groups: _Groups) -> float:
    residual = np.bincount(groups.pair, found.weight * groups.sign * found.residual)
    variance = np.bincount(groups.pair, found.weight * found.variance)
    used = variance > 0
    return float(np.sum(residual[used] ** 2 / variance[used]))


def _posterior_draws(fit: BradleyTerryFit, n_draws: int, rng: np.random.Generator) -> Floats:
    """Draw deviations of the locations from their estimates, shape (n_draws, n)."""
    n = len(fit.theta)
    standard = rng.normal(size=(n_draws, n))
    if n > MOST_DRAWN_JOINTLY:
        return np.asarray(standard * fit.se, dtype=np.float64)
    with one_thread():
        values, vectors = np.linalg.eigh(fit.covariance())
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(standard @ root.T, dtype=np.float64)


def _draw_verdicts(law: VerdictLaw, recorded: _Residuals, rng: np.random.Generator) -> Floats:
    verdicts = (law.with_ties(recorded.tie_share) if recorded.tie_share else law).draw(rng)
    if recorded.dispersion is not None:
        p, s = law.mean[recorded.is_soft], 1 / recorded.dispersion - 1
        verdicts[recorded.is_soft] = np.clip(rng.beta(p * s, (1 - p) * s), LEAST_SOFT, 1 - LEAST_SOFT)
    return verdicts
