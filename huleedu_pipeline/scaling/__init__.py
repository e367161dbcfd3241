"""Scaling: Bradley-Terry locations, their standard errors, and their reliability. Needs nothing but arrays."""

from huleedu_pipeline.scaling.bradley_terry import BradleyTerryFit, LikelihoodRatio, fit_bradley_terry, length_difference
from huleedu_pipeline.scaling.comparisons import Comparisons, ScalingError
from huleedu_pipeline.scaling.consistency import circular_triads, judge_agreement, order_consistency, repeat_consistency
from huleedu_pipeline.scaling.expected_precision import FEW_COMPARISONS
from huleedu_pipeline.scaling.intervals import CredibleIntervals, credible_intervals
from huleedu_pipeline.scaling.misfit import Misfit, misfit
from huleedu_pipeline.scaling.reliability import Reliability, reliability

__all__ = [
    "FEW_COMPARISONS",
    "BradleyTerryFit",
    "Comparisons",
    "CredibleIntervals",
    "LikelihoodRatio",
    "Misfit",
    "Reliability",
    "ScalingError",
    "circular_triads",
    "credible_intervals",
    "fit_bradley_terry",
    "judge_agreement",
    "length_difference",
    "misfit",
    "order_consistency",
    "reliability",
    "repeat_consistency",
]
