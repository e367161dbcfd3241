"""Expected precision: what so many comparisons are worth before any is made, in closed form.

Essays are spread normally over the scale, pairs are random, and each comparison adds the information of an average pair. With
``theta ~ N(0, sd^2)`` and ``n`` comparisons of each essay, ``1 / SE^2 = n q + 1 / sd^2`` and reliability is
``1 - SE^2 / sd^2 = n q / (n q + 1 / sd^2)``, where ``q = E[p (1 - p)]`` over pairs (the Fisher information of a verdict, as
in Rasch measurement: Wright & Masters 1982). It is a little optimistic for wide spreads, where essays at the ends meet few
that are near them; simulation says by how much (:mod:`huleedu_pipeline.assessment_plan`). Not here: designs and prices.
"""

from functools import cache

import numpy as np
from scipy.special import expit

from huleedu_pipeline.scaling.comparisons import Floats

# Below so many comparisons for each essay, the spread is a rough estimate and intervals are too narrow (docs/statistics.md).
FEW_COMPARISONS = 15

N_NODES, LAST_NODE = 400, 9.0


def information_per_comparison(sd: float) -> float:
    """Return q, the expected ``p (1 - p)`` of a random pair of essays that spread by ``sd`` logits."""
    distance, density = _distances(sd)
    p = expit(distance)
    return float(density @ (p * (1 - p)))


def expected_agreement(sd: float) -> float:
    """Return how often a verdict names the better essay of a random pair, ``E[max(p, 1 - p)]``: no judge can do better.

    Read the other way round, it tells the spread: judges who agree with the order in 82 of 100 random pairs see essays that
    are spread by about 2 logits.
    """
    distance, density = _distances(sd)
    return float(density @ expit(distance))


def expected_se(comparisons_per_essay: float, sd: float) -> float:
    """Return the expected standard error of an essay's location, in logits, given the prior of that spread."""
    return float(1 / np.sqrt(comparisons_per_essay * information_per_comparison(sd) + 1 / sd**2))


def expected_reliability(comparisons_per_essay: float, sd: float) -> float:
    """Return the expected share of signal in the locations, 0..1."""
    return 1 - expected_se(comparisons_per_essay, sd) ** 2 / sd**2


def comparisons_for_reliability(reliability: float, sd: float) -> float:
    """Return how many comparisons each essay needs for this reliability; two essays share each comparison.

    Raises:
        ValueError: a reliability that no number of comparisons reaches, or a spread that is not positive.

    """
    if not 0 < reliability < 1:
        raise ValueError(f"reliability must lie between 0 and 1, not {reliability}")
    return reliability / (1 - reliability) / (sd**2 * information_per_comparison(sd))


@cache
def _half_normal() -> tuple[Floats, Floats]:
    """Return nodes and weights of a half-normal mean.

    Gauss-Legendre, because unlike Gauss-Hermite it stays exact for wide spreads and for the absolute difference.
    """
    nodes, weights = np.polynomial.legendre.leggauss(N_NODES)
    z = (nodes + 1) * LAST_NODE / 2
    return z, weights * LAST_NODE * np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)


def _distances(sd: float) -> tuple[Floats, Floats]:
    """Return distances of random pairs in logits, and their weights."""
    if not 0 < sd < 100:
        raise ValueError(f"the spread of the locations must be positive and below 100 logits, not {sd}")
    z, weights = _half_normal()
    return np.sqrt(2) * sd * z, weights
