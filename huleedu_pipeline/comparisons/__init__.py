"""Comparisons: which pairs of essays are asked about, in which order and orientation, and what they are called."""

from huleedu_pipeline.comparisons.design import PlannedPair, plan_single_wave
from huleedu_pipeline.comparisons.pairs import ComparisonPair, plan_pairs

__all__ = ["ComparisonPair", "PlannedPair", "plan_pairs", "plan_single_wave"]
