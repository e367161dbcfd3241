"""Comparisons: which pairs of essays are asked about, in which order and orientation, and what they are called."""

from huleedu_pipeline.comparisons.design import PlannedPair, plan_single_wave
from huleedu_pipeline.comparisons.pairs import ComparisonPair, PairGenerationMode, plan_pairs, specified_pairs
from huleedu_pipeline.comparisons.selection import (
    STRATEGIES,
    Knowledge,
    Selection,
    Strategy,
    local_rank,
    misorder,
    optimal_graph,
    select_pairs,
)

__all__ = [
    "STRATEGIES",
    "ComparisonPair",
    "Knowledge",
    "PairGenerationMode",
    "PlannedPair",
    "Selection",
    "Strategy",
    "local_rank",
    "misorder",
    "optimal_graph",
    "plan_pairs",
    "plan_single_wave",
    "select_pairs",
    "specified_pairs",
]
