"""Published fits are reproduced, to the digits that were printed."""

import numpy as np
import pytest
from scipy.special import gammaln

from huleedu_pipeline.scaling import BradleyTerryFit, fit_bradley_terry
from huleedu_pipeline.scaling.quasi import quasi_standard_errors

# Stigler (1994), Statistical Science 9:94; Agresti (2002), Categorical Data Analysis, p. 448: citations between journals.
JOURNALS = ("Biometrika", "Comm Statist", "JASA", "JRSS-B")
CITATIONS = ((0, 1, 730, 33), (0, 2, 498, 320), (0, 3, 221, 284), (1, 2, 68, 813), (1, 3, 17, 276), (2, 3, 142, 325))


def citations(*, firth: bool = False) -> BradleyTerryFit:
    first, second, won, weight = zip(
        *((i, j, y, n) for i, j, wins, losses in CITATIONS for y, n in ((1, wins), (0, losses))), strict=True
    )
    return fit_bradley_terry(first, second, won, weight=weight, prior_sd=None, position_effect=False, firth=firth)


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


def test_citations_with_firths_penalty() -> None:
    fit = citations(firth=True)  # BradleyTerry2 with br = TRUE
    assert fit.theta[1:] - fit.theta[0] == pytest.approx([-2.9443818218, -0.4790752610, 0.2685310228], abs=5e-9)
    assert [fit.se_difference(0, i) for i in (1, 2, 3)] == pytest.approx(
        [0.10236783938, 0.06057469823, 0.07081869505], abs=5e-9
    )


def test_citations_quasi_standard_errors() -> None:
    published = [0.04212097675, 0.09223595832, 0.04284587883, 0.05851594209]  # qvcalc in R, iterated to about 1e-7
    assert quasi_standard_errors(citations().covariance()) == pytest.approx(published, abs=1e-8)


# Davidson (1970, JASA 65:317), puddings with ties: (i, j, wins of i, wins of j, ties).
PUDDINGS = (
    (1, 2, 19, 22, 16), (1, 3, 16, 19, 12), (2, 3, 19, 19, 10), (1, 4, 18, 23, 13), (2, 4, 23, 19, 9), (3, 4, 19, 20, 15),
    (1, 5, 13, 19, 18), (2, 5, 16, 20, 12), (3, 5, 16, 15, 17), (4, 5, 17, 14, 16), (1, 6, 18, 21, 12), (2, 6, 22, 20, 12),
    (3, 6, 13, 18, 10), (4, 6, 14, 19, 18), (5, 6, 11, 21, 12),
)  # fmt: skip


def test_puddings_with_ties() -> None:
    rows = [(i - 1, j - 1, y, n) for i, j, *counts in PUDDINGS for y, n in zip((1, 0, 0.5), counts, strict=True)]
    first, second, won, weight = zip(*rows, strict=True)
    fit = fit_bradley_terry(first, second, won, weight=weight, prior_sd=None, position_effect=False, ties="davidson")
    # The R package PlackettLuce 0.4.3 prints four digits of these; the first of its published tables is Davidson's own.
    assert fit.theta[1:] - fit.theta[0] == pytest.approx([0.220242, 0.152978, 0.175145, 0.133865, 0.377135], abs=5e-7)
    errors = [fit.se_difference(0, i) for i in range(1, 6)]
    assert errors == pytest.approx([0.187217, 0.193518, 0.188211, 0.192705, 0.192406], abs=5e-7)
    assert fit.tie_parameter is not None
    assert np.log(fit.tie_parameter) == pytest.approx(-0.291927, abs=5e-7)
    assert fit.tie_parameter_log_se == pytest.approx(0.082499, abs=5e-7)
    assert fit.log_likelihood == pytest.approx(-809.70951, abs=5e-6)
    worth = np.exp(fit.theta) / np.exp(fit.theta).sum()
    davidson = [0.1388005, 0.1729985, 0.1617420, 0.1653930, 0.1586805, 0.2023855]  # after seven iterations of his
    assert worth == pytest.approx(davidson, abs=2.5e-5)
    assert fit.tie_parameter == pytest.approx(0.7468147, abs=2e-5)


# evalica (Ustalov 2025) simple.csv: (first, second, share won by the first).
SIMPLE = (
    (0, 1, 0.5), (0, 2, 0.0), (0, 2, 0.5), (0, 4, 0.5), (1, 0, 1.0), (1, 2, 0.5), (1, 2, 0.5), (1, 3, 0.5), (2, 4, 0.5),
    (3, 0, 1.0), (3, 1, 1.0), (3, 2, 1.0), (3, 4, 0.5), (3, 4, 0.5), (4, 0, 1.0), (4, 3, 1.0),
)  # fmt: skip


def test_a_small_table_with_ties_both_ways() -> None:
    first, second, won = zip(*SIMPLE, strict=True)
    halves = fit_bradley_terry(first, second, won, prior_sd=None, position_effect=False)
    worth = np.exp(halves.theta) / np.exp(halves.theta).sum()
    published = [0.050799672530389396, 0.1311506914535368, 0.13168568070110523, 0.33688868041573855, 0.34947527489923]
    assert worth == pytest.approx(published, abs=1e-12)
    modelled = fit_bradley_terry(first, second, won, prior_sd=None, position_effect=False, ties="davidson")
    newman = np.log([0.017973592758248474, 0.4802400245305803, 0.4814190342801864, 12.805770244756038, 13.03674474236858])
    # Newman's (2023) iteration has Davidson's optimum, on a scale of its own; evalica stops it at a tolerance of 1e-6.
    assert modelled.theta == pytest.approx(newman - newman.mean(), abs=1e-5)


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
    fit = fit_bradley_terry(first, second, won, weight=weight, prior_sd=None, position_effect=False)
    worth = np.exp(fit.theta) / np.exp(fit.theta).sum()
    assert dict(zip(FOOD, worth, strict=True)) == pytest.approx(published, abs=1e-12)


def test_votes_on_food_with_ties_of_their_own() -> None:
    first, second, weight, won = zip(*((FOOD.index(a), FOOD.index(b), n, share) for a, b, n, share in VOTES), strict=True)
    fit = fit_bradley_terry(first, second, won, weight=weight, prior_sd=None, position_effect=False, ties="davidson")
    newman = {
        "Tacos": 2.6652107229,
        "Sushi": 1.0906271592,
        "Burger": 0.8296600883,
        "Pasta": 0.7101537821,
        "Pizza": 0.5368125114,
    }
    logs = np.log([newman[name] for name in FOOD])
    assert fit.theta == pytest.approx(logs - logs.mean(), abs=1e-5)


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
    fit = fit_bradley_terry(winners, losers, [1] * len(won_by), prior_sd=None, position_effect=False)
    assert sorted(fit.theta) == pytest.approx(sorted(expected), abs=digits)
    if digits < 1e-4:
        assert fit.theta == pytest.approx(np.array(expected), abs=digits)
