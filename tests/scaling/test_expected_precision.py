"""The closed form of what comparisons are worth, against tabulated values and against numerical integration."""

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import expit
from scipy.stats import norm

from huleedu_pipeline.scaling.expected_precision import (
    comparisons_for_reliability,
    expected_agreement,
    expected_reliability,
    expected_se,
    information_per_comparison,
)

# Spread; E[p(1-p)]; agreement; reliability at 5, 10, 15, 20, 30, 40 comparisons an essay; comparisons for .7, .8, .9.
TABLE = [
    (0.5, 0.2246, 0.6311, (0.22, 0.36, 0.46, 0.53, 0.63, 0.69), (41.6, 71.2, 160)),
    (0.7, 0.2072, 0.6735, (0.34, 0.50, 0.60, 0.67, 0.75, 0.80), (23.0, 39.4, 88.6)),
    (1.0, 0.1816, 0.7252, (0.48, 0.64, 0.73, 0.78, 0.84, 0.88), (12.9, 22.0, 49.6)),
    (1.5, 0.1461, 0.7868, (0.62, 0.77, 0.83, 0.87, 0.91, 0.93), (7.1, 12.2, 27.4)),
    (2.0, 0.1200, 0.8280, (0.71, 0.83, 0.88, 0.91, 0.94, 0.95), (4.9, 8.3, 18.7)),
    (2.5, 0.1010, 0.8568, (0.76, 0.86, 0.90, 0.93, 0.95, 0.96), (3.7, 6.3, 14.3)),
    (3.0, 0.0867, 0.8777, (0.80, 0.89, 0.92, 0.94, 0.96, 0.97), (3.0, 5.1, 11.5)),
]


@pytest.mark.parametrize(("sd", "q", "agreement", "reliabilities", "needed"), TABLE)
def test_the_closed_form_gives_the_tabulated_values(
    sd: float, q: float, agreement: float, reliabilities: tuple[float, ...], needed: tuple[float, ...]
) -> None:
    assert information_per_comparison(sd) == pytest.approx(q, abs=6e-5)
    assert expected_agreement(sd) == pytest.approx(agreement, abs=6e-5)
    for n, tabulated in zip((5, 10, 15, 20, 30, 40), reliabilities, strict=True):
        assert expected_reliability(n, sd) == pytest.approx(tabulated, abs=6e-3)
    for target, tabulated in zip((0.7, 0.8, 0.9), needed, strict=True):
        assert comparisons_for_reliability(target, sd) == pytest.approx(tabulated, abs=0.06 if tabulated < 100 else 0.5)


@pytest.mark.parametrize("sd", [0.01, 0.3, 4.0, 20.0])
def test_the_quadrature_is_exact_for_narrow_and_wide_spreads(sd: float) -> None:
    def mean(values: object) -> float:
        return 2 * quad(lambda z: float(norm.pdf(z)) * values(expit(np.sqrt(2) * sd * z)), 0, 12, limit=500)[0]  # type: ignore[operator]

    assert information_per_comparison(sd) == pytest.approx(mean(lambda p: p * (1 - p)), rel=1e-9)
    assert expected_agreement(sd) == pytest.approx(mean(lambda p: max(p, 1 - p)), rel=1e-9)


def test_reliability_and_error_tell_the_same_story() -> None:
    n = comparisons_for_reliability(0.85, 1.7)
    assert expected_reliability(n, 1.7) == pytest.approx(0.85)
    assert expected_se(n, 1.7) == pytest.approx(1.7 * np.sqrt(0.15))
    assert expected_se(0, 1.7) == pytest.approx(1.7)


@pytest.mark.parametrize("reliability", [0, 1, 1.2])
def test_a_reliability_out_of_reach_is_refused(reliability: float) -> None:
    with pytest.raises(ValueError, match="reliability must lie between 0 and 1"):
        comparisons_for_reliability(reliability, 1)


@pytest.mark.parametrize("sd", [0, -1, float("nan")])
def test_a_spread_that_is_none_is_refused(sd: float) -> None:
    with pytest.raises(ValueError, match="the spread of the locations must be positive"):
        expected_se(10, sd)
