"""The order of anchors: what is inverted, how surely, where on the scale, and what it costs in certainty."""

import numpy as np
import pytest

from huleedu_pipeline.grading.order import contradicted_regions, contradicted_width, find_inversions
from tests.grading.kit import CEFR

LEVELS = np.array([0, 1, 2, 3, 4, 5])
SE = 0.2
COVARIANCE = SE**2 * np.eye(6)


def test_anchors_in_order_have_no_inversion() -> None:
    assert find_inversions(np.arange(6.0), LEVELS, COVARIANCE) == ()
    assert contradicted_regions((), LEVELS, CEFR.ladder) == ()
    assert find_inversions(np.array([1.0, 0.0, 2.0]), np.array([0, 0, 1]), 0.04 * np.eye(3)) == ()


def test_an_inversion_has_its_overlap_and_its_z() -> None:
    (found,) = find_inversions(np.array([0.0, 2.0, 1.0, 3.0, 4.0, 5.0]), LEVELS, COVARIANCE)
    assert (found.lower, found.higher, found.overlap) == (1, 2, 1.0)
    assert found.z == pytest.approx(1.0 / (SE * 2**0.5))
    assert found.is_contradiction


def test_an_error_that_two_anchors_share_does_not_excuse_them() -> None:
    theta, levels = np.array([0.3, 0.0]), np.array([0, 1])
    (alone,) = find_inversions(theta, levels, 0.04 * np.eye(2))
    (shared,) = find_inversions(theta, levels, 0.01 * np.eye(2) + 0.03)
    assert not alone.is_contradiction
    assert shared.is_contradiction


def test_regions_are_named_and_those_with_a_common_boundary_are_one() -> None:
    theta = np.array([0.0, 3.0, 2.0, 1.0, 5.0, 4.0])
    inversions = find_inversions(theta, LEVELS, COVARIANCE)
    first, second = contradicted_regions(inversions, LEVELS, CEFR.ladder)
    assert (first.from_grade, first.to_grade, first.n_contradictions, first.largest_overlap) == ("A2", "B2", 3, 2.0)
    assert (second.from_grade, second.to_grade, second.n_contradictions) == ("C1", "C2", 1)


def test_chance_makes_no_region() -> None:
    inversions = find_inversions(np.array([0.0, 1.1, 1.0, 2.0, 3.0, 4.0]), LEVELS, COVARIANCE)
    assert [one.is_contradiction for one in inversions] == [False]
    assert contradicted_regions(inversions, LEVELS, CEFR.ladder) == ()
    assert not contradicted_width(inversions, LEVELS, 6, 1.0).any()


def test_boundaries_inside_a_contradiction_are_wider_by_half_the_overlap_and_no_more_than_a_step() -> None:
    theta = np.array([0.0, 3.0, 2.0, 1.0, 5.0, 4.0])
    inversions = find_inversions(theta, LEVELS, COVARIANCE)
    assert contradicted_width(inversions, LEVELS, 6, 9.0) == pytest.approx(np.array([0, 1.0, 1.0, 0, 0.5]))
    assert contradicted_width(inversions, LEVELS, 6, 0.7) == pytest.approx(np.array([0, 0.7, 0.7, 0, 0.5]))
