"""Boundaries between grades on the theta scale: the ordinal model of the anchors' grades, and draws from its posterior.

``P(grade <= k) = logistic((b_k - theta) / s)`` (cumulative logit; McCullagh 1980) with a weak prior that is free of scale:
in units of the mean rise from grade to grade, neighbouring boundaries are about one step apart and grades blur over about
a quarter of a step. Anchors' locations are uncertain themselves; draws are from the joint posterior of boundaries, blur and
locations, so measurement error is not taken for blur. Anchors are picked by their grades, so what counts is how probable
their places are given their grades (the likelihood of a case-control study; Prentice & Pyke 1979), not the reverse, which
makes rare grades at the ends of the scale too wide. Not here: what the draws mean for essays (:mod:`.projection`), or whether
an anchor is to be believed (:mod:`.anchors`).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

GAP_PRIOR_SD = 0.6
BLUR_PRIOR_MEAN, BLUR_PRIOR_SD = float(np.log(0.5)), 1.0
MIDDLE_PRIOR_SD = 3.0
N_CHAINS, N_BURN_IN, N_KEPT, N_BETWEEN = 250, 100, 4, 25
LOGISTIC_AS_NORMAL = 1.702
LEAST_MARGIN = 0.02
LARGEST_EXPONENT = 300.0
LARGEST_STRETCH = 30.0


@dataclass(frozen=True)
class BoundaryDraws:
    """Draws from the joint posterior, in logits, N_KEPT successive ones from each of a set of independent chains.

    Attributes:
        boundaries: shape (n_grades - 1, n_draws), increasing along the first axis.
        blur: s, shape (n_draws,).
        shared: Shifts of the anchors that may be shared with other essays, shape (n_anchors, n_draws).
        shared_covariance: Covariance of these shifts before the grades were looked at, shape (n_anchors, n_anchors).

    """

    boundaries: Floats
    blur: Floats
    shared: Floats
    shared_covariance: Floats


def rise_per_grade(theta: Floats, levels: Ints, covariance: Floats) -> tuple[float, float]:
    """Return by how much the anchors' locations rise from grade to grade, in logits, and the standard error of that.

    Least squares of location on grade; the error is the larger of what the scatter around the line and what the anchors'
    own uncertainty give.

    Args:
        theta: Locations of the anchors in logits, shape (n_anchors,).
        levels: Their grades, counted from the lowest, shape (n_anchors,), at least two different ones.
        covariance: Of their locations, shape (n_anchors, n_anchors).

    """
    centred = levels - levels.mean()
    weights = centred / (centred @ centred)
    step = float(weights @ theta)
    scatter = theta - theta.mean() - step * centred
    degrees = len(theta) - 2
    from_scatter = float(scatter @ scatter) / degrees * float(weights @ weights) if degrees > 0 else 0.0
    return step, float(np.sqrt(max(from_scatter, float(weights @ covariance @ weights))))


def draw_boundaries(
    theta: Floats,
    levels: Ints,
    n_grades: int,
    covariance: Floats,
    population: tuple[float, float],
    rng: np.random.Generator,
    *,
    used: Bools | None = None,
    n_chains: int = N_CHAINS,
) -> BoundaryDraws:
    """Draw boundaries, blur and the anchors' shared errors, given the anchors' grades.

    The anchors' errors are split in two: half of what can be independent in each anchor is integrated analytically, the
    rest is drawn with the boundaries. All priors are normal, so the elliptical slice sampler of Murray, Adams & MacKay
    (2010) applies as it is and has nothing to tune; chains run side by side.

    Args:
        theta: Locations of the anchors in logits, shape (n_anchors,), rising with their grades on the whole.
        levels: Their grades, counted from the lowest, shape (n_anchors,).
        n_grades: Number of grades, K.
        covariance: Of the anchors' locations, shape (n_anchors, n_anchors); not singular.
        population: Mean and standard deviation in logits of the locations of essays such as the anchors were picked from.
        rng: Source of chance.
        used: Which anchors' grades are looked at, one row for each fit, shape (n_fits, n_anchors); all, in one fit, by
            default. Fits run side by side, and their draws follow one another.
        n_chains: Chains of each fit.

    """
    used = np.ones((1, len(theta)), dtype=np.bool_) if used is None else used
    model = _Model.of(theta, levels, n_grades, covariance, population, np.repeat(used, n_chains, axis=0).T)
    state = np.zeros((n_grades + len(theta), model.used.shape[1]))
    kept = []
    for iteration in range(N_BURN_IN + N_KEPT * N_BETWEEN):
        prior_draw = model.prior_sd * rng.standard_normal(state.shape)
        state = _slice_step(state, prior_draw, model.log_likelihood, rng)
        if iteration >= N_BURN_IN and (iteration - N_BURN_IN) % N_BETWEEN == N_BETWEEN - 1:
            kept.append(state)
    # Draws of one chain, and chains of one fit, lie side by side.
    order = np.arange(N_KEPT * state.shape[1]).reshape(N_KEPT, -1).T.ravel()
    states, steps = np.concatenate(kept, axis=1)[:, order], np.repeat(model.step, N_KEPT)
    bounds, blur, shared = model.places(states, np.repeat(np.arange(state.shape[1]), N_KEPT))
    return BoundaryDraws(bounds * steps, blur * steps, shared * steps, model.shared_covariance)


def between_anchors(boundaries: Floats, theta: Floats, levels: Ints, step: float) -> Floats:
    """Return ``boundaries`` moved, where need be, to where the anchors' own order puts them.

    A boundary that the anchors separate cleanly (all of lower grades lie below all of higher grades) is printed between
    them, at least a fiftieth of the gap (at an open end, of a step) away from either. This is why anchors in perfect order
    always get their own grades. Probabilities know nothing of it: an order may be perfect by chance.

    Args:
        boundaries: In logits, shape (n_grades - 1,), increasing.
        theta: Locations of the anchors in logits, shape (n_anchors,).
        levels: Their grades, counted from the lowest, shape (n_anchors,).
        step: Mean rise from grade to grade in logits.

    """
    n = len(boundaries)
    below = np.array([np.max(theta[levels <= k], initial=-np.inf) for k in range(n)])
    above = np.array([np.min(theta[levels > k], initial=np.inf) for k in range(n)])
    with np.errstate(invalid="ignore"):
        margin = LEAST_MARGIN * np.where(np.isfinite(above - below), above - below, step)
    # Boundaries of missing grades share one gap: their limits are staggered so that they stay apart.
    same = np.array([[below[k] == below[j] and above[k] == above[j] for j in range(n)] for k in range(n)])
    place, size = np.tril(same).sum(axis=1), same.sum(axis=1)
    is_clean = below < above
    lowest = np.where(is_clean, below + margin * place / size, -np.inf)
    highest = np.where(is_clean, above - margin * (size - place + 1) / size, np.inf)
    moved = np.clip(boundaries, lowest, highest)
    for k in range(1, n):
        if moved[k] <= moved[k - 1]:
            moved[k] = moved[k - 1] + 1e-3 * step
    return np.asarray(moved, dtype=np.float64)


@dataclass(frozen=True)
class _Model:
    """The ordinal model, in units of one step.

    A state, shape (n_grades + n_anchors, d) for d chains, is the deviation from the prior's mean of: the middle of the
    boundaries, log gaps (n_grades - 2), log blur, and the anchors' shared errors as standard normals.
    """

    theta: Floats
    levels: Ints
    n_grades: int
    used: Bools
    step: Floats
    middle: Floats
    own_variance: Floats
    shared_root: Floats
    shared_covariance: Floats
    population: tuple[float, float]

    @classmethod
    def of(
        cls,
        theta: Floats,
        levels: Ints,
        n_grades: int,
        covariance: Floats,
        population: tuple[float, float],
        used: Bools,
    ) -> "_Model":
        fits, chain_fit = np.unique(used, axis=1, return_inverse=True)
        chain_fit = chain_fit.ravel()
        steps = np.array([rise_per_grade(theta[u], levels[u], covariance[np.ix_(u, u)])[0] for u in fits.T])
        middles = np.array([theta[u].mean() for u in fits.T]) / steps
        middles -= np.array([levels[u].mean() for u in fits.T]) - (n_grades - 1) / 2
        se = np.sqrt(np.diag(covariance))
        least = float(np.linalg.eigvalsh(covariance / np.outer(se, se))[0])
        own = max(least, 0.0) / 2 * se**2
        shared = covariance - np.diag(own)
        values, vectors = np.linalg.eigh(shared)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        return cls(theta, levels, n_grades, used, steps[chain_fit], middles[chain_fit], own, root, shared, population)

    @property
    def prior_sd(self) -> Floats:
        sd = np.ones((self.n_grades + len(self.theta), 1))
        sd[0], sd[1 : self.n_grades - 1], sd[self.n_grades - 1] = MIDDLE_PRIOR_SD, GAP_PRIOR_SD, BLUR_PRIOR_SD
        return sd

    def places(self, state: Floats, chains: Ints) -> tuple[Floats, Floats, Floats]:
        """Return boundaries, blur and the anchors' shared errors, in steps.

        The vaguer grades are, the less essays of neighbouring grades differ: their mean locations are drawn towards the
        population's, by ``spread^2 / (spread^2 + blur^2)`` (regression to the mean). Grades are wider than the anchors' rise by
        the inverse of that, and their middle is farther from the population's mean.
        """
        step, (mean, sd) = self.step[chains], self.population
        blur = np.exp(BLUR_PRIOR_MEAN + state[self.n_grades - 1])
        stretch = np.minimum(1 + (LOGISTIC_AS_NORMAL * blur * step / sd) ** 2, LARGEST_STRETCH)
        gaps = np.exp(state[1 : self.n_grades - 1])
        below = np.concatenate([np.zeros((1, state.shape[1])), np.cumsum(gaps, axis=0)])
        middle = mean / step + stretch * (self.middle[chains] - mean / step + state[0])
        boundaries = middle + stretch * (below - below.mean(axis=0))
        shared = self.shared_root @ state[self.n_grades :] / step
        return boundaries, blur, shared

    def log_likelihood(self, state: Floats, chains: Ints) -> Floats:
        """Return the log probability of the used anchors' places given their grades, up to a constant, shape (d,)."""
        boundaries, blur, shared = self.places(state, chains)
        step = self.step[chains]
        # Normal error and logistic blur add up to nearly a logistic of this scale (Haley 1952).
        scale = np.sqrt(blur**2 + (self.own_variance / LOGISTIC_AS_NORMAL**2)[:, None] / step**2)
        infinite = np.full((1, state.shape[1]), np.inf)
        edges = np.concatenate([-infinite, boundaries, infinite])
        mean, sd = self.population
        of_all = np.sqrt(blur**2 + (sd / LOGISTIC_AS_NORMAL / step) ** 2)
        share = _log_mass(edges[:-1], edges[1:], mean / step, of_all)[self.levels]
        place = self.theta[:, None] / step + shared
        gain = _log_mass(edges[self.levels], edges[self.levels + 1], place, scale) - share
        return np.asarray(np.where(self.used[:, chains], gain, 0.0).sum(axis=0), dtype=np.float64)


