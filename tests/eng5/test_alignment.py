"""The statistics of an alignment, on verdicts whose figures can be counted by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, kendalltau

from huleedu_pipeline.eng5.alignment import align, rank_agreement, share
from huleedu_pipeline.eng5.alignment_models import Alignment
from huleedu_pipeline.scaling import ScalingError
from tests.eng5.kit import ALL_AS_GRADED, ANCHORS, SCALE, Verdict, essay_rows, judgement_rows


def aligned(verdicts: list[Verdict]) -> Alignment:
    return align(essay_rows(), judgement_rows(verdicts), ANCHORS, SCALE)


def reversed_orders(verdicts: list[Verdict]) -> list[Verdict]:
    return [(second, first, winner) for first, second, winner in verdicts]


def test_a_judge_that_follows_the_grades_has_no_inversions_and_the_tau_b_of_the_one_tie() -> None:
    found = aligned(ALL_AS_GRADED)
    assert [one.label for one in found.anchors] == ["high", "mid", "mid-too", "low"]
    assert [(one.n_wins, one.n_losses) for one in found.anchors] == [(3, 0), (2, 1), (1, 2), (0, 3)]
    assert found.inversions == ()
    assert found.zero_wins == ("low",)
    assert (found.expert_verdicts.k, found.expert_verdicts.n) == (5, 5)
    agreement = found.agreement
    assert (agreement.n_concordant, agreement.n_discordant, agreement.n_tied_grade, agreement.n_tied_theta) == (5, 0, 1, 0)
    # (5 - 0) / sqrt((6 - 1) * 6): the order of the two B1 anchors is neither right nor wrong.
    assert agreement.tau_b == pytest.approx(5 / 30**0.5)


def test_the_order_within_a_grade_does_not_change_tau_b() -> None:
    swapped: list[Verdict] = [
        ("mid", "mid-too", "mid-too") if {"mid", "mid-too"} == {a, b} else (a, b, w) for a, b, w in ALL_AS_GRADED
    ]
    assert aligned(swapped).agreement.tau_b == aligned(ALL_AS_GRADED).agreement.tau_b


def test_anchors_with_the_same_results_share_a_place_and_are_a_tie() -> None:
    circle: list[Verdict] = [("low", "mid", "low"), ("mid", "high", "mid"), ("high", "low", "high")]
    both = [*circle, *reversed_orders(circle)]
    found = align(essay_rows()[:2] + essay_rows()[3:], judgement_rows(both), ANCHORS, SCALE)
    assert {one.rank for one in found.anchors} == {1}
    assert found.agreement.n_tied_theta == 3
    assert found.agreement.tau_b is None


def test_a_direct_inversion_carries_every_verdict_with_the_judges_reason() -> None:
    found = aligned([*ALL_AS_GRADED, ("high", "low", "low"), ("mid", "low", "mid")])
    (inversion,) = found.inversions
    assert (inversion.lower, inversion.higher, inversion.grades_apart) == ("low", "high", 4)
    assert (inversion.n_lower_won, inversion.n_higher_won) == (1, 1)
    assert [(one.custom_id, one.shown_first, one.justification) for one in inversion.verdicts] == [("c7", "high", "reason 7")]
    assert found.zero_wins == ()


def test_grade_boundaries_count_verdicts_and_pairs_apart() -> None:
    found = aligned([*ALL_AS_GRADED, ("mid", "low", "low"), ("mid-too", "low", "mid-too")])
    by_grades = {(one.lower_grade, one.higher_grade): one for one in found.grade_pairs}
    assert [grades for grades, one in by_grades.items() if one.is_boundary] == [("A1", "B1"), ("B1", "C1")]
    lowest = by_grades["A1", "B1"]
    assert (lowest.verdicts.k, lowest.verdicts.n) == (3, 4)
    # low and mid are even, so only the other pair says anything.
    assert (lowest.pairs.k, lowest.pairs.n, lowest.n_even) == (1, 1, 1)


def test_a_boundary_that_nothing_compares_is_shown_and_empty() -> None:
    found = aligned([("low", "high", "high"), ("mid", "high", "high"), ("mid-too", "high", "high"), ("mid", "high", "high")])
    lowest = next(one for one in found.grade_pairs if (one.lower_grade, one.higher_grade) == ("A1", "B1"))
    assert lowest.is_boundary
    assert (lowest.verdicts.n, lowest.verdicts.share, lowest.verdicts.low) == (0, None, None)


def test_parts_that_nothing_connects_have_no_common_scale() -> None:
    found = aligned([("low", "mid", "mid"), ("mid-too", "high", "high")])
    assert found.n_parts == 2
    assert {one.theta for one in found.anchors} == {None}
    assert {one.theta_se for one in found.anchors} == {None}
    assert found.agreement.tau_b is None


def test_both_orders_and_repeats_are_told_apart() -> None:
    asked = [*ALL_AS_GRADED, *reversed_orders(ALL_AS_GRADED)]
    # One flip: the text shown first wins both times.
    asked = [("mid", "high", "mid") if verdict == ("mid", "high", "high") else verdict for verdict in asked]
    found = aligned([*asked, ("low", "high", "low")])
    assert (found.consistency.both_orders.k, found.consistency.both_orders.n) == (5, 6)
    assert (found.consistency.n_flips_to_first, found.consistency.n_flips_to_second) == (1, 0)
    assert (found.consistency.repeats.k, found.consistency.repeats.n) == (0, 1)
    assert found.position.is_balanced


def test_a_design_in_one_order_says_that_it_is_not_balanced() -> None:
    found = aligned([("high", label, "high") for label in ("low", "mid", "mid-too")])
    assert not found.position.is_balanced
    assert found.position.first_won.share == 1


def test_a_tie_is_nobodys_win() -> None:
    found = aligned([*ALL_AS_GRADED, ("high", "low", None)])
    by_label = {one.label: one for one in found.anchors}
    assert (by_label["high"].n_wins, by_label["high"].n_ties, by_label["low"].n_losses) == (3, 1, 3)
    assert found.expert_verdicts.n == 5


def test_without_a_verdict_there_is_no_report() -> None:
    rows = [{**row, "outcome": "failure"} for row in judgement_rows(ALL_AS_GRADED)]
    with pytest.raises(ScalingError, match="none of 6 judgements has a verdict"):
        align(essay_rows(), rows, ANCHORS, SCALE)


@given(st.integers(0, 60), st.integers(0, 60))
def test_intervals_are_those_of_clopper_and_pearson(k: int, more: int) -> None:
    n = k + more
    found = share(k, n)
    if n == 0:
        assert (found.share, found.low, found.high) == (None, None, None)
        return
    assert found.low == pytest.approx(beta.ppf(0.025, k, n - k + 1) if k else 0, abs=1e-9)
    assert found.high == pytest.approx(beta.ppf(0.975, k + 1, n - k) if k < n else 1, abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(-3, 3)), min_size=2, max_size=9))
def test_tau_b_is_that_of_its_own_counts(anchors: list[tuple[int, int]]) -> None:
    levels, theta = [level for level, _ in anchors], [float(place) for _, place in anchors]
    found = rank_agreement(levels, theta)
    denominator = ((found.n_pairs - found.n_tied_grade) * (found.n_pairs - found.n_tied_theta)) ** 0.5
    if denominator == 0:
        assert found.tau_b is None
    else:
        assert found.tau_b == pytest.approx((found.n_concordant - found.n_discordant) / denominator)
        assert found.tau_b == pytest.approx(kendalltau(levels, theta).statistic)
