"""Limits on live calls: what the headers say is kept to, and nothing is held back before they say anything."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from huleedu_pipeline.providers.rates import Bucket, RateLimits, reset_after_seconds

OPENAI = {
    "x-ratelimit-limit-requests": "60",
    "x-ratelimit-remaining-requests": "2",
    "x-ratelimit-limit-tokens": "6000",
    "x-ratelimit-remaining-tokens": "5000",
}
ANTHROPIC = {
    "anthropic-ratelimit-requests-limit": "60",
    "anthropic-ratelimit-requests-remaining": "2",
    "anthropic-ratelimit-input-tokens-limit": "6000",
    "anthropic-ratelimit-input-tokens-remaining": "5000",
}


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(asyncio, "sleep", self.sleep)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def take(limits: RateLimits, n_calls: int, n_tokens: int = 1) -> None:
    async def all_calls() -> None:
        for _ in range(n_calls):
            await limits.take(n_tokens)

    asyncio.run(all_calls())


def test_nothing_is_held_back_before_the_first_reply(clock: Clock) -> None:
    take(RateLimits(clock), 10_000, n_tokens=10**6)
    assert clock.now == 100.0


@pytest.mark.parametrize("headers", [OPENAI, ANTHROPIC])
def test_calls_beyond_what_is_left_wait_for_the_bucket_to_refill(headers: Mapping[str, str], clock: Clock) -> None:
    limits = RateLimits(clock)
    limits.observe(headers)
    take(limits, 2)
    assert clock.now == 100.0
    take(limits, 3)  # one a second
    assert clock.now == pytest.approx(103.0)


@pytest.mark.parametrize("headers", [OPENAI, ANTHROPIC])
def test_prompt_tokens_are_a_limit_of_their_own(headers: Mapping[str, str], clock: Clock) -> None:
    limits = RateLimits(clock)
    limits.observe(headers)
    take(limits, 1, n_tokens=5500)  # 500 short, at 100 a second
    assert clock.now == pytest.approx(105.0)


def test_a_call_larger_than_the_whole_bucket_waits_for_a_full_one_and_no_longer(clock: Clock) -> None:
    bucket = Bucket()
    bucket.observe(limit=6000, remaining=0, reset_seconds=None, now=clock())
    assert bucket.wait_seconds(10**9, clock()) == pytest.approx(60.0)


def test_an_empty_bucket_is_left_alone_until_it_resets(clock: Clock) -> None:
    limits = RateLimits(clock)
    limits.observe({**OPENAI, "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"})
    take(limits, 1)
    assert clock.now == pytest.approx(460.0)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("6m0s", 360), ("1s", 1), ("20ms", 0.02), ("1h2m3s", 3723), ("1.5s", 1.5), ("soon", None), ("", None), (None, None)],
)
def test_durations_are_read_as_openai_writes_them(text: str | None, seconds: float | None) -> None:
    assert reset_after_seconds(text) == seconds


def test_instants_are_read_as_anthropic_writes_them() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=30)
    assert reset_after_seconds(soon.isoformat().replace("+00:00", "Z")) == pytest.approx(30, abs=2)


@pytest.mark.parametrize("odd", ["many", "-1", "nan", "inf", ""])
def test_headers_that_can_not_be_read_change_nothing(odd: str, clock: Clock) -> None:
    limits = RateLimits(clock)
    limits.observe({**OPENAI, "x-ratelimit-remaining-requests": odd, "x-ratelimit-remaining-tokens": odd})
    take(limits, 1000)
    assert clock.now == 100.0
