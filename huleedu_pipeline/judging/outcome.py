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


@dataclass(frozen=True)
class Usage:
    """Tokens of one reply as the provider counted them; ``input_tokens`` includes the cached ones."""

    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True)
class Outcome:
    """What one request came to.

    Raises:
        ValueError: not exactly one of verdict and error is given, or the kind does not fit.

    """

    kind: OutcomeKind
    verdict: Verdict | None = None
    error_code: ErrorCode | None = None
    error_message: str | None = None
    usage: Usage = Usage()
    model: str | None = None

    def __post_init__(self) -> None:
        is_success = self.kind is OutcomeKind.SUCCESS
        if {self.verdict is not None, self.error_code is None, self.error_message is None} != {is_success}:
            raise ValueError(f"an outcome of kind {self.kind} needs {'a verdict' if is_success else 'an error'} and only that")


def success(verdict: Verdict, usage: Usage, model: str | None) -> Outcome:
    """Return the outcome of a reply with a valid verdict; ``model`` is the one that the provider says served it."""
    return Outcome(OutcomeKind.SUCCESS, verdict=verdict, usage=usage, model=model)


def failure(code: ErrorCode, message: str, usage: Usage = Usage(), model: str | None = None) -> Outcome:
    """Return the outcome of a request without a verdict; an expired request gets the kind ``expired``."""
    kind = OutcomeKind.EXPIRED if code is ErrorCode.BATCH_EXPIRED else OutcomeKind.FAILURE
    storable = message[:500].encode("utf-8", errors="replace").decode("utf-8")
    return Outcome(kind, error_code=code, error_message=storable, usage=usage, model=model)


def read_answer(text: str, usage: Usage, model: str | None) -> Outcome:
    """Return the outcome of a finished reply from its text: a verdict, or the failure of one that breaks the contract."""
    try:
        return success(parse_verdict(text), usage, model)
    except InvalidVerdictError as error:
        return failure(ErrorCode.INVALID_VERDICT, str(error), usage, model)
