"""Linking: late essays join without moving what is finished, common items hold batches together, moved items are seen."""

import numpy as np
import pytest
from numpy.typing import NDArray

from huleedu_pipeline.comparisons import plan_single_wave
from huleedu_pipeline.scaling import ScalingError, fit_bradley_terry
from huleedu_pipeline.scaling.linking import BatchVerdicts, LinkMethod, add_late_items, link_scales, scale_together
from huleedu_pipeline.simulation import draw_locations, simulate_verdicts

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
N_FINISHED, N_LATE = 20, 6


def finished_batch(seed: int = 1) -> tuple[Floats, Floats, Floats]:
    """Return true locations of 26 essays, and locations and covariance of the first 20 by 10 verdicts each."""
    rng = np.random.default_rng(seed)
    truth = draw_locations(N_FINISHED + N_LATE, 1.5, rng)
    pairs = plan_single_wave(N_FINISHED, 10 * N_FINISHED, seed)
    first, second = np.array([pair.first for pair in pairs]), np.array([pair.second for pair in pairs])
    fit = fit_bradley_terry(first, second, simulate_verdicts(truth, first, second, rng), n_items=N_FINISHED)
    return truth, fit.theta, fit.covariance()


def late_pairs(per_essay: int = 12) -> tuple[Ints, Ints]:
    """Return comparisons of each late essay with finished ones, in alternating order."""
    late = np.repeat(np.arange(N_FINISHED, N_FINISHED + N_LATE), per_essay)
    known = np.arange(len(late)) * 7 % N_FINISHED
    is_first = np.arange(len(late)) % 2 == 0
    return np.where(is_first, late, known), np.where(is_first, known, late)


@pytest.mark.parametrize("uncertainty", ["covariance", "se", "none"])
def test_late_essays_do_not_move_a_finished_one_at_all(uncertainty: str) -> None:
    truth, theta, covariance = finished_batch()
    first, second = late_pairs()
    # Verdicts among finished essays, however surprising, do not move them either.
    first, second = np.append(first, [0, 1]), np.append(second, [1, 2])
    won = simulate_verdicts(truth, first, second, np.random.default_rng(2))
    known = {"covariance": covariance, "se": np.sqrt(np.diag(covariance)), "none": None}[uncertainty]
    before = theta.copy()
    extended = add_late_items(theta, known, first, second, won)
    assert (extended.theta[:N_FINISHED] == before).all()
    assert (theta == before).all()
    block = extended.covariance[:N_FINISHED, :N_FINISHED]
    expected = {"covariance": covariance, "se": np.diag(np.diag(covariance)), "none": np.zeros_like(covariance)}[uncertainty]
    assert block == pytest.approx(expected, abs=1e-14)
    assert np.corrcoef(extended.theta[N_FINISHED:], truth[N_FINISHED:])[0, 1] > 0.8


def test_what_is_not_known_of_the_finished_passes_on_to_the_late() -> None:
    truth, theta, covariance = finished_batch()
    first, second = late_pairs()
    won = simulate_verdicts(truth, first, second, np.random.default_rng(2))
    exact, known = (add_late_items(theta, c, first, second, won, prior_sd=1.5) for c in (None, covariance))
    assert (known.theta == exact.theta).all()
    assert (known.se[N_FINISHED:] > exact.se[N_FINISHED:]).all()
    assert np.linalg.eigvalsh(known.covariance).min() > -1e-10


def test_late_locations_move_with_the_finished_ones_as_their_covariance_says() -> None:
    truth, theta, _ = finished_batch()
    first, second = late_pairs()
    won = simulate_verdicts(truth, first, second, np.random.default_rng(2))
    unit = np.eye(N_FINISHED)
    extended = add_late_items(theta, unit, first, second, won, prior_sd=1.5)
    moved, step = extended.covariance[N_FINISHED:, :N_FINISHED], 1e-4
    for item in (0, 7):
        up, down = (
            add_late_items(theta + sign * step * unit[item], None, first, second, won, prior_sd=1.5).theta for sign in (1, -1)
        )
        # The finished items also hold the weak prior of the late ones' mean, which moves with them by next to nothing.
        assert moved[:, item] == pytest.approx((up - down)[N_FINISHED:] / (2 * step), abs=1e-4)


