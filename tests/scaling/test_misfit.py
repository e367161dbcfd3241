"""Infit and outfit: by hand, against chance, and on essays and judges that were spoilt on purpose."""

from typing import Any

import numpy as np
import pytest

from huleedu_pipeline.scaling import BradleyTerryFit, ScalingError, fit_bradley_terry, misfit
from huleedu_pipeline.simulation import SimulatedJudge, simulate_verdicts
from tests.scaling.kit import Verdicts, draw_verdicts


def scaled(verdicts: Verdicts, **options: Any) -> BradleyTerryFit:
    return fit_bradley_terry(verdicts.first, verdicts.second, verdicts.first_won, n_items=len(verdicts.theta), **options)


def test_mean_squares_are_those_of_the_definition() -> None:
    verdicts = draw_verdicts(12, 50, 1.5, delta=0.4)
    weight = np.linspace(0.5, 2, 50)
    judge = np.arange(50) % 3
    fit = scaled(verdicts, weight=weight)
    p = fit.probability
    v, squared = p * (1 - p), (verdicts.first_won - p) ** 2
    found = misfit(fit, judge=judge, n_replications=20)
    for i in range(12):
        rows = (verdicts.first == i) | (verdicts.second == i)
        assert found.essays.infit[i] == pytest.approx((weight * squared)[rows].sum() / (weight * v)[rows].sum())
        assert found.essays.outfit[i] == pytest.approx((weight * squared / v)[rows].sum() / weight[rows].sum())
    assert found.judges is not None
    for k in range(3):
        assert found.judges.infit[k] == pytest.approx((weight * squared)[judge == k].sum() / (weight * v)[judge == k].sum())
    assert found.soft_dispersion is None


def test_the_heterogeneity_of_pairs_is_pearsons_chi_square() -> None:
    # Citations among four journals (Stigler 1994): deviance 4.2934 on 3 degrees of freedom, p = .23.
    wins = np.array([[0, 730, 498, 221], [33, 0, 68, 17], [320, 813, 0, 142], [284, 276, 325, 0]])
    first, second = np.nonzero(wins)
    times = wins[first, second]
    fit = fit_bradley_terry(
        np.repeat(first, times), np.repeat(second, times), np.ones(times.sum()), position_effect=False, prior_sd=None
    )
    found = misfit(fit, n_replications=200).pairs
    assert found.n_pairs == 6
    assert found.chi_square == pytest.approx(4.65, abs=0.01)  # Pearson's
    assert found.p_value == pytest.approx(0.23, abs=0.1)


@pytest.mark.parametrize(("each", "sigma"), [(10, 1.0), (20, 2.0)])
def test_five_in_a_hundred_are_flagged_when_nothing_is_wrong(each: int, sigma: float) -> None:
    flags = []
    for seed in range(14):
        found = misfit(scaled(draw_verdicts(60, 30 * each, sigma, seed=seed, delta=0.3)), n_replications=60).essays
        flags.append([found.is_misfit.mean(), found.is_overfit.mean()])
    above, below = np.mean(flags, axis=0)
    assert 0.03 <= above + below <= 0.07
    assert 0.01 <= above <= 0.04


def test_an_essay_that_is_judged_by_coin_tosses_is_found() -> None:
    found = []
    for seed in range(6):
        verdicts = draw_verdicts(60, 600, 2.0, seed=seed)
        spoilt = int(np.argsort(verdicts.theta)[-5])
        rows = (verdicts.first == spoilt) | (verdicts.second == spoilt)
        won = np.where(rows, np.random.default_rng(seed).random(600) < 0.5, verdicts.first_won)
        fit = fit_bradley_terry(verdicts.first, verdicts.second, won)
        found.append(misfit(fit, n_replications=40).essays.is_misfit[spoilt])
    assert np.mean(found) >= 0.5


