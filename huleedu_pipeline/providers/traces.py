"""Traces: how a judge behaved over a whole batch, kept as a yardstick for the mock profiles and for other judges.

A trace is a folder of two files. ``summary.json`` is a :class:`TraceSummary`; ``llm_callbacks.jsonl`` has a
:class:`TraceEvent` in each line, in the order of the requests. Neither holds a text, a justification or an essay's id, so a
trace may be kept where the essays may not. Here: making them from the ledger, writing, reading a summary. Not here: comparing
a judge with one, which is the tests' part.
"""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.files import replacing
from huleedu_pipeline.judging.batching import BATCH_API
from huleedu_pipeline.judging.spec import is_simulated
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.ledger.records import OutcomeRecord

SUMMARY_FILE, EVENTS_FILE = "summary.json", "llm_callbacks.jsonl"
SCHEMA_VERSION: Literal[1] = 1
_SCENARIO_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")


class TraceError(HuleeduError):
    """A batch that can not be captured, or a place where a trace can not be written or read."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TokenUsage(_Model):
    """Tokens of one request over all its attempts; ``prompt`` includes those that a cache served or took."""

    prompt: int = Field(ge=0)
    cached: int = Field(ge=0)
    cache_write: int = Field(ge=0)
    completion: int = Field(ge=0)
    total: int = Field(ge=0)


class TraceEvent(_Model):
    """How one request ended.

    ``response_time_ms`` is from the beginning of its last attempt to its end, as the ledger saw it; ``None`` in batch jobs,
    where no request has a time of its own. Cost is in USD, ``None`` where a price is unknown, and what a real model would have
    cost where ``is_simulated``.
    """

    request_id: str
    outcome: Literal["success", "failure", "expired"]
    winner: Literal["Essay A", "Essay B"] | None
    confidence: float | None
    error_code: str | None
    provider: str
    model: str
    n_attempts: int = Field(ge=1)
    response_time_ms: float | None
    token_usage: TokenUsage
    cost_estimate: float | None
    requested_at: datetime
    completed_at: datetime


class Spread(_Model):
    """Least, mean and greatest of a count; ``None`` is not known."""

    min: float | None = None
    mean: float
    max: float | None = None


class Times(_Model):
    """Response times in milliseconds; percentiles are interpolated linearly, and ``None`` is not known."""

    min_ms: float | None = None
    mean_ms: float
    p95_ms: float | None = None
    p99_ms: float | None = None


class TokenSpreads(_Model):
    """Tokens of a trace's requests by class."""

    prompt: Spread
    completion: Spread
    total: Spread


class TraceSummary(_Model):
    """A trace in numbers.

    ``origin`` says where they are from. ``response_time_ms`` is ``None`` for batch jobs; ``llm_batching_mode`` and
    ``cost_usd`` are ``None`` where they are not known.
    """

    schema_version: Literal[1] = SCHEMA_VERSION
    scenario_id: str
    origin: str
    is_simulated: bool
    models: tuple[str, ...]
    llm_batching_mode: str | None
    total_events: int = Field(ge=1)
    success_count: int = Field(ge=0)
    error_count: int = Field(ge=0)
    winner_counts: dict[Literal["Essay A", "Essay B"], int]
    error_code_counts: dict[str, int]
    response_time_ms: Times | None
    token_usage: TokenSpreads
    cost_usd: float | None = None


def capture(ledger: Ledger, batch_id: str, scenario_id: str) -> tuple[TraceSummary, list[TraceEvent]]:
    """Return the trace of a batch whose requests have all ended.

    Raises:
        UnknownBatchError: the ledger does not have the batch.
        TraceError: people judged it, requests are still open, or ``scenario_id`` is no name for a folder.

    """
    if not _SCENARIO_ID.fullmatch(scenario_id):
        raise TraceError(f"scenario id '{scenario_id}': is no name for a trace (use a-z, 0-9, '.', '_' and '-', at most 80)")
    batch = ledger.batch(batch_id)
    if batch.is_human:
        raise TraceError(f"batch {batch_id}: people judged it, and a trace is a model's")
    tally = ledger.tally(batch_id)
    if not tally.is_complete:
        raise TraceError(
            f"batch {batch_id}: {tally.n_outcomes} of {tally.n_requests} requests have ended, and a trace is of all of them "
            "(wait until the batch is judged)"
        )
    is_live = batch.llm_batching_mode != BATCH_API
    events = [_event(outcome, is_live=is_live) for outcome in ledger.outcomes(batch_id)]
    return summarise(scenario_id, f"batch {batch_id}", batch.llm_batching_mode, events), events


