"""Limits on live calls: a token bucket for calls and one for tokens, set by what the provider's headers say.

Both providers describe their limits as buckets that refill evenly over a minute and report what is left with every reply.
Before the first reply nothing is known, and nothing is held back.
"""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

MINUTE_SECONDS = 60.0
_DURATION = re.compile(r"(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)s)?(?:(\d+(?:\.\d+)?)ms)?")
_HEADERS = {
    "requests": (
        ("x-ratelimit-limit-requests", "x-ratelimit-remaining-requests", "x-ratelimit-reset-requests"),
        (
            "anthropic-ratelimit-requests-limit",
            "anthropic-ratelimit-requests-remaining",
            "anthropic-ratelimit-requests-reset",
        ),
    ),
    "tokens": (
        ("x-ratelimit-limit-tokens", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens"),
        (
            "anthropic-ratelimit-input-tokens-limit",
            "anthropic-ratelimit-input-tokens-remaining",
            "anthropic-ratelimit-input-tokens-reset",
        ),
        ("anthropic-ratelimit-tokens-limit", "anthropic-ratelimit-tokens-remaining", "anthropic-ratelimit-tokens-reset"),
    ),
}


@dataclass
class Bucket:
    """What may still be used; refills by ``limit`` a minute and never holds more than ``limit``."""

    limit: float = float("inf")
    available: float = float("inf")
    filled_at: float = 0.0
    empty_until: float = 0.0

    def wait_seconds(self, amount: float, now: float) -> float:
        """Return how long to wait until ``amount`` is there; more than the whole bucket counts as the whole bucket."""
        if self.limit == float("inf"):
            return 0.0
        self._fill(now)
        missing = min(amount, self.limit) - self.available
        return max(missing / self.limit * MINUTE_SECONDS, self.empty_until - now, 0.0)

    def take(self, amount: float) -> None:
        """Use ``amount``."""
        self.available -= amount

    def observe(self, limit: float, remaining: float, reset_seconds: float | None, now: float) -> None:
        """Learn from a reply. Replies overtake each other, so the lower of two views of what is left is believed."""
        self._fill(now)
        self.limit = max(limit, 1.0)
        self.available = min(self.available, remaining)
        self.filled_at = now
        if remaining < 1 and reset_seconds is not None:
            self.empty_until = max(self.empty_until, now + reset_seconds)

    def _fill(self, now: float) -> None:
        if self.limit != float("inf"):
            self.available = min(self.limit, self.available + (now - self.filled_at) / MINUTE_SECONDS * self.limit)
        self.filled_at = now


class RateLimits:
    """The buckets of one provider and model in this process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._buckets = {name: Bucket() for name in _HEADERS}

    async def take(self, n_tokens: int) -> None:
        """Wait until one call with ``n_tokens`` of prompt is within the limits, and count it."""
        amounts = {"requests": 1.0, "tokens": float(n_tokens)}
        while (wait := max(self._buckets[name].wait_seconds(amounts[name], self._clock()) for name in amounts)) > 0:
            await asyncio.sleep(wait)
        for name, amount in amounts.items():
            self._buckets[name].take(amount)

    def observe(self, headers: Mapping[str, str]) -> None:
        """Learn from a reply's headers; those that are missing or can not be read change nothing."""
        now = self._clock()
        for name, sets in _HEADERS.items():
            for limit_name, remaining_name, reset_name in sets:
                limit, remaining = _number(headers.get(limit_name)), _number(headers.get(remaining_name))
                if limit is not None and remaining is not None:
                    self._buckets[name].observe(limit, remaining, reset_after_seconds(headers.get(reset_name)), now)
                    break


def reset_after_seconds(text: str | None) -> float | None:
    """Read when a limit resets: OpenAI's durations (``6m0s``, ``20ms``) and Anthropic's instants (RFC 3339)."""
    if not text:
        return None
    match = _DURATION.fullmatch(text)
    if match:
        hours, minutes, seconds, milliseconds = (float(part or 0) for part in match.groups())
        return hours * 3600 + minutes * 60 + seconds + milliseconds / 1000
    try:
        until = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if until.tzinfo is None else max(0.0, (until - datetime.now(UTC)).total_seconds())


def _number(text: str | None) -> float | None:
    try:
        value = float(text) if text is not None else None
    except ValueError:
        return None
    return value if value is not None and 0 <= value < float("inf") else None
