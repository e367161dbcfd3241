"""Anthropic's replies and result lines: the same contract and the same codes."""

import json
from typing import Any

import pytest

from huleedu_pipeline.judging.outcome import ErrorCode, Usage
from huleedu_pipeline.judging.verdict import VERDICT_SCHEMA
from huleedu_pipeline.providers import anthropic_wire as wire
from tests.providers.test_openai_wire import PROMPT, VERDICT, judge

USAGE = {"input_tokens": 100, "cache_read_input_tokens": 700, "cache_creation_input_tokens": 50, "output_tokens": 30}


def message(text: str = VERDICT, **changes: Any) -> dict[str, Any]:
    content = [{"type": "thinking", "thinking": "…"}, {"type": "text", "text": text}]
    return {"type": "message", "model": "claude-x", "stop_reason": "end_turn", "content": content, "usage": USAGE, **changes}


def result(**value: Any) -> Any:
    read = wire.read_result_line(json.dumps({"custom_id": "r1", "result": value}))
    assert read is not None
    return read.outcome


def test_a_body_has_the_schema_and_no_sampling_parameters() -> None:
    body = wire.build_body(judge(provider="anthropic", reasoning_effort="high"), PROMPT)
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": VERDICT_SCHEMA}, "effort": "high"}
    assert [part["text"] for part in body["messages"][0]["content"]] == list(PROMPT.blocks)
    assert {"temperature", "top_p", "top_k"}.isdisjoint(body)


def test_a_verdict_is_read_and_every_input_token_is_counted() -> None:
    outcome = wire.read_reply(message())
    assert outcome.verdict is not None
    assert outcome.usage == Usage(850, 700, 30)
    assert outcome.model == "claude-x"


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("max_tokens", ErrorCode.TRUNCATED),
        ("model_context_window_exceeded", ErrorCode.TRUNCATED),
        ("refusal", ErrorCode.REFUSAL),
    ],
)
def test_a_reply_that_stopped_early_is_no_verdict_even_if_it_looks_like_one(reason: str, code: ErrorCode) -> None:
    assert wire.read_reply(message(stop_reason=reason)).error_code is code


def test_a_reply_without_text_is_no_verdict() -> None:
    assert wire.read_reply(message(content=[])).error_code is ErrorCode.INVALID_VERDICT


@pytest.mark.parametrize(
    ("value", "code", "kind"),
    [
        ({"type": "expired"}, ErrorCode.BATCH_EXPIRED, "expired"),
        ({"type": "canceled"}, ErrorCode.BATCH_CANCELLED, "failure"),
        ({"type": "a new type"}, ErrorCode.UNREADABLE_REPLY, "failure"),
        ({}, ErrorCode.UNREADABLE_REPLY, "failure"),
        (
            {"type": "errored", "error": {"type": "error", "error": {"type": "overloaded_error"}}},
            ErrorCode.PROVIDER_ERROR,
            "failure",
        ),
        (
            {"type": "errored", "error": {"type": "error", "error": {"type": "rate_limit_error"}}},
            ErrorCode.RATE_LIMITED,
            "failure",
        ),
        ({"type": "errored"}, ErrorCode.PROVIDER_REJECTED, "failure"),
    ],
)
def test_a_result_that_did_not_succeed_says_why(value: dict[str, Any], code: ErrorCode, kind: str) -> None:
    outcome = result(**value)
    assert (outcome.error_code, outcome.kind) == (code, kind)


def test_the_message_shown_is_the_inner_one() -> None:
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": "max_tokens: too large"}}
    outcome = result(type="errored", error=error)
    assert outcome.error_code is ErrorCode.PROVIDER_REJECTED
    assert "max_tokens: too large" in (outcome.error_message or "")


def test_a_success_is_read_like_a_live_reply() -> None:
    assert result(type="succeeded", message=message()) == wire.read_reply(message())
