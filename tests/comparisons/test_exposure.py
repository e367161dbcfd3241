"""Exposure: counting who is shown where, and when that is uneven."""

import pytest

from huleedu_pipeline.comparisons.exposure import Exposure, exposures


@pytest.mark.parametrize(
    ("n_first", "n_second", "is_balanced"),
    [(1, 0, True), (2, 1, True), (3, 1, False), (6, 4, True), (12, 8, True), (13, 8, False), (0, 7, False)],
)
def test_a_difference_of_one_or_of_a_fifth_is_even(n_first: int, n_second: int, is_balanced: bool) -> None:
    assert Exposure("anna", n_first, n_second).is_balanced is is_balanced


def test_the_least_even_essay_comes_first() -> None:
    found = exposures([("c", "a"), ("c", "b"), ("c", "d"), ("a", "b")])
    assert [(one.essay_id, one.n_first, one.n_second) for one in found[:2]] == [("c", 3, 0), ("b", 0, 2)]
    assert sum(one.n_first for one in found) == sum(one.n_second for one in found) == 4


def test_nothing_compared_is_nothing_to_count() -> None:
    assert exposures([]) == []
