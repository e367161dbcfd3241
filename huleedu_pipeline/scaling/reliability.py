"""Reliability: how much of the spread of the locations is signal.

Two figures, each under its own name because they answer different questions and are easily confused (statistics in
docs/statistics.md): the empirical-Bayes marginal reliability, which stays honest when pairs were chosen adaptively, and
the classical separation reliability, which does not.
"""

from dataclasses import dataclass

import numpy as np

from huleedu_pipeline.scaling.bradley_terry import BradleyTerryFit

# Variance in square logits below which locations differ by nothing but the rounding of the optimum.
NO_VARIANCE = 1e-12


@dataclass(frozen=True)
class Reliability:
    """Reliability of one fit.

    Attributes:
        marginal: 1 - mean posterior variance / sigma^2, of the centred locations; print this one first.
        separation: 1 - mean SE^2 / Var(theta) (Andrich 1982), ``None`` when the locations do not vary.

    """

    marginal: float
    separation: float | None


def reliability(fit: BradleyTerryFit) -> Reliability:
    """Return the reliability of ``fit``; its standard errors are posterior, from the full covariance."""
    mse = float(np.mean(fit.se**2))
    variance = float(np.var(fit.theta, ddof=1)) if len(fit.theta) > 1 else 0.0
    return Reliability(1 - mse / fit.prior_sd**2, 1 - mse / variance if variance > NO_VARIANCE else None)
