"""With anchors, every pupil's essay meets different grades from all over the scale, and the rest of the balance holds."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from huleedu_pipeline.comparisons import PlannedPair, plan_single_wave
from huleedu_pipeline.comparisons.anchoring import anchored, split

Levels = list[int | None]
TWELVE: Levels = [0, 0, 1, 2, 3, 3, 4, 5, 5, 6, 7, 8]


@st.composite
def plans(draw: st.DrawFn) -> tuple[Levels, int, int]:
    """Levels of anchors of at least two grades among pupils' essays, a cap and a seed."""
    anchors: Levels = list(draw(st.lists(st.integers(0, 5), min_size=2, max_size=12).filter(lambda them: len(set(them)) > 1)))
    levels = draw(st.permutations(anchors + [None] * draw(st.integers(1, 25))))
    n = len(levels)
    return levels, draw(st.integers(n - 1, n * (n - 1) // 2 + 5)), draw(st.integers(0, 2**32))


def grades_met(levels: Levels, pairs: list[PlannedPair]) -> dict[int, list[int]]:
    """Levels of the anchors that each pupil's essay meets."""
    met: dict[int, list[int]] = {essay: [] for essay, level in enumerate(levels) if level is None}
    for pair in pairs:
        for essay, other in ((pair.first, pair.second), (pair.second, pair.first)):
            level = levels[other]
            if essay in met and level is not None:
                met[essay].append(level)
    return met


@settings(deadline=None, max_examples=200)
@given(plans())
@example(([0, 1, None], 2, 1))
@example(([0, 0, 0, 0, 5, None, None], 21, 1))
def test_every_design_with_anchors_keeps_its_promises(plan: tuple[Levels, int, int]) -> None:
    levels, max_pairs, seed = plan
    n = len(levels)
    pairs = plan_single_wave(n, max_pairs, seed, anchor_levels=levels)
    assert pairs == plan_single_wave(n, max_pairs, seed, anchor_levels=levels)
    assert len(pairs) == min(max_pairs, n * (n - 1) // 2)
    assert len({frozenset((pair.first, pair.second)) for pair in pairs}) == len(pairs)
    assert all(pair.first != pair.second for pair in pairs)

    first, second = np.array([(pair.first, pair.second) for pair in pairs]).T
    assert connected_components(coo_matrix((np.ones(len(pairs)), (first, second)), shape=(n, n)), directed=False)[0] == 1
    assert np.abs(np.bincount(first, minlength=n) - np.bincount(second, minlength=n)).max() <= 1
    is_pupil = np.array([level is None for level in levels])
    degree = np.bincount(np.r_[first, second], minlength=n)[is_pupil]
    assert degree.max() - degree.min() <= 1

    met = grades_met(levels, pairs)
    n_grades = len(set(levels) - {None})
    for grades in met.values():
        assert len(grades) >= 1
        assert len(set(grades)) == min(len(grades), n_grades)
    numbers = [len(grades) for grades in met.values()]
    assert max(numbers) - min(numbers) <= 1


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 60), st.integers(2, 14), st.floats(0, 1), st.integers(0, 14), st.data())
def test_the_parts_of_a_design_fit_and_sum_to_it(
    n_pupils: int, n_anchors: int, share: float, links: int, data: st.DataObject
) -> None:
    n = n_pupils + n_anchors
    n_pairs = data.draw(st.integers(n - 1, n * (n - 1) // 2))
    parts = split(n_pupils, n_anchors, n_pairs, anchor_share=share, links_per_anchor=links)
    assert parts.n_between_anchors + parts.n_with_anchor + parts.n_between_pupils == n_pairs
    assert n_anchors - 1 <= parts.n_between_anchors <= n_anchors * (n_anchors - 1) // 2
    assert n_pupils <= parts.n_with_anchor <= n_pupils * n_anchors
    assert 0 <= parts.n_between_pupils <= n_pupils * (n_pupils - 1) // 2


@pytest.mark.parametrize(("n_pupils", "n_met"), [(24, 3), (100, 2), (300, 2)])
def test_the_product_s_design_meets_as_many_anchors_as_the_simulation_says(n_pupils: int, n_met: int) -> None:
    levels = TWELVE + [None] * n_pupils
    pairs = plan_single_wave(len(levels), 10 * len(levels), 1, anchor_levels=levels)
    assert {len(grades) for grades in grades_met(levels, pairs).values()} == {n_met}


def test_anchors_are_spread_over_the_scale_and_loaded_evenly() -> None:
    levels = TWELVE + [None] * 60
    parts = split(60, 12, 720, anchor_share=0.25, links_per_anchor=2)
    pairs, _ = anchored(levels, parts, 0, np.random.default_rng(1))
    planned = [PlannedPair(int(i), int(j)) for i, j in pairs]
    for grades in grades_met(levels, planned).values():
        low, *_, high = sorted(grades)
        assert low <= 3
        assert high >= 5
    load = Counter(essay for pair in planned for essay in (pair.first, pair.second) if essay < 12)
    assert max(load.values()) - min(load.values()) <= 3


def test_a_grade_with_many_anchors_does_not_crowd_out_the_others() -> None:
    # Nine anchors of one grade and two others: who meets three anchors meets all three grades.
    levels: Levels = [4] * 9 + [1, 7] + [None] * 30
    parts = split(30, 11, 400, anchor_share=0.13)
    assert parts.n_with_anchor == 90
    pairs, _ = anchored(levels, parts, 0, np.random.default_rng(2))
    met = grades_met(levels, [PlannedPair(int(i), int(j)) for i, j in pairs])
    assert all(sorted(grades) == [1, 4, 7] for grades in met.values())
    load = Counter(essay for pair in pairs.tolist() for essay in pair if essay < 9)
    assert max(load.values()) - min(load.values()) <= 2


@pytest.mark.parametrize("levels", [[3, *[None] * 9], [3, 3, 3, *[None] * 7], [None] * 10, [1, 2, 3, 4]])
def test_anchors_that_can_not_grade_change_nothing(levels: Levels) -> None:
    n = len(levels)
    assert plan_single_wave(n, n + 3, 1, anchor_levels=levels) == plan_single_wave(n, n + 3, 1)


def test_pairs_in_both_orders_are_pairs_of_pupils_essays() -> None:
    levels = TWELVE + [None] * 60
    pairs = plan_single_wave(72, 720, 1, anchor_levels=levels, both_orders_share=0.05)
    orders = {(pair.first, pair.second) for pair in pairs}
    assert len(orders) == 720
    twice = [(first, second) for first, second in orders if (second, first) in orders]
    assert len(twice) == 72
    assert min(essay for pair in twice for essay in pair) >= 12


def test_levels_must_be_one_for_each_essay() -> None:
    with pytest.raises(ValueError, match="^anchor_levels has 2 entries for 3 essays; one for each is needed$"):
        plan_single_wave(3, 3, 1, anchor_levels=[0, 1])
