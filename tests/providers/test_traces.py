"""Traces of a judged batch: what they say agrees with the ledger, and holds nothing of the essays."""

import json
from pathlib import Path

import numpy as np
import pytest

from huleedu_pipeline.ledger import Ledger, UnknownBatchError
from huleedu_pipeline.providers.advance import advance_batch
from huleedu_pipeline.providers.traces import (
    EVENTS_FILE,
    SUMMARY_FILE,
    TraceError,
    TraceEvent,
    capture,
    read_summary,
    summarise,
    write_trace,
)
from huleedu_pipeline.settings import Settings
from tests.kit import PUPILS
from tests.providers.kit import BATCH, N_PAIRS, plan

RECORDED = Path(__file__).parents[1] / "data" / "llm_traces"


def mock(settings: Settings, profile: str, **more: str | float) -> Settings:
    return Settings(**{**settings.model_dump(exclude={"notify_webhook"}), "emulator_profile": profile, **more})


@pytest.fixture
def judged(ledger: Ledger, settings: Settings, tmp_path: Path) -> Ledger:
    """A batch that a mock profile has judged by live calls."""
    plan(ledger, settings, tmp_path, llm_batching_mode="per_request")
    advance_batch(ledger, mock(settings, "eng5_lower5_gpt51_low", emulator_mock="latency_scale=0.01"), BATCH)
    return ledger


def test_a_trace_says_what_the_ledger_says(judged: Ledger, tmp_path: Path) -> None:
    summary, events = capture(judged, BATCH, "lower5-live")
    outcomes, tally = judged.outcomes(BATCH), judged.tally(BATCH)
    assert (summary.total_events, summary.success_count, summary.error_count) == (N_PAIRS, N_PAIRS, 0)
    assert summary.is_simulated
    assert summary.llm_batching_mode == "per_request"
    assert sum(summary.winner_counts.values()) == N_PAIRS
    assert summary.winner_counts["Essay A"] == sum(outcome.winner == "Essay A" for outcome in outcomes)
    assert summary.cost_usd == pytest.approx(tally.cost_usd)
    assert [event.request_id for event in events] == [outcome.request.custom_id for outcome in outcomes]
    assert sum(event.token_usage.prompt for event in events) == tally.input_tokens
    prompts = [event.token_usage.prompt for event in events]
    assert (summary.token_usage.prompt.min, summary.token_usage.prompt.max) == (min(prompts), max(prompts)) == (1000, 1000)
    assert summary.token_usage.completion.mean == np.mean([event.token_usage.completion for event in events]) == 30
    times = sorted(event.response_time_ms or 0 for event in events)
    assert summary.response_time_ms is not None
    assert summary.response_time_ms.min_ms == times[0] > 10  # a hundredth of a second, as scaled
    assert times[-2] <= (summary.response_time_ms.p95_ms or 0) <= (summary.response_time_ms.p99_ms or 0) <= times[-1]
    folder = write_trace(tmp_path / "traces", summary, events)
    assert read_summary(folder) == summary
    lines = (folder / EVENTS_FILE).read_text(encoding="utf-8").splitlines()
    assert [TraceEvent.model_validate_json(line) for line in lines] == events
    with pytest.raises(TraceError, match="holds a trace already"):
        write_trace(tmp_path / "traces", summary, events)


def test_a_trace_holds_nothing_of_the_essays(judged: Ledger, tmp_path: Path) -> None:
    folder = write_trace(tmp_path, *capture(judged, BATCH, "t"))
    written = (folder / EVENTS_FILE).read_text(encoding="utf-8") + (folder / SUMMARY_FILE).read_text(encoding="utf-8")
    for name, text in PUPILS.items():
        assert name not in written
        assert text[:20] not in written
    assert "Mock verdict" not in written


def test_a_batch_that_is_not_judged_is_no_trace(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(UnknownBatchError):
        capture(ledger, BATCH, "t")
    plan(ledger, settings, tmp_path)
    with pytest.raises(TraceError, match=f"0 of {N_PAIRS} requests have ended"):
        capture(ledger, BATCH, "t")


@pytest.mark.parametrize("scenario_id", ["", "../up", "A", ".hidden", "x" * 81, "a b"])
def test_a_scenario_id_is_a_folders_name(scenario_id: str, ledger: Ledger) -> None:
    with pytest.raises(TraceError, match="is no name for a trace"):
        capture(ledger, BATCH, scenario_id)


def test_failures_and_batch_jobs_have_their_place(judged: Ledger) -> None:
    _, events = capture(judged, BATCH, "t")
    failed = events[0].model_copy(update={"outcome": "failure", "winner": None, "error_code": "refusal", "cost_estimate": None})
    in_job = [event.model_copy(update={"response_time_ms": None}) for event in (failed, *events[1:])]
    summary = summarise("t", "a test", "provider_batch_api", in_job)
    assert (summary.success_count, summary.error_count, summary.error_code_counts) == (N_PAIRS - 1, 1, {"refusal": 1})
    assert (summary.response_time_ms, summary.cost_usd) == (None, None)


@pytest.mark.parametrize(
    ("content", "complaint"), [(None, "can not be read"), ("{}", "is no summary"), ('{"schema_version": 2}', "is no summary")]
)
def test_a_bad_summary_is_refused(content: str | None, complaint: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / SUMMARY_FILE).write_text(content, encoding="utf-8")
    with pytest.raises(TraceError, match=complaint):
        read_summary(tmp_path)


def test_the_recorded_scenarios_hold_together() -> None:
    found = {folder.name: read_summary(folder) for folder in sorted(RECORDED.iterdir())}
    assert {name: summary.total_events for name, summary in found.items()} == {
        "cj_lps_roundtrip_mock_20251205": 4,
        "eng5_anchor_align_gpt51_low_20251201": 66,
        "eng5_lower5_gpt51_low_20251202": 10,
    }
    for name, summary in found.items():
        assert summary.scenario_id == name
        assert sum(summary.winner_counts.values()) == summary.success_count == summary.total_events
        usage = summary.token_usage
        assert usage.prompt.mean + usage.completion.mean == pytest.approx(usage.total.mean, abs=0.5)
        assert json.loads((RECORDED / name / SUMMARY_FILE).read_text())["is_simulated"] == ("mock" in name)