def test_intervals_of_late_essays_cover_the_truth() -> None:
    covered = []
    for seed in range(25):
        truth, theta, covariance = finished_batch(seed)
        first, second = late_pairs(16)
        won = simulate_verdicts(truth, first, second, np.random.default_rng(seed + 1000))
        extended = add_late_items(theta, covariance, first, second, won)
        off = extended.theta[N_FINISHED:] - (truth[N_FINISHED:] - truth[:N_FINISHED].mean())
        covered += (np.abs(off) <= 1.96 * extended.se[N_FINISHED:]).tolist()
    assert 0.90 <= np.mean(covered) <= 0.985


def test_late_essays_must_exist_and_be_tied_to_the_finished() -> None:
    theta = np.array([-1.0, 0.0, 1.0])
    with pytest.raises(ScalingError, match="there are no late items: all indices are below 3"):
        add_late_items(theta, None, [0, 1], [1, 2], [0, 1])
    with pytest.raises(ScalingError, match=r"no comparison ties late items \[4, 5\] to the finished ones"):
        add_late_items(theta, None, [0, 3, 4], [3, 1, 5], [0, 1, 1])
    with pytest.raises(ScalingError, match=r"3 finished items, but their uncertainty has shape \(2, 2\)"):
        add_late_items(theta, np.eye(2), [0], [3], [1])


def two_batches(seed: int) -> tuple[Floats, list[BatchVerdicts]]:
    """Return two batches of 16 essays, 8 of them the same."""
    rng = np.random.default_rng(seed)
    truth = rng.normal(0, 1.2, 24)
    batches = []
    for names in (range(16), [*range(0, 16, 2), *range(16, 24)]):
        items = np.array(names)
        pairs = plan_single_wave(16, 120, seed)
        first, second = np.array([pair.first for pair in pairs]), np.array([pair.second for pair in pairs])
        won = simulate_verdicts(truth[items], first, second, rng)
        batches.append(BatchVerdicts([f"essay {k}" for k in names], first, second, won))
    return truth, batches


def test_batches_with_common_items_come_onto_one_scale() -> None:
    off = []
    for seed in range(8):
        truth, batches = two_batches(seed)
        together = scale_together(batches)
        assert together.items == tuple(f"essay {k}" for k in (*range(16), *range(16, 24)))
        assert (together.theta(0)[::2] == together.theta(1)[:8]).all()
        assert together.covariance(1).shape == (16, 16)
        covariance = together.fit.covariance()
        for a, b in ((1, 17), (3, 20), (15, 23)):  # pairs that never met: only common essays tie them
            error = together.fit.theta[a] - together.fit.theta[b] - (truth[a] - truth[b])
            off.append(error / np.sqrt(covariance[a, a] + covariance[b, b] - 2 * covariance[a, b]))
    assert np.sqrt(np.mean(np.square(off))) == pytest.approx(1, abs=0.35)


def test_batches_without_a_common_item_and_items_named_twice_are_refused() -> None:
    one = BatchVerdicts(["a", "b"], [0, 1], [1, 0], [1, 1])
    with pytest.raises(ScalingError, match="do not hang together"):
        scale_together([one, BatchVerdicts(["c", "d"], [0, 1], [1, 0], [1, 1])])
    with pytest.raises(ScalingError, match="batch 1: an item is named twice"):
        scale_together([one, BatchVerdicts(["a", "a"], [0], [1], [1])])


METHODS: tuple[LinkMethod, ...] = ("mean_sigma", "precision", "shift")


@pytest.mark.parametrize("method", METHODS)
def test_a_line_without_error_is_found_exactly(method: LinkMethod) -> None:
    new = np.array([-2.0, -0.5, 0.1, 1.0, 2.5])
    slope = 1.0 if method == "shift" else 0.7
    link = link_scales(new, 0.01 * np.eye(5), slope * new + 0.3, 0.02 * np.eye(5), method=method)
    assert (link.slope, link.intercept) == pytest.approx((slope, 0.3), abs=1e-6)
    assert link.residual == pytest.approx(np.zeros(5), abs=1e-6)
    theta, covariance = link.transform(new, 0.01 * np.eye(5))
    assert theta == pytest.approx(slope * new + 0.3, abs=1e-6)
    assert (np.diag(covariance) > slope**2 * 0.01).all()


