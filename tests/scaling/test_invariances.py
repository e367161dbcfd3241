"""What must not matter does not matter, and what must hold of every fit holds."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from huleedu_pipeline.scaling import BradleyTerryFit, fit_bradley_terry

Ints = NDArray[np.int64]
Data = tuple[int, Ints, Ints, Ints]
prior_sds = st.sampled_from(["estimate", 0.5, 1.0, 5.0])


@st.composite
def verdicts(draw: st.DrawFn) -> Data:
    """Any verdicts about any pairs: also one-sided, repeated, disconnected, or leaving items out."""
    n = draw(st.integers(2, 8))
    pair = st.tuples(st.integers(0, n - 1), st.integers(1, n - 1), st.integers(0, 1))
    rows = draw(st.lists(pair, min_size=1, max_size=30))
    first, step, won = np.array(rows, dtype=np.int64).T
    return n, first, (first + step) % n, won


def fit_of(data: Data, **options: Any) -> BradleyTerryFit:
    n, first, second, won = data
    return fit_bradley_terry(first, second, won, n_items=n, **options)


def same(one: BradleyTerryFit, other: BradleyTerryFit) -> bool:
    figures = [
        [*fit.theta, *fit.covariance().flat, fit.prior_sd, fit.position_effect, fit.log_likelihood] for fit in (one, other)
    ]
    return np.allclose(figures[0], figures[1], rtol=1e-6, atol=1e-6)


def precision_of(fit: BradleyTerryFit) -> NDArray[np.float64]:
    """Return the whole negative Hessian, put together from the model's formula."""
    c, n, p = fit.comparisons, len(fit.theta), fit.probability
    design = np.zeros((len(p), n + (fit.position_effect_se is not None)))
    design[:, n:] = 1
    np.add.at(design, (np.arange(len(p)), c.first), 1)
    np.add.at(design, (np.arange(len(p)), c.second), -1)
    prior = np.full(design.shape[1], fit.prior_sd**-2.0)
    prior[n:] = max(2.0, fit.prior_sd) ** -2
    return np.asarray(design.T @ ((p * (1 - p))[:, None] * design) + np.diag(prior))


def is_decided(data: Data) -> bool:
    """Whether the position effect has a finite optimum: the first place neither always won nor always lost."""
    return 0 < int(data[3].sum()) < len(data[3])


@settings(deadline=None)
@given(verdicts(), prior_sds, st.booleans())
def test_every_fit_is_an_optimum_on_a_centred_finite_scale(data: Data, prior_sd: Any, position_effect: bool) -> None:
    n, first, second, won = data
    fit = fit_of(data, prior_sd=prior_sd, position_effect=position_effect)
    assert fit.gradient_norm <= 1e-8
    assert abs(fit.theta.sum()) <= 1e-9
    assert np.isfinite(fit.theta).all()
    assert (fit.se > 0).all()
    assert np.isfinite(fit.se).all()
    covariance = fit.covariance()
    assert np.allclose(covariance, covariance.T, atol=1e-12)
    compared = fit.n_comparisons > 0
    assert np.allclose(covariance[:, compared].sum(axis=0), 0, atol=1e-9)
    assert np.allclose(fit.se[~compared], fit.prior_sd)
    assert fit.log_likelihood <= 0
    assert fit.n_comparisons.tolist() == [int(((first == i) | (second == i)).sum()) for i in range(n)]
    assert fit.n_wins.tolist() == [int((won[first == i] == 1).sum() + (won[second == i] == 0).sum()) for i in range(n)]
    for i in range(n):
        assert fit.se_difference(i, i) == 0
        for j in range(i):
            assert fit.se_difference(i, j) > 0
            assert fit.se_difference(i, j) == pytest.approx(fit.se_difference(j, i))


@settings(deadline=None)
@given(verdicts(), st.booleans())
def test_the_estimated_spread_is_the_most_plausible_one(data: Data, position_effect: bool) -> None:
    n = data[0]

    def plausibility(sigma: float) -> float:
        fit = fit_of(data, position_effect=position_effect, prior_sd=sigma)
        scales = np.full(n + int(position_effect), sigma)
        values = fit.theta
        if position_effect:
            scales[-1] = max(2.0, sigma)
            values = np.append(values, fit.position_effect)
        log_prior = -float(((values / scales) ** 2).sum()) / 2 - float(np.log(scales).sum())
        laplace = -float(np.linalg.slogdet(precision_of(fit))[1]) / 2
        return float(fit.log_likelihood + log_prior + laplace + 0.5 * np.log(sigma) - sigma / 3)

    chosen = fit_of(data, position_effect=position_effect).prior_sd
    assert all(plausibility(chosen) >= plausibility(other) - 1e-6 for other in np.geomspace(0.02, 30, 25))


@settings(deadline=None)
@given(verdicts().filter(is_decided), prior_sds, st.randoms())
def test_the_numbering_of_items_does_not_matter(data: Data, prior_sd: Any, random: Any) -> None:
    n, first, second, won = data
    label = np.arange(n)
    random.shuffle(label)
    fit, relabelled = fit_of(data, prior_sd=prior_sd), fit_of((n, label[first], label[second], won), prior_sd=prior_sd)
    assert relabelled.theta[label] == pytest.approx(fit.theta, abs=1e-6)
    assert relabelled.se[label] == pytest.approx(fit.se, abs=1e-6)
    assert set(relabelled.separated_items.tolist()) == {int(label[i]) for i in fit.separated_items}


