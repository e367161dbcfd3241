"""A wave has exactly the pairs that were asked for, none of them twice while others are open, evenly shown, by the strategy."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from huleedu_pipeline.comparisons import (
    STRATEGIES,
    Knowledge,
    Selection,
    Strategy,
    local_rank,
    misorder,
    optimal_graph,
    select_pairs,
)
from huleedu_pipeline.comparisons.loops import lazy_greedy
from huleedu_pipeline.comparisons.orientation import orient

Ints = NDArray[np.int64]
strategies = pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES.keys())
NOTHING = np.empty(0, dtype=np.int64)


def keys(n: int, first: Ints, second: Ints) -> list[int]:
    return [min(i, j) * n + max(i, j) for i, j in zip(first.tolist(), second.tolist(), strict=True)]


def after_one_wave(n: int, k: int, seed: int = 1) -> tuple[NDArray[np.float64], NDArray[np.float64], Selection]:
    rng = np.random.default_rng(seed)
    theta, variance = rng.normal(0, 2, n), rng.uniform(0.2, 0.8, n)
    return theta, variance, select_pairs(theta, variance, NOTHING, NOTHING, n * k // 2, seed=seed)


@st.composite
def waves(draw: st.DrawFn) -> tuple[int, list[int], int]:
    """A number of essays, sizes of waves that may go far beyond all pairs, and a seed."""
    n = draw(st.integers(2, 14))
    return n, draw(st.lists(st.integers(0, n * (n - 1)), min_size=1, max_size=4)), draw(st.integers(0, 2**32))


@strategies
@settings(deadline=None, max_examples=60)
@given(waves())
def test_every_wave_keeps_its_promises(strategy: Strategy, plan: tuple[int, list[int], int]) -> None:
    n, sizes, seed = plan
    rng = np.random.default_rng(seed)
    theta, variance = rng.normal(0, 2, n), rng.uniform(0.1, 2, n)
    first, second = NOTHING, NOTHING
    for size in sizes:
        wave = select_pairs(theta, variance, first, second, size, strategy=strategy, seed=seed)
        again = select_pairs(theta, variance, first, second, size, strategy=strategy, seed=seed)
        assert (wave.first == again.first).all()
        assert (wave.second == again.second).all()
        assert len(wave.first) == len(wave.second) == len(wave.is_repeat) == size
        assert (wave.first != wave.second).all()

        earlier = set(keys(n, first, second))
        expected = []
        for key in keys(n, wave.first, wave.second):
            expected.append(key in earlier)
            earlier.add(key)
        assert wave.is_repeat.tolist() == expected

        first, second = np.r_[first, wave.first], np.r_[second, wave.second]
        all_keys = [i * n + j for i, j in combinations(range(n), 2)]
        asked = keys(n, first, second)
        times = [asked.count(key) for key in all_keys]
        assert max(times) - min(times) <= 1


@strategies
def test_essays_are_shown_first_and_second_equally_often_over_all_waves(strategy: Strategy) -> None:
    n = 61
    theta, variance, wave = after_one_wave(n, 7)
    first, second = wave.first, wave.second
    for seed in range(8):
        wave = select_pairs(theta, variance, first, second, 101, strategy=strategy, seed=seed)
        first, second = np.r_[first, wave.first], np.r_[second, wave.second]
        surplus = np.abs(np.bincount(first, minlength=n) - np.bincount(second, minlength=n))
        # Three pairs an essay may leave a few essays apart from the rest, all of whom were first too often.
        assert surplus.max() <= 2
        assert np.mean(surplus > 1) < 0.1


def test_a_surplus_of_earlier_waves_is_worked_off() -> None:
    # Essays 0-9 were first five times too often, 10-19 second: with enough new pairs the order of those makes up for it.
    rng = np.random.default_rng(1)
    surplus = np.r_[np.full(10, 5), np.full(10, -5)]
    pairs = np.array(list(combinations(range(20), 2)))
    oriented = orient(20, pairs, rng, surplus)
    assert {frozenset(pair) for pair in oriented.tolist()} == {frozenset(pair) for pair in pairs.tolist()}
    total = surplus + np.bincount(oriented[:, 0], minlength=20) - np.bincount(oriented[:, 1], minlength=20)
    assert np.abs(total).max() <= 1


def test_a_surplus_that_the_new_pairs_can_not_work_off_is_lessened() -> None:
    oriented = orient(3, np.array([[0, 1]]), np.random.default_rng(1), np.array([4, -2, -2]))
    assert oriented.tolist() == [[1, 0]]


@strategies
def test_the_first_wave_is_a_random_regular_graph(strategy: Strategy) -> None:
    wave = select_pairs(np.zeros(80), np.ones(80), NOTHING, NOTHING, 400, strategy=strategy, seed=3)
    assert set(np.bincount(np.r_[wave.first, wave.second]).tolist()) == {10}
    graph = coo_matrix((np.ones(400), (wave.first, wave.second)), shape=(80, 80))
    assert connected_components(graph, directed=False)[0] == 1


@strategies
def test_other_seeds_are_other_waves(strategy: Strategy) -> None:
    theta, variance, wave = after_one_wave(30, 6)
    second_waves = {
        tuple(select_pairs(theta, variance, wave.first, wave.second, 40, strategy=strategy, seed=seed).first.tolist())
        for seed in range(8)
    }
    assert len(second_waves) == 8


@pytest.mark.parametrize("strategy", [local_rank, misorder])
def test_pairs_are_closer_than_chance_would_make_them(strategy: Strategy) -> None:
    theta, variance, wave = after_one_wave(200, 10)
    later = select_pairs(theta, variance, wave.first, wave.second, 1000, strategy=strategy, seed=1)
    assert np.abs(theta[later.first] - theta[later.second]).mean() < 0.2 * np.abs(theta[wave.first] - theta[wave.second]).mean()


def test_uncertain_essays_attract_pairs() -> None:
    # 60 essays at even distances; the locations of every third are four times as uncertain.
    theta = np.linspace(-3, 3, 60)
    variance = np.where(np.arange(60) % 3 == 0, 0.8, 0.2)
    wave = select_pairs(theta, variance, [0], [59], 20, seed=1)
    taken = np.bincount(np.r_[wave.first, wave.second], minlength=60)
    assert taken[::3].mean() > 2 * np.r_[taken[1::3], taken[2::3]].mean()


def test_ties_attract_pairs() -> None:
    # Essays in ten heaps: who is ahead of whom is open within a heap, and known between heaps.
    theta = np.repeat(np.arange(10) * 3.0, 6) + np.tile(np.arange(6) * 0.01, 10)
    for strategy in (local_rank, misorder):
        wave = select_pairs(theta, np.full(60, 0.3), [0], [59], 60, strategy=strategy, seed=1)
        assert (np.abs(theta[wave.first] - theta[wave.second]) < 1).all()


def test_local_rank_prefers_regions_where_essays_are_dense() -> None:
    # Half of the essays lie within half a logit, where a little less variance puts many pairs in order.
    theta = np.r_[np.linspace(-0.25, 0.25, 40), np.linspace(1, 9, 40)]
    wave = select_pairs(theta, np.full(80, 0.3), [0], [79], 40, seed=1)
    assert np.mean(np.r_[wave.first, wave.second] < 40) > 0.8


def test_grade_boundaries_draw_pairs_to_essays_near_them() -> None:
    theta, variance = np.linspace(-4, 4, 120), np.full(120, 0.2)
    distance = {}
    for name, boundaries in {"ranking": None, "grades": [2.0, -2.0]}.items():
        wave = select_pairs(theta, variance, [0], [119], 60, seed=1, boundaries=boundaries)
        drawn = theta[np.r_[wave.first, wave.second]]
        distance[name] = np.abs(np.abs(drawn) - 2.0).mean()
    assert distance["grades"] < 0.6 * distance["ranking"]


def test_no_essay_gets_more_than_twice_the_mean() -> None:
    # One essay is hopelessly uncertain; without a cap the whole wave would be about it.
    theta, variance, wave = after_one_wave(100, 6)
    variance[7] = 100.0
    later = select_pairs(theta, variance, wave.first, wave.second, 250, seed=1)
    assert np.bincount(np.r_[later.first, later.second])[7] <= 10


def test_lazy_greedy_is_greedy() -> None:
    # The same choice as by computing all values anew before each pick.
    rng = np.random.default_rng(5)
    n, n_pairs = 12, 25
    theta, variance, importance = rng.normal(0, 1.5, n), rng.uniform(0.2, 1, n), rng.uniform(0.5, 2, n)
    pairs, room = np.array(list(combinations(range(n), 2))), np.full(n, 6)
    v, places, left, expected = variance.copy(), room.copy(), list(range(len(pairs))), []

    def gain(k: int) -> float:
        i, j = pairs[k]
        spread = v[i] + v[j]
        shrink = 1 / np.sqrt(1 + np.pi * spread / 8)
        p = 1 / (1 + np.exp(-shrink * (theta[i] - theta[j])))
        w = shrink * p * (1 - p)
        return float(w / (1 + w * spread))

    for _ in range(n_pairs):
        left = [k for k in left if places[pairs[k]].all()]
        best = max(left, key=lambda k: (importance[pairs[k]] * v[pairs[k]] ** 2).sum() * gain(k))
        expected.append(best)
        left.remove(best)
        v[pairs[best]] -= v[pairs[best]] ** 2 * gain(best)
        places[pairs[best]] -= 1
    chosen = lazy_greedy(pairs, theta, variance, importance, room, n_pairs)
    assert len(set(chosen.tolist()) & set(expected)) >= n_pairs - 1


def best_matching(weight: NDArray[np.float64]) -> float:
    """Weight of the maximum-weight perfect matching of an even number of nodes, by dynamic programming over subsets."""
    n = len(weight)
    best = {0: 0.0}
    for covered in range(1 << n):
        if covered in best and covered != (1 << n) - 1:
            i = next(i for i in range(n) if not covered >> i & 1)
            for j in range(i + 1, n):
                if not covered >> j & 1:
                    both = covered | 1 << i | 1 << j
                    best[both] = max(best.get(both, -np.inf), best[covered] + weight[i, j])
    return best[(1 << n) - 1]


def test_the_greedy_matching_is_nearly_as_heavy_as_the_heaviest() -> None:
    shares = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        n = 12
        theta, counts = rng.normal(0, 2, n), rng.integers(3, 6, n)
        known = Knowledge(theta, np.ones(n), counts, np.empty((0, 2), dtype=np.int64))
        d = np.abs(theta[:, None] - theta)
        weight = 1 / (1 + counts)[:, None] + 1 / (1 + counts) + np.where(d < 2, 0.5 * np.exp(-d), 0)
        i, j = optimal_graph(known, n // 2, rng).T
        assert sorted([*i.tolist(), *j.tolist()]) == list(range(n))
        shares.append(weight[i, j].sum() / best_matching(weight))
    assert np.mean(shares) > 0.97
    assert max(shares) <= 1 + 1e-12


def test_the_optimal_graph_asks_the_least_compared_first() -> None:
    counts = np.array([9, 9, 9, 9, 0, 0, 0, 0])
    known = Knowledge(np.zeros(8), np.ones(8), counts, np.empty((0, 2), dtype=np.int64))
    assert set(optimal_graph(known, 2, np.random.default_rng(1)).ravel().tolist()) == {4, 5, 6, 7}


def test_a_rule_that_chooses_nothing_is_named() -> None:
    def idle(known: Knowledge, n_pairs: int, rng: np.random.Generator) -> Ints:
        return np.empty((0, 2), dtype=np.int64)

    with pytest.raises(ValueError, match="^the strategy idle chose no pair although some were open$"):
        select_pairs([0.0, 1.0, 2.0], [1.0, 1.0, 1.0], [0], [1], 1, strategy=idle, seed=1)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"theta": [0.0], "variance": [1.0]}, "1 essays can not be compared"),
        ({"theta": [0.0, np.nan, 1.0]}, "theta must be finite"),
        ({"variance": [0.0, 1.0, 1.0]}, "variances finite and above 0"),
        ({"variance": [1.0, 1.0]}, "one value for each essay"),
        ({"asked_first": [3]}, "two different indices in 0..2"),
        ({"asked_first": [1]}, "two different indices in 0..2"),
        ({"n_pairs": -1}, "must not be negative, and is -1"),
    ],
)
def test_what_does_not_fit_is_refused(changed: dict[str, object], message: str) -> None:
    arguments: dict[str, object] = {
        "theta": [0.0, 1.0, 2.0],
        "variance": [1.0, 1.0, 1.0],
        "asked_first": [0],
        "asked_second": [1],
        "n_pairs": 1,
    }
    with pytest.raises(ValueError, match=message):
        select_pairs(**(arguments | changed), seed=1)  # type: ignore[arg-type]
