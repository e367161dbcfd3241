"""Certainty: split grades, expected accuracy and consistency."""

import numpy as np
import pytest

from huleedu_pipeline.grading.certainty import GradeAccuracy, grade_accuracy, sharing_neighbour


@pytest.mark.parametrize(
    ("probabilities", "level", "other"),
    [
        ([0.05, 0.45, 0.45, 0.05], 1, 2),
        ([0.05, 0.45, 0.45, 0.05], 2, 1),
        ([0.36, 0.34, 0.20, 0.10], 0, 1),
        ([0.35, 0.34, 0.21, 0.10], 0, None),  # together below .70
        ([0.60, 0.30, 0.05, 0.05], 0, 1),
        ([0.60, 0.29, 0.06, 0.05], 0, None),  # more than twice as probable
        ([0.10, 0.30, 0.60, 0.00], 1, 2),  # the printed grade may be the lesser one
        ([0.45, 0.10, 0.45, 0.00], 0, None),  # not neighbours
        ([1.00, 0.00, 0.00, 0.00], 0, None),
    ],
)
def test_neighbours_share_a_grade_when_both_are_needed(probabilities: list[float], level: int, other: int | None) -> None:
    assert sharing_neighbour(np.array(probabilities), level) == other


def test_expected_accuracy_and_consistency_are_those_of_the_given_grades() -> None:
    probabilities = np.array([[0.8, 0.2, 0.0], [0.5, 0.3, 0.2], [0.0, 0.4, 0.6]])
    found = grade_accuracy(probabilities, np.array([0, 0, 2]), ("1", "2", "3"))
    assert [(one.grade, one.n_essays) for one in found] == [(None, 3), ("1", 2), ("2", 0), ("3", 1)]
    assert (found[2].accuracy, found[2].consistency) == (None, None)
    with_essays = [found[k] for k in (0, 1, 3)]
    assert [one.accuracy for one in with_essays] == pytest.approx([1.9 / 3, 0.65, 0.6])
    assert [one.consistency for one in with_essays] == pytest.approx([1.58 / 3, 0.53, 0.52])


def test_without_essays_nothing_is_expected() -> None:
    everything, *_ = grade_accuracy(np.zeros((0, 2)), np.zeros(0, dtype=np.int64), ("1", "2"))
    assert everything == GradeAccuracy(None, 0, None, None)
