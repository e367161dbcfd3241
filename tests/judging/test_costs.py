"""Costs: every class of tokens at its own list price, half of it in batches and in flex, and never a guess."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from huleedu_pipeline.judging.costs import cost_usd, estimate_usd
from huleedu_pipeline.judging.manifest import ModelEntry, manifest
from huleedu_pipeline.judging.outcome import Usage

HAIKU, SONNET = "claude-haiku-4-5-20251001", "claude-sonnet-5-5"
CLASSES = {
    "cached_input_tokens": "cached_input",
    "cache_write_5m_tokens": "cache_write_5m",
    "cache_write_30m_tokens": "cache_write_30m",
    "cache_write_1h_tokens": "cache_write_1h",
    "cache_write_12h_tokens": "cache_write_12h",
}
PRICED = sorted(name for name, entry in manifest().models.items() if entry.tiers)
UNPRICED = sorted(name for name, entry in manifest().models.items() if not entry.tiers)
tokens = st.integers(0, 100_000)


def usage(read: int, written: int, **classes: int) -> Usage:
    return Usage(input_tokens=read, output_tokens=written, **classes)


@pytest.mark.parametrize(
    ("model", "used", "expected"),
    [
        # 10 000 x 0.10 + 2 000 x 0.01 + 300 x 0.50 = 1 170 millionths of a dollar
        ("gpt-6-luna", usage(12_000, 300, cached_input_tokens=2_000), 0.00117),
        # 9 000 x 0.10 + 2 000 x 0.01 + 1 000 x 0.125 + 300 x 0.50 = 1 195 millionths
        ("gpt-6-luna", usage(12_000, 300, cached_input_tokens=2_000, cache_write_30m_tokens=1_000), 0.001195),
        # 1 500 x 2.00 + 80 x 10.00 = 3 800 millionths
        ("gpt-6-sol", usage(1_500, 80), 0.0038),
        # 500 x 10.00 + 1 000 x 12.50 + 80 x 50.00 = 21 500 millionths
        ("gpt-6-astra", usage(1_500, 80, cache_write_30m_tokens=1_000), 0.0215),
        # 500 x 1.00 + 1 000 x 0.05 + 200 x 5.00 = 1 550 millionths; reasoning is part of the output
        ("gpt-6.1-terra", usage(1_500, 200, cached_input_tokens=1_000, reasoning_tokens=150), 0.00155),
        # 10 000 x 1.00 + 2 000 x 0.10 + 300 x 5.00 = 11 700 millionths
        (HAIKU, usage(12_000, 300, cached_input_tokens=2_000), 0.0117),
        # 1 000 x 3.00 + 100 x 15.00 = 4 500 millionths
        ("claude-sonnet-4-5-20250929", usage(1_000, 100), 0.0045),
        # 1 000 x 2.00 + 4 000 x 0.10 + 2 000 x 2.50 + 3 000 x 4.00 + 100 x 10.00 = 20 400 millionths
        (
            SONNET,
            usage(10_000, 100, cached_input_tokens=4_000, cache_write_5m_tokens=2_000, cache_write_1h_tokens=3_000),
            0.0204,
        ),
        # 1 000 x 4.00 + 1 000 x 0.20 + 1 000 x 8.00 + 10 x 20.00 = 12 400 millionths
        ("claude-opus-5-5", usage(3_000, 10, cached_input_tokens=1_000, cache_write_1h_tokens=1_000), 0.0124),
        # 1 000 x 10.00 + 10 x 50.00 = 10 500 millionths
        ("claude-fable-5-1", usage(1_000, 10), 0.0105),
        ("gpt-6-luna", Usage(), 0.0),
    ],
)
def test_a_reply_costs_its_tokens_at_list_price_and_half_in_a_batch_or_in_flex(
    model: str, used: Usage, expected: float
) -> None:
    assert cost_usd(model, used, is_batch=False) == pytest.approx(expected, abs=1e-12)
    assert cost_usd(model, used, is_batch=True) == pytest.approx(expected / 2, abs=1e-12)
    has_flex = model.startswith("gpt-")  # a tier of OpenAI's alone
    flex = cost_usd(model, used, is_batch=False, service_tier="flex")
    assert flex == (pytest.approx(expected / 2, abs=1e-12) if has_flex else None)


@pytest.mark.parametrize("tier", [None, "flex", "batch", "default", "priority"])
def test_a_batch_has_one_price_whatever_its_tier_is_called(tier: str | None) -> None:
    assert cost_usd("gpt-6-luna", usage(1_000, 100), is_batch=True, service_tier=tier) == pytest.approx(0.000075)


@pytest.mark.parametrize("tier", [None, "default", "auto", "standard"])
def test_the_usual_tiers_cost_the_list_price(tier: str | None) -> None:
    assert cost_usd("gpt-6-luna", usage(1_000, 100), is_batch=False, service_tier=tier) == pytest.approx(0.00015)


@pytest.mark.parametrize("tier", ["priority", "fast", "scale", "ultrafast", "batch", "something new"])
def test_a_live_tier_that_is_not_on_the_list_has_no_price(tier: str) -> None:
    assert cost_usd("gpt-6-luna", usage(1_000, 100), is_batch=False, service_tier=tier) is None


@given(st.sampled_from(PRICED), tokens, tokens, st.booleans())
def test_an_emulated_model_is_priced_as_the_one_it_stands_for(model: str, read: int, written: int, is_batch: bool) -> None:
    used = usage(read, written)
    assert cost_usd(f"emulated-{model}", used, is_batch=is_batch) == cost_usd(model, used, is_batch=is_batch)


@pytest.mark.parametrize(
    "model", ["gpt-7", "", "GPT-6-LUNA", "gpt-6-luna-2026-06-01", "emulated-", "emulated-gpt-7", *UNPRICED]
)
def test_a_model_that_has_no_price_on_the_list_costs_an_unknown_sum(model: str) -> None:
    assert cost_usd(model, usage(1, 1), is_batch=True) is None
    assert estimate_usd(model, input_tokens=1, output_tokens=1, is_batch=True) is None


@pytest.mark.parametrize(
    ("model", "limit", "below", "above"),
    [
        ("gpt-6-luna", 272_000, (0.10, 0.50), (0.20, 0.75)),
        ("gpt-6-sol", 272_000, (2, 10), (4, 15)),
        ("gpt-6-astra", 272_000, (10, 50), (20, 75)),
        ("gpt-6.1-terra", 272_000, (1, 5), (2, 7.5)),
        ("claude-haiku-5-5", 100_000, (0.10, 0.50), (0.50, 2.50)),
    ],
)
def test_a_prompt_above_the_edge_of_a_tier_costs_that_of_the_next_from_its_first_token(
    model: str, limit: int, below: tuple[float, float], above: tuple[float, float]
) -> None:
    for read, (each_in, each_out) in ((limit, below), (limit + 1, above)):
        expected = (read * each_in + 100 * each_out) / 1e6
        assert cost_usd(model, usage(read, 100), is_batch=False) == pytest.approx(expected)


def test_the_cached_part_of_a_prompt_counts_towards_its_tier() -> None:
    # The price of reading from the cache is known below the edge only.
    assert cost_usd("gpt-6-luna", usage(272_000, 1, cached_input_tokens=271_000), is_batch=False) is not None
    assert cost_usd("gpt-6-luna", usage(272_001, 1, cached_input_tokens=271_000), is_batch=False) is None


@pytest.mark.parametrize(
    ("model", "limit"), [(HAIKU, 200_000), ("claude-sonnet-4-5-20250929", 200_000), ("claude-haiku-5-5", 1_000_000)]
)
def test_above_the_last_tier_the_cost_is_unknown(model: str, limit: int) -> None:
    assert cost_usd(model, usage(limit, 1), is_batch=False) is not None
    assert cost_usd(model, usage(limit + 1, 1), is_batch=False) is None


@pytest.mark.parametrize("model", PRICED)
@pytest.mark.parametrize("name", CLASSES)
def test_a_class_without_a_price_makes_the_cost_unknown_where_it_was_used(model: str, name: str) -> None:
    each = getattr(manifest().models[model].tiers[0], CLASSES[name])
    used = {name: 1}
    assert (cost_usd(model, usage(1_000, 10, **used), is_batch=False) is None) == (each is None)
    assert cost_usd(model, usage(1_000, 10), is_batch=False) is not None


def test_counts_that_contradict_each_other_have_no_price() -> None:
    assert cost_usd(SONNET, usage(10, 1, cached_input_tokens=6, cache_write_5m_tokens=5), is_batch=False) is None


@given(st.sampled_from(PRICED), tokens, tokens, tokens)
def test_reading_from_the_cache_never_costs_more(model: str, read: int, cached: int, written: int) -> None:
    with_cache = cost_usd(model, usage(read + cached, written, cached_input_tokens=cached), is_batch=False)
    without = cost_usd(model, usage(read + cached, written), is_batch=False)
    assert without is not None
    assert with_cache is None or with_cache <= without


@given(st.sampled_from(PRICED), tokens, tokens, st.booleans(), st.sampled_from([None, "flex"]))
def test_an_estimate_is_the_price_with_nothing_cached(
    model: str, read: int, written: int, is_batch: bool, tier: str | None
) -> None:
    estimate = estimate_usd(model, input_tokens=read, output_tokens=written, is_batch=is_batch, service_tier=tier)
    assert estimate == cost_usd(model, usage(read, written), is_batch=is_batch, service_tier=tier)
    assert (estimate is None) == (tier == "flex" and not is_batch and model.startswith("claude-"))


@pytest.mark.parametrize("model", PRICED)
def test_the_cache_is_cheaper_to_read_and_dearer_to_write_than_the_prompt(model: str) -> None:
    for tier in manifest().models[model].tiers:
        assert tier.cached_input is None or tier.cached_input < tier.input
        for written, factor in ((tier.cache_write_5m, 1.25), (tier.cache_write_30m, 1.25), (tier.cache_write_1h, 2)):
            assert written is None or written == pytest.approx(tier.input * factor)


@pytest.mark.parametrize("limits", [[2, 1], [1, 1], [None, 1], [None, None], [0]])
def test_tiers_that_do_not_rise_are_refused(limits: list[int | None]) -> None:
    tiers: Any = [{"up_to_input_tokens": limit, "input": 1, "output": 1} for limit in limits]
    with pytest.raises(ValidationError, match="tiers"):
        ModelEntry(provider="openai", family="x", source=("s",), tiers=tiers)


def test_a_model_costs_the_same_by_any_of_its_names() -> None:
    known = [(key, also) for key, entry in manifest().models.items() if entry.tiers for also in entry.also]
    assert known
    for key, also in known:
        assert cost_usd(also, usage(1_000, 100), is_batch=True) == cost_usd(key, usage(1_000, 100), is_batch=True)
