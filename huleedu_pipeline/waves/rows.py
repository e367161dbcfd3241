"""A decision as a row of the table ``wave_decisions``, and back: with the row alone it can be made again.

Not here: the table's declaration (``lake.tables``).
"""

from collections.abc import Mapping
from dataclasses import asdict, fields
from math import isnan
from typing import Any

from huleedu_pipeline.waves.decide import ContinuationDecision, Rules, WaveState, decide

_STATE = [field.name for field in fields(WaveState) if field.name != "is_closed"]
_RULES = [field.name for field in fields(Rules)]


def decision_row(batch_id: str, state: WaveState, rules: Rules) -> dict[str, Any]:
    """Return the decision after a wave with everything that it follows from, a value for each column."""
    made = decide(state, rules)
    known = asdict(state)
    return {
        "batch_id": batch_id,
        "decision": str(made.decision),
        "reason": str(made.reason),
        "n_more": made.n_more,
        **{name: known[name] for name in _STATE},
        "success_rate": state.success_rate,
        "coverage_fraction": state.coverage_fraction,
        "budget_remaining": max(rules.max_comparisons - state.n_requests, 0),
        **asdict(rules),
    }


def replay(row: Mapping[str, Any]) -> ContinuationDecision:
    """Make the decision of a row again; columns that it does not follow from are not looked at."""
    values = {name: _value(row[name]) for name in (*_STATE, *_RULES)}
    return decide(WaveState(**{name: values[name] for name in _STATE}), Rules(**{name: values[name] for name in _RULES}))


def _value(value: Any) -> Any:
    """Return ``None`` for what a frame holds in its place."""
    return None if isinstance(value, float) and isnan(value) else value
