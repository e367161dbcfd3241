"""The ledger: what was asked, what was bought, what came back; SQLAlchemy Core on SQLite."""

from huleedu_pipeline.ledger.batches import ChangedBatchError, ClosedBatchError, UnknownBatchError
from huleedu_pipeline.ledger.job_book import UnknownJobError
from huleedu_pipeline.ledger.leases import BusyError
from huleedu_pipeline.ledger.records import (
    Answer,
    BatchMove,
    BatchRecord,
    Cost,
    DeadLetter,
    FrameRecord,
    JobRecord,
    LaneRecord,
    OutcomeRecord,
    PrerequisiteBlock,
    RequestRecord,
    ScalingRecord,
    Tally,
    WorkflowDecision,
)
from huleedu_pipeline.ledger.spelling import SpellCheckRecord, SpellCheckStatus
from huleedu_pipeline.ledger.states import BatchStatus, JobState, StaleStateError
from huleedu_pipeline.ledger.store import Ledger

__all__ = [
    "Answer",
    "BatchMove",
    "BatchRecord",
    "BatchStatus",
    "BusyError",
    "ChangedBatchError",
    "ClosedBatchError",
    "Cost",
    "DeadLetter",
    "FrameRecord",
    "JobRecord",
    "JobState",
    "LaneRecord",
    "Ledger",
    "OutcomeRecord",
    "PrerequisiteBlock",
    "RequestRecord",
    "ScalingRecord",
    "SpellCheckRecord",
    "SpellCheckStatus",
    "StaleStateError",
    "Tally",
    "UnknownBatchError",
    "UnknownJobError",
    "WorkflowDecision",
]
