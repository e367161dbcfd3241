"""Faults of a batch job's life: it fails, expires, is cancelled, gets stuck, or its results go early.

Here: the kinds. Not here: what they do, which the job modules and ``clock`` see to. They are given to the call that
creates the job and stay with it.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from .. import endpoints
from .base import Fault, LineNumber, Seconds, Share


class JobFault(Fault):
    """A fault of a job of either provider."""

    endpoints: ClassVar[frozenset[str]] = endpoints.CREATE_BATCH


class OpenAIJobFault(Fault):
    """A fault that only OpenAI's batches know: their validation is asynchronous."""

    endpoints: ClassVar[frozenset[str]] = frozenset({endpoints.OPENAI_CREATE})


class Expire(JobFault):
    """The window closes when the share ``at`` of the lines has run. OpenAI without ``files``: not even those are there."""

    kind: Literal["expire"] = "expire"
    at: Share
    files: bool = True


class CancelledByProvider(JobFault):
    """The job is cancelled by nobody we know when the share ``at`` of the lines has run."""

    kind: Literal["cancel"] = "cancel"
    at: Share


class CancelKeeps(JobFault):
    """When the job is cancelled, exactly this share of its lines has run."""

    kind: Literal["cancel_keeps"] = "cancel_keeps"
    at: Share


class Stuck(JobFault):
    """The job stops for good when the share ``at`` of its life is over; it never ends."""

    kind: Literal["stuck"] = "stuck"
    at: float = Field(default=0.5, ge=0, lt=1)


class ResultsExpire(JobFault):
    """The results are gone so many seconds after the job's end (OpenAI: the files, Anthropic: archived)."""

    kind: Literal["results_expire"] = "results_expire"
    seconds: Seconds = 0.0


class CannotFindFile(OpenAIJobFault):
    """Fails with "Cannot find file" although the file is there."""

    kind: Literal["cannot_find_file"] = "cannot_find_file"


class FailWithoutErrors(OpenAIJobFault):
    """Fails with an empty list of errors."""

    kind: Literal["fail_without_errors"] = "fail_without_errors"


class FailLines(OpenAIJobFault):
    """Fails with an error at each of these lines."""

    kind: Literal["fail_lines"] = "fail_lines"
    lines: tuple[LineNumber, ...] = (1,)
    code: str = "invalid_request"
    message: str = "This line is not accepted."


class TokenLimit(OpenAIJobFault):
    """Fails because too many tokens are enqueued."""

    kind: Literal["token_limit"] = "token_limit"
    limit: int = Field(default=2_000_000, ge=1)
