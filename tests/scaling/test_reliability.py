"""Each reliability against its definition, against published figures, and against essays whose truth is known."""

from typing import Any

import numpy as np
import pytest

from huleedu_pipeline.scaling import BradleyTerryFit, fit_bradley_terry, reliability
from huleedu_pipeline.simulation import SimulatedJudge, draw_locations, simulate_verdicts
from tests.scaling.kit import Verdicts, draw_verdicts


def scaled(verdicts: Verdicts, **options: Any) -> BradleyTerryFit:
    return fit_bradley_terry(verdicts.first, verdicts.second, verdicts.first_won, n_items=len(verdicts.theta), **options)


def swiss_noise(n: int, n_rounds: int, seed: int) -> BradleyTerryFit:
    """Tosses of a coin about pairs of essays with nearly equal wins so far, as in a Swiss tournament."""
    rng = np.random.default_rng(seed)
    order, met = rng.permutation(n), np.eye(n, dtype=bool)
    first, second, won, points = [], [], [], np.zeros(n)
    for _ in range(n_rounds):
        queue = [int(i) for i in order]
        while queue:
            i = queue.pop(0)
            j = next((other for other in queue if not met[i, other]), None)
            if j is None:
                continue
            queue.remove(j)
            met[i, j] = met[j, i] = True
            first.append(i)
            second.append(j)
            won.append(int(rng.random() < 0.5))
            points[i if won[-1] else j] += 1
        order = np.argsort(points + 0.1 * rng.random(n))
    return fit_bradley_terry(first, second, won, n_items=n)


def test_separation_is_the_classical_definition_on_a_published_fit() -> None:
    # Citations among four journals (Stigler 1994; Agresti 2002, p. 448): wins of the row's journal over the column's.
    wins = np.array([[0, 730, 498, 221], [33, 0, 68, 17], [320, 813, 0, 142], [284, 276, 325, 0]])
    first, second = np.nonzero(wins)
    fit = fit_bradley_terry(first, second, np.ones(12), weight=wins[first, second], position_effect=False)
    # Published estimates and covariance, relative to the first journal, whose row and column are therefore 0.
    theta = np.array([0, -2.9490724968, -0.4795697698, 0.2689540558])
    covariance = np.zeros((4, 4))
    covariance[1:, 1:] = [
        [0.010515545806, 0.002274547119, 0.001457460],
        [0.002274547119, 0.003670994111, 0.001683557678],
        [0.001460419399, 0.001683557678, 0.005016883957],
    ]
    covariance[1, 3] = covariance[3, 1]
    centred = np.eye(4) - 0.25
    mse = float(np.trace(centred @ covariance @ centred)) / 4
    found = reliability(fit)
    assert found.separation_estimates == "maximum likelihood"
    assert found.mse == pytest.approx(mse, rel=1e-6)
    assert found.variance == pytest.approx(np.var(theta, ddof=1), rel=1e-6)
    assert found.separation == pytest.approx(1 - mse / np.var(theta, ddof=1), rel=1e-6)


@pytest.mark.parametrize("sigma", [0.0, 0.3, 1.0, 3.0])
def test_the_two_separations_are_one_figure_under_two_definitions(sigma: float) -> None:
    found = reliability(scaled(draw_verdicts(40, 300, sigma, seed=4)))
    assert found.separation is not None
    assert found.separation_g is not None
    assert found.strata is not None
    assert found.separation == pytest.approx(2 - 1 / found.separation_g)
    g_true = np.sqrt(max(found.separation, 0) / (1 - found.separation))
    assert found.strata == pytest.approx((4 * g_true + 1) / 3)


def test_coin_tosses_about_adaptive_pairs_look_reliable_to_the_classical_figures_only() -> None:
    found = [reliability(swiss_noise(60, 12, seed), n_splits=5) for seed in range(6)]
    assert np.mean([one.separation for one in found]) > 0.8
    assert np.mean([one.separation_g for one in found]) > 0.8
    assert np.mean([one.marginal for one in found]) <= 0.2
    assert np.mean([one.split_half for one in found]) < 0.2


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0, 3.0])
@pytest.mark.parametrize("each", [10, 20])
def test_marginal_reliability_does_not_overstate_the_truth(sigma: float, each: int) -> None:
    excess = []
    for seed in range(16):
        verdicts = draw_verdicts(50, 25 * each, sigma, seed=seed, delta=0.3)
        fit = scaled(verdicts)
        excess.append(reliability(fit).marginal - np.corrcoef(fit.theta, verdicts.theta)[0, 1] ** 2)
    error = 2.5 * np.std(excess) / np.sqrt(len(excess))
    assert np.mean(excess) < 0.02 + error
    assert np.mean(excess) > (-0.05 if each >= 20 else -0.10) - error


def test_marginal_reliability_does_not_depend_on_the_spread_that_a_fit_was_given() -> None:
    verdicts = draw_verdicts(30, 300, 1.0, repeats=2)
    estimated = reliability(scaled(verdicts)).marginal
    for prior_sd in (0.05, 50.0, None):
        assert reliability(scaled(verdicts, prior_sd=prior_sd)).marginal == pytest.approx(estimated, abs=1e-6)


def test_nothing_is_worked_out_before_it_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    fit = scaled(draw_verdicts(20, 100, 1.0))

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("fitted again")

    monkeypatch.setattr(BradleyTerryFit, "refit", refuse)
    found = reliability(fit)
    with pytest.raises(AssertionError, match="fitted again"):
        _ = found.split_half


