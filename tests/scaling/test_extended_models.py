"""Judges, covariates, ties, fixed items, soft verdicts, clusters: each term is found again, and off it leaves no trace."""

from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm

from huleedu_pipeline.scaling import ScalingError, fit_bradley_terry, length_difference
from huleedu_pipeline.scaling.extended import ExtendedModel
from huleedu_pipeline.scaling.network import Network
from huleedu_pipeline.simulation import SimulatedJudge, draw_locations, simulate_verdicts
from tests.scaling.kit import draw_verdicts

N, M = 30, 3000
JUDGES = (SimulatedJudge(0.3, 0.5, 0.4), SimulatedJudge(0.3, 1.0, 0.4), SimulatedJudge(0.3, 2.0, 0.4))


def panel(seed: int = 1, judges: tuple[SimulatedJudge, ...] = JUDGES) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    theta = draw_locations(N, 1.2, rng)
    first = rng.integers(0, N, M)
    second = (first + rng.integers(1, N, M)) % N
    judge, covariate = rng.integers(0, len(judges), M), rng.normal(size=M)
    won = simulate_verdicts(theta, first, second, rng, judges=judges, judge=judge, covariate=covariate)
    return {"theta": theta, "first": first, "second": second, "won": won, "judge": judge, "covariate": covariate}


@pytest.mark.parametrize("prior_sd", [0.7, None, "estimate"])
def test_the_plain_model_is_the_extended_one_without_its_terms(prior_sd: Any) -> None:
    data = panel()
    fit = fit_bradley_terry(data["first"], data["second"], data["won"], prior_sd=prior_sd)
    model = ExtendedModel(fit.comparisons, Network.of(fit.comparisons), True, False, None, False, has_mean=False)
    optimum = model.maximise(fit.prior_sd)
    assert optimum.beta[:-1] == pytest.approx(fit.theta, abs=1e-9)
    assert optimum.beta[-1] == pytest.approx(fit.position_effect, abs=1e-9)
    assert model.log_likelihood(optimum.beta) == pytest.approx(fit.log_likelihood)
    assert np.sqrt(model.information(optimum).variances()[0]) == pytest.approx(fit.se, rel=1e-9)


def test_judges_are_told_apart_by_how_sharply_they_see() -> None:
    data = panel()
    fit = fit_bradley_terry(data["first"], data["second"], data["won"], judge=data["judge"], covariate=data["covariate"])
    assert np.exp(np.log(fit.judge_discrimination).mean()) == pytest.approx(1)
    assert fit.judge_discrimination == pytest.approx([0.5, 1.0, 2.0], rel=0.2)
    assert fit.test("discrimination").p_value < 1e-6
    assert fit.test("discrimination").degrees_of_freedom == 2
    assert fit.gradient_norm <= 1e-8
    assert np.abs((fit.theta - data["theta"]) / fit.se).max() < 4


def test_judges_that_are_alike_are_found_alike() -> None:
    data = panel(judges=(SimulatedJudge(0.3),) * 3)
    fit = fit_bradley_terry(data["first"], data["second"], data["won"], judge=data["judge"])
    assert fit.judge_discrimination == pytest.approx([1, 1, 1], rel=0.2)
    assert fit.test("discrimination").p_value > 0.01


def test_the_information_of_judges_is_the_curvature_of_the_posterior() -> None:
    data = panel()
    fit = fit_bradley_terry(data["first"], data["second"], data["won"], judge=data["judge"], prior_sd=1.0)
    model = fit._model
    assert isinstance(model, ExtendedModel)
    beta, h = fit._optimum.beta, 1e-4
    unit = np.eye(len(beta))

    def log_posterior(at: Any) -> float:
        return model._penalised(at, 1.0)[0]

    def curvature(a: Any, b: Any) -> float:
        steps = log_posterior(beta + h * (a + b)) - log_posterior(beta + h * (a - b)) - log_posterior(beta - h * (a - b))
        return -(steps + log_posterior(beta - h * (a + b))) / (4 * h * h)

    information = fit.information
    q = len(model.effects)
    for k in range(q):
        assert curvature(unit[N + k], unit[N + k]) == pytest.approx(information.corner[k, k], abs=2e-2, rel=1e-3)
        for i in (0, 7):
            assert curvature(unit[i], unit[N + k]) == pytest.approx(information.cross[i, k], abs=2e-2, rel=1e-3)


