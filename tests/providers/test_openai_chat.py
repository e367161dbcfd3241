"""Chat Completions: what servers leave out is forgiven, and the verdict never is."""

from typing import Any

import pytest

from huleedu_pipeline.judging.outcome import ErrorCode, Usage
from huleedu_pipeline.judging.verdict import verdict_schema
from huleedu_pipeline.providers import openai_chat as chat
from huleedu_pipeline.providers import openai_responses, openai_wire
from huleedu_pipeline.providers.emulator.openai_requests import CHAT, read_request
from huleedu_pipeline.providers.result_files import read_received
from tests.providers.test_openai_wire import PROMPT, VERDICT, judge

USAGE = {
    "prompt_tokens": 900,
    "completion_tokens": 30,
    "total_tokens": 930,
    "prompt_tokens_details": {"cached_tokens": 512, "cache_write_tokens": 128},
    "completion_tokens_details": {"reasoning_tokens": 12},
}


def reply(text: str | None = VERDICT, **changes: Any) -> dict[str, Any]:
    choice: dict[str, Any] = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    choice |= {name: changes.pop(name) for name in ("message", "finish_reason") if name in changes}
    return {
        "object": "chat.completion",
        "model": "m-2026-11-01",
        "choices": [choice],
        "usage": USAGE,
        "service_tier": "default",
        **changes,
    }


def test_prompts_for_models_with_breakpoints_are_marked_where_they_stop_being_alike() -> None:
    marks = [{"mode": "explicit"}, {"mode": "explicit"}, None]
    for api, name in ((chat, "messages"), (openai_responses, "input")):
        marked, plain = (api.build_body(judge(model=model), PROMPT) for model in ("gpt-6-luna", "gpt-5.1"))
        assert [part.get("prompt_cache_breakpoint") for part in marked[name][-1]["content"]] == marks
        assert marked["prompt_cache_options"] == {"mode": "explicit"}
        assert "breakpoint" not in str(plain)
        assert "prompt_cache_options" not in plain


def test_a_body_carries_what_the_judge_sets_and_leaves_out_what_it_leaves_open() -> None:
    body = chat.build_body(judge(), PROMPT)
    assert body == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "Judge."},
            {"role": "user", "content": [{"type": "text", "text": block} for block in PROMPT.blocks]},
        ],
        "max_completion_tokens": 600,
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "verdict", "strict": True, "schema": verdict_schema("short")},
        },
    }


def test_every_parameter_is_sent_and_zero_means_zero() -> None:
    asked = judge(temperature=0.0, reasoning_effort="low", output_verbosity="high", service_tier="flex")
    body = chat.build_body(asked, PROMPT)
    assert {name: body[name] for name in ("temperature", "reasoning_effort", "verbosity", "service_tier")} == {
        "temperature": 0.0,
        "reasoning_effort": "low",
        "verbosity": "high",
        "service_tier": "flex",
    }


def test_the_emulator_takes_the_body() -> None:
    asked = judge(model="emulated-m", api="chat_completions", temperature=0.0, service_tier="flex")
    request = read_request(CHAT, chat.build_body(asked, PROMPT))
    assert (request.system, request.max_output_tokens) == ("Judge.", 600)
    assert request.schema_properties == ("justification", "winner", "confidence")


def test_a_verdict_is_read_with_every_class_of_tokens_and_who_gave_it() -> None:
    outcome = chat.read_reply(reply(service_tier="flex"))
    assert outcome.verdict is not None
    assert (outcome.model, outcome.service_tier) == ("m-2026-11-01", "flex")
    assert outcome.usage == Usage(
        input_tokens=900,
        cached_input_tokens=512,
        cache_write_30m_tokens=128,
        output_tokens=30,
        reasoning_tokens=12,
    )


@pytest.mark.parametrize(
    ("changes", "usage"),
    [
        ({"usage": None}, Usage()),
        ({"usage": {}}, Usage()),
        ({"usage": {"prompt_tokens": 9, "completion_tokens": 3}}, Usage(input_tokens=9, output_tokens=3)),
        (
            {"usage": {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": None}},
            Usage(input_tokens=9, output_tokens=3),
        ),
        ({"model": None, "service_tier": None, "usage": {"prompt_tokens": 9}}, Usage(input_tokens=9)),
        ({"object": None, "usage": {"prompt_tokens": 9}}, Usage(input_tokens=9)),
        ({"finish_reason": None, "usage": {"prompt_tokens": 9}}, Usage(input_tokens=9)),
        ({"message": {"content": [{"type": "text", "text": VERDICT}]}, "usage": None}, Usage()),
    ],
)
def test_what_compatible_servers_leave_out_is_forgiven(changes: dict[str, Any], usage: Usage) -> None:
    outcome = openai_wire.read_reply(reply(**changes))
    assert outcome.verdict is not None
    assert outcome.usage == usage


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"choices": []}, ErrorCode.INVALID_VERDICT),
        ({"choices": None}, ErrorCode.INVALID_VERDICT),
        ({"text": None}, ErrorCode.INVALID_VERDICT),
        ({"message": {}}, ErrorCode.INVALID_VERDICT),
        ({"message": {"content": []}}, ErrorCode.INVALID_VERDICT),
        ({"message": {"content": None, "reasoning_content": VERDICT}}, ErrorCode.INVALID_VERDICT),
        ({"message": {"content": VERDICT, "refusal": "No."}}, ErrorCode.REFUSAL),
        ({"message": {"content": [{"type": "refusal", "refusal": "No."}]}}, ErrorCode.REFUSAL),
        ({"finish_reason": "length"}, ErrorCode.TRUNCATED),
        ({"finish_reason": "content_filter"}, ErrorCode.CONTENT_FILTER),
        ({"finish_reason": "error"}, ErrorCode.PROVIDER_ERROR),
        ({"choices": None, "error": {"code": 502, "message": "upstream"}}, ErrorCode.PROVIDER_ERROR),
        ({"choices": [], "error": {"code": "insufficient_quota", "message": "empty"}}, ErrorCode.SPEND_LIMIT),
    ],
)
def test_a_reply_without_a_verdict_says_why_and_still_costs(changes: dict[str, Any], code: ErrorCode) -> None:
    outcome = chat.read_reply(reply(**changes))
    assert outcome.error_code is code
    assert outcome.usage.input_tokens == 900


@pytest.mark.parametrize("choices", ['["text"]', '[{"message": "text"}]', '{"0": 1}', '[{"message": {"content": [1]}}]'])
def test_an_odd_reply_is_unreadable(choices: str) -> None:
    text = f'{{"object": "chat.completion", "choices": {choices}}}'
    assert read_received(openai_wire.read_reply, text).error_code is ErrorCode.UNREADABLE_REPLY
