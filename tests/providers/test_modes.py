"""A batch's mode is resolved when it is first recorded, stands in the ledger with what was asked for, and stays."""

import json
from pathlib import Path
from typing import Any

import pytest

from huleedu_pipeline.essays import Batch, read_batch
from huleedu_pipeline.judging.batching import BATCH_API
from huleedu_pipeline.ledger import ChangedBatchError, Ledger
from huleedu_pipeline.providers.advance import advance_batch
from huleedu_pipeline.providers.estimates import estimate_batch
from huleedu_pipeline.providers.planning import FixedModeError, mode_of, planned_spec, register, rules_of
from huleedu_pipeline.settings import Settings
from tests.kit import emulator_books, write_batch
from tests.providers.kit import BATCH, N_PAIRS, plan


def changed(settings: Settings, **values: Any) -> Settings:
    return settings.model_copy(update=values)


def asked(ledger: Ledger) -> Any:
    return json.loads(ledger.batch(BATCH).original_request)["batch_config_overrides"]


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    return read_batch(write_batch(tmp_path / BATCH))


def test_an_open_mode_is_the_installations_and_asks_for_nothing(ledger: Ledger, settings: Settings, batch: Batch) -> None:
    record = register(ledger, changed(settings, llm_batching_mode="serial_bundle"), batch)
    assert (record.llm_batching_mode, asked(ledger)) == ("serial_bundle", {})
    assert record.llm_batching_mode_reason == "the installation's mode (HULEEDU_LLM_BATCHING_MODE)"


def test_the_original_request_is_kept_whole_with_the_override(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    batch = read_batch(write_batch(tmp_path / BATCH, llm_batching_mode=BATCH_API, max_comparisons=12))
    record = register(ledger, changed(settings, llm_batching_mode="per_request"), batch)
    assert record.llm_batching_mode == BATCH_API
    shown = json.loads(record.processing_metadata)
    assert shown["llm_batching_mode"] == BATCH_API
    assert shown["llm_batching_mode_reason"] == "batch.yaml names it"
    assert shown["original_request"]["batch_config_overrides"] == {"llm_batching_mode_override": BATCH_API}
    assert shown["original_request"]["batch"] == batch.spec.model_dump(mode="json")
    assert shown["original_request"]["judge"]["assignment_prompt"] == batch.prompt


def test_settings_that_change_later_change_no_batch(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    plan(ledger, settings, tmp_path)
    live = changed(settings, llm_batching_mode="per_request", llm_batch_api_allowed_providers=())
    batch = read_batch(tmp_path / BATCH)
    assert register(ledger, live, batch).llm_batching_mode == BATCH_API
    assert (mode_of(ledger, live, batch), planned_spec(ledger, BATCH).effective_mode) == (BATCH_API, BATCH_API)
    advance_batch(ledger, live, BATCH)
    assert emulator_books(settings.emulator_dir)["batch_jobs_created"]["openai"] == 1


def test_a_provider_that_is_not_allowed_batch_jobs_is_asked_live(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    only_anthropic = changed(settings, llm_batch_api_allowed_providers=("anthropic",))
    plan(ledger, only_anthropic, tmp_path, llm_batching_mode=BATCH_API)
    record = ledger.batch(BATCH)
    assert record.llm_batching_mode == "serial_bundle"
    assert "is not for openai (HULEEDU_LLM_BATCH_API_ALLOWED_PROVIDERS does not name it)" in str(
        record.llm_batching_mode_reason
    )
    assert asked(ledger) == {"llm_batching_mode_override": BATCH_API}
    assert advance_batch(ledger, only_anthropic, BATCH).tally.n_succeeded == N_PAIRS
    assert emulator_books(settings.emulator_dir)["batch_jobs_created"] == {"openai": 0, "anthropic": 0}


def test_who_runs_a_batch_may_name_the_mode_that_it_leaves_open(ledger: Ledger, settings: Settings, batch: Batch) -> None:
    record = register(ledger, settings, batch, mode_hint="per_request")
    assert (record.llm_batching_mode, asked(ledger)) == ("per_request", {"llm_batching_mode_override": "per_request"})
    # The run that takes it in knows nothing of the hint, and the same command may be given again.
    assert register(ledger, settings, batch) == record
    assert register(ledger, settings, batch, mode_hint="per_request") == record
    assert mode_of(ledger, settings, batch) == "per_request"


def test_a_hint_that_is_overruled_by_the_allowed_providers_may_be_given_again(
    ledger: Ledger, settings: Settings, batch: Batch
) -> None:
    live = changed(settings, llm_batch_api_allowed_providers=())
    for _ in range(2):
        assert register(ledger, live, batch, mode_hint=BATCH_API).llm_batching_mode == "serial_bundle"


def test_two_modes_at_once_are_refused(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    batch = read_batch(write_batch(tmp_path / BATCH, llm_batching_mode="per_request"))
    with pytest.raises(FixedModeError, match="names mode per_request, and is now to be run in mode serial_bundle"):
        register(ledger, settings, batch, mode_hint="serial_bundle")
    assert ledger.batches() == []


def test_another_mode_for_a_recorded_batch_is_refused(ledger: Ledger, settings: Settings, batch: Batch, tmp_path: Path) -> None:
    register(ledger, settings, batch)
    with pytest.raises(FixedModeError, match="was first run with no mode of its own, and is now to be run in mode per_request"):
        register(ledger, settings, batch, mode_hint="per_request")
    named = read_batch(write_batch(tmp_path / BATCH, llm_batching_mode="per_request"))
    assert mode_of(ledger, settings, named) == "per_request"
    assert register(ledger, settings, named, mode_hint="per_request").llm_batching_mode == "per_request"


def test_a_planned_batch_keeps_its_mode(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    plan(ledger, settings, tmp_path)
    other = read_batch(write_batch(tmp_path / BATCH, max_comparisons=N_PAIRS, llm_batching_mode="per_request"))
    with pytest.raises(ChangedBatchError):
        register(ledger, settings, other)
    assert ledger.batch(BATCH).llm_batching_mode == BATCH_API


def test_nothing_is_planned_in_a_mode_that_was_not_resolved(batch: Batch) -> None:
    with pytest.raises(ValueError, match="batch small: its batching mode has not been resolved"):
        rules_of(batch.spec, 8)


def test_the_estimate_is_of_the_mode_that_was_resolved(batch: Batch) -> None:
    jobs, live = estimate_batch(batch, BATCH_API), estimate_batch(batch, "per_request")
    assert jobs.cost_usd is not None
    assert live.cost_usd == pytest.approx(2 * jobs.cost_usd)
