"""The other ways to ask: Chat Completions as compatible servers speak it, decisions as soft verdicts, the flex tier."""

import json
from pathlib import Path
from typing import Any

import pytest

from huleedu_pipeline.judging.manifest import manifest
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.providers.advance import advance_batch
from huleedu_pipeline.providers.backend import emulator_config
from huleedu_pipeline.providers.emulator.launcher import ensure_emulator
from huleedu_pipeline.settings import Settings
from tests.kit import emulator_books
from tests.providers.kit import BATCH, N_PAIRS, plan


@pytest.mark.parametrize(
    ("api", "endpoint"), [("chat_completions", "POST /v1/chat/completions"), ("decisions", "POST /v1/decisions")]
)
def test_a_batch_is_judged_through_the_api_that_its_judge_names(
    api: str, endpoint: str, ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    plan(ledger, settings, tmp_path, judge={"provider": "openai", "api": api}, llm_batching_mode="per_request")
    assert advance_batch(ledger, settings, BATCH).tally.n_succeeded == N_PAIRS
    books = emulator_books(settings.emulator_dir)
    assert books["calls"][endpoint] == N_PAIRS
    assert books["billed"]["openai"]["input_tokens"] == ledger.tally(BATCH).input_tokens


def test_batch_jobs_go_to_chat_completions_too(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    plan(ledger, settings, tmp_path, judge={"provider": "openai", "api": "chat_completions"})
    (job,) = advance_batch(ledger, settings, BATCH).jobs
    (made,) = emulator_books(settings.emulator_dir)["jobs"]
    assert made["id"] == job.provider_job_id
    assert "max_completion_tokens" in json.loads(ledger.body(ledger.requests(BATCH)[0].custom_id))


def test_a_decision_is_a_probability_and_no_reasons(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    plan(ledger, settings, tmp_path, judge={"provider": "openai", "api": "decisions"}, llm_batching_mode="serial_bundle")
    advance_batch(ledger, settings, BATCH)
    for outcome in ledger.outcomes(BATCH):
        assert outcome.p_a is not None
        assert 0 < outcome.p_a < 1
        assert outcome.winner == ("Essay A" if outcome.p_a > 0.5 else "Essay B")
        assert (outcome.justification, outcome.confidence) == (None, None)


def test_a_compatible_server_is_asked_at_the_address_that_is_set(
    ledger: Ledger, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    base_url = ensure_emulator(emulator_config(settings))
    monkeypatch.setenv("OPENAI_API_KEY", "any")
    local = settings.model_copy(update={"judge_backend": "provider", "openai_base_url": f"{base_url}/v1"})
    judge = {"provider": "openai", "api": "chat_completions", "model": "emulated-local", "is_unlisted_model": True}
    plan(ledger, local, tmp_path, judge=judge, llm_batching_mode="per_request")
    tally = advance_batch(ledger, local, BATCH).tally
    assert tally.n_succeeded == N_PAIRS
    assert tally.cost_usd is None  # no price is known for it


def test_flex_is_asked_for_and_costs_half(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    costs: dict[str | None, float] = {}
    for tier in (None, "flex"):
        book = Ledger(f"sqlite:///{tmp_path / str(tier)}.sqlite")
        judge: dict[str, Any] = {"provider": "openai"} | ({"service_tier": tier} if tier else {})
        plan(book, settings, tmp_path / str(tier), judge=judge, llm_batching_mode="per_request")
        body = json.loads(book.body(book.requests(BATCH)[0].custom_id))
        assert body.get("service_tier") == tier
        advance_batch(book, settings, BATCH)
        assert {outcome.service_tier for outcome in book.outcomes(BATCH)} <= {tier, "default"}
        costs[tier] = book.tally(BATCH).cost_usd or 0.0
        book.close()
    assert costs["flex"] == pytest.approx(costs[None] * (manifest().providers["openai"].flex_factor or 0))
