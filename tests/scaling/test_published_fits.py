"""Published fits are reproduced. A prior of 10^6 logits leaves nothing of itself in the digits that were printed."""

import numpy as np
import pytest
from scipy.special import gammaln

from huleedu_pipeline.scaling import BradleyTerryFit, fit_bradley_terry

WIDE = 1e6

# Stigler (1994), Statistical Science 9:94; Agresti (2002), Categorical Data Analysis, p. 448: citations between journals.
JOURNALS = ("Biometrika", "Comm Statist", "JASA", "JRSS-B")
CITATIONS = ((0, 1, 730, 33), (0, 2, 498, 320), (0, 3, 221, 284), (1, 2, 68, 813), (1, 3, 17, 276), (2, 3, 142, 325))


def citations() -> BradleyTerryFit:
    first, second, won, weight = zip(
        *((i, j, y, n) for i, j, wins, losses in CITATIONS for y, n in ((1, wins), (0, losses))), strict=True
    )
    return fit_bradley_terry(first, second, won, weight=weight, prior_sd=WIDE, position_effect=False)


@pytest.mark.parametrize(
    ("journal", "reference", "contrast", "se"),
    [
        # The R package BradleyTerry2 1.1.3, its vignette's example, with the digits that R holds.
        ("Comm Statist", "Biometrika", -2.9490724968, 0.10254533537),
        ("JASA", "Biometrika", -0.4795697698, 0.06058872924),
        ("JRSS-B", "Biometrika", 0.2689540558, 0.07082996511),
        ("Biometrika", "JASA", 0.4795697698, 0.06058872924),
        ("Comm Statist", "JASA", -2.4695027271, 0.09817049292),
        ("JRSS-B", "JASA", 0.7485238256, 0.07294355839),
    ],
)
def test_citations_between_journals(journal: str, reference: str, contrast: float, se: float) -> None:
    fit, i, j = citations(), JOURNALS.index(journal), JOURNALS.index(reference)
    assert fit.theta[i] - fit.theta[j] == pytest.approx(contrast, abs=5e-9)
    assert fit.se_difference(i, j) == pytest.approx(se, abs=5e-9)


def test_citations_covariances_and_likelihood() -> None:
    fit = citations()
    to_biometrika = np.eye(4)[1:] - np.eye(4)[0]
    published = [
        [0.010515545806, 0.002274547119, 0.001460419399],
        [0.002274547119, 0.003670994111, 0.001683557678],
        [0.001460419399, 0.001683557678, 0.005016883957],
    ]
    assert to_biometrika @ fit.covariance() @ to_biometrika.T == pytest.approx(np.array(published), abs=1e-9)
    ways = sum(gammaln(w + v + 1) - gammaln(w + 1) - gammaln(v + 1) for _, _, w, v in CITATIONS)
    assert fit.log_likelihood + ways == pytest.approx(-20.19694033, abs=5e-8)


# evalica (Ustalov 2025) food.csv, ties as half a win each: (first, second, how often, share won by the first).
FOOD = ("Burger", "Pasta", "Pizza", "Sushi", "Tacos")
VOTES = (
    ("Tacos", "Pizza", 3, 1.0),
    ("Burger", "Sushi", 3, 0.0),
    ("Pizza", "Sushi", 2, 1.0),
    ("Burger", "Pasta", 2, 0.0),
    ("Sushi", "Burger", 2, 0.0),
    ("Pizza", "Burger", 2, 0.0),
    ("Pasta", "Tacos", 2, 0.0),
    ("Tacos", "Pasta", 2, 1.0),
    ("Sushi", "Tacos", 1, 0.0),
    ("Burger", "Pizza", 1, 1.0),
    ("Pasta", "Sushi", 1, 0.0),
    ("Tacos", "Burger", 1, 1.0),
    ("Pizza", "Pasta", 1, 0.5),
    ("Pasta", "Tacos", 1, 1.0),
    ("Sushi", "Pasta", 1, 0.5),
    ("Burger", "Tacos", 1, 1.0),
    ("Pizza", "Tacos", 1, 0.0),
    ("Sushi", "Burger", 1, 1.0),
    ("Pasta", "Pizza", 1, 0.0),
    ("Sushi", "Tacos", 1, 1.0),
)


def test_votes_on_food() -> None:
    published = {
        "Tacos": 0.43428982771223773,
        "Sushi": 0.19060028489839073,
        "Burger": 0.14797665121689418,
        "Pasta": 0.1281534106031957,
        "Pizza": 0.09897982556928168,
    }
    first, second, weight, won = zip(*((FOOD.index(a), FOOD.index(b), n, share) for a, b, n, share in VOTES), strict=True)
    fit = fit_bradley_terry(first, second, won, weight=weight, prior_sd=WIDE, position_effect=False)
    worth = np.exp(fit.theta) / np.exp(fit.theta).sum()
    # evalica stops iterating at a tolerance of 1e-6.
    assert dict(zip(FOOD, worth, strict=True)) == pytest.approx(published, abs=2e-6)


@pytest.mark.parametrize(
    ("won_by", "expected", "digits"),
    [
        # choix 0.4.1 (Maystre): its introductory notebook, and its test case "cycle with one additional comparison".
        ([(1, 0), (0, 4), (3, 1), (0, 2), (2, 4), (4, 3)], [0.583, 0.194, 0.0, -0.194, -0.583], 5e-4),
        ([(0, 1), (0, 1), (1, 2), (2, 0)], [0.419617624, -0.419617624, 0.0], 5e-9),
        ([(0, 1), (1, 2), (2, 0)], [0.0, 0.0, 0.0], 1e-12),
    ],
)
def test_small_cases_of_choix(won_by: list[tuple[int, int]], expected: list[float], digits: float) -> None:
    winners, losers = zip(*won_by, strict=True)
    fit = fit_bradley_terry(winners, losers, [1] * len(won_by), prior_sd=WIDE, position_effect=False)
    assert sorted(fit.theta) == pytest.approx(sorted(expected), abs=digits)
    if digits < 1e-4:
        assert fit.theta == pytest.approx(np.array(expected), abs=digits)
