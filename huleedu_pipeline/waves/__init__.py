"""Waves: whether a batch that is judged live needs more comparisons, and which.

Plan, judge, scale, decide, until the decision is final. Not here: asking (``providers``), rows (``ledger``, ``lake``), the
first wave's design (``comparisons``) and the statistics (``scaling``).
"""

from huleedu_pipeline.waves.decide import (
    ContinuationDecision,
    Decision,
    Reason,
    Rules,
    WaveState,
    decide,
    first_wave_size,
    most_comparisons,
)
from huleedu_pipeline.waves.history import Asked, Money, connects, last_state, wave_states
from huleedu_pipeline.waves.next_wave import plan_next_wave
from huleedu_pipeline.waves.rows import decision_row, replay

__all__ = [
    "Asked",
    "ContinuationDecision",
    "Decision",
    "Money",
    "Reason",
    "Rules",
    "WaveState",
    "connects",
    "decide",
    "decision_row",
    "first_wave_size",
    "last_state",
    "most_comparisons",
    "plan_next_wave",
    "replay",
    "wave_states",
]
