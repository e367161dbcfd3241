"""Credible intervals of the locations that hold what they promise, also with few comparisons and for essays at the ends.

``theta +- 1.96 se`` takes the posterior for a normal distribution around its mode. It is skewed, away from the middle, and a
little wider: with 20 comparisons an essay and a wide spread, 90 and not 95 of 100 such intervals hold the truth. Here mean
and variance of the posterior are corrected to the next order. Not here: the mode and the curvature (:mod:`.bradley_terry`).
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.special import ndtri

from huleedu_pipeline.scaling.bradley_terry import BradleyTerryFit
from huleedu_pipeline.scaling.comparisons import Floats
from huleedu_pipeline.scaling.information import LARGEST_EXACT
from huleedu_pipeline.scaling.prior import LARGEST_DETERMINANT, RATE, SHAPE, log_marginal
from huleedu_pipeline.scaling.verdict_law import VerdictLaw

# The series is cut after its first term; where that term is this large the cut is too early to be trusted with more.
LARGEST_WIDENING = 2.0
# Posterior of log sigma: places in units of its width, which is told by the curvature at the estimate and kept in bounds.
GRID, STEP_OF_CURVATURE, WIDTHS = np.linspace(-3, 3, 9), 0.2, (0.02, 0.6)


@dataclass(frozen=True)
class CredibleIntervals:
    """Result of :func:`credible_intervals`, in logits; all of shape (n,).

    Attributes:
        mean: Posterior means.
        sd: Posterior standard deviations.
        lower: Lower ends.
        upper: Upper ends.
        is_corrected: Whether the correction was made; above 3 000 items mode and curvature are taken as they are.

    """

    mean: Floats
    sd: Floats
    lower: Floats
    upper: Floats
    is_corrected: bool


def credible_intervals(fit: BradleyTerryFit, *, level: float = 0.95) -> CredibleIntervals:
    """Return intervals of the locations, with the posterior's mean and variance to second order.

    For each pair of items that was compared, let K be the variance of their difference, g3 and g4 the third and fourth
    derivatives of the log-likelihood by it, and Z the matrix of differences; C is the covariance of the locations. The mean
    moves by ``s = C Z' (g3 K) / 2``, and the covariance becomes ``C + C Z' diag(g4 K / 2 + g3 Z s + (g3 K)^2 / 2) Z C``: the
    next term of the Laplace approximation (Tierney & Kadane 1986; Rue, Martino & Chopin 2009). Its loops between two
    different pairs are left out, which are smaller. If sigma was estimated, up to 400 items mean and variance are those over
    its posterior, on a grid, as Rue, Martino & Chopin do; the effects are taken as known.

    Args:
        fit: Result of :func:`.fit_bradley_terry`.
        level: Posterior probability of each interval, 0..1.

    Raises:
        ValueError: a level outside 0..1.

    """
    if not 0 < level < 1:
        raise ValueError(f"level must lie between 0 and 1, not {level}")
    is_corrected = len(fit.theta) <= LARGEST_EXACT
    mean, sd = _over_prior_sd(fit) if is_corrected else (fit.theta, fit.se)
    half = float(ndtri((1 + level) / 2)) * sd
    return CredibleIntervals(mean, sd, mean - half, mean + half, is_corrected)


def _over_prior_sd(fit: BradleyTerryFit) -> tuple[Floats, Floats]:
    """Return mean and SD over the posterior of sigma, where it was estimated and its uncertainty can matter."""
    if fit.options.prior_sd != "estimate" or len(fit.theta) > LARGEST_DETERMINANT:
        return _corrected(fit)

    def at(log_sigma: float) -> tuple[BradleyTerryFit, float]:
        sigma = float(np.exp(log_sigma))
        one = fit.refit(prior_sd=sigma)
        # The Gamma prior of sigma, as a density of log sigma.
        return one, log_marginal(one._model, one._optimum) + SHAPE * log_sigma - RATE * sigma

    centre = float(np.log(fit.prior_sd))
    below, here, above = (at(centre + step)[1] for step in (-STEP_OF_CURVATURE, 0.0, STEP_OF_CURVATURE))
    curvature = (2 * here - below - above) / STEP_OF_CURVATURE**2
    width = float(np.clip(1 / np.sqrt(max(curvature, 1e-9)), *WIDTHS))
    fits, densities = zip(*(at(centre + z * width) for z in GRID), strict=True)
    weight = np.exp(np.array(densities) - max(densities))
    weight /= weight.sum()
    means, sds = (np.array(values) for values in zip(*(_corrected(one) for one in fits), strict=True))
    mean = weight @ means
    return mean, np.sqrt(weight @ (sds**2 + (means - mean) ** 2))


def _corrected(fit: BradleyTerryFit) -> tuple[Floats, Floats]:
    data, covariance, n = fit.comparisons, fit.covariance(), len(fit.theta)
    d = 1.0 if data.judge is None else fit.judge_discrimination[data.judge]
    weight = 1.0 if data.weight is None else data.weight
    law = VerdictLaw.of(fit)
    second, third, fourth = (law.central_moment(order) for order in (2, 3, 4))
    low, high = np.minimum(data.first, data.second), np.maximum(data.first, data.second)
    codes, pair = np.unique(low * n + high, return_inverse=True)
    i, j = codes // n, codes % n
    g3 = np.bincount(pair, -weight * d**3 * third * np.where(data.first == low, 1.0, -1.0))
    g4 = np.bincount(pair, -weight * d**4 * (fourth - 3 * second**2))
    variance = np.diag(covariance)
    k = variance[i] + variance[j] - 2 * covariance[i, j]
    pull = g3 * k / 2
    shift = covariance @ (np.bincount(i, pull, n) - np.bincount(j, pull, n))
    bend = g4 * k / 2 + g3 * (shift[i] - shift[j]) + (g3 * k) ** 2 / 2
    rows, columns = np.concatenate([i, j, i, j]), np.concatenate([i, j, j, i])
    laplacian = csr_array((np.concatenate([bend, bend, -bend, -bend]), (rows, columns)), shape=(n, n))
    widened = variance + np.einsum("ij,ij->i", (laplacian @ covariance).T, covariance)
    return fit.theta + shift, np.sqrt(np.clip(widened, variance / LARGEST_WIDENING, variance * LARGEST_WIDENING))
