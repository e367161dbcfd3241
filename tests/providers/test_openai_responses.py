"""The Responses API: the tier that is asked for, the tier that served, and every class of tokens."""

from typing import Any

import pytest

from huleedu_pipeline.judging.outcome import Usage
from huleedu_pipeline.providers import openai_responses as responses
from huleedu_pipeline.providers.emulator.openai_requests import RESPONSES, read_request
from tests.providers.test_openai_wire import PROMPT, judge, reply


def test_a_service_tier_is_sent_where_the_judge_names_one() -> None:
    assert responses.build_body(judge(service_tier="flex"), PROMPT)["service_tier"] == "flex"
    assert "service_tier" not in responses.build_body(judge(), PROMPT)


def test_the_emulator_takes_the_body() -> None:
    asked = judge(model="emulated-m", temperature=0.0, reasoning_effort="low", output_verbosity="low", service_tier="flex")
    assert read_request(RESPONSES, responses.build_body(asked, PROMPT)).system == "Judge."


@pytest.mark.parametrize("tier", ["flex", "default", None])
def test_the_tier_that_served_is_kept(tier: str | None) -> None:
    assert responses.read_reply(reply(service_tier=tier)).service_tier == tier
    assert responses.read_reply(reply(service_tier=tier, status="failed")).service_tier == tier


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        (None, Usage()),
        ({"input_tokens": 9, "output_tokens": 3}, Usage(input_tokens=9, output_tokens=3)),
        (
            {"input_tokens": 9, "input_tokens_details": None, "output_tokens": 3, "output_tokens_details": None},
            Usage(input_tokens=9, output_tokens=3),
        ),
        (
            {"input_tokens": 9, "input_tokens_details": {"cached_tokens": 1, "cache_write_tokens": 5}},
            Usage(input_tokens=9, cached_input_tokens=1, cache_write_30m_tokens=5),
        ),
        (
            {
                "input_tokens": 900,
                "input_tokens_details": {
                    "cached_tokens": 512,
                    "cache_write_tokens": 100,
                    "cache_write_tokens_details": {"ttl_30m_tokens": 60, "ttl_12h_tokens": 40},
                },
                "output_tokens": 30,
                "output_tokens_details": {"reasoning_tokens": 12},
            },
            Usage(
                input_tokens=900,
                cached_input_tokens=512,
                cache_write_30m_tokens=60,
                cache_write_12h_tokens=40,
                output_tokens=30,
                reasoning_tokens=12,
            ),
        ),
        (
            {
                "input_tokens": 900,
                "input_tokens_details": {"cache_write_tokens": 100, "cache_write_tokens_details": {"ttl_12h_tokens": 40}},
            },
            Usage(input_tokens=900, cache_write_30m_tokens=60, cache_write_12h_tokens=40),
        ),
    ],
)
def test_every_class_of_tokens_is_counted(counts: dict[str, Any] | None, usage: Usage) -> None:
    assert responses.read_reply(reply(usage=counts)).usage == usage
