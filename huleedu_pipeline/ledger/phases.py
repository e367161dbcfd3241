"""What others are told of a batch: the product's states and phases, and how ours map onto them, in this one place.

Pure. The product knows twelve states of a batch inside and shows seven to its clients. Not here: the states that a batch
of comparisons moves through (:mod:`.states`).
"""

from collections.abc import Sequence
from enum import StrEnum

from huleedu_pipeline.ledger.spelling import SpellCheckStatus
from huleedu_pipeline.ledger.states import BatchStatus


class PipelineStatus(StrEnum):
    """Where a batch stands inside the product."""

    AWAITING_CONTENT_VALIDATION = "awaiting_content_validation"
    CONTENT_INGESTION_FAILED = "content_ingestion_failed"
    AWAITING_PIPELINE_CONFIGURATION = "awaiting_pipeline_configuration"
    READY_FOR_PIPELINE_EXECUTION = "ready_for_pipeline_execution"
    PROCESSING_PIPELINES = "processing_pipelines"
    AWAITING_STUDENT_VALIDATION = "awaiting_student_validation"
    STUDENT_VALIDATION_COMPLETED = "student_validation_completed"
    VALIDATION_TIMEOUT_PROCESSED = "validation_timeout_processed"
    COMPLETED_SUCCESSFULLY = "completed_successfully"
    COMPLETED_WITH_FAILURES = "completed_with_failures"
    FAILED_CRITICALLY = "failed_critically"
    CANCELLED = "cancelled"


class ClientStatus(StrEnum):
    """What a client, such as a teacher's page, is shown."""

    PENDING_CONTENT = "pending_content"
    READY = "ready"
    PROCESSING = "processing"
    COMPLETED_SUCCESSFULLY = "completed_successfully"
    COMPLETED_WITH_FAILURES = "completed_with_failures"
    FAILED = "failed"
    CANCELLED = "cancelled"


class EssayStage(StrEnum):
    """How far one essay has come in one phase."""

    PENDING = "pending"
    INITIALIZED = "initialized"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_terminal(self) -> bool:
        """Whether the essay goes no further in the phase."""
        return self in (EssayStage.COMPLETED, EssayStage.FAILED, EssayStage.CANCELLED)


class Phase(StrEnum):
    """What is done with a batch's essays."""

    SPELLCHECK = "spellcheck"
    AI_FEEDBACK = "ai_feedback"
    CJ_ASSESSMENT = "cj_assessment"
    NLP = "nlp"
    STUDENT_MATCHING = "student_matching"


CLIENT_STATUS: dict[PipelineStatus, ClientStatus] = {
    PipelineStatus.AWAITING_CONTENT_VALIDATION: ClientStatus.PENDING_CONTENT,
    PipelineStatus.AWAITING_PIPELINE_CONFIGURATION: ClientStatus.PENDING_CONTENT,
    PipelineStatus.CONTENT_INGESTION_FAILED: ClientStatus.FAILED,
    PipelineStatus.READY_FOR_PIPELINE_EXECUTION: ClientStatus.READY,
    PipelineStatus.PROCESSING_PIPELINES: ClientStatus.PROCESSING,
    PipelineStatus.AWAITING_STUDENT_VALIDATION: ClientStatus.PROCESSING,
    PipelineStatus.STUDENT_VALIDATION_COMPLETED: ClientStatus.PROCESSING,
    PipelineStatus.VALIDATION_TIMEOUT_PROCESSED: ClientStatus.PROCESSING,
    PipelineStatus.COMPLETED_SUCCESSFULLY: ClientStatus.COMPLETED_SUCCESSFULLY,
    PipelineStatus.COMPLETED_WITH_FAILURES: ClientStatus.COMPLETED_WITH_FAILURES,
    PipelineStatus.FAILED_CRITICALLY: ClientStatus.FAILED,
    PipelineStatus.CANCELLED: ClientStatus.CANCELLED,
}

