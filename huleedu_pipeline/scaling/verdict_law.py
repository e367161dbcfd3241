"""The distribution of single verdicts under a fitted model: its moments, and draws from it. Not here: the fit itself."""

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import expit

from huleedu_pipeline.scaling.bradley_terry import BradleyTerryFit
from huleedu_pipeline.scaling.comparisons import Floats

LARGEST_MARGIN = 20.0


@dataclass(frozen=True)
class VerdictLaw:
    """Each verdict is 1, 1/2 (a tie; only where the model knows ties) or 0.

    Attributes:
        p_first: Probability that the first item wins, shape (m,).
        p_tie: Probability of a tie after Davidson (1970), shape (m,).

    """

    p_first: Floats
    p_tie: Floats

    @classmethod
    def of(cls, fit: BradleyTerryFit, shift: Floats | float = 0.0) -> "VerdictLaw":
        """Return the law at the fitted linear predictors plus ``shift``; probabilities keep off 0 and 1 by 2e-9."""
        margin = np.clip(fit.margin + shift, -LARGEST_MARGIN, LARGEST_MARGIN)
        nu = fit.tie_parameter or 0.0
        p_tie = nu / (nu + 2 * np.cosh(margin / 2))
        return cls((1 - p_tie) * expit(margin), p_tie)

    def with_ties(self, share: float) -> "VerdictLaw":
        """Return a law with the same means in which even pairs tie with probability ``share``, others less: as p (1 - p)."""
        mean = self.mean
        p_tie = 4 * share * mean * (1 - mean)
        return replace(self, p_first=mean - p_tie / 2, p_tie=p_tie)

    @property
    def mean(self) -> Floats:
        """Expected verdict, shape (m,)."""
        return self.p_first + self.p_tie / 2

    def central_moment(self, order: int) -> Floats:
        """Return the expected power of the deviation from the mean, shape (m,)."""
        mean, p_second = self.mean, 1 - self.p_first - self.p_tie
        moment = self.p_first * (1 - mean) ** order + p_second * (-mean) ** order + self.p_tie * (0.5 - mean) ** order
        return np.asarray(moment, dtype=np.float64)

    def draw(self, rng: np.random.Generator) -> Floats:
        """Draw one verdict for each comparison."""
        u = rng.random(len(self.p_first))
        return np.where(u < self.p_first, 1.0, np.where(u < self.p_first + self.p_tie, 0.5, 0.0))
