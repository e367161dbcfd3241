"""Simulated judges and essays: verdicts whose truth is known, for planning, for tests and for benchmarks.

Essays are nothing but locations theta in logits. A judge prefers the first essay with probability
``(1 - lapse) * logistic(d * (theta_first - theta_second) + delta + gamma * x) + lapse / 2``, which is the model that the
scaling fits, plus lapses, which it does not know of. Not here: texts, and servers that answer like providers (the
emulator). Needs nothing but arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SimulatedJudge:
    """One judge.

    Attributes:
        position_effect: delta, in logits; positive favours the essay shown first.
        discrimination: d, how strongly differences between essays show in the verdicts; 1 is the scale's own unit.
        covariate_effect: gamma, in logits for each unit of the covariate.
        lapse: Share of verdicts that are tosses of a coin, 0..1.
        tie: Davidson's (1970) nu, 0 for a judge that always decides; even essays tie with probability nu / (2 + nu).

    Raises:
        ValueError: a lapse outside 0..1, or a negative nu.

    """

    position_effect: float = 0.0
    discrimination: float = 1.0
    covariate_effect: float = 0.0
    lapse: float = 0.0
    tie: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.lapse <= 1:
            raise ValueError(f"lapse must lie in 0..1, not {self.lapse}")
        if self.tie < 0:
            raise ValueError(f"tie must not be negative, and is {self.tie}")


def draw_locations(n_essays: int, sd: float, rng: np.random.Generator) -> Floats:
    """Draw locations from N(0, sd^2) and centre them, in logits, shape (n_essays,)."""
    theta = rng.normal(0.0, sd, n_essays)
    return np.asarray(theta - theta.mean(), dtype=np.float64)


def simulate_verdicts(
    theta: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    rng: np.random.Generator,
    *,
    judges: Sequence[SimulatedJudge] = (SimulatedJudge(),),
    judge: ArrayLike | None = None,
    covariate: ArrayLike | None = None,
) -> Floats:
    """Draw one verdict for each comparison.

    Args:
        theta: Locations of the essays in logits, shape (n,).
        first: Index of the essay shown first, shape (m,).
        second: Index of the other one, shape (m,).
        rng: Source of chance; the same state gives the same verdicts.
        judges: The judges.
        judge: Which of them judges each comparison, shape (m,); the first one by default.
        covariate: x of each comparison, shape (m,); 0 by default.

    Returns:
        1 where the first essay won, 0 where the second did, 0.5 for a tie; shape (m,).

    """
    location, i, j = np.asarray(theta, dtype=np.float64), np.asarray(first), np.asarray(second)
    k = np.zeros(i.shape, dtype=np.int64) if judge is None else np.asarray(judge)
    x = np.zeros(i.shape) if covariate is None else np.asarray(covariate, dtype=np.float64)

    def of_judge(name: str) -> Floats:
        return np.array([getattr(one, name) for one in judges], dtype=np.float64)[k]

    margin = of_judge("discrimination") * (location[i] - location[j]) + of_judge("position_effect")
    margin = margin + of_judge("covariate_effect") * x
    # Davidson's three outcomes: P(tie) / sqrt(P(first) P(second)) = nu.
    weight_of_tie = of_judge("tie") / (2 * np.cosh(margin / 2))
    p_tie, p_first, lapse = weight_of_tie / (1 + weight_of_tie), expit(margin), of_judge("lapse")
    p_first = (1 - lapse) * p_first + lapse / 2
    decided = np.asarray(rng.random(i.shape) < p_first, dtype=np.float64)
    return np.where(rng.random(i.shape) < p_tie, 0.5, decided)