@settings(deadline=None)
@given(verdicts().filter(is_decided), prior_sds, st.randoms())
def test_the_order_of_verdicts_does_not_matter(data: Data, prior_sd: Any, random: Any) -> None:
    n, first, second, won = data
    order = np.arange(len(won))
    random.shuffle(order)
    assert same(fit_of(data, prior_sd=prior_sd), fit_of((n, first[order], second[order], won[order]), prior_sd=prior_sd))


@settings(deadline=None)
@given(verdicts().filter(is_decided), prior_sds)
def test_swapping_the_places_turns_the_position_effect_and_nothing_else(data: Data, prior_sd: Any) -> None:
    n, first, second, won = data
    fit, swapped = fit_of(data, prior_sd=prior_sd), fit_of((n, second, first, 1 - won), prior_sd=prior_sd)
    assert swapped.theta == pytest.approx(fit.theta, abs=1e-6)
    assert swapped.position_effect == pytest.approx(-fit.position_effect, abs=1e-6)


@settings(deadline=None)
@given(verdicts().filter(is_decided), prior_sds)
def test_turning_all_verdicts_turns_the_scale(data: Data, prior_sd: Any) -> None:
    n, first, second, won = data
    fit, turned = fit_of(data, prior_sd=prior_sd), fit_of((n, first, second, 1 - won), prior_sd=prior_sd)
    assert turned.theta == pytest.approx(-fit.theta, abs=1e-6)
    assert turned.position_effect == pytest.approx(-fit.position_effect, abs=1e-6)


@settings(deadline=None)
@given(verdicts().filter(is_decided), st.data(), prior_sds)
def test_a_weight_is_a_repetition(data: Data, more: st.DataObject, prior_sd: Any) -> None:
    n, first, second, won = data
    times = np.array(more.draw(st.lists(st.integers(1, 4), min_size=len(won), max_size=len(won))))
    repeated = (n, np.repeat(first, times), np.repeat(second, times), np.repeat(won, times))
    assert same(fit_of(data, weight=times, prior_sd=prior_sd), fit_of(repeated, prior_sd=prior_sd))


@settings(deadline=None)
@given(verdicts(), prior_sds)
def test_a_verdict_without_weight_is_no_verdict(data: Data, prior_sd: Any) -> None:
    n, first, second, won = data
    padded = (n, np.append(first, [0, 1]), np.append(second, [1, 0]), np.append(won, [1, 1]))
    weight = np.append(np.ones(len(won)), [0, 0])
    fit, without = fit_of(padded, weight=weight, prior_sd=prior_sd), fit_of(data, prior_sd=prior_sd)
    assert fit.n_comparisons.tolist() == without.n_comparisons.tolist()
    assert fit.components.tolist() == without.components.tolist()
    if is_decided(data):
        assert same(fit, without)


@settings(deadline=None)
@given(verdicts().filter(is_decided), st.sampled_from([0.1, 1.0, 10.0]))
def test_unrelated_items_leave_a_comparison_alone(data: Data, prior_sd: float) -> None:
    # With a given sigma and without a shared position effect, parts of the graph that do not touch do not matter.
    n, first, second, won = data
    alone = fit_of(data, prior_sd=prior_sd, position_effect=False)
    beside = (n + 3, np.append(first, [n, n + 1]), np.append(second, [n + 1, n + 2]), np.append(won, [1, 1]))
    joint = fit_of(beside, prior_sd=prior_sd, position_effect=False)
    assert joint.theta[:n] == pytest.approx(alone.theta, abs=1e-7)
    assert joint.se[:n] == pytest.approx(alone.se, abs=1e-7)
    assert joint.se_difference(0, 1) == pytest.approx(alone.se_difference(0, 1), abs=1e-7)


@settings(deadline=None)
@given(verdicts().filter(is_decided), st.sampled_from([0.5, 1.0, 5.0]), st.data())
def test_a_win_more_never_lowers_an_item(data: Data, prior_sd: float, more: st.DataObject) -> None:
    n, first, second, won = data
    winner = more.draw(st.integers(0, n - 1))
    loser = (winner + more.draw(st.integers(1, n - 1))) % n
    options: Any = {"prior_sd": prior_sd, "position_effect": False, "n_items": n}
    before = fit_bradley_terry(first, second, won, **options)
    after = fit_bradley_terry(np.append(first, winner), np.append(second, loser), np.append(won, 1), **options)
    # Inside its component, where the scale is the same: an item that joins another component changes what 0 is.
    if before.components[winner] == before.components[loser]:
        assert after.theta[winner] >= before.theta[winner] - 1e-9
        assert after.theta[loser] <= before.theta[loser] + 1e-9
    assert after.theta[winner] - after.theta[loser] >= before.theta[winner] - before.theta[loser] - 1e-9


@settings(deadline=None)
@given(verdicts().filter(is_decided), st.booleans())
def test_the_same_data_twice_halve_the_variance(data: Data, position_effect: bool) -> None:
    # A prior of precision 2 / sigma^2 is what the prior of precision 1 / sigma^2 becomes when it is doubled, too.
    n, first, second, won = data
    options: Any = {"position_effect": position_effect, "n_items": n}
    once = fit_bradley_terry(first, second, won, prior_sd=4.0, **options)
    twice = fit_bradley_terry(*(np.tile(values, 2) for values in (first, second, won)), prior_sd=4 / np.sqrt(2), **options)
    assert twice.theta == pytest.approx(once.theta, abs=1e-7)
    assert twice.covariance() == pytest.approx(once.covariance() / 2, abs=1e-7)
