"""A second implementation agrees: the same model as a logistic regression in statsmodels."""

import numpy as np
import pytest
import statsmodels.api as sm
from numpy.typing import NDArray

from huleedu_pipeline.scaling import fit_bradley_terry
from tests.scaling.kit import Verdicts, draw_verdicts

Floats = NDArray[np.float64]


def logistic_regression(verdicts: Verdicts, n: int, *, position_effect: bool) -> tuple[Floats, Floats, float, float]:
    """Return centred locations, their standard errors, delta and its standard error, by maximum likelihood."""
    rows = np.arange(len(verdicts.first))
    design = np.zeros((len(rows), n + 1))
    design[rows, verdicts.first] += 1
    design[rows, verdicts.second] -= 1
    design[:, n] = 1
    kept = np.arange(1, n + 1 if position_effect else n)  # item 0 is the reference
    family = sm.families.Binomial()
    result = sm.GLM(verdicts.first_won.astype(float), design[:, kept], family=family).fit(tol=1e-14, maxiter=200)
    values, covariance = np.zeros(n + 1), np.zeros((n + 1, n + 1))
    values[kept], covariance[np.ix_(kept, kept)] = result.params, result.cov_params()
    centring = np.eye(n) - 1 / n
    se = np.sqrt(np.diag(centring @ covariance[:n, :n] @ centring))
    return centring @ values[:n], se, values[n], float(np.sqrt(covariance[n, n]))


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("position_effect", [True, False])
def test_with_a_flat_prior_both_find_the_same(seed: int, position_effect: bool) -> None:
    n = 15
    verdicts = draw_verdicts(n, 105, 0.8, delta=0.4, repeats=3, seed=seed)
    theta, se, delta, delta_se = logistic_regression(verdicts, n, position_effect=position_effect)
    fit = fit_bradley_terry(verdicts.first, verdicts.second, verdicts.first_won, prior_sd=1e6, position_effect=position_effect)
    assert fit.theta == pytest.approx(theta, abs=1e-7)
    assert fit.se == pytest.approx(se, rel=1e-6)
    if position_effect:
        assert fit.position_effect == pytest.approx(delta, abs=1e-7)
        assert fit.position_effect_se == pytest.approx(delta_se, rel=1e-6)
    else:
        assert (fit.position_effect, fit.position_effect_se) == (0.0, None)


@pytest.mark.parametrize("sigma", [0.3, 1.0, 3.0])
def test_the_fit_is_the_top_of_likelihood_times_prior_and_the_covariance_its_curvature(sigma: float) -> None:
    n, verdicts = 10, draw_verdicts(10, 45, 1.0, seed=5)
    fit = fit_bradley_terry(verdicts.first, verdicts.second, verdicts.first_won, prior_sd=sigma, position_effect=False)

    def log_posterior(theta: Floats) -> float:
        margin = theta[verdicts.first] - theta[verdicts.second]
        return float(-np.logaddexp(0, np.where(verdicts.first_won, -margin, margin)).sum() - theta @ theta / (2 * sigma**2))

    rng, best = np.random.default_rng(1), log_posterior(fit.theta)
    for _ in range(50):
        direction = rng.standard_normal(n)
        assert log_posterior(fit.theta + 1e-4 * direction / np.linalg.norm(direction)) < best

    def at(shift: Floats) -> float:
        return log_posterior(fit.theta + shift)

    h, unit = 1e-3, np.eye(n)
    curvature = [
        [-(at(h * (a + b)) - at(h * (a - b)) - at(h * (b - a)) + at(-h * (a + b))) / (4 * h * h) for b in unit] for a in unit
    ]
    centring = np.eye(n) - 1 / n
    assert centring @ np.linalg.inv(curvature) @ centring == pytest.approx(fit.covariance(), abs=1e-4 * sigma**2)
