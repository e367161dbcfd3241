"""Edge cases with a name of their own: perfect scores, islands, one-sided judges, heavy weights, data that are no data."""

from typing import Any

import numpy as np
import pytest

from huleedu_pipeline.scaling import ScalingError, fit_bradley_terry, reliability
from tests.scaling.kit import draw_verdicts


def test_an_essay_that_wins_everything_has_a_finite_place_and_a_flag() -> None:
    first, second = [0, 0, 0, 1, 2, 3], [1, 2, 3, 2, 3, 1]
    fit = fit_bradley_terry(first, second, [1] * 6)
    assert fit.separated_items.tolist() == [0]
    assert np.isfinite(fit.theta).all()
    assert fit.theta.argmax() == 0
    assert fit.se[0] == max(fit.se)


@pytest.mark.parametrize("prior_sd", ["estimate", 1.0, 10.0, 1000.0])
def test_a_perfect_order_is_finite_and_in_order(prior_sd: Any) -> None:
    n = 6
    first, second = np.triu_indices(n, 1)
    fit = fit_bradley_terry(first, second, np.ones(len(first)), prior_sd=prior_sd, position_effect=False)
    assert (np.diff(fit.theta) < 0).all()
    assert np.isfinite(fit.se).all()
    assert fit.separated_items.tolist() == [0, n - 1]
    assert fit.gradient_norm <= 1e-8


def test_islands_are_numbered_and_stay_finite() -> None:
    fit = fit_bradley_terry([0, 1, 2, 0, 3, 4], [1, 2, 0, 2, 4, 3], [1, 1, 1, 1, 1, 1], n_items=6)
    assert fit.components.tolist() == [0, 0, 0, 1, 1, 2]
    assert np.isfinite(fit.theta).all()
    assert np.isfinite(fit.se).all()
    assert fit.se_difference(0, 1) < fit.se_difference(0, 3)


def test_an_essay_that_was_never_compared_rests_on_the_prior() -> None:
    fit = fit_bradley_terry([0, 1], [1, 0], [1, 1], n_items=3, prior_sd=2.0, position_effect=False)
    assert fit.n_comparisons.tolist() == [2, 2, 0]
    assert 2 not in fit.separated_items
    assert fit.theta[2] == pytest.approx(0, abs=1e-9)
    assert fit.se[2] == max(fit.se)


@pytest.mark.parametrize("always", [0, 1])
def test_a_judge_that_only_looks_at_the_place_says_nothing_about_essays(always: int) -> None:
    verdicts = draw_verdicts(12, 60, 1.0)
    fit = fit_bradley_terry(verdicts.first, verdicts.second, np.full(60, always))
    assert fit.theta == pytest.approx(np.zeros(12), abs=1e-6)
    assert abs(fit.position_effect) > 3
    assert np.sign(fit.position_effect) == (1 if always else -1)
    assert fit.position_effect_se is not None
    assert fit.position_effect_se > 0.5
    # Next to nothing is known of any essay, so nothing much narrower than a fair prior is claimed.
    assert fit.se.min() > 0.8 * fit.prior_sd
    assert fit.se.min() > 0.9 * fit.prior_sd
    quality = reliability(fit)
    assert quality.marginal < 0.2
    assert quality.separation is None


def test_a_single_verdict() -> None:
    fit = fit_bradley_terry([0], [1], [1], prior_sd=1.0, position_effect=False)
    # The optimum solves 1 - logistic(2 t) = t for theta = (t, -t).
    assert fit.theta[0] == pytest.approx(1 - 1 / (1 + np.exp(-2 * fit.theta[0])), abs=1e-9)
    assert fit.separated_items.tolist() == [0, 1]


def test_every_essay_has_an_error_of_its_own_and_none_is_the_reference() -> None:
    verdicts = draw_verdicts(20, 100, 1.0)
    fit = fit_bradley_terry(verdicts.first, verdicts.second, verdicts.first_won)
    assert (fit.se > 0.2).all()


def test_sixteen_times_the_verdicts_make_a_quarter_of_the_error() -> None:
    verdicts = draw_verdicts(20, 190, 1.0, repeats=2)
    once, often = (
        fit_bradley_terry(
            verdicts.first, verdicts.second, verdicts.first_won, weight=np.full(len(verdicts.first), times), prior_sd=1e4
        )
        for times in (1, 16)
    )
    assert often.theta == pytest.approx(once.theta, abs=1e-5)
    assert often.se == pytest.approx(once.se / 4, rel=1e-5)


@pytest.mark.parametrize("weight", [50.0, 1e3, 1e5])
@pytest.mark.parametrize("seed", range(4))
def test_heavy_weights_converge(weight: float, seed: int) -> None:
    verdicts = draw_verdicts(15, 105, 2.0, delta=0.3, seed=seed)
    fit = fit_bradley_terry(verdicts.first, verdicts.second, verdicts.first_won, weight=np.full(105, weight))
    # Sums of m weights are exact to about 1e-16 of their size.
    assert fit.gradient_norm <= max(1e-8, 1e-14 * 105 * weight)
    assert np.isfinite(fit.se).all()