def test_a_judge_that_tosses_coins_is_found_and_one_that_follows_the_scale_too_well_as_well() -> None:
    rng = np.random.default_rng(2)
    theta = rng.normal(0, 1.5, 40)
    first = rng.integers(0, 40, 1500)
    second = (first + rng.integers(1, 40, 1500)) % 40
    judge = np.arange(1500) % 5
    judges = [SimulatedJudge()] * 3 + [SimulatedJudge(lapse=1.0), SimulatedJudge(discrimination=6.0)]
    won = simulate_verdicts(theta, first, second, rng, judges=judges, judge=judge)
    # Scaled as if they were one judge with one discrimination.
    alike = fit_bradley_terry(first, second, won)
    assert misfit(alike, n_replications=20).judges is None
    found = misfit(alike, judge=judge, n_replications=60).judges
    assert found is not None
    assert found.is_misfit.tolist() == [False, False, False, True, False]
    assert found.is_overfit[4]


def test_soft_verdicts_are_measured_by_their_own_dispersion() -> None:
    verdicts = draw_verdicts(40, 400, 1.5)
    rng = np.random.default_rng(3)
    margin = verdicts.theta[verdicts.first] - verdicts.theta[verdicts.second] + rng.normal(0, 0.7, 400)
    soft = 1 / (1 + np.exp(-margin))
    found = misfit(fit_bradley_terry(verdicts.first, verdicts.second, soft), n_replications=60)
    assert found.soft_dispersion is not None
    assert found.soft_dispersion < 0.3
    assert found.essays.infit.mean() == pytest.approx(1, abs=0.15)
    assert (found.essays.is_misfit | found.essays.is_overfit).mean() < 0.15


def test_an_essay_without_comparisons_has_no_mean_square_and_no_flag() -> None:
    found = misfit(fit_bradley_terry([0, 1, 2, 0], [1, 2, 0, 2], [1, 1, 1, 0], n_items=4), n_replications=20).essays
    assert np.isnan(found.infit[3])
    assert not found.is_misfit[3]
    assert not found.is_overfit[3]


def test_the_same_seed_gives_the_same_limits() -> None:
    fit = scaled(draw_verdicts(15, 80, 1.0))
    one, same, other = (misfit(fit, n_replications=20, seed=seed).essays.infit_limits for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_too_few_replications_are_refused() -> None:
    with pytest.raises(ValueError, match="at least 20 replications, not 19"):
        misfit(scaled(draw_verdicts(15, 80, 1.0)), n_replications=19)


@pytest.mark.parametrize("ties", ["davidson", None])
def test_ties_are_expected_as_often_as_they_occur(ties: Any) -> None:
    rng = np.random.default_rng(8)
    theta = rng.normal(0, 1.5, 40)
    first = rng.integers(0, 40, 500)
    second = (first + rng.integers(1, 40, 500)) % 40
    won = simulate_verdicts(theta, first, second, rng, judges=[SimulatedJudge(tie=0.6)])
    assert (won == 0.5).mean() > 0.1
    found = misfit(fit_bradley_terry(first, second, won, ties=ties), n_replications=60)
    assert found.soft_dispersion is None
    assert found.essays.infit.mean() == pytest.approx(0.9, abs=0.1)  # a fit follows its own verdicts a little
    assert (found.essays.is_misfit | found.essays.is_overfit).mean() < 0.15


def test_judges_are_measured_by_the_discrimination_that_the_model_gives_them() -> None:
    rng = np.random.default_rng(9)
    theta = rng.normal(0, 1.5, 30)
    first = rng.integers(0, 30, 900)
    second = (first + rng.integers(1, 30, 900)) % 30
    judge = np.arange(900) % 3
    judges = [SimulatedJudge(discrimination=d) for d in (0.4, 1.0, 2.5)]
    won = simulate_verdicts(theta, first, second, rng, judges=judges, judge=judge)
    alike = misfit(fit_bradley_terry(first, second, won), judge=judge, n_replications=40).judges
    apart = misfit(fit_bradley_terry(first, second, won, judge=judge), n_replications=40).judges
    assert alike is not None
    assert apart is not None
    assert alike.is_misfit.tolist() == [True, False, False]
    assert not (apart.is_misfit | apart.is_overfit).any()


def test_judges_must_be_named_for_each_comparison() -> None:
    with pytest.raises(ScalingError, match=r"judge has shape \(2,\), and the comparisons \(80,\)"):
        misfit(scaled(draw_verdicts(15, 80, 1.0)), judge=[0, 1], n_replications=20)
