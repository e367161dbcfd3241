"""Rate limits as a token bucket per provider, and the headers that tell of them.

Here: taking one request and wording what is left. Not here: which endpoints are limited (``http``). The buckets live in
memory: after a restart they are full.
"""

from __future__ import annotations

import math
import threading
from datetime import UTC, datetime

from .errors import ApiError
from .wire import Provider

UNLIMITED_SHOWN = 100_000  # requests per minute that the headers show when nothing is limited
TOKENS_PER_REQUEST = 1_000  # the token limit shown, per request of the request limit


class RateLimits:
    """The limits of both providers, ``per_minute`` requests each; None: shown but not enforced."""

    def __init__(self, per_minute: int | None) -> None:
        self._enforced = per_minute is not None
        self._limit = per_minute or UNLIMITED_SHOWN
        self._guard = threading.Lock()
        self._left: dict[Provider, tuple[float, float]] = {}

    def take(self, provider: Provider, now: float) -> dict[str, str]:
        """Take one request and return the headers of its answer. Raises ApiError (429) when none is left."""
        with self._guard:
            left, since = self._left.get(provider, (float(self._limit), now))
            left = min(float(self._limit), left + max(0.0, now - since) * self._limit / 60)
            refused = self._enforced and left < 1
            left = left if refused else max(0.0, left - 1)
            self._left[provider] = (left, now)
        headers = self._headers(provider, left, now)
        if refused:
            wait = (1 - left) * 60 / self._limit
            headers["retry-after"] = str(math.ceil(wait))
            if provider == "openai":
                headers["retry-after-ms"] = str(math.ceil(wait * 1000))
            kind, code = ("requests", "rate_limit_exceeded") if provider == "openai" else (None, None)
            raise ApiError(429, "Rate limit reached for requests.", kind=kind, code=code, headers=headers)
        return headers

    def _headers(self, provider: Provider, left: float, now: float) -> dict[str, str]:
        full_in = (self._limit - left) * 60 / self._limit
        shown = {"requests": 1, "tokens": TOKENS_PER_REQUEST}
        if provider == "openai":
            values = {"limit": self._limit, "remaining": int(left)}
            headers = {f"x-ratelimit-{name}-{unit}": str(n * per) for name, n in values.items() for unit, per in shown.items()}
            return headers | {f"x-ratelimit-reset-{unit}": f"{full_in:.3f}s" for unit in shown}
        reset = datetime.fromtimestamp(now + full_in, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
        headers = {}
        for unit, per in shown.items():
            start = f"anthropic-ratelimit-{unit}"
            headers |= {f"{start}-limit": str(self._limit * per), f"{start}-remaining": str(int(left) * per)}
            headers[f"{start}-reset"] = reset
        return headers
