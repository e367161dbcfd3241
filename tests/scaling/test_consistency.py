"""Consistency of verdicts with themselves: by hand-counted examples, and against brute force."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from huleedu_pipeline.scaling import ScalingError
from huleedu_pipeline.scaling.consistency import circular_triads, judge_agreement, order_consistency, repeat_consistency
from huleedu_pipeline.simulation import SimulatedJudge, simulate_verdicts


def test_a_circle_of_three_is_one_circular_triad() -> None:
    found = circular_triads([0, 1, 2], [1, 2, 0], [1, 1, 1])
    assert (found.n_triads, found.n_circular, found.share, found.coefficient) == (1, 1, 1.0, 0.0)


def test_a_perfect_order_has_no_circles() -> None:
    first, second = np.triu_indices(7, 1)
    found = circular_triads(first, second, np.ones(21))
    assert (found.n_triads, found.n_circular, found.coefficient) == (35, 0, 1.0)


@pytest.mark.parametrize("n", [3, 4, 5, 6, 7, 8])
def test_the_count_is_kendalls_and_zeta_reaches_zero_at_the_most_circles(n: int) -> None:
    # The most circles: each beats the next half of the others round a table.
    first = np.repeat(np.arange(n), n - 1)
    second = (first + np.tile(np.arange(1, n), n)) % n
    forward = (second - first) % n
    kept = (forward < n / 2) | ((2 * forward == n) & (first < second))
    found = circular_triads(first[kept], second[kept], np.ones(int(kept.sum())))
    wins = np.bincount(first[kept], minlength=n)
    assert found.n_circular == n * (n - 1) * (2 * n - 1) / 12 - (wins**2).sum() / 2
    assert found.coefficient == pytest.approx(0)


@given(st.integers(0, 10_000), st.integers(3, 9))
def test_circles_in_incomplete_designs_are_those_that_brute_force_finds(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = np.triu_indices(n, 1)
    asked = rng.random(len(first)) < 0.7
    first, second = np.repeat(first[asked], 2), np.repeat(second[asked], 2)
    won = rng.integers(0, 2, len(first))
    ahead = np.zeros((n, n))
    np.add.at(ahead, (first, second), 2 * won - 1)
    np.add.at(ahead, (second, first), 1 - 2 * won)
    triads = circles = 0
    for a, b, c in combinations(range(n), 3):
        sides = [ahead[a, b], ahead[b, c], ahead[c, a]]
        if all(sides):
            triads += 1
            circles += len({side > 0 for side in sides}) == 1
    found = circular_triads(first, second, won, n_items=n)
    assert (found.n_triads, found.n_circular) == (triads, circles)


def test_coin_tosses_make_a_quarter_of_the_triads_circular() -> None:
    first, second = np.triu_indices(60, 1)
    found = circular_triads(first, second, np.random.default_rng(1).integers(0, 2, len(first)))
    assert found.share == pytest.approx(0.25, abs=0.01)


def test_without_a_decided_triad_there_is_no_share() -> None:
    found = circular_triads([0, 1, 2], [1, 2, 0], [0.5, 1, 1])
    assert (found.n_triads, found.share, found.coefficient) == (0, None, None)
    assert circular_triads([], [], []).share is None


def test_both_orders_are_matched_pair_by_pair_and_judge_by_judge() -> None:
    first = [0, 1, 0, 1, 2, 0, 2, 0, 3, 0]
    second = [1, 0, 1, 0, 0, 2, 3, 3, 0, 3]
    won = [1, 0, 1, 1, 0, 0, 1, 1, 0.5, 1]
    judge = [0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    found = order_consistency(first, second, won, judge=judge)
    # 0-1: one agreement, one flip to the first place; 0-2: a flip to the second; 0-3: one order is a tie or another judge's.
    assert (found.n_pairs, found.n_consistent, found.n_first, found.n_second) == (3, 1, 1, 1)
    assert (found.n_judgements, found.n_first_won) == (9, 6)
    assert found.agreement == pytest.approx(1 / 3)
    assert found.flip_p_value == pytest.approx(1)


def test_a_judge_that_favours_the_first_place_is_found_out_by_its_flips() -> None:
    rng = np.random.default_rng(3)
    low, high = np.triu_indices(20, 1)
    first, second = np.r_[low, high], np.r_[high, low]
    judge = SimulatedJudge(position_effect=1.0)
    won = simulate_verdicts(rng.normal(0, 1, 20), first, second, rng, judges=[judge])
    found = order_consistency(first, second, won)
    assert found.n_pairs == 190
    assert found.n_first > 5 * found.n_second
    assert found.flip_p_value is not None
    assert found.flip_p_value < 1e-6
    assert found.first_share_p_value is not None
    assert found.first_share_p_value < 1e-6
    assert found.agreement_interval is not None
    assert found.agreement is not None
    assert found.agreement_interval[0] < found.agreement < found.agreement_interval[1]


def test_without_both_orders_nothing_is_claimed() -> None:
    found = order_consistency([0, 1], [1, 2], [1, 0])
    assert (found.n_pairs, found.agreement, found.agreement_interval, found.flip_p_value) == (0, None, None, None)
    assert order_consistency([], [], []).first_share is None


def test_repeats_are_compared_each_with_each_within_judge_and_order() -> None:
    found = repeat_consistency([0, 0, 0, 1, 0], [1, 1, 1, 0, 1], [1, 1, 0, 1, 0], judge=[0, 0, 0, 0, 1])
    assert (found.n_compared, found.n_agreeing) == (3, 1)
    assert found.share == pytest.approx(1 / 3)
    assert repeat_consistency([0], [1], [1]).share is None


def test_judges_agree_where_they_name_the_same_winner_in_any_order() -> None:
    # Judge 0 on pairs 01, 02, 12; judge 1 on 10 (same winner), 02 (the other one), 12 (undecided).
    first, second = [0, 0, 1, 1, 0, 1], [1, 2, 2, 0, 2, 2]
    found = judge_agreement(first, second, [1, 1, 1, 0, 0, 0.5], [0, 0, 0, 1, 1, 1])
    assert (found[0][1].n_compared, found[0][1].n_agreeing) == (2, 1)
    assert found[0][1] == found[1][0]
    assert found[0][0].share == 1
    assert found[1][1].n_compared == 2


def test_what_can_not_be_counted_is_refused_with_the_reason() -> None:
    with pytest.raises(ScalingError, match=r"differ in shape: \(2,\), \(1,\), \(2,\)"):
        circular_triads([0, 1], [1], [1, 1])
    with pytest.raises(ScalingError, match=r"first_won must lie in 0..1"):
        order_consistency([0], [1], [2])
    with pytest.raises(ScalingError, match=r"judge has shape \(2,\), and the comparisons \(1,\)"):
        repeat_consistency([0], [1], [1], judge=[0, 1])