def test_a_covariate_agrees_with_a_logistic_regression() -> None:
    data = panel(judges=(SimulatedJudge(0.3, 1.0, 0.4),))
    fit = fit_bradley_terry(data["first"], data["second"], data["won"], covariate=data["covariate"], prior_sd=None)
    design = np.zeros((M, N + 2))
    design[np.arange(M), data["first"]] += 1
    design[np.arange(M), data["second"]] -= 1
    design[:, N], design[:, N + 1] = 1, data["covariate"]
    result = sm.GLM(data["won"], design[:, 1:], family=sm.families.Binomial()).fit(tol=1e-14, maxiter=200)
    assert fit.theta[1:] - fit.theta[0] == pytest.approx(result.params[: N - 1], abs=1e-6)
    assert fit.position_effect == pytest.approx(result.params[N - 1], abs=1e-6)
    assert fit.covariate_effect == pytest.approx(result.params[N], abs=1e-6)
    assert fit.covariate_effect_se == pytest.approx(result.bse[N], rel=1e-6)
    assert fit.position_effect_se == pytest.approx(result.bse[N - 1], rel=1e-6)
    smaller = sm.GLM(data["won"], design[:, 1:-1], family=sm.families.Binomial()).fit(tol=1e-14, maxiter=200)
    test = fit.test("covariate")
    assert test.statistic == pytest.approx(2 * (result.llf - smaller.llf), abs=1e-6)
    assert test.p_value < 1e-6


def test_a_test_of_the_position_effect_keeps_its_level() -> None:
    p_values = []
    for seed in range(60):
        verdicts = draw_verdicts(20, 150, 1.0, seed=seed)
        p_values.append(
            fit_bradley_terry(verdicts.first, verdicts.second, verdicts.first_won, prior_sd=1.0).test("position_effect").p_value
        )
    assert 0.3 < np.mean(p_values) < 0.7
    assert np.mean(np.array(p_values) < 0.05) < 0.15


def test_what_is_not_in_the_model_can_not_be_tested() -> None:
    fit = fit_bradley_terry([0, 1], [1, 0], [1, 1], position_effect=False)
    with pytest.raises(ScalingError, match="position_effect is not in the model"):
        fit.test("position_effect")


def test_length_is_a_covariate_between_minus_one_and_one() -> None:
    x = length_difference([100, 200, 150], [0, 1, 2], [1, 2, 0])
    assert np.sign(x).tolist() == [-1, 1, 1]
    assert (np.abs(x) < 1).all()
    assert length_difference([100, 100], [0], [1]).tolist() == [0]


def test_ties_are_found_again() -> None:
    data = panel(judges=(SimulatedJudge(0.3, 1.0, 0.0, tie=0.8),))
    assert 0.1 < np.mean(data["won"] == 0.5) < 0.4
    fit = fit_bradley_terry(data["first"], data["second"], data["won"], ties="davidson")
    assert fit.tie_parameter is not None
    assert fit.tie_parameter_log_se is not None
    assert fit.tie_parameter == pytest.approx(0.8, rel=0.15)
    assert abs(np.log(fit.tie_parameter / 0.8)) < 3 * fit.tie_parameter_log_se
    assert np.abs((fit.theta - data["theta"]) / fit.se).max() < 4
    with pytest.raises(ScalingError, match=r"every verdict must be 1, 0, or 0.5"):
        fit_bradley_terry([0, 1], [1, 0], [0.7, 1], ties="davidson")


def test_a_soft_verdict_is_so_many_hard_ones() -> None:
    soft = fit_bradley_terry([0, 1, 2, 0], [1, 2, 0, 2], [0.8, 0.7, 0.4, 0.5], weight=[10] * 4, prior_sd=1.0)
    first, second = [0, 0, 1, 1, 2, 2, 0, 0], [1, 1, 2, 2, 0, 0, 2, 2]
    hard = fit_bradley_terry(first, second, [1, 0] * 4, weight=[8, 2, 7, 3, 4, 6, 5, 5], prior_sd=1.0)
    assert soft.theta == pytest.approx(hard.theta, abs=1e-9)
    assert soft.se == pytest.approx(hard.se, abs=1e-9)


