"""Scaling: Bradley-Terry locations, their standard errors, and their reliability. Needs nothing but arrays."""

from huleedu_pipeline.scaling.bradley_terry import BradleyTerryFit, LikelihoodRatio, fit_bradley_terry, length_difference
from huleedu_pipeline.scaling.comparisons import Comparisons, ScalingError
from huleedu_pipeline.scaling.reliability import Reliability, reliability

__all__ = [
    "BradleyTerryFit",
    "Comparisons",
    "LikelihoodRatio",
    "Reliability",
    "ScalingError",
    "fit_bradley_terry",
    "length_difference",
    "reliability",
]
