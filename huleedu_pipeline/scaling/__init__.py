"""Scaling: Bradley-Terry locations, their standard errors, and their reliability. Needs nothing but arrays."""

from huleedu_pipeline.scaling.bradley_terry import BradleyTerryFit, ScalingError, fit_bradley_terry
from huleedu_pipeline.scaling.reliability import Reliability, reliability

__all__ = ["BradleyTerryFit", "Reliability", "ScalingError", "fit_bradley_terry", "reliability"]
