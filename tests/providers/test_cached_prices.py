"""What caching is worth, from the bodies that are sent to the prices in the ledger, against what a plan promises."""

import json
import math
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from huleedu_pipeline.comparisons import plan_pairs
from huleedu_pipeline.essays import read_batch
from huleedu_pipeline.judging.costs import cost_usd
from huleedu_pipeline.judging.outcome import Usage
from huleedu_pipeline.judging.savings import PromptTokens, Way, savings_of
from huleedu_pipeline.ledger import BatchStatus, JobState, Ledger
from huleedu_pipeline.ledger.records import OutcomeRecord
from huleedu_pipeline.providers.advance import advance_batch
from huleedu_pipeline.providers.backend import open_provider
from huleedu_pipeline.providers.collection import collect_jobs, watch_jobs
from huleedu_pipeline.providers.emulator.anthropic_requests import read_request as read_anthropic
from huleedu_pipeline.providers.emulator.openai_requests import RESPONSES
from huleedu_pipeline.providers.emulator.openai_requests import read_request as read_openai
from huleedu_pipeline.providers.emulator.reading import ModelRequest
from huleedu_pipeline.providers.planning import plan_requests, register
from huleedu_pipeline.providers.submission import submit_jobs
from huleedu_pipeline.settings import Settings
from tests.kit import emulator_books, write_batch
from tests.providers.kit import BATCH, gate

CLAUDE, LUNA, GPT_5_1 = "claude-sonnet-5-5", "gpt-6-luna", "gpt-5.1"
N_ESSAYS, N_PAIRS = 16, 120
WORDS = "The harbour was quiet when we came, and my aunt already waited with her bicycle beside the old boats. " * 20
RUBRIC = "Judge content, structure and language together, and weigh them alike. " * 80


def provider_of(model: str) -> str:
    return "anthropic" if "claude" in model else "openai"


def judged(
    ledger: Ledger, settings: Settings, folder: Path, model: str, n_pairs: int = N_PAIRS, *, mode: str = "provider_batch_api"
) -> list[OutcomeRecord]:
    """Judge pairs of essays of one length, under a context that is long enough for every cache."""
    path = write_batch(
        folder / BATCH,
        anchors={},
        judge={"provider": provider_of(model), "model": model},
        max_comparisons=n_pairs,
        llm_batching_mode=mode,
    )
    for essay in (path / "essays").iterdir():
        essay.unlink()
    for n in range(N_ESSAYS):
        (path / "essays" / f"pupil{n:02}.txt").write_text(f"Number {n:02} begins. {WORDS}\n", encoding="utf-8")
    (path / "rubric.md").write_text(RUBRIC, encoding="utf-8")
    batch = read_batch(path)
    register(ledger, settings, batch)
    texts = {essay.essay_id: essay.text for essay in batch.essays}
    plan_requests(ledger, BATCH, plan_pairs(BATCH, list(texts), n_pairs, seed=1), texts)
    ledger.move_batch(BATCH, BatchStatus.AWAITING_JUDGEMENTS)
    if mode != "provider_batch_api":
        advance_batch(ledger, settings, BATCH)
        return ledger.outcomes(BATCH)
    provider = open_provider(settings, provider_of(model))
    with ledger.lease(BATCH) as lease:
        submit_jobs(ledger, provider, BATCH, lease, gate(ledger), settle_seconds=0.0)
    deadline = time.monotonic() + 300
    while any(job.state is JobState.SUBMITTED for job in watch_jobs(ledger, provider, ledger.jobs(BATCH))):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    collect_jobs(ledger, provider, BATCH, settings.raw_dir, max_attempts=1)
    return ledger.outcomes(BATCH)


def with_cache(settings: Settings, hit_rate: float | None) -> Settings:
    return settings.model_copy(update={"emulator_prompt_cache": hit_rate})


def as_sent(ledger: Ledger, outcome: OutcomeRecord) -> ModelRequest:
    body = json.loads(ledger.body(outcome.request.custom_id))
    return read_anthropic(body, "2026-10-21") if outcome.request.provider == "anthropic" else read_openai(RESPONSES, body)


def promised_usd(ledger: Ledger, outcomes: Sequence[OutcomeRecord], model: str, hit_rate: float) -> float:
    """Return what the plan's arithmetic expects of requests of this size."""
    context, first = (math.ceil(len(mark.prefix.encode()) / 4) for mark in as_sent(ledger, outcomes[0]).cache_marks)
    reply = round(sum(outcome.output_tokens for outcome in outcomes) / len(outcomes))
    tokens = PromptTokens(context=context, essay=first - context, short_reply=reply)
    way = Way(is_batch=True, is_one_order=True, has_cached_prefix=True, has_shared_first_essay=True, has_short_reason=True)
    usd = savings_of(model, way, tokens, n_essays=N_ESSAYS, n_comparisons=len(outcomes), hit_rate=hit_rate).steps[-1].usd
    assert usd is not None
    return usd


