"""Errors of calls: whatever comes back is one of two kinds, with what it means for the next call."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import httpx2
import openai
import pytest

from huleedu_pipeline.providers.http import translated
from huleedu_pipeline.providers.protocols import AmbiguousError, Lasting, RejectedError


def failing(status: int, body: dict[str, Any] | None = None, headers: dict[str, str] | None = None) -> openai.APIStatusError:
    request = httpx2.Request("POST", "http://127.0.0.1/v1/responses")
    response = httpx2.Response(status, headers=headers, request=request)
    return openai.APIStatusError("told by the SDK", response=response, body=body)


def rejected(error: Exception) -> RejectedError:
    with pytest.raises(RejectedError) as caught, translated("asking"):
        raise error
    return caught.value


@pytest.mark.parametrize(
    ("status", "body", "lasting"),
    [
        (402, {"error": {"type": "billing_error", "message": "pay"}}, "spend_limit"),
        (429, {"error": {"code": "insufficient_quota", "message": "You exceeded your current quota"}}, "spend_limit"),
        (
            429,
            {"error": {"type": "rate_limit_error", "details": {"error_code": "enforced_spend_limit_reached"}}},
            "spend_limit",
        ),
        (403, {"error": {"details": {"error_code": "contract_spend_limit_reached"}}}, "spend_limit"),
        (429, {"error": {"code": "billing_not_active", "message": "Your account is not active"}}, "spend_limit"),
        (400, {"error": {"message": "Your credit balance is too low to access the API"}}, "spend_limit"),
        (401, {"error": {"message": "Incorrect API key provided: sk-abc123"}}, "no_access"),
        (403, None, "no_access"),
        (429, {"error": {"message": "slow down"}}, None),
        (400, {"error": {"message": "too long"}}, None),
    ],
)
def test_a_refusal_of_everything_is_told_from_one_of_this_call(
    status: int, body: dict[str, Any] | None, lasting: Lasting | None
) -> None:
    error = rejected(failing(status, body))
    assert error.lasting == lasting
    assert error.is_temporary == (status == 429 and lasting is None)
    assert "sk-abc123" not in str(error)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "7200"}, 7200.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, 0.0),
        ({}, None),
    ],
)
def test_the_time_to_wait_is_read_however_it_is_said(headers: dict[str, str], seconds: float | None) -> None:
    assert rejected(failing(429, headers=headers)).retry_after_seconds == seconds


def test_the_time_to_wait_may_be_a_date() -> None:
    then = datetime.now(UTC) + timedelta(seconds=90)
    error = rejected(failing(429, headers={"retry-after": format_datetime(then, usegmt=True)}))
    assert error.retry_after_seconds == pytest.approx(90, abs=3)


@pytest.mark.parametrize(
    ("status", "is_billed"), [(500, False), (503, False), (529, False), (502, True), (504, True), (408, True)]
)
def test_a_server_error_leaves_open_what_happened(status: int, is_billed: bool) -> None:
    with pytest.raises(AmbiguousError) as caught, translated("asking"):
        raise failing(status)
    assert caught.value.is_billed == is_billed
