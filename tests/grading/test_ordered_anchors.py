"""Anchors in perfect order always get their own grades: ENG5's twelve over nine grades, and whatever else may be given."""

import numpy as np
import pytest

from huleedu_pipeline.grading import AnchorReport, check_anchors, get_scale
from huleedu_pipeline.grading.boundaries import between_anchors
from tests.grading.kit import CEFR, Floats, Grades, centred_covariance, places, projected

ENG5 = get_scale("eng5_np_legacy_9_step")
ENG5_ANCHORS = ("F+", "F+", "E-", "E+", "D-", "D+", "C-", "C+", "B", "B", "A", "A")


def ordered_locations(n: int, spread: float, unevenness: float, rng: np.random.Generator) -> Floats:
    """Return ``n`` increasing locations that span ``spread`` logits, with log-normal distances."""
    steps = np.exp(rng.normal(0, unevenness, n - 1))
    return np.asarray(np.concatenate([[0.0], np.cumsum(steps)]) * spread / steps.sum(), dtype=np.float64)


@pytest.mark.parametrize("spread", [0.5, 3.0, 13.0])
@pytest.mark.parametrize("unevenness", [0.0, 0.7, 1.5])
def test_eng5_s_twelve_anchors_get_their_own_grades(spread: float, unevenness: float) -> None:
    rng = np.random.default_rng(int(spread * 10 + unevenness * 100))
    for _ in range(2):
        theta = ordered_locations(12, spread, unevenness, rng)
        projection = projected(theta, centred_covariance(12, spread / 40), list(ENG5_ANCHORS), ENG5)
        assert [projection.grade(i) for i in range(12)] == list(ENG5_ANCHORS)


@pytest.mark.parametrize("scale_id", ["swedish_8_anchor", "eng5_np_legacy_9_step", "eng5_np_national_9_step", "cefr_6_level"])
def test_ordered_anchors_with_missing_grades_get_their_own_grades(scale_id: str) -> None:
    scale = get_scale(scale_id)
    rng = np.random.default_rng(len(scale_id))
    for _ in range(3):
        levels = np.sort(rng.choice(len(scale.grades), rng.integers(4, 12)))
        if len(set(levels.tolist())) < 3:
            levels[0], levels[-1] = 0, len(scale.grades) - 1
        own: Grades = [scale.grades[level] for level in levels]
        # Anchors of one grade lie together, so that location rises with the grade.
        theta = levels * 1.0 + 0.3 * np.sort(rng.random(len(levels)))
        projection = projected(theta, centred_covariance(len(levels), 0.05), own, scale)
        assert [projection.grade(i) for i in range(len(levels))] == own


def test_boundaries_are_moved_between_anchors_whatever_the_model_says() -> None:
    rng = np.random.default_rng(1)
    for _ in range(300):
        n_grades = int(rng.integers(2, 11))
        levels = np.sort(rng.integers(0, n_grades, int(rng.integers(2, 15))))
        theta = ordered_locations(len(levels), 5.0, 2.0, rng)
        boundaries = np.sort(rng.normal(2.5, 3.0, n_grades - 1))
        moved = between_anchors(boundaries, theta, levels, 1.0)
        assert (np.diff(moved) > 0).all()
        assert np.searchsorted(moved, theta).tolist() == levels.tolist()


def test_boundaries_that_the_anchors_bear_out_stay_where_they_are() -> None:
    boundaries, theta, levels = np.array([0.4, 1.6]), np.array([0.0, 1.0, 2.0]), np.array([0, 1, 2])
    assert (between_anchors(boundaries, theta, levels, 1.0) == boundaries).all()


def test_anchors_out_of_order_leave_boundaries_increasing() -> None:
    rng = np.random.default_rng(2)
    for _ in range(300):
        n_grades = int(rng.integers(2, 11))
        levels = rng.integers(0, n_grades, 8)
        boundaries = np.sort(rng.normal(0, 2, n_grades - 1))
        assert (np.diff(between_anchors(boundaries, rng.normal(0, 2, 8), levels, 1.0)) > 0).all()


def test_far_below_the_lowest_anchors_an_essay_is_given_the_grade_below_the_lowest() -> None:
    theta = [*np.repeat(np.arange(9) * 1.0, 2), -0.1, -1.4, -4.0]
    grades: Grades = [grade for grade in ENG5.grades for _ in range(2)]
    projection = projected(theta, 0.01 * np.eye(21), [*grades, None, None, None], ENG5)
    assert [projection.grade(i) for i in (18, 19, 20)] == ["F+", "F", "F"]
    below = projection.probabilities[18:, 0]
    assert below[0] < 0.2 < 0.5 < below[1] < below[2]
    assert below[2] > 0.95
    first, second = projection.boundaries[:2]
    assert (first.lower, first.upper, first.n_lower, first.n_upper) == ("F", "F+", 0, 2)
    assert first.se > 1.5 * second.se


def test_an_anchor_can_not_carry_the_grade_below_the_lowest() -> None:
    with pytest.raises(ValueError, match="'F' is no anchor's grade"):
        projected([0.0, 1.0], np.eye(2), ["F", "A"], ENG5)


def test_contradictions_widen_boundaries_and_lower_certainty_there() -> None:
    rng = np.random.default_rng(3)
    ordered = np.repeat(np.arange(6) * 1.5, 3) + rng.normal(0, 0.1, 18)
    levels = np.repeat(np.arange(6), 3)
    swapped = ordered.copy()
    swapped[[7, 10]] = swapped[[10, 7]]  # one anchor of B1 and one of B2
    grades: Grades = [CEFR.grades[level] for level in levels]
    pupils = [3.0, 4.5]
    clean, torn = (projected([*t, *pupils], 0.01 * np.eye(20), [*grades, None, None]) for t in (ordered, swapped))
    assert clean.regions == ()
    (region,) = torn.regions
    assert (region.from_grade, region.to_grade) == ("B1", "B2")
    assert torn.boundaries[2].se > 1.5 * clean.boundaries[2].se
    for i in (18, 19):
        assert torn.grade_probability(i) < clean.grade_probability(i) - 0.15
    assert places(torn) == pytest.approx(places(clean), abs=0.5)


def test_leave_one_out_leaves_most_of_two_anchors_a_grade_where_they_are() -> None:
    theta = np.repeat(np.arange(6) * 2.0, 2) + np.tile([-0.2, 0.2], 6)
    own: Grades = [CEFR.grades[level] for level in np.repeat(np.arange(6), 2)]
    covariance = centred_covariance(12, 0.1)
    report = check_anchors(theta, covariance, own, CEFR, projected(theta, covariance, own))
    assert isinstance(report, AnchorReport)
    assert (report.n_own_grade, report.n_own_grade_left_out, report.n_left_out) == (12, 12, 12)
