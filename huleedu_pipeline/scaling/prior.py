"""How far the items spread: the empirical-Bayes estimate of the prior's standard deviation sigma.

It is the mode of the Laplace marginal likelihood of sigma times a weak Gamma prior (after Chung, Rabe-Hesketh, Dorie, Gelman
& Liu 2013), which keeps sigma off 0: without it, small or noisy batches get sigma = 0, and with that the claim that all
essays are known to be equal. Where the verdicts say nothing, sigma is the prior's mode, 1.5 logits. (The EM update that needs
no determinant is biased low for binary verdicts.)
"""

import numpy as np
from scipy.optimize import brentq, minimize_scalar

from huleedu_pipeline.scaling.comparisons import Floats
from huleedu_pipeline.scaling.model import Model, Optimum

SHAPE, RATE = 1.5, 1 / 3
LEAST_SD, LARGEST_SD = 0.01, 100.0
# Up to so many locations the marginal likelihood is computed with its determinant, above its slope is estimated with draws:
# enough of them that the sums over all locations are known to about half a per cent.
LARGEST_DETERMINANT, LOCATIONS_DRAWN, FEWEST_DRAWS = 400, 40_000, 2
STEP, SOLVE_TOLERANCE = 0.5, 1e-6


def estimate_prior_sd(model: Model, *, shape: float = SHAPE, rate: float = RATE) -> float:
    """Return sigma in logits, between LEAST_SD and LARGEST_SD; shape 1 and rate 0 leave the Gamma prior out."""
    if model.n_free <= LARGEST_DETERMINANT:
        return _by_determinant(model, shape, rate)
    return _by_draws(model, shape, rate)


def log_marginal(model: Model, optimum: Optimum) -> float:
    """Return the Laplace approximation of the log marginal likelihood of sigma, up to a constant."""
    information = model.information(optimum)
    log_posterior = model.log_likelihood(optimum.beta) + model.log_prior(optimum)
    # Along a shift of a component the posterior is the prior, and the two cancel.
    return log_posterior - information.log_determinant / 2 + information.n_shifts * float(np.log(optimum.prior_sd))


def _by_determinant(model: Model, shape: float, rate: float) -> float:
    beta: Floats | None = None

    def cost(log_sigma: float) -> float:
        nonlocal beta
        optimum = model.maximise(float(np.exp(log_sigma)), beta)
        beta = optimum.beta
        return -(log_marginal(model, optimum) + (shape - 1) * log_sigma - rate * optimum.prior_sd)

    bounds = (float(np.log(LEAST_SD)), float(np.log(LARGEST_SD)))
    return float(np.exp(minimize_scalar(cost, bounds=bounds, method="bounded", options={"xatol": 1e-7}).x))


def _by_draws(model: Model, shape: float, rate: float) -> float:
    """Find where the slope of the log marginal likelihood is 0.

    With lambda = 1 / sigma^2, u the deviations of the locations from their prior's mean, H the information and C its
    inverse, the slope in lambda is ``(n / lambda - |u|^2 - E|u'|^2 - (d log|H| / d beta) (d beta / d lambda)) / 2``, where u'
    are the deviations of a draw from N(0, C), got as C times a draw from N(0, H). The same draws give each comparison's
    leverage, and with it the last term. The noise is the same for every sigma, so the slope is smooth and the result repeats.
    """
    m, beta = len(model.comparisons.first), model.maximise(1.0).beta
    n = len(model.deviation(beta))
    seeds = np.random.default_rng(0).integers(0, 2**63, max(FEWEST_DRAWS, LOCATIONS_DRAWN // n))

    def slope(log_sigma: float) -> float:
        nonlocal beta
        sigma = float(np.exp(log_sigma))
        optimum = model.maximise(sigma, beta)
        beta = optimum.beta
        second, third = model.curvature(optimum)
        root, other_root = np.sqrt(second), np.sqrt(model.other_precision(sigma))
        scores = np.empty((len(beta), len(seeds) + 1))
        for k, seed in enumerate(seeds):
            rng = np.random.default_rng(seed)
            from_verdicts = model.collect(optimum, root * rng.standard_normal(m))
            scores[:, k] = from_verdicts + model.spread(rng.standard_normal(n) / sigma)
            scores[:, k] += other_root * rng.standard_normal(len(beta))
        deviation = model.deviation(beta)
        scores[:, -1] = model.spread(deviation)
        information = model.information(optimum)
        solved = information.solve(scores, SOLVE_TOLERANCE, largest_exact=LARGEST_DETERMINANT)
        trace, leverage = 0.0, np.zeros(m)
        for k in range(len(seeds)):
            trace += float((model.deviation(solved[:, k]) ** 2).sum()) / len(seeds)
            leverage += model.project(optimum, solved[:, k]) ** 2 / len(seeds)
        bend = float((third * leverage) @ model.project(optimum, solved[:, -1]))
        in_lambda = ((n - information.n_shifts) * sigma**2 - float(deviation @ deviation) - trace + bend) / 2
        return -2 * in_lambda / sigma**2 + (shape - 1) - rate * sigma

    low = high = 0.0
    at_low = at_high = slope(0.0)
    while at_high > 0 and high < np.log(LARGEST_SD):
        low, at_low, high = high, at_high, high + STEP
        at_high = slope(high)
    while at_low < 0 and low > np.log(LEAST_SD):
        high, at_high, low = low, at_low, low - STEP
        at_low = slope(low)
    if at_low < 0 or at_high > 0:  # the slope has one sign between the bounds
        return LEAST_SD if at_low < 0 else LARGEST_SD
    return float(np.exp(brentq(slope, low, high, xtol=1e-3))) if low < high else float(np.exp(low))
