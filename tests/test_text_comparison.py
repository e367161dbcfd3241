"""Two rankings of the same essays: what is worked out of them, and that chance alone is not told as a difference."""

from typing import Any

import numpy as np
import pytest
from scipy.stats import rankdata

from huleedu_pipeline.text_comparison import TextComparison, compare_texts

Row = dict[str, Any]


def rankings(theta: list[float], se: float = 0.4) -> list[Row]:
    ranks = rankdata([-one for one in theta], method="ordinal")
    return [
        {"essay_id": f"e{i:02d}", "is_anchor": i == 0, "theta": one, "theta_se": se, "overall_rank": int(rank)}
        for i, (one, rank) in enumerate(zip(theta, ranks, strict=True))
    ]


def compared(raw: list[float], corrected: list[float], density: list[float], se: float = 0.4) -> TextComparison:
    spelling = [{"essay_id": f"e{i:02d}", "correction_density": one} for i, one in enumerate(density)]
    names = {f"e{i:02d}": f"e{i:02d}.txt" for i in range(len(raw))}
    return compare_texts(rankings(raw, se), rankings(corrected, se), spelling, reliabilities=(0.81, 0.64), file_names=names)


def test_each_essay_is_set_beside_itself() -> None:
    found = compared([1.0, 0.0, -1.0], [0.0, -1.0, 1.0], [1.0, 2.0, 9.0], se=0.5)
    assert [one.essay_id for one in found.essays] == ["e02", "e00", "e01"]
    best = found.essays[0]
    assert (best.difference, best.rank_raw, best.rank_corrected, best.rank_change) == (2.0, 3, 1, 2)
    assert best.difference_se == pytest.approx(0.5**0.5)
    assert (best.is_clear, found.n_clear) == (True, 1)
    assert (best.file_name, best.correction_density, best.is_anchor) == ("e02.txt", 9.0, False)
    assert found.correlation == pytest.approx(np.corrcoef([1, 0, -1], [0, -1, 1])[0, 1])
    assert found.tau_b == pytest.approx(-1 / 3)
    assert found.correlation_of_repetition == pytest.approx(0.72)
    assert found.slope is None, "three essays tell nothing about a relation"


def test_what_goes_with_misspellings_is_found() -> None:
    rng = np.random.default_rng(3)
    density = rng.uniform(0, 12, 40)
    raw = rng.normal(0, 1.5, 40)
    found = compared(list(raw), list(raw + 0.2 * density + rng.normal(0, 0.3, 40)), list(density))
    assert found.slope is not None
    assert found.slope.low < 0.2 < found.slope.high
    assert found.slope.low > 0.1


def test_the_interval_holds_nothing_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(2)
    n_missed = 0
    for _ in range(400):
        density, raw = rng.gamma(1.5, 2, 24), rng.normal(0, 1.5, 24)
        found = compared(list(raw), list(raw + rng.normal(0, 0.5, 24)), list(density))
        assert found.slope is not None
        n_missed += not found.slope.low <= 0 <= found.slope.high
    assert 8 <= n_missed <= 34, "5 % of 400, give or take three standard deviations"


@pytest.mark.parametrize("density", [[3.0] * 8, [0.0] * 8])
def test_texts_that_are_spelt_alike_tell_nothing(density: list[float]) -> None:
    found = compared([float(i) for i in range(8)], [float(-i) for i in range(8)], density)
    assert found.slope is None
    assert found.correlation == pytest.approx(-1)


def test_places_that_are_all_the_same_correlate_with_nothing() -> None:
    found = compared([0.0, 0.0, 0.0], [1.0, 0.0, -1.0], [1.0, 2.0, 3.0])
    assert (found.correlation, found.tau_b) == (None, None)


def test_rankings_of_other_essays_are_refused() -> None:
    with pytest.raises(ValueError, match="not of the same essays"):
        compare_texts(rankings([1.0, 0.0]), rankings([1.0]), [], reliabilities=(0.5, 0.5), file_names={})
