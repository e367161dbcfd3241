"""A pair design is as large as asked for, connected, balanced in number and in place, and the same for the same seed."""

from collections import Counter

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
    assert max(degree) - min(degree) <= 2
    assert all(abs(shown_first[essay] - shown_second[essay]) <= 1 for essay in range(n))

    assert plan_single_wave(n, max_pairs, seed) == pairs


@given(st.integers(3, 40), st.integers(2, 5), seeds)
def test_in_whole_rounds_everybody_meets_equally_many(n: int, n_rounds: int, seed: int) -> None:
    pairs = plan_single_wave(n, n_rounds * (n // 2), seed)
    degree = Counter(essay for pair in pairs for essay in (pair.first, pair.second))
    # With an odd number of essays, another one rests in each round.
    assert max(degree.values()) - min(degree[essay] for essay in range(n)) <= n % 2


def test_whoever_rested_earlier_goes_first_when_the_last_round_is_cut_short() -> None:
    # With an odd number of essays a difference of two can not always be avoided; left to chance it would be the rule.
    differences = []
    for n in (7, 11, 15, 21):
        for max_pairs in range(n - 1, n * (n - 1) // 2, 4):
            degree = Counter(essay for pair in plan_single_wave(n, max_pairs, 1) for essay in (pair.first, pair.second))
            differences.append(max(degree.values()) - min(degree.values()))
    assert differences.count(2) < len(differences) / 3


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


def test_the_design_is_no_ring() -> None:
    # Ten comparisons each in a plain circular design leave essays many steps apart; random rounds leave two or three.
    pairs = plan_single_wave(60, 300, 1)
    neighbours: dict[int, set[int]] = {essay: set() for essay in range(60)}
    for pair in pairs:
        neighbours[pair.first].add(pair.second)
        neighbours[pair.second].add(pair.first)
    reached = {0}
    for _ in range(3):
        reached |= {other for essay in reached for other in neighbours[essay]}
    assert reached == set(range(60))


@pytest.mark.parametrize("n", [-1, 0, 1])
def test_fewer_than_two_essays_can_not_be_compared(n: int) -> None:
    with pytest.raises(ValueError, match=f"^{n} essays can not be compared; at least 2 are needed$"):
        plan_single_wave(n, 10, 1)


@pytest.mark.parametrize(("n", "max_pairs"), [(2, 0), (5, 3), (40, 38), (3, -1)])
def test_too_few_pairs_can_not_connect(n: int, max_pairs: int) -> None:
    with pytest.raises(ValueError, match=f"^{max_pairs} pairs can not connect {n} essays; at least {n - 1} are needed$"):
        plan_single_wave(n, max_pairs, 1)
