"""What the ledger hands out and takes in: plain frozen records, one for each kind of row."""

from dataclasses import dataclass
from datetime import datetime

from huleedu_pipeline.judging.outcome import Outcome
from huleedu_pipeline.ledger.states import BatchStatus, JobState


@dataclass(frozen=True)
class BatchRecord:
    """A batch; ``original_request`` is the JSON of everything that was asked for, as it was first submitted."""

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

    @property
    def is_published(self) -> bool:
        """Whether the batch is completed and its results are where analysts read them."""
        return self.published_at is not None


@dataclass(frozen=True)
class RequestRecord:
    """A request: one pair put to one judge; ``body`` is the JSON that is sent."""

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
    body: str
    job_token: str | None = None
    sent_at: datetime | None = None


@dataclass(frozen=True)
class JobRecord:
    """A provider job; ``token`` is our own name for it, known before anything is sent.

    ``create_attempted_at`` is set while it is open whether a create call took effect; ``refused_job_ids`` (JSON) names jobs
    at the provider that were once taken for this one and proved to be somebody else's.
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
    created_at: datetime
    intent_at: datetime | None
    create_attempted_at: datetime | None
    refused_job_ids: str | None
    submitted_at: datetime | None
    ended_at: datetime | None
    collected_at: datetime | None


@dataclass(frozen=True)
class Answer:
    """What came back for one request: its outcome, what it cost, and the bytes it was read from, if there were any."""

    custom_id: str
    outcome: Outcome
    cost_usd: float | None
    raw: str | None
    completed_at: datetime


@dataclass(frozen=True)
class OutcomeRecord:
    """A recorded outcome together with the request that it ends."""

    request: RequestRecord
    outcome: str
    winner_essay_id: str | None
    justification: str | None
    confidence: float | None
    error_code: str | None
    error_message: str | None
    model: str
    input_tokens: int
    cached_input_tokens: int
    output_tokens: int
    cost_usd: float | None
    requested_at: datetime
    completed_at: datetime


@dataclass(frozen=True)
class Tally:
    """How far a batch has come, counted from rows; ``cost_usd`` is ``None`` when a price is unknown."""

    n_requests: int = 0
    n_succeeded: int = 0
    n_failed: int = 0
    n_expired: int = 0
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
