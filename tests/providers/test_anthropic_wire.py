"""Anthropic's replies and result lines: the same contract and the same codes."""

import json
from typing import Any

import pytest

from huleedu_pipeline.judging.outcome import ErrorCode, Usage
from huleedu_pipeline.judging.verdict import verdict_schema
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
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": verdict_schema("short")}, "effort": "high"}
    assert [part["text"] for part in body["messages"][0]["content"]] == list(PROMPT.blocks)
    assert {"temperature", "top_p", "top_k"}.isdisjoint(body)


def test_a_verdict_is_read_and_every_input_token_is_counted() -> None:
    outcome = wire.read_reply(message())
    assert outcome.verdict is not None
    assert outcome.usage == Usage(input_tokens=850, cached_input_tokens=700, cache_write_5m_tokens=50, output_tokens=30)
    assert outcome.model == "claude-x"


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("max_tokens", ErrorCode.TRUNCATED),
        ("model_context_window_exceeded", ErrorCode.TRUNCATED),
        ("refusal", ErrorCode.REFUSAL),
        ("pause_turn", ErrorCode.PROVIDER_ERROR),
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
        ({"type": "succeeded", "message": "text"}, ErrorCode.UNREADABLE_REPLY, "failure"),
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


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ({"type": "invalid_request_error", "message": "Your credit balance is too low to access the API."}, "spend_limit"),
        ({"type": "billing_error", "message": "Pay."}, "spend_limit"),
        ({"type": "rate_limit_error", "details": {"error_code": "enforced_spend_limit_reached"}}, "spend_limit"),
        ({"type": "permission_error", "details": {"error_code": "contract_spend_limit_reached"}}, "spend_limit"),
        ({"type": "rate_limit_error", "details": {"error_code": "ramp_limit_exceeded"}}, "rate_limited"),
        ({"type": "rate_limit_error", "details": None}, "rate_limited"),
        ({"type": "authentication_error"}, "no_access"),
        ({"type": "permission_error"}, "no_access"),
        ({"type": "api_error"}, "provider_error"),
        ({"type": "timeout_error"}, "provider_error"),
        ({"type": "conflict_error"}, "provider_error"),
        ({"type": "not_found_error"}, "provider_rejected"),
        ({"type": "request_too_large"}, "provider_rejected"),
        ({"type": "invalid_request_error", "message": None}, "provider_rejected"),
    ],
)
def test_an_errored_request_is_told_from_an_account_that_is_closed_or_empty(error: dict[str, Any], code: str) -> None:
    assert result(type="errored", error={"type": "error", "error": error}).error_code == code


@pytest.mark.parametrize(
    ("counts", "usage"),
    [
        ({"input_tokens": 10, "output_tokens": 3}, Usage(input_tokens=10, output_tokens=3)),
        (
            {"input_tokens": 10, "cache_creation_input_tokens": 7},
            Usage(input_tokens=17, cache_write_5m_tokens=7),
        ),
        (
            {
                "input_tokens": 10,
                "cache_read_input_tokens": 20,
                "cache_creation_input_tokens": 12,
                "cache_creation": {"ephemeral_5m_input_tokens": 5, "ephemeral_1h_input_tokens": 7},
                "output_tokens": 40,
                "output_tokens_details": {"thinking_tokens": 25},
                "service_tier": "batch",
            },
            Usage(
                input_tokens=42,
                cached_input_tokens=20,
                cache_write_5m_tokens=5,
                cache_write_1h_tokens=7,
                output_tokens=40,
                reasoning_tokens=25,
            ),
        ),
        (
            {"cache_creation_input_tokens": 12, "cache_creation": {"ephemeral_1h_input_tokens": 7}},
            Usage(input_tokens=12, cache_write_5m_tokens=5, cache_write_1h_tokens=7),
        ),
        (
            {"input_tokens": 1, "cache_creation_input_tokens": None, "cache_creation": None, "cache_read_input_tokens": None},
            Usage(input_tokens=1),
        ),
        (None, Usage()),
    ],
)
def test_every_class_of_tokens_is_counted(counts: dict[str, Any] | None, usage: Usage) -> None:
    outcome = wire.read_reply(message(usage=counts))
    assert outcome.usage == usage
    assert outcome.service_tier == (counts or {}).get("service_tier")


def test_a_success_is_read_like_a_live_reply() -> None:
    assert result(type="succeeded", message=message()) == wire.read_reply(message())