class TestFixedItems:
    def test_they_do_not_move_and_the_others_are_on_their_scale(self) -> None:
        data = panel(judges=(SimulatedJudge(0.3),))
        shifted = data["theta"] + 5
        fixed = {i: float(shifted[i]) for i in range(6)}
        fit = fit_bradley_terry(data["first"], data["second"], data["won"], fixed=fixed)
        assert fit.theta[:6].tolist() == [fixed[i] for i in range(6)]
        assert (fit.se[:6] == 0).all()
        assert (fit.se[6:] > 0).all()
        assert np.abs((fit.theta[6:] - shifted[6:]) / fit.se[6:]).max() < 4
        assert fit.prior_sd == pytest.approx(1.2, abs=0.4)

    def test_an_error_of_theirs_is_a_prior(self) -> None:
        first, second, won = [0, 1, 0, 1], [1, 0, 1, 0], [1, 0, 1, 0]  # 0 beats 1 four times
        exact = fit_bradley_terry(first, second, won, fixed={0: 0.0}, prior_sd=1.0, position_effect=False)
        nearly = fit_bradley_terry(first, second, won, fixed={0: (0.0, 1e-4)}, prior_sd=1.0, position_effect=False)
        loose = fit_bradley_terry(first, second, won, fixed={0: (0.0, 2.0), 1: (0.0, 1e-4)}, prior_sd=1.0)
        assert nearly.theta == pytest.approx(exact.theta, abs=1e-6)
        assert nearly.se[0] == pytest.approx(1e-4, rel=1e-3)
        assert loose.theta[0] > 0.5
        assert abs(loose.theta[1]) < 1e-3

    def test_without_a_prior_it_is_the_classical_offset(self) -> None:
        data = panel(judges=(SimulatedJudge(0.3),))
        free = fit_bradley_terry(data["first"], data["second"], data["won"], prior_sd=None)
        fixed = fit_bradley_terry(data["first"], data["second"], data["won"], prior_sd=None, fixed={3: float(free.theta[3])})
        assert fixed.theta == pytest.approx(free.theta, abs=1e-8)
        assert fixed.se[5] == pytest.approx(free.se_difference(5, 3), rel=1e-8)
        assert fixed.se_difference(5, 9) == pytest.approx(free.se_difference(5, 9), rel=1e-8)

    def test_an_item_without_comparisons_has_the_spread_of_the_others(self) -> None:
        fit = fit_bradley_terry([0, 1, 2, 1], [1, 0, 0, 2], [1, 1, 0, 1], fixed={0: 2.0}, prior_sd=1.5, n_items=4)
        assert fit.isolated_items.tolist() == [3]
        assert fit.se[3] > 1.5

    @pytest.mark.parametrize(
        ("fixed", "options", "message"),
        [
            ({}, {}, "fixed names no item"),
            ({7: 0.0}, {}, "item 7 is not in 0..2"),
            ({0: float("nan")}, {}, "item 0 needs a finite location"),
            ({0: (0.0, -1.0)}, {}, "item 0 needs a finite location"),
            ({0: 0.0, 1: 0.0, 2: 1.0}, {}, "every item is fixed"),
            ({0: 0.0}, {"prior_sd": None, "n_items": 4}, "items 3 are connected with no fixed item"),
        ],
    )
    def test_what_can_not_be_held_is_refused(self, fixed: Any, options: Any, message: str) -> None:
        with pytest.raises(ScalingError, match=message):
            fit_bradley_terry([0, 1, 2, 1, 0], [1, 0, 0, 2, 2], [1, 1, 1, 1, 1], fixed=fixed, **options)


