"""Large and hard graphs: the same optimum by other ways, and errors of estimates that are what they are said to be."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from huleedu_pipeline.scaling import BradleyTerryFit, fit_bradley_terry
from huleedu_pipeline.scaling import information as information_module
from huleedu_pipeline.scaling import prior as prior_module
from huleedu_pipeline.simulation import draw_locations, simulate_verdicts

Ints = NDArray[np.int64]


def random_rounds(n: int, k: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    pairs = np.concatenate([rng.permutation(n)[: n // 2 * 2].reshape(-1, 2) for _ in range(k)])
    return pairs[:, 0], pairs[:, 1]


def fitted(n: int, k: int, sd: float = 1.0, seed: int = 1, **options: object) -> BradleyTerryFit:
    rng = np.random.default_rng(seed)
    theta = draw_locations(n, sd, rng)
    first, second = random_rounds(n, k, rng)
    won = simulate_verdicts(theta, first, second, rng)
    return fit_bradley_terry(first, second, won, n_items=n, **options)  # type: ignore[arg-type]


def plain_gradient(fit: BradleyTerryFit) -> float:
    """Return the gradient norm, computed without the code under test."""
    c, n = fit.comparisons, len(fit.theta)
    residual = c.first_won - expit(fit.theta[c.first] - fit.theta[c.second] + fit.position_effect)
    gradient = np.bincount(c.first, residual, n) - np.bincount(c.second, residual, n) - fit.theta / fit.prior_sd**2
    return float(np.abs(gradient).max())


@pytest.mark.parametrize("n", [79, 80, 500, 5000])
def test_the_gradient_is_as_small_as_it_is_said_to_be(n: int) -> None:
    fit = fitted(n, 20, prior_sd=1.0)
    assert fit.gradient_norm <= 1e-9
    assert plain_gradient(fit) <= 1e-8


@pytest.mark.parametrize("design", ["chain", "neighbours", "star", "neighbours and a few long links"])
def test_hard_graphs_converge(design: str) -> None:
    n, rng = 3100, np.random.default_rng(1)
    i = np.arange(n)
    pairs = {
        "chain": np.column_stack([i[:-1], i[1:]]),
        "neighbours": np.concatenate([np.column_stack([i[:-s], i[s:]]) for s in range(1, 9)]),
        "star": np.column_stack([np.zeros(n - 1, dtype=np.int64), i[1:]]),
        "neighbours and a few long links": np.concatenate(
            [np.column_stack([i[:-s], i[s:]]) for s in range(1, 9)]
            + [np.column_stack([rng.integers(0, n // 2, n), rng.integers(n // 2, n, n)])]
        ),
    }[design]
    theta = np.sort(draw_locations(n, 2.0, rng))
    won = simulate_verdicts(theta, pairs[:, 0], pairs[:, 1], rng)
    fit = fit_bradley_terry(pairs[:, 0], pairs[:, 1], won, prior_sd=2.0)
    assert fit.gradient_norm <= 1e-9
    assert plain_gradient(fit) <= 1e-8
    sample = np.arange(0, n, 500)
    exact = np.sqrt(np.diag(fit.covariance(sample)))
    assert fit.se_error <= 0.005
    # The stated error is the root mean square over all items; single ones are further off.
    assert np.abs(fit.se[sample] / exact - 1).max() < 0.06


@pytest.mark.parametrize(("k", "position_effect"), [(8, False), (10, True), (40, True)])
def test_the_error_of_estimated_standard_errors_is_stated_truly(k: int, position_effect: bool) -> None:
    fit = fitted(3200, k, prior_sd=1.0, position_effect=position_effect)
    true_error = float(np.sqrt(np.mean((fit.se / fit.exact_se() - 1) ** 2)))
    assert 0 < fit.se_error <= 0.005
    assert true_error == pytest.approx(fit.se_error, rel=0.25)


def test_on_islands_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def islands() -> BradleyTerryFit:
        one, other = fitted(200, 12, seed=1), fitted(100, 12, seed=2)
        joined = [np.append(getattr(one.comparisons, name), getattr(other.comparisons, name) + shift)
                  for name, shift in (("first", 200), ("second", 200), ("first_won", 0))]  # fmt: skip
        return fit_bradley_terry(*joined, prior_sd=1.0, n_items=302)

    exact = islands()
    monkeypatch.setattr(information_module, "LARGEST_EXACT", 50)
    estimated = islands()
    assert estimated.se_error > 0
    assert np.sqrt(np.mean((estimated.se / exact.se - 1) ** 2)) < 0.01
    assert estimated.se[300:].tolist() == [1.0, 1.0]
    assert estimated.se_difference(3, 8) == pytest.approx(exact.se_difference(3, 8), rel=1e-6)
    assert estimated.se_difference(3, 250) == pytest.approx(exact.se_difference(3, 250), rel=1e-6)
    assert estimated.position_effect_se == pytest.approx(exact.position_effect_se, rel=1e-6)
    items = np.array([5, 17, 230, 301])
    assert estimated.covariance(items) == pytest.approx(exact.covariance(items), abs=1e-8)


@pytest.mark.parametrize(("n", "k", "sd"), [(300, 20, 0.4), (300, 20, 1.0), (300, 10, 2.5)])
def test_the_spread_by_draws_is_the_spread_by_determinant(n: int, k: int, sd: float, monkeypatch: pytest.MonkeyPatch) -> None:
    by_determinant = fitted(n, k, sd).prior_sd
    monkeypatch.setattr(prior_module, "LARGEST_DETERMINANT", 50)
    assert fitted(n, k, sd).prior_sd == pytest.approx(by_determinant, rel=0.02)


def test_the_spread_of_many_essays_is_found() -> None:
    assert fitted(4000, 20, 1.5).prior_sd == pytest.approx(1.5, rel=0.04)