def summarise(scenario_id: str, origin: str, mode: str | None, events: Sequence[TraceEvent]) -> TraceSummary:
    """Return events in numbers; there is at least one."""
    times = [event.response_time_ms for event in events if event.response_time_ms is not None]
    costs = [event.cost_estimate for event in events]
    n_succeeded = sum(event.outcome == "success" for event in events)
    return TraceSummary(
        scenario_id=scenario_id,
        origin=origin,
        is_simulated=any(is_simulated(event.model) for event in events),
        models=tuple(sorted({event.model for event in events})),
        llm_batching_mode=mode,
        total_events=len(events),
        success_count=n_succeeded,
        error_count=len(events) - n_succeeded,
        winner_counts=dict(Counter(event.winner for event in events if event.winner is not None)),
        error_code_counts=dict(Counter(event.error_code for event in events if event.error_code is not None)),
        response_time_ms=_times(times) if times else None,
        token_usage=TokenSpreads(
            prompt=_spread([event.token_usage.prompt for event in events]),
            completion=_spread([event.token_usage.completion for event in events]),
            total=_spread([event.token_usage.total for event in events]),
        ),
        cost_usd=None if None in costs else sum(cost for cost in costs if cost is not None),
    )


def write_trace(output_dir: Path, summary: TraceSummary, events: Sequence[TraceEvent]) -> Path:
    """Write a trace into a folder of its own below ``output_dir`` and return it; the summary comes last.

    Raises:
        TraceError: there is a trace of that scenario already.

    """
    folder = output_dir / summary.scenario_id
    if (folder / SUMMARY_FILE).exists():
        raise TraceError(f"{folder}: holds a trace already (choose another --scenario-id, or remove it first)")
    with replacing(folder / EVENTS_FILE) as path:
        path.write_text("".join(f"{event.model_dump_json()}\n" for event in events), encoding="utf-8")
    with replacing(folder / SUMMARY_FILE) as path:
        path.write_text(summary.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return folder


def read_summary(folder: Path) -> TraceSummary:
    """Return the summary of a trace.

    Raises:
        TraceError: there is none, or it is not as :class:`TraceSummary` says.

    """
    path = folder / SUMMARY_FILE
    try:
        return TraceSummary.model_validate_json(path.read_bytes())
    except OSError as error:
        raise TraceError(f"{path}: can not be read ({error.strerror})") from error
    except ValueError as error:
        raise TraceError(f"{path}: is no summary of a trace: {error}") from error


def _event(outcome: OutcomeRecord, *, is_live: bool) -> TraceEvent:
    taken = (outcome.completed_at - outcome.requested_at).total_seconds() * 1000
    written = (
        outcome.cache_write_5m_tokens
        + outcome.cache_write_30m_tokens
        + outcome.cache_write_1h_tokens
        + outcome.cache_write_12h_tokens
    )
    return TraceEvent.model_validate(
        {
            "request_id": outcome.request.custom_id,
            "outcome": outcome.outcome,
            "winner": outcome.winner,
            "confidence": outcome.confidence,
            "error_code": outcome.error_code,
            "provider": outcome.request.provider,
            "model": outcome.model,
            "n_attempts": outcome.n_attempts,
            "response_time_ms": round(taken, 3) if is_live else None,
            "token_usage": {
                "prompt": outcome.input_tokens,
                "cached": outcome.cached_input_tokens,
                "cache_write": written,
                "completion": outcome.output_tokens,
                "total": outcome.input_tokens + outcome.output_tokens,
            },
            "cost_estimate": outcome.cost_usd,
            "requested_at": outcome.requested_at,
            "completed_at": outcome.completed_at,
        }
    )


def _times(values: Sequence[float]) -> Times:
    p95, p99 = np.percentile(values, [95, 99])
    return Times(min_ms=min(values), mean_ms=float(np.mean(values)), p95_ms=float(p95), p99_ms=float(p99))


def _spread(values: Sequence[int]) -> Spread:
    return Spread(min=min(values), mean=float(np.mean(values)), max=max(values))
