"""What the scaling's tests share: verdicts drawn from the model itself."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from huleedu_pipeline.comparisons import plan_single_wave


@dataclass(frozen=True)
class Verdicts:
    """Comparisons as the scaling takes them, with the locations that they were drawn from."""

    theta: NDArray[np.float64]
    first: NDArray[np.int64]
    second: NDArray[np.int64]
    first_won: NDArray[np.bool_]


def draw_verdicts(
    n: int, n_pairs: int, sigma: float, *, delta: float = 0.0, repeats: int = 1, seed: int = 1, lapse: float = 0.0
) -> Verdicts:
    """Draw locations with standard deviation ``sigma`` and the verdicts of a judge with position effect ``delta``."""
    rng = np.random.default_rng(seed)
    theta = rng.normal(0, sigma, n) if sigma else np.zeros(n)
    theta = theta - theta.mean()
    pairs = plan_single_wave(n, n_pairs, seed) * repeats
    first, second = np.array([pair.first for pair in pairs]), np.array([pair.second for pair in pairs])
    probability = (1 - lapse) / (1 + np.exp(-(theta[first] - theta[second] + delta))) + lapse / 2
    return Verdicts(theta, first, second, rng.random(len(pairs)) < probability)
