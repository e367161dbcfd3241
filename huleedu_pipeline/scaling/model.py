"""What every model of the scaling offers, so that priors are estimated and results made in one way. Not here: any model."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.sparse import csr_array

from huleedu_pipeline.scaling.comparisons import Comparisons, Floats
from huleedu_pipeline.scaling.information import Information
from huleedu_pipeline.scaling.network import Network

GRADIENT_TOLERANCE = 1e-9
ROUNDING = 1e-14
# Effects have a wide normal prior, which keeps them finite when a judge always prefers the first essay, say; it goes with
# the locations' prior when that is wider, and there is none under maximum likelihood.
EFFECT_PRIOR_SD = 2.0


@dataclass(frozen=True)
class Optimum:
    """Where the penalised log-likelihood is greatest.

    Attributes:
        beta: The free locations, then the effects, shape (n_free + q,).
        prior_sd: sigma that it was found for, ``inf`` for maximum likelihood.
        gradient_norm: Largest absolute component of the gradient.
        tolerance: What the gradient norm was to fall below.
        reach: No comparison's linear predictor is larger than this, in logits.

    """

    beta: Floats
    prior_sd: float
    gradient_norm: float
    tolerance: float
    reach: float

    @property
    def has_converged(self) -> bool:
        """Whether the gradient is as small as its rounding lets one ask for."""
        return self.gradient_norm <= 10 * self.tolerance


class Model(Protocol):
    """A model of verdicts with a normal prior of the locations."""

    @property
    def comparisons(self) -> Comparisons:
        """What is modelled."""

    @property
    def network(self) -> Network:
        """The comparison graph."""

    @property
    def effects(self) -> tuple[str, ...]:
        """Names of the parameters beside the locations."""

    @property
    def n_free(self) -> int:
        """Number of locations that are estimated."""

    def maximise(self, prior_sd: float, start: Floats | None = None) -> Optimum:
        """Return the optimum for a prior of standard deviation ``prior_sd`` (``inf``: maximum likelihood)."""

    def information(self, optimum: Optimum) -> Information:
        """Return the negative Hessian of the penalised log-likelihood at the optimum."""

    def log_likelihood(self, beta: Floats) -> float:
        """Return the log-likelihood of the verdicts, without the prior."""

    def log_prior(self, optimum: Optimum) -> float:
        """Return the log density of the prior at the optimum, up to the constants of the normal distribution."""

    def margin(self, beta: Floats) -> Floats:
        """Return the linear predictor of each comparison, shape (m,)."""

    def curvature(self, optimum: Optimum) -> tuple[Floats, Floats]:
        """Return minus the second, and minus the third derivative of each comparison's log-likelihood by its predictor."""

    def project(self, optimum: Optimum, direction: Floats) -> Floats:
        """Return by how much each comparison's linear predictor changes along ``direction``, shape (m,)."""

    def collect(self, optimum: Optimum, values: Floats) -> Floats:
        """Return the transpose of :meth:`project` applied to ``values`` of the comparisons, shape (n_free + q,)."""

    def scores(self, optimum: Optimum) -> "csr_array[np.float64, tuple[int, int]]":
        """Return each comparison's gradient of the log-likelihood, shape (m, n_free + q)."""

    def deviation(self, beta: Floats) -> Floats:
        """Return the deviations whose variance sigma^2 is, from the mean of their prior."""

    def spread(self, values: Floats) -> Floats:
        """Return the transpose of :meth:`deviation` applied to ``values``, shape (n_free + q,)."""

    def other_precision(self, prior_sd: float) -> Floats:
        """Return the precision of those priors that sigma does not govern, shape (n_free + q,)."""


def effect_precision(prior_sd: float) -> float:
    """Return the precision of an effect's prior when the locations' has standard deviation ``prior_sd``."""
    return float(max(EFFECT_PRIOR_SD, prior_sd) ** -2)


def tolerance_of(comparisons: Comparisons) -> float:
    """Return the gradient norm to ask for: sums over many comparisons are rounded, and no less can be had."""
    total = len(comparisons.first) if comparisons.weight is None else float(comparisons.weight.sum())
    return max(GRADIENT_TOLERANCE, ROUNDING * total)