PIPELINE_STATUS: dict[BatchStatus, PipelineStatus] = {
    BatchStatus.PENDING: PipelineStatus.READY_FOR_PIPELINE_EXECUTION,
    BatchStatus.AWAITING_JUDGEMENTS: PipelineStatus.PROCESSING_PIPELINES,
    BatchStatus.SCORING: PipelineStatus.PROCESSING_PIPELINES,
    BatchStatus.COMPLETED_STABLE: PipelineStatus.COMPLETED_SUCCESSFULLY,
    BatchStatus.COMPLETED_MAX_COMPARISONS: PipelineStatus.COMPLETED_SUCCESSFULLY,
    BatchStatus.COMPLETED_INSUFFICIENT_ESSAYS: PipelineStatus.COMPLETED_SUCCESSFULLY,
    # It ended without some of the answers that it asked for.
    BatchStatus.COMPLETED_FORCED_RECOVERY: PipelineStatus.COMPLETED_WITH_FAILURES,
    BatchStatus.FAILED: PipelineStatus.FAILED_CRITICALLY,
    BatchStatus.CANCELLED: PipelineStatus.CANCELLED,
}

CJ_STAGE: dict[BatchStatus, EssayStage] = {
    BatchStatus.PENDING: EssayStage.PENDING,
    BatchStatus.AWAITING_JUDGEMENTS: EssayStage.PROCESSING,
    BatchStatus.SCORING: EssayStage.PROCESSING,
    BatchStatus.COMPLETED_STABLE: EssayStage.COMPLETED,
    BatchStatus.COMPLETED_MAX_COMPARISONS: EssayStage.COMPLETED,
    BatchStatus.COMPLETED_INSUFFICIENT_ESSAYS: EssayStage.COMPLETED,
    BatchStatus.COMPLETED_FORCED_RECOVERY: EssayStage.COMPLETED,
    BatchStatus.FAILED: EssayStage.FAILED,
    BatchStatus.CANCELLED: EssayStage.CANCELLED,
}


# A spell check that is skipped is none: the batch has no such phase.
SPELLCHECK_STAGE: dict[SpellCheckStatus, EssayStage] = {
    SpellCheckStatus.PROCESSING: EssayStage.PROCESSING,
    SpellCheckStatus.COMPLETED: EssayStage.COMPLETED,
}


def pipeline_status(status: BatchStatus, spellcheck: Sequence[SpellCheckStatus]) -> PipelineStatus:
    """Return where a batch stands inside the product: from the beginning of its spell check on, it is being processed."""
    if status is BatchStatus.PENDING and any(one in SPELLCHECK_STAGE for one in spellcheck):
        return PipelineStatus.PROCESSING_PIPELINES
    return PIPELINE_STATUS[status]


def client_status(status: BatchStatus, spellcheck: Sequence[SpellCheckStatus]) -> ClientStatus:
    """Return what a client is shown of a batch."""
    return CLIENT_STATUS[pipeline_status(status, spellcheck)]


def current_phase(
    status: PipelineStatus,
    *,
    spellcheck: Sequence[EssayStage | None],
    cj_assessment: Sequence[EssayStage | None],
    metadata_phase: str | None = None,
) -> Phase | None:
    """Return what is going on with a batch now, or ``None`` when nothing is.

    Args:
        status: Where the batch stands.
        spellcheck: Stage of each essay's spell check, ``None`` where it has none yet; empty when the batch has no spell check.
        cj_assessment: The same of the comparative judgement.
        metadata_phase: Name of the phase in the batch's metadata (upper case), which speaks where no essay does.

    """
    if status is not PipelineStatus.PROCESSING_PIPELINES:
        return None
    if not spellcheck and not cj_assessment:
        return Phase.__members__.get(metadata_phase or "")
    for phase, stages in ((Phase.SPELLCHECK, spellcheck), (Phase.CJ_ASSESSMENT, cj_assessment)):
        if any(stage is None or not stage.is_terminal for stage in stages):
            return phase
    return None


def phase_of(status: BatchStatus, n_essays: int, spellcheck: Sequence[SpellCheckStatus]) -> Phase | None:
    """Return the current phase of a batch.

    Args:
        status: Where the batch stands; in the comparative judgement all its essays stand there.
        n_essays: Essays, anchors included.
        spellcheck: How far the spell check of each is, as recorded; empty before it begins.

    """
    return current_phase(
        pipeline_status(status, spellcheck),
        spellcheck=[SPELLCHECK_STAGE[one] for one in spellcheck if one in SPELLCHECK_STAGE],
        cj_assessment=[CJ_STAGE[status]] * n_essays,
    )
