"""Costs: tokens times list price, half of it for batches, and never a guess."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huleedu_pipeline.judging.costs import cost_usd, price_list
from huleedu_pipeline.judging.outcome import Usage
from huleedu_pipeline.judging.spec import DEFAULT_MODELS

tokens = st.integers(0, 100_000)


@pytest.mark.parametrize(
    ("model", "usage", "expected"),
    [
        # 10 000 x 0.10 + 2 000 x 0.01 + 300 x 0.50 = 1 170 millionths of a dollar
        ("gpt-6-luna", Usage(12_000, 2_000, 300), 0.00117),
        # 1 500 x 2.00 + 80 x 10.00 = 3 800 millionths
        ("gpt-6-sol", Usage(1_500, 0, 80), 0.0038),
        # 500 x 1.00 + 1 000 x 0.05 + 200 x 5.00 = 1 550 millionths
        ("gpt-6.1-terra", Usage(1_500, 1_000, 200), 0.00155),
        # 10 000 x 1.00 + 2 000 x 0.10 + 300 x 5.00 = 11 700 millionths
        ("claude-haiku-4-5-20251001", Usage(12_000, 2_000, 300), 0.0117),
        # 1 000 x 3.00 + 100 x 15.00 = 4 500 millionths
        ("claude-sonnet-4-5-20250929", Usage(1_000, 0, 100), 0.0045),
        ("gpt-6-luna", Usage(0, 0, 0), 0.0),
    ],
)
def test_a_reply_costs_its_tokens_at_list_price_and_half_in_a_batch(model: str, usage: Usage, expected: float) -> None:
    assert cost_usd(model, usage, is_batch=False) == pytest.approx(expected, abs=1e-12)
    assert cost_usd(model, usage, is_batch=True) == pytest.approx(expected / 2, abs=1e-12)


@given(st.sampled_from(sorted(price_list().models)), tokens, tokens, st.booleans())
def test_an_emulated_model_is_priced_as_the_one_it_stands_for(model: str, read: int, written: int, is_batch: bool) -> None:
    usage = Usage(input_tokens=read, output_tokens=written)
    assert cost_usd(f"emulated-{model}", usage, is_batch=is_batch) == cost_usd(model, usage, is_batch=is_batch)


@pytest.mark.parametrize("model", ["gpt-7", "", "GPT-6-LUNA", "gpt-6-luna-2026-06-01", "emulated-", "emulated-gpt-7"])
def test_a_model_that_is_not_on_the_list_has_no_price(model: str) -> None:
    assert cost_usd(model, Usage(1, 0, 1), is_batch=True) is None


@pytest.mark.parametrize(("model", "limit"), [("gpt-6-luna", 272_000), ("claude-haiku-4-5-20251001", 200_000)])
def test_beyond_the_limit_of_the_list_price_the_cost_is_unknown(model: str, limit: int) -> None:
    assert cost_usd(model, Usage(limit, 0, 1), is_batch=False) is not None
    assert cost_usd(model, Usage(limit + 1, 0, 1), is_batch=False) is None


def test_cached_tokens_without_a_price_make_the_cost_unknown() -> None:
    assert cost_usd("gpt-6-sol", Usage(1_000, 1, 10), is_batch=False) is None
    assert cost_usd("gpt-6-sol", Usage(1_000, 0, 10), is_batch=False) == pytest.approx(0.0021)


@given(st.sampled_from(sorted(price_list().models)), tokens, tokens, tokens)
def test_reading_from_the_cache_never_costs_more(model: str, read: int, cached: int, written: int) -> None:
    with_cache = cost_usd(model, Usage(read + cached, cached, written), is_batch=False)
    without = cost_usd(model, Usage(read + cached, 0, written), is_batch=False)
    assert without is not None
    assert with_cache is None or with_cache <= without


def test_the_defaults_are_on_the_list_under_their_provider() -> None:
    for provider, model in DEFAULT_MODELS.items():
        assert price_list().models[model].provider == provider


def test_the_list_says_when_it_was_read() -> None:
    assert price_list().as_of.isoformat() == "2026-11-20"
    assert price_list().batch_factor == 0.5
