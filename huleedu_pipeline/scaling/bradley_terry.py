"""Bradley-Terry scaling with a position effect: from verdicts to locations theta and their uncertainty.

The model is ``logit P(the first essay wins) = theta_first - theta_second + delta`` with ``theta ~ N(0, sigma^2)``
(Bradley & Terry 1952; normal priors, a wide one for delta, make the estimate finite whatever the data). Estimation is
Newton's method on the penalised log-likelihood, to an exact optimum whose gradient norm is part of the result. Not here:
reliability (:mod:`.reliability`), grades, or any knowledge of where verdicts come from.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.optimize import minimize_scalar
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from scipy.special import expit, log_expit

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GRADIENT_TOLERANCE = 1e-9
PRIOR_SD_SHAPE, PRIOR_SD_RATE = 1.5, 1 / 3
LEAST_PRIOR_SD, LARGEST_PRIOR_SD = 0.01, 100.0
POSITION_PRIOR_SD = 2.0
ROUNDING = 1e-14


class ScalingError(ValueError):
    """Verdicts that can not be scaled; the message says why."""


@dataclass(frozen=True)
class BradleyTerryFit:
    """Result of :func:`fit_bradley_terry` for ``n`` items; all locations are in logits and sum to zero.

    Attributes:
        theta: Locations, shape (n,).
        prior_sd: Standard deviation sigma of the locations' prior, estimated or as given.
        position_effect: delta, in logits; positive favours the essay shown first; 0 when not in the model.
        position_effect_se: Its standard error; ``None`` when not in the model.
        log_likelihood: Of the verdicts at the optimum, without the prior.
        gradient_norm: Largest absolute component of the penalised gradient at the optimum.
        components: Connected component of each item in the comparison graph, shape (n,), numbered from 0.
        separated_items: Items that won or lost all their comparisons; their location rests on the prior.
        n_comparisons: Comparisons of each item, shape (n,).
        n_wins: Comparisons that each item won, shape (n,); a tie is no win for either.
        precision: Posterior precision (negative Hessian) of (theta, delta), shape (n + 1, n + 1) or (n, n).

    """

    theta: Floats
    prior_sd: float
    position_effect: float
    position_effect_se: float | None
    log_likelihood: float
    gradient_norm: float
    components: Ints
    separated_items: Ints
    n_comparisons: Ints
    n_wins: Ints
    precision: Floats

    @cached_property
    def _covariance(self) -> Floats:
        n = len(self.theta)
        return _centred(_inverse(self.precision, n)[:n, :n])

    def covariance(self) -> Floats:
        """Return the posterior covariance of theta under sum(theta) = 0, shape (n, n)."""
        return self._covariance.copy()

    @property
    def se(self) -> Floats:
        """Standard errors of theta, in logits, shape (n,): no item is a reference, none is capped."""
        return np.asarray(np.sqrt(np.diag(self._covariance)), dtype=np.float64)

    def se_difference(self, i: int, j: int) -> float:
        """Return the standard error of ``theta[i] - theta[j]`` in logits."""
        c = self._covariance
        return float(np.sqrt(max(c[i, i] + c[j, j] - 2 * c[i, j], 0.0)))


def fit_bradley_terry(
    first: ArrayLike,
    second: ArrayLike,
    first_won: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    prior_sd: float | Literal["estimate"] = "estimate",
    position_effect: bool = True,
    n_items: int | None = None,
) -> BradleyTerryFit:
    """Scale paired comparisons.

    Args:
        first: Index of the item shown first in each comparison, integers from 0, shape (m,).
        second: Index of the other item, shape (m,).
        first_won: Whether the first item won, shape (m,).
        weight: Weight of each comparison, shape (m,); all 1 by default.
        prior_sd: sigma in logits, from 1e-6 to 1e6, or ``"estimate"`` for its empirical-Bayes estimate
            (Laplace marginal likelihood with a weak prior, which keeps it off 0).
        position_effect: Whether delta is in the model.
        n_items: Number of items; one more than the largest index by default.

    Raises:
        ScalingError: no comparisons, an item compared with itself, shapes that differ, values out of range, or a prior so
            wide that it leaves locations open which the verdicts leave open too.

    """
    data = _Data.checked(first, second, first_won, weight, n_items, position_effect)
    sigma = _estimate_prior_sd(data) if prior_sd == "estimate" else float(prior_sd)
    if not 1e-6 <= sigma <= 1e6:
        raise ScalingError(f"prior_sd must lie in 1e-6..1e6 logits, not {prior_sd}")
    return _result(data, sigma, _newton(data, sigma, np.zeros(data.n_parameters)))


@dataclass(frozen=True)
class _Data:
    first: Ints
    second: Ints
    won: Floats
    weight: Floats
    n: int
    has_position: bool

    @classmethod
    def checked(
        cls,
        first: ArrayLike,
        second: ArrayLike,
        first_won: ArrayLike,
        weight: ArrayLike | None,
        n_items: int | None,
        has_position: bool,
    ) -> "_Data":
        i, j = _indices(first), _indices(second)
        y = np.asarray(first_won, dtype=np.float64)
        w = np.ones(i.shape) if weight is None else np.asarray(weight, dtype=np.float64)
        if not (i.ndim == 1 and i.shape == j.shape == y.shape == w.shape):
            raise ScalingError(
                f"first, second, first_won and weight differ in shape: {i.shape}, {j.shape}, {y.shape}, {w.shape}"
            )
        if not (np.all((y >= 0) & (y <= 1)) and np.all((w >= 0) & np.isfinite(w))):
            raise ScalingError("first_won must lie in 0..1, and weights must be finite and not negative")
        if not w.any():
            raise ScalingError("there are no comparisons to scale")
        n = int(max(i.max(), j.max())) + 1 if n_items is None else n_items
        if min(i.min(), j.min()) < 0 or max(i.max(), j.max()) >= n:
            raise ScalingError(f"item indices must lie in 0..{n - 1}")
        if np.any(i == j):
            raise ScalingError(f"item {int(i[i == j][0])} is compared with itself")
        return cls(i, j, y, w, n, has_position)

    @property
    def n_parameters(self) -> int:
        return self.n + int(self.has_position)

    def prior_sd(self, sigma: float) -> Floats:
        """Return the prior standard deviation of each parameter; delta's is wide, and goes with sigma when that is wider."""
        sd = np.full(self.n_parameters, sigma)
        if self.has_position:
            sd[self.n] = max(POSITION_PRIOR_SD, sigma)
        return sd

    def margin(self, beta: Floats) -> Floats:
        delta = beta[self.n] if self.has_position else 0.0
        return np.asarray(beta[self.first] - beta[self.second] + delta, dtype=np.float64)

    def log_likelihood(self, beta: Floats) -> float:
        z = self.margin(beta)
        return float(np.sum(self.weight * (self.won * log_expit(z) + (1 - self.won) * log_expit(-z))))

    def objective(self, beta: Floats, sigma: float) -> float:
        scaled = beta / self.prior_sd(sigma)
        return self.log_likelihood(beta) - float(scaled @ scaled) / 2

    def gradient(self, beta: Floats, sigma: float) -> Floats:
        residual = self.weight * (self.won - expit(self.margin(beta)))
        gradient = np.bincount(self.first, residual, self.n) - np.bincount(self.second, residual, self.n)
        if self.has_position:
            gradient = np.append(gradient, residual.sum())
        return np.asarray(gradient - beta / self.prior_sd(sigma) ** 2, dtype=np.float64)

    def precision(self, beta: Floats, sigma: float) -> Floats:
        p = expit(self.margin(beta))
        v = self.weight * p * (1 - p)
        n, size = self.n, self.n_parameters
        hessian = np.zeros((size, size))
        np.add.at(hessian, (self.first, self.second), -v)
        np.add.at(hessian, (self.second, self.first), -v)
        hessian[np.arange(n), np.arange(n)] = np.bincount(self.first, v, n) + np.bincount(self.second, v, n)
        if self.has_position:
            cross = np.bincount(self.first, v, n) - np.bincount(self.second, v, n)
            hessian[:n, n] = hessian[n, :n] = cross
            hessian[n, n] = v.sum()
        hessian[np.diag_indices(size)] += 1 / self.prior_sd(sigma) ** 2
        return hessian


