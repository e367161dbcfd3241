"""Faults of a whole call: connections that break, answers that hang, and errors instead of answers.

Here: the kinds and the errors that they stand for. Not here: the breaking itself (``interference``).
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Literal

from pydantic import Field

from .. import endpoints
from ..errors import ApiError
from ..wire import Provider
from .base import Fault, Seconds


class CallFault(Fault):
    """A fault that any endpoint can have."""

    endpoints: ClassVar[frozenset[str]] = endpoints.ALL


class Drop(CallFault):
    """The request is read and the connection closed; nothing was done."""

    kind: Literal["drop"] = "drop"


class LoseAnswer(CallFault):
    """The request is carried out and the connection closed without an answer."""

    kind: Literal["lose_answer"] = "lose_answer"


class Hang(CallFault):
    """Nothing is heard for some seconds. ``acts``: carried out first, last, or never (closed without an answer)."""

    kind: Literal["hang"] = "hang"
    seconds: Seconds
    acts: Literal["first", "last", "never"] = "last"


class ErrorFault(CallFault):
    """A fault that answers with an error; ``acts``: the request is carried out all the same."""

    acts: bool = False

    @abstractmethod
    def problem(self, provider: Provider, /) -> ApiError:
        """Return the error as this provider would send it."""


class HttpError(ErrorFault):
    """An HTTP error; ``html`` sends a proxy's page instead of the provider's JSON."""

    kind: Literal["error"] = "error"
    status: int = Field(ge=400, le=599)
    message: str = "The server had an error while processing your request."
    code: str | None = None
    retry_after: Seconds | None = None
    should_retry: bool | None = None
    html: bool = False

    def problem(self, _provider: Provider, /) -> ApiError:
        """Return the error as this provider would send it."""
        headers = _retry_headers(self.retry_after)
        if self.should_retry is not None:
            headers["x-should-retry"] = str(self.should_retry).lower()
        return ApiError(self.status, self.message, code=self.code, headers=headers)


class RateLimit(ErrorFault):
    """429, with a Retry-After or without; ``ramp`` is Anthropic's refusal of a too sudden rise in use."""

    kind: Literal["rate_limit"] = "rate_limit"
    retry_after: Seconds | None = None
    ramp: bool = False

    def problem(self, provider: Provider, /) -> ApiError:
        """Return the error as this provider would send it."""
        headers = _retry_headers(self.retry_after)
        if provider == "openai":
            return ApiError(
                429, "Rate limit reached for requests.", kind="requests", code="rate_limit_exceeded", headers=headers
            )
        code = "ramp_limit_exceeded" if self.ramp else None
        return ApiError(429, "This request would exceed your organization's rate limit.", code=code, headers=headers)


SpendFlavour = Literal["insufficient_quota", "enforced_spend_limit_reached", "billing_error"]


class SpendLimit(ErrorFault):
    """The account may spend no more. ``flavour``: OpenAI's one, or which of Anthropic's two (429 or 402)."""

    kind: Literal["spend_limit"] = "spend_limit"
    flavour: SpendFlavour | None = None

    def problem(self, provider: Provider, /) -> ApiError:
        """Return the error as this provider would send it."""
        flavour = self.flavour or ("insufficient_quota" if provider == "openai" else "enforced_spend_limit_reached")
        if flavour == "insufficient_quota":
            message = "You exceeded your current quota, please check your plan and billing details."
            return ApiError(429, message, kind=flavour, code=flavour)
        if flavour == "billing_error":
            return ApiError(402, "Your credit balance is too low to access the API.", kind=flavour)
        return ApiError(429, "You have reached the spend limit of your organization.", code=flavour)


class RefuseKey(ErrorFault):
    """The key is not accepted (401) or may not do this (403)."""

    kind: Literal["refuse_key"] = "refuse_key"
    status: Literal[401, 403] = 401

    def problem(self, provider: Provider, /) -> ApiError:
        """Return the error as this provider would send it."""
        if self.status == 403:
            return ApiError(403, "You do not have permission to use this resource.")
        code = "invalid_api_key" if provider == "openai" else None
        return ApiError(401, "Incorrect API key provided.", code=code)


def _retry_headers(seconds: float | None) -> dict[str, str]:
    return {} if seconds is None else {"retry-after": f"{seconds:g}"}


class Download(Fault):
    """A download that ends too early: ``keep`` is the share of its bytes that arrives."""

    endpoints: ClassVar[frozenset[str]] = endpoints.DOWNLOAD
    keep: float = Field(default=0.6, ge=0, lt=1)


class ShortDownload(Download):
    """The body is cut and Content-Length agrees with it: nothing on the wire shows the loss."""

    kind: Literal["short_download"] = "short_download"


class CutDownload(Download):
    """Content-Length announces the whole body and the connection closes within it."""

    kind: Literal["cut_download"] = "cut_download"


class HtmlDownload(Fault):
    """A page of HTML with status 200 instead of the file, as from a proxy or a captive portal."""

    endpoints: ClassVar[frozenset[str]] = endpoints.DOWNLOAD
    kind: Literal["html_download"] = "html_download"


class Hidden(Fault):
    """What was just created is not seen for some seconds."""

    endpoints: ClassVar[frozenset[str]] = endpoints.CREATE_BATCH | {endpoints.UPLOAD}
    seconds: Seconds


class NotFoundFor(Hidden):
    """404 whenever the new job or file is asked for by its id."""

    kind: Literal["not_found_for"] = "not_found_for"


class AbsentFromLists(Hidden):
    """The new job or file is in no list yet."""

    kind: Literal["absent_from_lists"] = "absent_from_lists"