class TestClusters:
    def test_a_verdict_that_is_merely_repeated_adds_nothing(self) -> None:
        verdicts = draw_verdicts(15, 105, 1.0)
        options: dict[str, Any] = {"prior_sd": None, "position_effect": False}
        once = fit_bradley_terry(verdicts.first, verdicts.second, verdicts.first_won, **options)
        twice = fit_bradley_terry(*(np.tile(a, 2) for a in (verdicts.first, verdicts.second, verdicts.first_won)), **options)
        assert twice.se == pytest.approx(once.se / np.sqrt(2), rel=1e-8)
        assert twice.covariance(clustered=True) == pytest.approx(once.covariance(clustered=True), abs=1e-10)

    def test_with_independent_verdicts_both_errors_are_about_the_same(self) -> None:
        verdicts = draw_verdicts(30, 435, 1.0, repeats=4)
        for prior_sd in (None, "estimate", 0.3):
            fit = fit_bradley_terry(verdicts.first, verdicts.second, verdicts.first_won, prior_sd=prior_sd)
            clustered = np.sqrt(np.diag(fit.covariance(clustered=True)))
            assert np.mean(clustered / fit.se) == pytest.approx(1, abs=0.05)

    def test_orders_of_a_pair_are_one_cluster(self) -> None:
        verdicts = draw_verdicts(12, 66, 1.0)
        first, second = np.append(verdicts.first, verdicts.second), np.append(verdicts.second, verdicts.first)
        won = np.append(verdicts.first_won, ~verdicts.first_won)
        fit = fit_bradley_terry(first, second, won, prior_sd=1.0, position_effect=False)
        assert np.mean(np.diag(fit.covariance(clustered=True))) > np.mean(fit.se**2)


class TestMaximumLikelihood:
    @pytest.mark.parametrize(
        ("first", "second", "won", "message"),
        [
            ([0, 0, 1, 2], [1, 2, 2, 1], [1, 1, 1, 1], "items 0 won or lost all their comparisons"),
            # 0 and 1 beat each other and both beat 2 and 3, which beat each other.
            ([0, 1, 0, 1, 2, 3, 0, 1], [1, 0, 2, 3, 3, 2, 3, 2], [1] * 8, "won or lost everything against the others"),
        ],
    )
    def test_verdicts_without_a_finite_optimum_are_refused(self, first: Any, second: Any, won: Any, message: str) -> None:
        with pytest.raises(ScalingError, match=message):
            fit_bradley_terry(first, second, won, prior_sd=None, position_effect=False)
        assert np.isfinite(fit_bradley_terry(first, second, won).theta).all()

    def test_a_position_effect_without_a_finite_optimum_is_refused(self) -> None:
        with pytest.raises(ScalingError, match="the position effect and the locations have no finite"):
            fit_bradley_terry([0, 1, 2, 0, 1, 2], [1, 2, 0, 2, 0, 1], [1] * 6, prior_sd=None)

    def test_islands_are_centred_apart_and_not_compared(self) -> None:
        fit = fit_bradley_terry(
            [0, 1, 0, 2, 3, 2], [1, 0, 1, 3, 2, 3], [1, 1, 1, 1, 1, 1], prior_sd=None, position_effect=False
        )
        assert fit.theta[:2].sum() == pytest.approx(0, abs=1e-12)
        assert fit.theta[2:].sum() == pytest.approx(0, abs=1e-12)
        assert fit.se_difference(0, 2) == np.inf
        assert "2 groups of items that no comparison connects" in fit.summary()

    def test_firth_is_finite_where_maximum_likelihood_is_not(self) -> None:
        fit = fit_bradley_terry([0, 0, 1, 2], [1, 2, 2, 1], [1, 1, 1, 1], prior_sd=None, position_effect=False, firth=True)
        assert np.isfinite(fit.theta).all()
        assert fit.theta.argmax() == 0
        with pytest.raises(ScalingError, match="give prior_sd=None with it"):
            fit_bradley_terry([0, 1], [1, 0], [1, 1], firth=True)


def test_a_summary_says_what_was_fitted() -> None:
    data = panel()
    fit = fit_bradley_terry(
        data["first"], data["second"], data["won"], judge=data["judge"], covariate=data["covariate"], n_items=N + 1
    )
    text = fit.summary()
    for words in ("31 items, 3000 comparisons", "(estimated)", "position effect +", "covariate effect +"):
        assert words in text
    for words in ("discrimination of judges", "without comparisons: items 30", "gradient norm"):
        assert words in text


def test_a_late_item_that_won_everything_has_a_finite_place() -> None:
    fit = fit_bradley_terry([2, 2, 1, 0], [0, 1, 2, 2], [1, 1, 0, 0], fixed={0: -1.0, 1: 1.0})
    assert 1 < fit.theta[2] < 10
    assert fit.se[2] > 1
    assert fit.separated_items.tolist() == [0, 1, 2]
