"""HTTP as both SDKs do it (httpx2): explicit time-outs, and one translation of everything that can go wrong.

Both SDKs repeat a POST by themselves after a time-out or a server error, which for a paid call means paying twice;
every client of this project is therefore made with retries off, and what to repeat is decided in the open.
"""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2

from huleedu_pipeline.providers.keys import pieces_without_keys, without_any_key
from huleedu_pipeline.providers.protocols import AmbiguousError, Lasting, ProviderError, RejectedError
from huleedu_pipeline.providers.spend_limits import ANTHROPIC_DETAILS, EMPTY_ACCOUNT, OPENAI_CODES

NOTHING_WAS_DONE = frozenset({400, 401, 402, 403, 404, 413, 422, 429})
TEMPORARY = frozenset({429})
SPEND_LIMIT_CODES = OPENAI_CODES | ANTHROPIC_DETAILS | {"billing_error"}
# Server errors that come before a model has worked; a gateway's 502, 504 or 524 may come after.
SURELY_UNBILLED = frozenset({500, 503, 529})


@dataclass(frozen=True)
class Endpoint:
    """Where a provider is reached and with which key. The key is shown nowhere."""

    base_url: str
    api_key: str
    is_emulated: bool
    connect_timeout_seconds: float
    read_timeout_seconds: float

    def __repr__(self) -> str:
        return f"Endpoint({self.base_url!r})"

    @property
    def timeout(self) -> httpx2.Timeout:
        """The four time-outs of every call, in seconds."""
        read, connect = self.read_timeout_seconds, self.connect_timeout_seconds
        return httpx2.Timeout(connect=connect, read=read, write=read, pool=read)


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn whatever the SDK, HTTP or JSON raises inside into :class:`ProviderError`; ``what`` says what was tried."""
    try:
        yield
    except ProviderError:
        raise
    except Exception as error:  # noqa: BLE001 - everything becomes an error of ours, and nothing is swallowed
        # Without the cause: its text is the provider's whole answer, and would end up in logs.
        raise _translate(what, error) from None


def _translate(what: str, error: Exception) -> ProviderError:
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        message = f"{what}: the provider answered {status}: {_provider_message(error)}"
        if status in NOTHING_WAS_DONE:
            lasting = _lasting(status, error)
            return RejectedError(
                message,
                status=status,
                is_temporary=status in TEMPORARY and lasting is None,
                retry_after_seconds=_retry_after(error),
                lasting=lasting,
            )
        return AmbiguousError(message, is_billed=status not in SURELY_UNBILLED)
    never_arrived = isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout)
    if never_arrived:
        return AmbiguousError(f"{what}: the provider can not be reached", is_billed=False)
    return AmbiguousError(f"{what}: no usable answer ({type(error).__name__}); it is not known whether the call took effect")


def _provider_message(error: Exception) -> str:
    """Return what the provider says about the error, without the key that some of them repeat in part."""
    message = _error_object(error).get("message")
    return without_any_key(str(message)) if message else type(error).__name__


def _error_object(error: Exception) -> dict[str, Any]:
    """Return the error as the provider words it, or nothing where its answer holds none."""
    body = getattr(error, "body", None)
    inner = body.get("error", body) if isinstance(body, dict) else None
    return inner if isinstance(inner, dict) else {}


def _lasting(status: int, error: Exception) -> Lasting | None:
    inner = _error_object(error)
    details = inner.get("details")
    said = {inner.get("code"), inner.get("type"), inner.get("error_code"), getattr(error, "error_code", None)}
    said |= {details.get("error_code")} if isinstance(details, dict) else set()
    words = str(inner.get("message")).lower()
    if status == 402 or said & SPEND_LIMIT_CODES or EMPTY_ACCOUNT in words:
        return "spend_limit"
    return "no_access" if status in (401, 403) else None


def _retry_after(error: Exception) -> float | None:
    """Return how many seconds the provider asks to wait: it says so in milliseconds, in seconds or as a date."""
    response = getattr(error, "response", None)
    if not isinstance(response, httpx2.Response):
        return None
    for name, scale in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = response.headers.get(name)
        if value is None:
            continue
        try:
            return max(0.0, float(value) * scale)
        except ValueError:
            pass  # not a number: perhaps a date
        try:
            return max(0.0, (parsedate_to_datetime(value) - datetime.now(UTC)).total_seconds())
        except (ValueError, TypeError):
            continue
    return None


def json_object(response: httpx2.Response) -> dict[str, Any]:
    """Return the response's JSON object.

    Raises:
        AmbiguousError: the response is something else (a proxy's page, a cut-off text): nothing can be concluded from it.

    """
    try:
        value = json.loads(b"".join(pieces_without_keys([response.content])))
    except ValueError:
        value = None
    if not isinstance(value, dict):
        kind = without_any_key(response.headers.get("content-type", "no content type"))
        raise AmbiguousError(
            f"{response.request.url.path}: the answer is no JSON object ({kind}, {len(response.content)} bytes)"
        )
    return value