def usd_without_cache(outcomes: Sequence[OutcomeRecord], model: str) -> float:
    return sum(
        cost_usd(model, Usage(input_tokens=o.input_tokens, output_tokens=o.output_tokens), is_batch=True) or 0.0
        for o in outcomes
    )


def check_books(ledger: Ledger, settings: Settings, provider: str, outcomes: Sequence[OutcomeRecord]) -> None:
    """The ledger and the emulator count the same tokens of each class."""
    billed = emulator_books(settings.emulator_dir)["billed"][provider]
    written = sum(o.cache_write_5m_tokens + o.cache_write_30m_tokens + o.cache_write_1h_tokens for o in outcomes)
    assert billed["requests"] == len(outcomes)
    assert billed["input_tokens"] == ledger.tally(BATCH).input_tokens
    assert billed["cached_input_tokens"] == sum(o.cached_input_tokens for o in outcomes)
    assert billed["cache_write_tokens"] == written


@pytest.mark.parametrize("hit_rate", [1.0, 0.64])
def test_anthropics_batch_jobs_cost_what_the_plan_promises(
    hit_rate: float, ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    settings = with_cache(settings, hit_rate)
    outcomes = judged(ledger, settings, tmp_path, CLAUDE)
    check_books(ledger, settings, "anthropic", outcomes)
    finds = sum(outcome.cached_input_tokens > 0 for outcome in outcomes) / (N_PAIRS - 1)
    assert abs(finds - hit_rate) <= 4 * math.sqrt(hit_rate * (1 - hit_rate) / N_PAIRS) + 1e-9
    spent = ledger.tally(BATCH).cost_usd
    # Beside the promise: the very first request writes the context, and essays are first unequally often.
    assert spent == pytest.approx(promised_usd(ledger, outcomes, CLAUDE, finds), rel=0.05)


def test_openais_batch_jobs_find_what_their_breakpoints_keep(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    settings = with_cache(settings, 1.0)
    outcomes = judged(ledger, settings, tmp_path, LUNA)
    check_books(ledger, settings, "openai", outcomes)
    finds = sum(outcome.cached_input_tokens > 0 for outcome in outcomes)
    assert finds == N_PAIRS - len({outcome.request.essay_a_id for outcome in outcomes})
    spent, promised = ledger.tally(BATCH).cost_usd, promised_usd(ledger, outcomes, LUNA, 1.0)
    assert spent is not None
    # Each first essay has a cache key of its own, and in the emulator a cache, too, where the context is written once more.
    assert promised < spent < 1.3 * promised
    assert spent < 0.7 * usd_without_cache(outcomes, LUNA)
    for outcome in outcomes:  # the last essay is read afresh, and never written
        kept = math.ceil(len(as_sent(ledger, outcome).cache_marks[-1].prefix.encode()) / 4)
        assert outcome.cached_input_tokens + outcome.cache_write_30m_tokens == kept < outcome.input_tokens


def test_models_without_breakpoints_are_asked_without_and_find_in_steps(
    ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    outcomes = judged(ledger, with_cache(settings, 1.0), tmp_path, GPT_5_1)
    assert "breakpoint" not in ledger.body(outcomes[0].request.custom_id)
    assert "prompt_cache_options" not in ledger.body(outcomes[0].request.custom_id)
    cached = {outcome.cached_input_tokens for outcome in outcomes}
    assert max(cached) >= 1024
    assert all(tokens % 128 == 0 for tokens in cached)
    assert sum(outcome.cache_write_30m_tokens for outcome in outcomes) == 0


@pytest.mark.parametrize("model", [CLAUDE, LUNA])
def test_live_calls_find_what_the_one_before_them_wrote(model: str, ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    settings = with_cache(settings, 0.0)  # of batch jobs
    outcomes = judged(ledger, settings, tmp_path, model, 30, mode="per_request")
    check_books(ledger, settings, provider_of(model), outcomes)
    # Calls with the same first essay follow one another; those that begin side by side can not find each other's context.
    firsts = {outcome.request.essay_a_id for outcome in outcomes}
    assert sum(outcome.cached_input_tokens > 0 for outcome in outcomes) >= len(outcomes) - len(firsts) > 0


def test_without_a_cache_the_ledger_shows_none(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    outcomes = judged(ledger, settings, tmp_path, CLAUDE)
    assert {(o.cached_input_tokens, o.cache_write_5m_tokens, o.cache_write_1h_tokens) for o in outcomes} == {(0, 0, 0)}
    assert ledger.tally(BATCH).cost_usd == pytest.approx(usd_without_cache(outcomes, CLAUDE))
