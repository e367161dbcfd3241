"""The outcome of a request: what a judge's reply, or the lack of one, comes to.

Every request ends with exactly one outcome: ``success`` carries a verdict, ``failure`` and ``expired`` carry an error
code of the closed set :class:`ErrorCode` and a message. The rule is enforced where an outcome is made.
"""

from dataclasses import dataclass
from enum import StrEnum

from huleedu_pipeline.judging.verdict import InvalidVerdictError, Verdict, parse_verdict


class OutcomeKind(StrEnum):
    """How a request ended."""

    SUCCESS = "success"
    FAILURE = "failure"
    EXPIRED = "expired"


class ErrorCode(StrEnum):
    """Why a request has no verdict."""

    INVALID_VERDICT = "invalid_verdict"
    REFUSAL = "refusal"
    TRUNCATED = "truncated"
    CONTENT_FILTER = "content_filter"
    UNREADABLE_REPLY = "unreadable_reply"
    PROVIDER_REJECTED = "provider_rejected"
    PROVIDER_ERROR = "provider_error"
    RATE_LIMITED = "rate_limited"
    NO_ANSWER = "no_answer"
    MISSING_RESULT = "missing_result"
    BATCH_FAILED = "batch_failed"
    BATCH_EXPIRED = "batch_expired"
    BATCH_CANCELLED = "batch_cancelled"
    # Its job was refused as a whole for a reason that lies outside this request: nothing was run or billed.
    NOT_RUN = "not_run"
    # Credit, quota or a spending limit is used up.
    SPEND_LIMIT = "spend_limit"
    # The key or its permission was refused.
    NO_ACCESS = "no_access"


# Outcomes after which the same request may be asked anew. The rest are final: the same question meets the same REFUSAL and
# the same CONTENT_FILTER, and it is TRUNCATED at the same place, because max_output_tokens is part of the judge's identity;
# what is wrong with a request that was PROVIDER_REJECTED is still wrong; and a live call with NO_ANSWER may have been
# billed, so it is not made twice.
RETRYABLE = frozenset(
    {
        ErrorCode.MISSING_RESULT,
        ErrorCode.UNREADABLE_REPLY,
        ErrorCode.PROVIDER_ERROR,
        ErrorCode.RATE_LIMITED,
        ErrorCode.BATCH_EXPIRED,
        ErrorCode.BATCH_CANCELLED,
        ErrorCode.BATCH_FAILED,
        ErrorCode.INVALID_VERDICT,
        ErrorCode.SPEND_LIMIT,
        ErrorCode.NO_ACCESS,
        ErrorCode.NOT_RUN,
    }
)
# Attempts that do not count against the cap: nothing was run, and the cause lies elsewhere than in the request.
UNCOUNTED = frozenset({ErrorCode.NOT_RUN, ErrorCode.SPEND_LIMIT, ErrorCode.NO_ACCESS})
# Outcomes that may have cost something although no usage was reported: their price is unknown, not 0.
PERHAPS_BILLED = frozenset({ErrorCode.MISSING_RESULT, ErrorCode.UNREADABLE_REPLY, ErrorCode.NO_ANSWER})


@dataclass(frozen=True)
class Usage:
    """Tokens of one reply as the provider counted them, in the classes that have prices of their own.

    ``input_tokens`` is all input: what was read afresh, what came from the cache, and what was written to it.
    ``output_tokens`` includes the reasoning tokens.
    """

    input_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_5m_tokens: int = 0
    cache_write_30m_tokens: int = 0
    cache_write_1h_tokens: int = 0
    cache_write_12h_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True)
class Outcome:
    """What one request came to.

    ``model`` and ``service_tier`` are what the provider says served it (a tier is, for example, "flex", "batch", "default").

    Raises:
        ValueError: not exactly one of verdict and error is given, or the kind does not fit.

    """

    kind: OutcomeKind
    verdict: Verdict | None = None
    error_code: ErrorCode | None = None
    error_message: str | None = None
    usage: Usage = Usage()
    model: str | None = None
    service_tier: str | None = None

    def __post_init__(self) -> None:
        is_success = self.kind is OutcomeKind.SUCCESS
        if {self.verdict is not None, self.error_code is None, self.error_message is None} != {is_success}:
            raise ValueError(f"an outcome of kind {self.kind} needs {'a verdict' if is_success else 'an error'} and only that")


def success(verdict: Verdict, usage: Usage, model: str | None, service_tier: str | None = None) -> Outcome:
    """Return the outcome of a reply with a valid verdict; model and tier are those that the provider says served it."""
    return Outcome(OutcomeKind.SUCCESS, verdict=verdict, usage=usage, model=model, service_tier=service_tier)


def failure(
    code: ErrorCode, message: str, usage: Usage = Usage(), model: str | None = None, service_tier: str | None = None
) -> Outcome:
    """Return the outcome of a request without a verdict; an expired request gets the kind ``expired``."""
    kind = OutcomeKind.EXPIRED if code is ErrorCode.BATCH_EXPIRED else OutcomeKind.FAILURE
    storable = message[:500].encode("utf-8", errors="replace").decode("utf-8")
    return Outcome(kind, error_code=code, error_message=storable, usage=usage, model=model, service_tier=service_tier)


def read_answer(text: str, usage: Usage, model: str | None, service_tier: str | None = None) -> Outcome:
    """Return the outcome of a finished reply from its text: a verdict, or the failure of one that breaks the contract."""
    try:
        return success(parse_verdict(text), usage, model, service_tier)
    except InvalidVerdictError as error:
        return failure(ErrorCode.INVALID_VERDICT, str(error), usage, model, service_tier)