def test_mean_sigma_is_the_ratio_of_standard_deviations() -> None:
    new, old = np.array([-1.0, 0.0, 0.5, 2.0]), np.array([-2.0, 0.3, 0.9, 3.0])
    link = link_scales(new, 0.1 * np.eye(4), old, 0.1 * np.eye(4))
    assert link.slope == pytest.approx(old.std(ddof=1) / new.std(ddof=1))
    assert link.intercept == pytest.approx(old.mean() - link.slope * new.mean())


@pytest.mark.parametrize("method", METHODS)
def test_the_link_s_standard_errors_are_how_much_it_varies(method: LinkMethod) -> None:
    rng = np.random.default_rng(3)
    truth = np.linspace(-2.5, 2.5, 12)
    slope = 1.0 if method == "shift" else 0.8
    n_sd, o_sd = 0.25, 0.15
    links = [
        link_scales(
            (truth - 0.4) / slope + rng.normal(0, n_sd, 12),
            n_sd**2 * np.eye(12),
            truth + rng.normal(0, o_sd, 12),
            o_sd**2 * np.eye(12),
            method=method,
        )
        for _ in range(300)
    ]
    assert np.mean([link.intercept for link in links]) == pytest.approx(0.4, abs=0.03)
    assert np.std([link.intercept for link in links]) == pytest.approx(np.mean([link.intercept_se for link in links]), rel=0.15)
    z = np.concatenate([link.residual_z for link in links])
    assert z.std() == pytest.approx(1, abs=0.08)
    assert np.mean(np.abs(z) > 2.7) < 0.02
    if method != "shift":
        assert np.std([link.slope for link in links]) == pytest.approx(np.mean([link.slope_se for link in links]), rel=0.15)
        assert np.mean([(link.slope_p_value or 0) < 0.05 for link in links]) > 0.9
    else:
        assert {link.slope_p_value for link in links} == {None}


def test_equal_units_are_rarely_called_different() -> None:
    rng = np.random.default_rng(4)
    truth = np.linspace(-2.5, 2.5, 12)
    called = [
        (link_scales(truth + rng.normal(0, 0.2, 12), c, truth + rng.normal(0, 0.2, 12), c).slope_p_value or 0) < 0.05
        for c in [0.04 * np.eye(12)] * 300
    ]
    assert 0.02 <= np.mean(called) <= 0.09


@pytest.mark.parametrize("method", METHODS)
def test_an_item_that_has_moved_stands_out_from_the_rest(method: LinkMethod) -> None:
    truth, c = np.linspace(-2.5, 2.5, 12), 0.04 * np.eye(12)
    new = truth + np.random.default_rng(5).normal(0, 0.2, 12)
    new[3] += 1.5
    link = link_scales(new, c, truth, c, method=method)
    assert np.argmax(np.abs(link.residual_z)) == 3
    assert np.flatnonzero(np.abs(link.residual_z) > 2.7).tolist() == [3]
    assert link.residual[3] == pytest.approx(-1.5, abs=0.6)


def test_a_shift_that_one_scale_has_as_a_whole_is_no_displacement() -> None:
    truth = np.linspace(-2, 2, 8)
    shared = 0.02 * np.eye(8) + 3.0
    alone, with_shift = (
        link_scales(truth + shift, c, truth, np.zeros((8, 8)), method="shift")
        for shift, c in ((0.0, 0.02 * np.eye(8)), (5.0, shared))
    )
    assert with_shift.residual_z == pytest.approx(alone.residual_z, abs=1e-4)
    assert with_shift.intercept == pytest.approx(-5.0)


@pytest.mark.parametrize(
    ("new", "old", "method", "message"),
    [
        ([0.0, 1.0], [0.0, 1.0], "mean_sigma", "2 common items; mean_sigma needs at least 3"),
        ([0.0], [0.0], "shift", "1 common items; shift needs at least 2"),
        ([0.0, 1.0, 2.0], [1.0, 1.0, 1.0], "precision", "do not spread"),
        ([0.0, 1.0, 2.0], [1.0, 1.0], "shift", "differ in number"),
    ],
)
def test_too_little_in_common_is_refused(new: list[float], old: list[float], method: LinkMethod, message: str) -> None:
    with pytest.raises(ScalingError, match=message):
        link_scales(new, np.eye(len(new)), old, np.eye(len(old)), method=method)
