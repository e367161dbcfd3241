"""The errors of the mock profile ``default``: single ones, and bursts that strike call after call.

All of it is decided by draws: a single error by the request and by how often this very request was asked before, so that
asking again may help; a burst by the number of the call at its provider, counted from the first call of the state folder. A
burst that begins at call n fails n and the calls after it up to its length: which numbers fail is settled by the seed alone,
which request has such a number is a matter of who calls when, as with a real outage. The requests of a batch job are calls,
too, numbered in the order of its input. Here: the decision and the error. Not here: the counting (``bench``, ``store``).
"""

from __future__ import annotations

from .config import MockSettings
from .draws import draw
from .errors import ApiError
from .wire import Provider


def error_status(settings: MockSettings, provider: Provider, number: int, identity: bytes, times_before: int) -> int | None:
    """Return the HTTP status with which a call fails, or None for one that does not.

    Args:
        settings: What errors there are.
        provider: Whose call it is.
        number: Its number among the provider's calls, from 1.
        identity: What tells its request from others.
        times_before: How often this very request was asked before.

    """
    first = max(1, number - settings.error_burst_length + 1)
    calls = [f"{provider}\0{call}".encode() for call in range(first, number + 1)]
    again = f"{provider}\0{times_before}\0".encode() + identity
    in_burst = any(draw(settings.seed, "burst", call) < settings.error_burst_rate for call in calls)
    if not in_burst and draw(settings.seed, "error", again) >= settings.error_rate:
        return None
    return settings.error_codes[int(draw(settings.seed, "status", again) * len(settings.error_codes))]


def mock_error(provider: Provider, status: int) -> ApiError:
    """Return the error of that status as the provider words it."""
    message = f"Simulated: this mock profile answers with status {status}."
    if status == 429 and provider == "openai":
        return ApiError(status, message, kind="requests", code="rate_limit_exceeded")
    return ApiError(status, message)
