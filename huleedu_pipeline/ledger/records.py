"""What the ledger hands out and takes in: plain frozen records, one for each kind of row."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from huleedu_pipeline.canonical import canonical_json
from huleedu_pipeline.judging.batching import BATCH_API
from huleedu_pipeline.judging.outcome import Outcome
from huleedu_pipeline.judging.spec import HUMAN
from huleedu_pipeline.ledger.states import BatchStatus, JobState

LaneState = Literal["closed", "open", "half_open"]
MIN_PUPILS_ESSAYS = 2


@dataclass(frozen=True)
class BatchRecord:
    """A batch; ``original_request`` is the JSON of everything that was asked for, as it was first submitted.

    ``llm_batching_mode`` is what was resolved then, and ``llm_batching_mode_reason`` why (``None`` of older batches).

    ``status_reason`` says why it ended early or without a ranking. ``ends_as`` is set when nothing more is to be asked, and is
    the state that the batch reaches once it is scored. ``reopened_at`` is when a person last brought it back.
    ``assignment_id`` and ``assignment_version`` name what it took from the assessment context, where it took anything.
    ``correlation_id`` is given once, when the batch is first recorded: log lines and jobs at a provider carry it.
    ``max_cost_usd`` is the limit that a person has set since, in place of the request's own.
    """

    batch_id: str
    status: BatchStatus
    llm_batching_mode: str
    judge_backend: str
    content_sha256: str
    original_request: str
    n_essays: int
    n_anchors: int
    created_at: datetime
    updated_at: datetime
    completed_at: datetime | None
    published_at: datetime | None
    status_reason: str | None = None
    ends_as: BatchStatus | None = None
    reopened_at: datetime | None = None
    assignment_id: str | None = None
    assignment_version: int | None = None
    llm_batching_mode_reason: str | None = None
    correlation_id: str | None = None
    max_cost_usd: float | None = None

    @property
    def log_fields(self) -> dict[str, str | None]:
        """What is bound to log lines about the batch."""
        return {
            "batch_id": self.batch_id,
            "correlation_id": self.correlation_id,
            "mode": self.llm_batching_mode,
            "backend": self.judge_backend,
        }

    @property
    def assignment(self) -> str:
        """Name of the assignment that the pupils answered; empty where it was not named."""
        return str(json.loads(self.original_request).get("batch", {}).get("assignment", ""))

    @property
    def processing_metadata(self) -> str:
        """JSON of what was asked for and what was made of it, as analysts are shown it."""
        return canonical_json(
            {
                "llm_batching_mode": self.llm_batching_mode,
                "llm_batching_mode_reason": self.llm_batching_mode_reason,
                "original_request": json.loads(self.original_request),
            }
        )

    @property
    def is_published(self) -> bool:
        """Whether the batch has ended and what it came to is where analysts read it."""
        return self.published_at is not None

    @property
    def is_human(self) -> bool:
        """Whether people judge the batch: their judgements are imported, and no provider is asked."""
        return self.judge_backend == HUMAN

    @property
    def has_too_few_essays(self) -> bool:
        """Whether there are fewer than two pupils' essays, so that there is nothing to compare."""
        return self.n_essays < MIN_PUPILS_ESSAYS

    @property
    def unranked_because(self) -> str | None:
        """Why the batch has ended without verdicts being scaled, or ``None`` when it has not."""
        if self.status.is_closed or self.status is BatchStatus.COMPLETED_INSUFFICIENT_ESSAYS:
            return f"{self.status}: {self.status_reason}"
        return None


@dataclass(frozen=True)
class PrerequisiteBlock:
    """A batch that was not taken in, by its content; ``code`` says what was not there."""

    batch_id: str
    content_sha256: str
    code: str
    pipeline_name: str
    at: datetime


@dataclass(frozen=True)
class BatchMove:
    """One line of a batch's history; the first comes from nowhere."""

    at: datetime
    from_status: BatchStatus | None
    to_status: BatchStatus
    reason: str | None


@dataclass(frozen=True)
class WorkflowDecision:
    """What was decided after a wave of a batch, and why."""

    wave: int
    decision: str
    reason: str


@dataclass(frozen=True)
class ScalingRecord:
    """How precise the final ranking of a batch was; standard errors are in logits.

    ``is_se_inflated``: they are so large that ranks mean little. ``is_coverage_sparse``: an essay met fewer than one other on
    average.
    """

    n_essays: int
    n_comparisons: int
    mean_theta_se: float
    max_theta_se: float
    is_se_inflated: bool
    is_coverage_sparse: bool


@dataclass(frozen=True)
class FrameRecord:
    """What the bodies of all requests of a judge share: the JSON before, between and after the two essays."""

    frame_id: str
    provider: str
    path: str
    head: str
    middle: str
    tail: str

    def body(self, fragment_a: str, fragment_b: str) -> str:
        """Return the JSON that is sent for two essays, each escaped as a fragment."""
        return f"{self.head}{fragment_a}{self.middle}{fragment_b}{self.tail}"