def test_a_large_class_converges() -> None:
    verdicts = draw_verdicts(400, 8000, 2.0, delta=0.3)
    fit = fit_bradley_terry(verdicts.first, verdicts.second, verdicts.first_won)
    assert fit.gradient_norm <= 1e-8
    assert np.corrcoef(fit.theta, verdicts.theta)[0, 1] > 0.95


NAN, INF = float("nan"), float("inf")
SHAPES = "the comparisons' arrays must have one dimension and one length, and have: "
WEIGHT = "comparison 0: weight must be finite and not negative, and is "


@pytest.mark.parametrize(
    ("first", "second", "won", "options", "message"),
    [
        ([], [], [], {}, "there are no comparisons to scale"),
        ([0, 1], [1, 0], [1, 1], {"weight": [0, 0]}, "there are no comparisons to scale: every weight is 0"),
        ([0, 2], [1, 2], [1, 1], {}, "comparison 1: item 2 is compared with itself"),
        ([0, 1], [1], [1, 1], {}, SHAPES + "first (2,), second (1,), first_won (2,)"),
        ([0, 1], [1, 0], [1], {}, SHAPES + "first (2,), second (2,), first_won (1,)"),
        ([0], [1], [1], {"weight": [1, 2]}, SHAPES + "first (1,), second (1,), first_won (1,), weight (2,)"),
        ([[0]], [[1]], [[1]], {}, SHAPES + "first (1, 1), second (1, 1), first_won (1, 1)"),
        ([-1], [1], [1], {}, "comparison 0: item indices must lie in 0..1, and are -1 and 1"),
        ([0], [3], [1], {"n_items": 3}, "comparison 0: item indices must lie in 0..2, and are 0 and 3"),
        ([0.5], [1], [1], {}, "first must be integers, not float64"),
        ([0], [1], [2], {}, "comparison 0: first_won must lie in 0..1, and is 2.0"),
        ([0], [1], [NAN], {}, "comparison 0: first_won must lie in 0..1, and is nan"),
        ([0], [1], [1], {"weight": [-1]}, WEIGHT + "-1.0"),
        ([0], [1], [1], {"weight": [NAN]}, WEIGHT + "nan"),
        ([0], [1], [1], {"weight": [INF]}, WEIGHT + "inf"),
        ([0], [1], [1], {"prior_sd": 0.0}, "prior_sd must lie in 1e-6..1e6 logits, and is 0.0"),
        ([0], [1], [1], {"prior_sd": -1.0}, "prior_sd must lie in 1e-6..1e6 logits, and is -1.0"),
        ([0], [1], [1], {"prior_sd": NAN}, "prior_sd must lie in 1e-6..1e6 logits, and is nan"),
        ([0], [1], [1], {"prior_sd": INF}, "prior_sd must lie in 1e-6..1e6 logits, and is inf"),
    ],
)
def test_what_can_not_be_scaled_is_refused_with_the_reason(
    first: Any, second: Any, won: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ScalingError) as refused:
        fit_bradley_terry(first, second, won, **options)
    assert str(refused.value) == message


@pytest.mark.parametrize("weight", [1.0, 1e12])
def test_islands_are_as_far_apart_as_a_wide_prior_says(weight: float) -> None:
    first, second, won = [0, 1, 2, 3, 0, 1], [1, 0, 3, 2, 1, 0], [1, 1, 1, 1, 1, 0]
    fit = fit_bradley_terry(first, second, won, weight=[weight] * 6, prior_sd=1e6)
    assert fit.se_difference(0, 2) == pytest.approx(1e6, rel=1e-3)
    assert fit.se_difference(0, 1) < 1e6


def test_the_covariance_that_is_handed_out_is_a_copy() -> None:
    fit = fit_bradley_terry([0, 1], [1, 0], [1, 1])
    fit.covariance()[:] = 0
    assert (fit.se > 0).all()


def test_a_tie_is_half_a_win_in_the_fit_and_no_win_in_the_count() -> None:
    fit = fit_bradley_terry([0, 1, 2, 0], [1, 2, 0, 1], [0.5, 0.5, 0.5, 0.5])
    assert fit.n_wins.tolist() == [0, 0, 0]
    assert fit.n_comparisons.tolist() == [3, 3, 2]
    assert np.allclose(fit.theta, 0)
    assert fit.separated_items.tolist() == []


@pytest.mark.parametrize("seed", range(4))
def test_judges_who_contradict_each_other_converge(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, m = 20, 800
    first = rng.integers(0, n, m)
    second = (first + rng.integers(1, n, m)) % n
    judge = rng.integers(0, 4, m)
    views = rng.normal(0, 2, (4, n))
    won = rng.random(m) < 1 / (1 + np.exp(views[judge, second] - views[judge, first]))
    fit = fit_bradley_terry(first, second, won, judge=judge)
    assert fit.gradient_norm <= 1e-8
    assert np.log(fit.judge_discrimination).sum() == pytest.approx(0, abs=1e-9)