def _newton(data: _Data, sigma: float, beta: Floats) -> Floats:
    """Return the optimum; the objective is strictly concave, and halving the step makes every iteration an ascent."""
    # Sums over many comparisons are rounded: neither a gradient nor an ascent below that can be asked for.
    tolerance = max(GRADIENT_TOLERANCE, ROUNDING * float(data.weight.sum()))
    for _ in range(200):
        gradient = data.gradient(beta, sigma)
        if np.max(np.abs(gradient)) <= tolerance:
            return beta
        step = cho_solve(_factor(data.precision(beta, sigma), data.n), gradient)
        value, length = data.objective(beta, sigma), 1.0
        value -= ROUNDING * abs(value)
        while data.objective(beta + length * step, sigma) < value and length > 1e-6:
            length /= 2
        beta = beta + length * step
    raise ScalingError(f"no convergence: gradient norm {np.max(np.abs(data.gradient(beta, sigma))):.1e} after 200 iterations")


def _estimate_prior_sd(data: _Data) -> float:
    """Return the empirical-Bayes sigma: the mode of its Laplace marginal likelihood times a weak Gamma prior.

    The EM update that needs no determinant is biased low for binary verdicts. The prior (after Chung, Rabe-Hesketh, Dorie,
    Gelman & Liu 2013) keeps sigma off 0: without it, small or noisy batches get sigma = 0, and with that the claim that all
    essays are known to be equal. Where the verdicts say nothing, sigma is the prior's mode, 1.5 logits.
    """
    beta = np.zeros(data.n_parameters)

    def cost(log_sigma: float) -> float:
        nonlocal beta
        sigma = float(np.exp(log_sigma))
        beta = _newton(data, sigma, beta)
        factor, _ = cho_factor(data.precision(beta, sigma))
        half_log_determinant = float(np.log(np.diag(factor)).sum())
        prior_scales = float(np.log(data.prior_sd(sigma)).sum())
        log_prior = (PRIOR_SD_SHAPE - 1) * log_sigma - PRIOR_SD_RATE * sigma
        return -(data.objective(beta, sigma) - prior_scales - half_log_determinant + log_prior)

    bounds = (float(np.log(LEAST_PRIOR_SD)), float(np.log(LARGEST_PRIOR_SD)))
    return float(np.exp(minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-7}).x))