@dataclass(frozen=True)
class RequestRecord:
    """A request: one pair put to one judge; its body is its frame around its two fragments, ``n_bytes`` long."""

    custom_id: str
    batch_id: str
    position: int
    pair_id: str
    essay_a_id: str
    essay_b_id: str
    wave: int
    replicate: int
    judge_id: str
    provider: str
    model: str
    prompt_sha256: str
    frame_id: str
    fragment_a_id: str
    fragment_b_id: str
    n_bytes: int


@dataclass(frozen=True)
class JobRecord:
    """A provider job; ``token`` is our own name for it, known before anything is sent.

    ``create_attempted_at`` is set while it is open whether a create call took effect; ``refused_job_ids`` (JSON) names jobs
    at the provider that were once taken for this one and proved to be somebody else's. ``n_bytes`` is the size of its
    requests' bodies and ``estimated_cost_usd`` the most that they were expected to cost. ``correlation_id`` and
    ``judge_backend`` are its batch's.
    """

    token: str
    batch_id: str
    provider: str
    model: str
    state: JobState
    provider_job_id: str | None
    input_file_id: str | None
    provider_status: str | None
    last_error: str | None
    n_requests: int
    n_bytes: int
    estimated_cost_usd: float | None
    created_at: datetime
    intent_at: datetime | None
    create_attempted_at: datetime | None
    refused_job_ids: str | None
    submitted_at: datetime | None
    ended_at: datetime | None
    collected_at: datetime | None
    correlation_id: str | None = None
    judge_backend: str | None = None

    @property
    def log_fields(self) -> dict[str, str | int | None]:
        """What log lines say of a job."""
        return {
            "batch_id": self.batch_id,
            "correlation_id": self.correlation_id,
            "mode": BATCH_API,
            "backend": self.judge_backend,
            "provider": self.provider,
            "model": self.model,
            "job": self.token,
            "provider_job_id": self.provider_job_id,
            "n_requests": self.n_requests,
        }


@dataclass(frozen=True)
class Answer:
    """What came back for one request: its outcome, what it cost, and the bytes it was read from, if there were any.

    ``sent_at`` is when a live call was really made, after it had waited for its turn.
    """

    custom_id: str
    outcome: Outcome
    cost_usd: float | None
    raw: str | None
    completed_at: datetime
    sent_at: datetime | None = None


@dataclass(frozen=True)
class OutcomeRecord:
    """How a request ended, together with the request; tokens and cost are those of all its attempts."""

    request: RequestRecord
    n_attempts: int
    outcome: str
    winner: str | None
    justification: str | None
    confidence: float | None
    p_a: float | None
    error_code: str | None
    error_message: str | None
    model: str
    service_tier: str | None
    input_tokens: int
    cached_input_tokens: int
    cache_write_5m_tokens: int
    cache_write_30m_tokens: int
    cache_write_1h_tokens: int
    cache_write_12h_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost_usd: float | None
    requested_at: datetime
    completed_at: datetime

    @property
    def winner_essay_id(self) -> str | None:
        """The essay judged better; ``None`` without a verdict, and for a tie."""
        if self.winner is None:
            return None
        return self.request.essay_a_id if self.winner == "Essay A" else self.request.essay_b_id


@dataclass(frozen=True)
class Reply:
    """What a provider sent for one attempt at a request, as it was received."""

    custom_id: str
    attempt: int
    received_at: datetime
    body: str


@dataclass(frozen=True)
class DeadLetter:
    """A result line that ended no request, kept as it was received; ``reason`` says why."""

    file_name: str
    line_number: int
    reason: Literal["unreadable", "unknown", "duplicate", "conflict", "late"]
    custom_id: str | None
    raw: str


@dataclass(frozen=True)
class LaneRecord:
    """How a provider's model takes calls now.

    ``state`` is that of its circuit breaker; while it is ``open`` nothing is sent before ``retry_at``. ``n_openings`` counts
    openings in a row. ``enqueued_token_limit`` was learned from a refused job.
    """

    provider: str
    model: str
    state: LaneState = "closed"
    n_failures: int = 0
    n_openings: int = 0
    reason: str | None = None
    retry_at: datetime | None = None
    enqueued_token_limit: int | None = None
    limit_learned_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True)
class Cost:
    """Money in USD: ``spent`` on answers that were received, ``ordered`` at most for jobs whose answers are still out."""

    spent: float
    ordered: float


@dataclass(frozen=True)
class VerdictSizes:
    """Sums over verdicts: bytes of their requests, and tokens that were read and written for them."""

    n_verdicts: int = 0
    request_bytes: int = 0
    input_tokens: int = 0
    output_tokens: int = 0


@dataclass(frozen=True)
class Tally:
    """How far a batch has come, counted from rows; ``cost_usd`` is ``None`` when a price is unknown."""

    n_requests: int = 0
    n_succeeded: int = 0
    n_failed: int = 0
    n_expired: int = 0
    n_attempts: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cost_usd: float | None = 0.0

    @property
    def n_outcomes(self) -> int:
        """Requests that have ended."""
        return self.n_succeeded + self.n_failed + self.n_expired

    @property
    def is_complete(self) -> bool:
        """Whether every request has its outcome, and there is at least one."""
        return 0 < self.n_requests == self.n_outcomes
