"""A pair design is as large as asked for, connected, balanced in number and in place, and the same for the same seed."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from huleedu_pipeline.comparisons import PlannedPair, plan_single_wave

Design = tuple[int, int, int]
seeds = st.integers(0, 2**64)


@st.composite
def designs(draw: st.DrawFn) -> Design:
    """A number of essays, a cap from the fewest pairs that connect them to more than there are, and a seed."""
    n = draw(st.integers(2, 40))
    return n, draw(st.integers(n - 1, n * (n - 1) // 2 + 5)), draw(seeds)


def n_components(n: int, pairs: list[PlannedPair]) -> int:
    ends = np.array([(pair.first, pair.second) for pair in pairs]).T
    links = coo_matrix((np.ones(len(pairs)), (ends[0], ends[1])), shape=(n, n))
    return int(connected_components(links, directed=False)[0])


@settings(deadline=None, max_examples=300)
@given(designs())
@example((2, 1, 0))
@example((3, 2, 0))
@example((40, 39, 0))
@example((39, 741, 0))
def test_every_design_keeps_its_promises(design: Design) -> None:
    n, max_pairs, seed = design
    pairs = plan_single_wave(n, max_pairs, seed)

    assert len(pairs) == min(max_pairs, n * (n - 1) // 2)
    assert all(0 <= essay < n for pair in pairs for essay in (pair.first, pair.second))
    assert all(pair.first != pair.second for pair in pairs)
    assert len({frozenset((pair.first, pair.second)) for pair in pairs}) == len(pairs)
    assert n_components(n, pairs) == 1

    shown_first, shown_second = Counter(pair.first for pair in pairs), Counter(pair.second for pair in pairs)
    degree = [shown_first[essay] + shown_second[essay] for essay in range(n)]
    assert max(degree) - min(degree) <= 1
    assert all(abs(shown_first[essay] - shown_second[essay]) <= 1 for essay in range(n))

    assert plan_single_wave(n, max_pairs, seed) == pairs


def test_another_seed_is_another_design() -> None:
    designs_by_seed = {tuple(plan_single_wave(12, 30, seed)) for seed in range(20)}
    assert len(designs_by_seed) == 20
    unordered = {frozenset(frozenset((pair.first, pair.second)) for pair in design) for design in designs_by_seed}
    assert len(unordered) == 20


def test_seeds_treat_all_essays_alike() -> None:
    # The cap of 17 pairs of 10 essays gives some essays four comparisons and some three: over seeds, everybody in turn.
    n_designs = 400
    degree = Counter(
        essay for seed in range(n_designs) for pair in plan_single_wave(10, 17, seed) for essay in (pair.first, pair.second)
    )
    shares = np.array([degree[essay] for essay in range(10)]) / n_designs
    assert shares.sum() == pytest.approx(34 / 10 * 10)
    assert np.abs(shares - 3.4).max() < 0.1


def test_the_order_of_asking_does_not_follow_the_essays() -> None:
    # Whoever reads the first half of the answers only has met all essays, not the first half of the class.
    first_half = plan_single_wave(30, 300, 1)[:150]
    degree = Counter(essay for pair in first_half for essay in (pair.first, pair.second))
    assert min(degree[essay] for essay in range(30)) >= 4


def second_eigenvalue(n: int, pairs: list[PlannedPair]) -> float:
    """Second largest absolute eigenvalue of the normalised adjacency: 1 if the graph falls apart (or is bipartite)."""
    adjacency = np.zeros((n, n))
    for pair in pairs:
        adjacency[pair.first, pair.second] = adjacency[pair.second, pair.first] = 1
    scale = 1 / np.sqrt(adjacency.sum(axis=1))
    return float(np.sort(np.abs(np.linalg.eigvalsh(adjacency * scale * scale[:, None])))[-2])


@pytest.mark.parametrize(("n", "degree"), [(100, 6), (101, 10), (600, 6), (600, 20)])
def test_designs_expand_nearly_as_well_as_graphs_can(n: int, degree: int) -> None:
    # 2 sqrt(d - 1) / d is the best there is for large n (Alon & Boppana); a ring of the same degree has .97 and more.
    for seed in range(3):
        assert second_eigenvalue(n, plan_single_wave(n, n * degree // 2, seed)) < 1.12 * 2 * np.sqrt(degree - 1) / degree


def test_every_pair_is_as_likely_as_every_other() -> None:
    # 6 of 10 pairs of 5 essays, and the same of their complement: each pair in .6 of the designs, within four SE.
    n_designs = 600
    for n_pairs in (4, 6):
        asked = Counter(
            frozenset((pair.first, pair.second)) for seed in range(n_designs) for pair in plan_single_wave(5, n_pairs, seed)
        )
        share = np.array([asked[frozenset(pair)] / n_designs for pair in combinations(range(5), 2)])
        expected = n_pairs / 10
        assert np.abs(share - expected).max() < 4 * np.sqrt(expected * (1 - expected) / n_designs)


def test_the_places_of_a_pair_are_tossed() -> None:
    first = Counter(pair.first for seed in range(400) for pair in plan_single_wave(2, 1, seed))
    assert 160 <= first[0] <= 240


@pytest.mark.parametrize(("n", "max_pairs"), [(36, 360), (101, 1010), (30, 400), (200, 800)])
def test_a_sample_in_both_orders_is_part_of_the_budget_and_keeps_the_balance(n: int, max_pairs: int) -> None:
    pairs = plan_single_wave(n, max_pairs, 5, both_orders_share=0.05)
    assert len(pairs) == max_pairs
    orders = Counter((pair.first, pair.second) for pair in pairs)
    assert max(orders.values()) == 1
    assert sum((second, first) in orders for first, second in orders) == 2 * round(0.05 * max_pairs)
    shown_first, shown_second = Counter(pair.first for pair in pairs), Counter(pair.second for pair in pairs)
    degree = [shown_first[essay] + shown_second[essay] for essay in range(n)]
    assert max(degree) - min(degree) <= 1
    assert all(abs(shown_first[essay] - shown_second[essay]) <= 1 for essay in range(n))
    assert n_components(n, pairs) == 1


@settings(deadline=None, max_examples=150)
@given(designs(), st.floats(0, 0.5))
@example((10, 45, 1), 0.5)
@example((12, 11, 1), 0.5)
def test_a_sample_in_both_orders_is_smaller_where_there_is_no_room(design: Design, share: float) -> None:
    n, max_pairs, seed = design
    pairs = plan_single_wave(n, max_pairs, seed, both_orders_share=share)
    assert len(pairs) == min(max_pairs, n * (n - 1) // 2)
    orders = Counter((pair.first, pair.second) for pair in pairs)
    assert max(orders.values()) == 1
    assert sum((second, first) in orders for first, second in orders) <= 2 * round(share * len(pairs))
    degree = Counter(essay for pair in pairs for essay in (pair.first, pair.second))
    assert max(degree.values()) - min(degree[essay] for essay in range(n)) <= 1
    assert n_components(n, pairs) == 1


@pytest.mark.parametrize("share", [-0.1, 0.6])
def test_a_share_out_of_range_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="^both_orders_share must lie in 0..0.5, and is"):
        plan_single_wave(10, 20, 1, both_orders_share=share)


@pytest.mark.parametrize("n", [-1, 0, 1])
def test_fewer_than_two_essays_can_not_be_compared(n: int) -> None:
    with pytest.raises(ValueError, match=f"^{n} essays can not be compared; at least 2 are needed$"):
        plan_single_wave(n, 10, 1)


@pytest.mark.parametrize(("n", "max_pairs"), [(2, 0), (5, 3), (40, 38), (3, -1)])
def test_too_few_pairs_can_not_connect(n: int, max_pairs: int) -> None:
    with pytest.raises(ValueError, match=f"^{max_pairs} pairs can not connect {n} essays; at least {n - 1} are needed$"):
        plan_single_wave(n, max_pairs, 1)
