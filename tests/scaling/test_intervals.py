"""Credible intervals against exact posteriors, invariances, and essays whose truth is known."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import log_expit

from huleedu_pipeline.scaling import credible_intervals, fit_bradley_terry
from tests.scaling.kit import draw_verdicts

Floats = NDArray[np.float64]


def exact_posterior(first: Any, second: Any, won: Any, sigma: float) -> tuple[Floats, Floats]:
    """Return mean and SD of three centred locations by summing over a grid, without a position effect."""
    # An orthonormal basis of the contrasts: under the prior its coordinates are independent, N(0, sigma^2).
    basis = np.array([[1, -1, 0], [1, 1, -2]]) / np.sqrt([[2], [6]])
    axis = np.linspace(-9 * sigma, 9 * sigma, 801)
    grid = np.stack(np.meshgrid(axis, axis), axis=-1).reshape(-1, 2)
    theta = grid @ basis
    log_density = -(grid**2).sum(axis=1) / (2 * sigma**2)
    for i, j, y in zip(first, second, won, strict=True):
        margin = theta[:, i] - theta[:, j]
        log_density += y * log_expit(margin) + (1 - y) * log_expit(-margin)
    weight = np.exp(log_density - log_density.max())
    weight /= weight.sum()
    mean = weight @ theta
    return mean, np.sqrt(weight @ (theta - mean) ** 2)


@pytest.mark.parametrize(
    ("won", "sigma"),
    [
        ([1] * 12, 1.0),  # a perfect order
        ([1, 1, 1, 1, 0, 1, 1, 1, 0, 1, 1, 1], 2.0),
        ([1, 1, 0, 1, 1, 0, 1, 1, 0, 1, 1, 0], 1.5),
    ],
)
def test_mean_and_sd_come_close_to_the_exact_posterior(won: list[int], sigma: float) -> None:
    first, second = [0, 0, 1] * 4, [1, 2, 2] * 4
    mean, sd = exact_posterior(first, second, won, sigma)
    fit = fit_bradley_terry(first, second, won, prior_sd=sigma, position_effect=False)
    found = credible_intervals(fit)
    assert np.abs(found.mean - mean).max() < 0.35 * max(np.abs(fit.theta - mean).max(), 0.05)
    assert np.abs(found.sd / sd - 1).max() < 0.05
    assert np.abs(found.sd / sd - 1).max() < max(np.abs(fit.se / sd - 1).max(), 0.02)


def test_ninety_five_of_a_hundred_intervals_hold_the_truth() -> None:
    corrected, plain = [], []
    for seed in range(20):
        verdicts = draw_verdicts(60, 600, 2.0, seed=seed, delta=0.3)
        fit = fit_bradley_terry(verdicts.first, verdicts.second, verdicts.first_won)
        found = credible_intervals(fit)
        corrected.append(np.mean((found.lower <= verdicts.theta) & (verdicts.theta <= found.upper)))
        plain.append(np.mean(np.abs(fit.theta - verdicts.theta) <= 1.96 * fit.se))
    assert 0.93 <= np.mean(corrected) <= 0.97
    assert np.mean(plain) < np.mean(corrected)


def test_even_verdicts_move_nothing() -> None:
    first, second = np.triu_indices(6, 1)
    first, second = np.r_[first, first], np.r_[second, second]
    fit = fit_bradley_terry(first, second, np.repeat([1, 0], 15), prior_sd=1.0, position_effect=False)
    assert credible_intervals(fit).mean == pytest.approx(np.zeros(6), abs=1e-9)


def test_means_stay_centred_and_turning_all_verdicts_turns_the_intervals() -> None:
    verdicts = draw_verdicts(15, 60, 2.0)
    one, other = (
        credible_intervals(fit_bradley_terry(verdicts.first, verdicts.second, won, position_effect=False, prior_sd=2.0))
        for won in (verdicts.first_won, ~verdicts.first_won)
    )
    assert one.mean.sum() == pytest.approx(0, abs=1e-9)
    assert one.is_corrected
    assert other.lower == pytest.approx(-one.upper, abs=1e-6)


def test_a_weight_is_a_repetition_and_a_judge_alone_changes_nothing() -> None:
    verdicts = draw_verdicts(12, 60, 1.5)
    first, second, won = verdicts.first, verdicts.second, verdicts.first_won
    weighed = credible_intervals(fit_bradley_terry(first, second, won, weight=np.full(60, 2.0), prior_sd=1.5))
    twice = credible_intervals(fit_bradley_terry(np.tile(first, 2), np.tile(second, 2), np.tile(won, 2), prior_sd=1.5))
    judged = credible_intervals(
        fit_bradley_terry(first, second, won, weight=np.full(60, 2.0), judge=np.zeros(60, dtype=int), prior_sd=1.5)
    )
    for other in (twice, judged):
        assert other.mean == pytest.approx(weighed.mean, abs=1e-6)
        assert other.sd == pytest.approx(weighed.sd, abs=1e-6)


def test_a_higher_level_is_wider_and_a_level_is_a_probability() -> None:
    fit = fit_bradley_terry([0, 1, 2], [1, 2, 0], [1, 1, 1])
    narrow, wide = (credible_intervals(fit, level=level) for level in (0.5, 0.99))
    assert (wide.upper - wide.lower > 3 * (narrow.upper - narrow.lower)).all()
    with pytest.raises(ValueError, match="level must lie between 0 and 1, not 95"):
        credible_intervals(fit, level=95)


def test_a_spread_that_was_estimated_adds_its_own_uncertainty() -> None:
    verdicts = draw_verdicts(12, 60, 0.7, seed=2)
    first, second, won = verdicts.first, verdicts.second, verdicts.first_won
    estimated = fit_bradley_terry(first, second, won)
    given = fit_bradley_terry(first, second, won, prior_sd=estimated.prior_sd)
    assert (credible_intervals(estimated).sd > 1.02 * credible_intervals(given).sd).mean() > 0.8