def test_one_sided_essays_leave_a_finite_separation_with_its_name() -> None:
    first, second = np.triu_indices(6, 1)
    found = reliability(fit_bradley_terry(first, second, np.ones(15), position_effect=False))
    assert found.separation_estimates == "wide prior"
    assert found.separation is not None
    assert np.isfinite(found.separation)


def test_what_can_not_be_had_is_none_with_the_reason() -> None:
    islands = reliability(fit_bradley_terry([0, 1, 2, 3], [1, 0, 3, 2], [1, 1, 1, 1]))
    assert islands.separation is None
    assert islands.separation_g is None
    assert islands.strata is None
    assert islands.mse is None
    assert islands.variance is None
    assert islands.separation_estimates is None
    assert islands.separation_unavailable == "the comparisons fall into 2 groups of essays without a comparison between them"
    even = reliability(fit_bradley_terry([0, 1, 2, 1, 2, 0], [1, 2, 0, 0, 1, 2], [1, 1, 1, 1, 1, 1]))
    assert even.separation is None
    assert even.separation_unavailable == "the locations do not vary"
    assert even.marginal == pytest.approx(0, abs=1e-3)
    assert reliability(scaled(draw_verdicts(20, 100, 1.0))).separation_unavailable is None


def test_split_half_is_the_stepped_up_median_correlation_of_halves() -> None:
    fit = scaled(draw_verdicts(25, 250, 1.5))
    rng = np.random.default_rng(7)
    half = rng.permutation(250) < 125
    one, other = (fit.refit(keep=kept).theta for kept in (half, ~half))
    r = np.corrcoef(one, other)[0, 1]
    found = reliability(fit, n_splits=1, seed=7)
    assert found.split_half == pytest.approx(2 * r / (1 + r))
    assert found.split_half_by == "judgement"


def test_judges_who_see_different_things_split_by_judge() -> None:
    rng = np.random.default_rng(5)
    n, m = 20, 800
    first = rng.integers(0, n, m)
    second = (first + rng.integers(1, n, m)) % n
    judge = rng.integers(0, 4, m)
    views = [draw_locations(n, 2.0, rng) for _ in range(4)]
    won = np.zeros(m)
    for k in range(4):
        rows = judge == k
        won[rows] = simulate_verdicts(views[k], first[rows], second[rows], rng, judges=[SimulatedJudge()])
    together = reliability(fit_bradley_terry(first, second, won))
    apart = reliability(fit_bradley_terry(first, second, won, judge=judge))
    assert apart.split_half_by == "judge"
    assert together.split_half is not None
    assert apart.split_half is not None
    assert together.split_half > 0.7  # they are precise about their mixture
    assert apart.split_half < 0.5  # and do not agree
    many = reliability(fit_bradley_terry(first, second, won, judge=rng.integers(0, 14, m)), n_splits=20)
    assert many.split_half is not None
    assert many.split_half == pytest.approx(together.split_half, abs=0.1)  # judges in name only


def test_the_same_design_null_reads_noise_and_keeps_the_rest() -> None:
    verdicts = draw_verdicts(40, 400, 2.0)
    found = reliability(scaled(verdicts), n_splits=3)
    assert found.marginal > 0.8
    null = found.null
    assert null is found.null
    assert null.n_replications == 100
    assert null.marginal.lower <= null.marginal.mean <= null.marginal.upper < 0.6
    assert null.marginal.mean < 0.2
    assert null.separation is not None
    assert null.separation.mean == pytest.approx(0, abs=0.15)
    assert null.separation_g is not None
    assert null.separation_g.mean == pytest.approx(0.5, abs=0.08)
    assert null.split_half is not None
    assert null.split_half.lower < 0 < null.split_half.upper


def test_the_same_seed_gives_the_same_figures() -> None:
    fit = scaled(draw_verdicts(20, 120, 1.0))
    one, same, other = (reliability(fit, n_splits=5, seed=seed) for seed in (1, 1, 2))
    assert one.split_half == same.split_half != other.split_half
    assert one.null == same.null != other.null


def test_a_split_is_needed() -> None:
    fit = scaled(draw_verdicts(20, 120, 1.0))
    with pytest.raises(ValueError, match="n_splits and n_null_replications must be positive"):
        reliability(fit, n_splits=0)
    assert reliability(fit_bradley_terry([0], [1], [1])).split_half is None


def test_items_that_are_given_do_not_count_as_placed() -> None:
    verdicts = draw_verdicts(30, 435, 1.0)
    anchors = {i: float(verdicts.theta[i]) for i in range(0, 30, 5)}
    anchored = reliability(scaled(verdicts, fixed=anchors))
    free = np.setdiff1d(np.arange(30), list(anchors))
    likely = anchored.fit.refit(prior_sd=None)
    assert anchored.mse == pytest.approx(np.mean(likely.se[free] ** 2))
    assert anchored.variance == pytest.approx(np.var(likely.theta[free], ddof=1))
    assert anchored.marginal == pytest.approx(reliability(scaled(verdicts)).marginal, abs=0.15)
    only = reliability(fit_bradley_terry([0, 1], [2, 2], [1, 0], fixed={0: 1.0, 1: 0.0}, prior_sd=1.0))
    assert only.marginal == 0
    assert only.separation_unavailable == "there are fewer than two essays to place"