def _log_mass(lower: Floats, upper: Floats, place: Floats, scale: Floats) -> Floats:
    """Return the log probability that a logistic variate around ``place`` lies between two edges."""
    above_upper = np.exp(np.clip((place - upper) / scale, -LARGEST_EXPONENT, LARGEST_EXPONENT))
    above_lower = np.exp(np.clip((place - lower) / scale, -LARGEST_EXPONENT, LARGEST_EXPONENT))
    mass = (above_lower - above_upper) / ((1 + above_upper) * (1 + above_lower))
    return np.asarray(np.log(np.maximum(mass, np.finfo(float).tiny)), dtype=np.float64)


def _slice_step(x: Floats, other: Floats, log_likelihood: Callable[[Floats, Ints], Floats], rng: np.random.Generator) -> Floats:
    """Move each chain (column) of ``x`` along the ellipse through ``other``, a draw from the zero-mean prior."""
    n = x.shape[1]
    moved, waiting = x.copy(), np.arange(n)
    level = log_likelihood(x, waiting) + np.log(rng.random(n))
    angle = np.asarray(2 * np.pi * rng.random(n), dtype=np.float64)
    low, high = angle - 2 * np.pi, angle
    while True:
        proposal = x[:, waiting] * np.cos(angle) + other[:, waiting] * np.sin(angle)
        outside = log_likelihood(proposal, waiting) < level[waiting]
        moved[:, waiting[~outside]] = proposal[:, ~outside]
        waiting, angle, low, high = waiting[outside], angle[outside], low[outside], high[outside]
        if not waiting.size:
            return moved
        low, high = np.where(angle < 0, angle, low), np.where(angle >= 0, angle, high)
        angle = low + (high - low) * np.asarray(rng.random(n))[waiting]
