"""Savings: each is worth what the arithmetic says, none is promised where it does not apply, unknown prices stay unknown."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huleedu_pipeline.judging import costs, savings
from huleedu_pipeline.judging.manifest import Manifest
from huleedu_pipeline.judging.savings import (
    HIT_RATE,
    PromptTokens,
    Way,
    flex_of,
    savings_of,
    share_spared_by_waves,
)

TOKENS = PromptTokens(context=1_200, essay=600)
EVERYTHING = Way(
    service_tier="flex", is_one_order=True, waves=5, has_cached_prefix=True, has_shared_first_essay=True, has_short_reason=True
)
CHEAP, CLAUDE = "gpt-6-luna", "claude-sonnet-5-5"


def with_prices(monkeypatch: pytest.MonkeyPatch, **tier: float) -> None:
    """Price one model in input-token equivalents."""
    known = Manifest.model_validate(
        {
            "as_of": "2026-11-20",
            "sources": {"s": {"title": "a source", "as_of": "2026-11-20"}},
            "providers": {
                "openai": {
                    "default_model": "m",
                    "batch_factor": 0.5,
                    "flex_factor": 0.5,
                    "least_cached_tokens": 1024,
                    "structured_output": "json_schema",
                    "source": ["s"],
                }
            },
            "models": {"m": {"provider": "openai", "family": "m", "source": ["s"], "tiers": [{"input": 1.0, **tier}]}},
        }
    )
    for module in (costs, savings):
        monkeypatch.setattr(module, "manifest", lambda: known)


def test_the_savings_are_those_of_the_reference_calculation(monkeypatch: pytest.MonkeyPatch) -> None:
    # 500 essays of 600 tokens, a context of 1 100, replies of 250 and 40 tokens, output 8 times and cached input a tenth of
    # input: 2.0, 3.1, 4.5, 5.8, 6.8 and 16.5 times cheaper, with 5 waves at a target that spares a little more than here.
    with_prices(monkeypatch, cached_input=0.1, output=8.0)
    tokens = PromptTokens(context=1_100, essay=600, short_reply=40, long_reply=250)
    found = savings_of("m", EVERYTHING, tokens, n_essays=500, n_comparisons=6_225, hit_rate=1.0)
    times = [(found.dearest_usd or 0) / (step.usd or 1) for step in found.steps]
    assert times[:4] == pytest.approx([2.0, 3.1, 4.5, 5.8], rel=0.07)
    # There the cache was taken to last from wave to wave; here it forgets, and an essay is found less often.
    assert times[4:] == pytest.approx([6.8, 16.5], rel=0.15)
    assert times[4] < 6.8
    assert found.steps[0].share_alone == pytest.approx(0.5)
    assert found.steps[1].share_alone == pytest.approx(0.35, abs=0.01)
    assert found.steps[3].share_alone == pytest.approx(0.23, abs=0.01)


def test_a_context_that_is_found_and_one_that_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    with_prices(monkeypatch, cached_input=0.1, cache_write_30m=1.25, output=0.0)
    way, tokens = Way(has_cached_prefix=True), PromptTokens(context=2_000, essay=500)
    for hit_rate, context in ((1.0, 200), (0.0, 2_500), (0.5, 1_350)):
        found = savings_of("m", way, tokens, n_essays=10, n_comparisons=100, hit_rate=hit_rate)
        assert found.dearest_usd == pytest.approx(100 * 3_000 / 1e6)
        assert found.steps[3].usd == pytest.approx(100 * (context + 1_000) / 1e6)


def test_a_first_essay_is_found_by_all_but_the_first_that_share_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with_prices(monkeypatch, cached_input=0.1, cache_write_30m=1.25, output=0.0)
    way, tokens = Way(has_cached_prefix=True, has_shared_first_essay=True), PromptTokens(context=2_000, essay=500)
    found = savings_of("m", way, tokens, n_essays=10, n_comparisons=100, hit_rate=1.0)
    # Of the ten with one first essay, nine read context and essay, and one reads the context and writes the essay.
    expected = 10 * (9 * (250 + 500) + (200 + 625 + 500)) / 1e6
    assert found.steps[4].usd == pytest.approx(expected)
    once = savings_of("m", way, tokens, n_essays=100, n_comparisons=100, hit_rate=1.0)
    assert once.steps[4].usd == pytest.approx(100 * (200 + 625 + 500) / 1e6)  # dearer than without sharing
    assert (once.steps[4].usd or 0) > (once.steps[3].usd or 0)


def test_first_essays_lie_together_only_within_a_wave(monkeypatch: pytest.MonkeyPatch) -> None:
    with_prices(monkeypatch, cached_input=0.1, cache_write_30m=1.25, output=0.0)
    way, tokens = Way(waves=2, has_cached_prefix=True, has_shared_first_essay=True), PromptTokens(context=2_000, essay=500)
    found = savings_of("m", way, tokens, n_essays=10, n_comparisons=100, hit_rate=1.0)
    # Twice five with one first essay: four read context and essay, and one reads the context and writes the essay.
    assert found.steps[4].usd == pytest.approx(20 * (4 * (250 + 500) + (200 + 625 + 500)) / 1e6)


def test_anthropic_keeps_the_context_for_an_hour_and_the_essay_for_five_minutes() -> None:
    way = Way(is_batch=True, has_cached_prefix=True, has_shared_first_essay=True)
    found = savings_of(CLAUDE, way, TOKENS, n_essays=10, n_comparisons=100, hit_rate=0.0)
    # Nothing is ever found: all of it is written in vain, the context at 4.00, the essay at 2.50.
    each = (1_200 * 4.00 + 600 * 2.50 + 600 * 2.00 + TOKENS.long_reply * 10.00) / 1e6 / 2
    assert found.steps[4].usd == pytest.approx(100 * each)
    assert (found.steps[3].share_alone or 0) < 0


@pytest.mark.parametrize(
    ("model", "context", "is_kept"), [(CHEAP, 1_023, False), (CHEAP, 1_024, True), ("claude-haiku-4-5", 4_095, False)]
)
def test_a_prefix_that_is_too_short_is_never_cached(model: str, context: int, is_kept: bool) -> None:
    tokens = PromptTokens(context=context, essay=100)
    found = savings_of(model, Way(has_cached_prefix=True), tokens, n_essays=10, n_comparisons=100, hit_rate=1.0)
    assert (found.steps[3].share_alone != 0) == is_kept


def test_a_short_context_is_kept_together_with_the_essay(monkeypatch: pytest.MonkeyPatch) -> None:
    with_prices(monkeypatch, cached_input=0.1, cache_write_30m=1.25, output=0.0)
    tokens = PromptTokens(context=400, essay=800)
    way = Way(has_cached_prefix=True, has_shared_first_essay=True)
    found = savings_of("m", way, tokens, n_essays=10, n_comparisons=100, hit_rate=1.0)
    assert found.steps[3].usd == found.dearest_usd
    assert found.steps[4].usd == pytest.approx(10 * (9 * (120 + 800) + (1_200 * 1.25 + 800)) / 1e6)


def test_what_a_plan_does_not_have_saves_nothing() -> None:
    found = savings_of(CHEAP, Way(), TOKENS, n_essays=10, n_comparisons=100)
    assert [step.is_used for step in found.steps] == [False] * 6
    assert {step.usd for step in found.steps} == {found.dearest_usd}
    assert {step.share_alone for step in found.steps} == {0.0}
    batch = savings_of(CHEAP, Way(is_batch=True), TOKENS, n_essays=10, n_comparisons=100)
    assert [step.is_used for step in batch.steps] == [True, *[False] * 5]


@pytest.mark.parametrize("model", ["own", "gpt-6.1-sol"])
def test_without_a_price_nothing_is_known(model: str) -> None:
    found = savings_of(model, EVERYTHING, TOKENS, n_essays=10, n_comparisons=100)
    assert found.dearest_usd is None
    assert {(step.usd, step.share_alone) for step in found.steps} == {(None, None)}


def test_a_model_without_a_price_of_cached_input_is_unknown_from_there_on() -> None:
    found = savings_of("gpt-6-sol", EVERYTHING, TOKENS, n_essays=10, n_comparisons=100)
    assert [step.usd is None for step in found.steps] == [False, False, False, True, True, True]
    assert [step.share_alone is None for step in found.steps] == [False, False, False, True, True, False]


@pytest.mark.parametrize(("waves", "share"), [(1, 0.0), (2, 0.192), (4, 0.258), (10, 0.297), (20, 0.297)])
def test_waves_spare_what_was_simulated(waves: int, share: float) -> None:
    assert share_spared_by_waves(waves) == pytest.approx(share)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"n_essays": 1}, "save nothing"),
        ({"n_comparisons": 0}, "save nothing"),
        ({"hit_rate": 1.1}, "no share"),
        ({"hit_rate": float("nan")}, "no share"),
        ({"way": replace(EVERYTHING, service_tier=None, is_batch=True)}, "batch jobs are one wave"),
    ],
)
def test_what_can_not_be_is_refused(changes: dict[str, Any], says: str) -> None:
    values = {"model": CHEAP, "way": EVERYTHING, "tokens": TOKENS, "n_essays": 10, "n_comparisons": 100, **changes}
    with pytest.raises(ValueError, match=says):
        savings_of(**values)


@given(st.sampled_from([CHEAP, CLAUDE]), st.integers(2, 500), st.integers(1, 10_000), st.floats(0, 1))
def test_the_last_step_is_the_plan_itself(model: str, n_essays: int, n_comparisons: int, hit_rate: float) -> None:
    way = replace(EVERYTHING, service_tier=flex_of(model))
    found = savings_of(model, way, TOKENS, n_essays=n_essays, n_comparisons=n_comparisons, hit_rate=hit_rate)
    assert found.steps[-1].n_comparisons == pytest.approx(n_comparisons)
    assert found.steps[-1].usd is not None
    assert found.steps[-1].usd > 0
    assert [step.n_comparisons for step in found.steps] == sorted((s.n_comparisons for s in found.steps), reverse=True)


def test_only_openai_has_flex() -> None:
    assert (flex_of(CHEAP), flex_of(CLAUDE), flex_of("own")) == ("flex", None, None)
    assert 0.3 < HIT_RATE < 0.98