def _result(data: _Data, sigma: float, beta: Floats) -> BradleyTerryFit:
    n = data.n
    precision = data.precision(beta, sigma)
    used = data.weight > 0
    first, second, won = data.first[used], data.second[used], data.won[used]
    n_comparisons = np.bincount(first, minlength=n) + np.bincount(second, minlength=n)
    wins = np.bincount(first, won, n) + np.bincount(second, 1 - won, n)
    graph = coo_matrix((np.ones(len(first)), (first, second)), shape=(n, n))
    separated = (n_comparisons > 0) & ((wins == 0) | (wins == n_comparisons))
    n_wins = np.bincount(first, won > 0.5, n) + np.bincount(second, won < 0.5, n)  # a tie is in nobody's favour
    return BradleyTerryFit(
        theta=beta[:n] - beta[:n].mean(),
        prior_sd=sigma,
        position_effect=float(beta[n]) if data.has_position else 0.0,
        position_effect_se=float(np.sqrt(_inverse(precision, n)[n, n])) if data.has_position else None,
        log_likelihood=data.log_likelihood(beta),
        gradient_norm=float(np.max(np.abs(data.gradient(beta, sigma)))),
        components=connected_components(graph, directed=False)[1].astype(np.int64),
        separated_items=np.flatnonzero(separated),
        n_comparisons=n_comparisons,
        n_wins=n_wins.astype(np.int64),
        precision=precision,
    )


def _centred(covariance: Floats) -> Floats:
    rows = covariance - covariance.mean(axis=0, keepdims=True)
    return np.asarray(rows - rows.mean(axis=1, keepdims=True), dtype=np.float64)


def _factor(precision: Floats, n: int) -> tuple[Floats, bool]:
    """Return the Cholesky factor of a precision matrix whose first ``n`` parameters are the locations.

    The verdicts say nothing about a shift of all locations, which is what makes a wide prior's matrix nearly singular.
    Stiffening that one direction, an eigenvector of the matrix, leaves every contrast between locations as it is.
    """
    stiff = precision.copy()
    stiff[:n, :n] += np.max(np.diag(precision)) / n
    try:
        factor, is_lower = cho_factor(stiff)
    except np.linalg.LinAlgError:
        raise ScalingError("verdicts and prior together leave locations open (use a narrower prior_sd)") from None
    return np.asarray(factor, dtype=np.float64), bool(is_lower)


def _inverse(precision: Floats, n: int) -> Floats:
    return np.asarray(cho_solve(_factor(precision, n), np.eye(len(precision))), dtype=np.float64)


def _indices(values: ArrayLike) -> Ints:
    array = np.asarray(values)
    if array.size and not np.issubdtype(array.dtype, np.integer):
        raise ScalingError(f"item indices must be integers, not {array.dtype}")
    return array.astype(np.int64)
