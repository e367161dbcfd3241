"""Simulation: what verdicts were drawn from is found again, with errors of the size that is claimed."""

import numpy as np
import pytest

from huleedu_pipeline.scaling import fit_bradley_terry, reliability
from tests.scaling.kit import draw_verdicts


def test_intervals_hold_what_they_promise() -> None:
    n, hits, z_delta = 30, [], []
    for seed in range(40):
        verdicts = draw_verdicts(n, 300, 1.0, delta=0.3, seed=seed)
        fit = fit_bradley_terry(verdicts.first, verdicts.second, verdicts.first_won, prior_sd=1.0)
        hits.append(np.abs(fit.theta - verdicts.theta) < 1.96 * fit.se)
        assert fit.position_effect_se is not None
        z_delta.append((fit.position_effect - 0.3) / fit.position_effect_se)
    assert 0.92 < np.mean(hits) < 0.97
    assert abs(np.mean(z_delta)) < 0.6
    assert 0.6 < np.std(z_delta) < 1.4


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0])
def test_the_spread_of_the_essays_is_found(sigma: float) -> None:
    ratios = []
    for seed in range(12):
        verdicts = draw_verdicts(40, 780, sigma, delta=0.3, repeats=4, seed=seed)
        fit = fit_bradley_terry(verdicts.first, verdicts.second, verdicts.first_won)
        ratios.append(fit.prior_sd / verdicts.theta.std(ddof=1))
    assert np.mean(ratios) == pytest.approx(1, abs=0.05)
    assert np.abs(np.array(ratios) - 1).max() < 0.3


@pytest.mark.parametrize("delta", [-0.5, 0.0, 0.5])
def test_the_position_effect_is_found_and_does_not_move_the_essays(delta: float) -> None:
    verdicts = draw_verdicts(30, 435, 1.0, delta=delta, repeats=4)
    fit = fit_bradley_terry(verdicts.first, verdicts.second, verdicts.first_won)
    assert fit.position_effect_se is not None
    assert abs(fit.position_effect - delta) < 3 * fit.position_effect_se
    assert np.abs((fit.theta - verdicts.theta) / fit.se).max() < 4


def test_coin_tosses_have_no_reliability() -> None:
    marginal, separation = [], []
    for seed in range(40):
        verdicts = draw_verdicts(30, 300, 0.0, seed=seed)
        quality = reliability(fit_bradley_terry(verdicts.first, verdicts.second, verdicts.first_won))
        marginal.append(quality.marginal)
        assert quality.separation is not None
        separation.append(quality.separation)
    assert np.mean(marginal) <= 0.2
    assert np.median(marginal) <= 0.2
    assert max(marginal) < 0.6
    assert abs(np.median(separation)) < 0.2


def test_clear_verdicts_are_reliable_by_both_figures() -> None:
    verdicts = draw_verdicts(30, 435, 2.0, repeats=2)
    quality = reliability(fit_bradley_terry(verdicts.first, verdicts.second, verdicts.first_won))
    assert quality.marginal > 0.9
    assert quality.separation is not None
    assert quality.separation > 0.85


def test_marginal_reliability_is_the_squared_correlation_with_the_truth() -> None:
    claimed, found = [], []
    for seed in range(25):
        verdicts = draw_verdicts(40, 400, 1.0, seed=seed)
        fit = fit_bradley_terry(verdicts.first, verdicts.second, verdicts.first_won)
        claimed.append(reliability(fit).marginal)
        found.append(np.corrcoef(fit.theta, verdicts.theta)[0, 1] ** 2)
    assert np.mean(claimed) == pytest.approx(np.mean(found), abs=0.06)
