"""The states that a batch and a provider job can be in, and the moves between them that are allowed.

Every move in the ledger is a compare-and-set along these edges, so two processes can not make the same move twice and a
state can not run backwards. Not here: when a move is due.
"""

from enum import StrEnum

from huleedu_pipeline.errors import HuleeduError


class StaleStateError(HuleeduError):
    """A move whose starting state no longer holds: another process was faster, or the move is not allowed."""


class BatchStatus(StrEnum):
    """Where a batch stands."""

    PENDING = "pending"
    AWAITING_JUDGEMENTS = "awaiting_judgements"
    SCORING = "scoring"
    COMPLETED_STABLE = "completed_stable"
    COMPLETED_MAX_COMPARISONS = "completed_max_comparisons"
    COMPLETED_INSUFFICIENT_ESSAYS = "completed_insufficient_essays"
    COMPLETED_FORCED_RECOVERY = "completed_forced_recovery"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Whether the batch goes no further by itself."""
        return not BATCH_MOVES[self]

    @property
    def is_closed(self) -> bool:
        """Whether the batch has ended without a ranking; ``huleedu retry`` brings it back."""
        return self in CLOSED

    @property
    def takes_judgements(self) -> bool:
        """Whether requests may still be asked."""
        return self in (BatchStatus.PENDING, BatchStatus.AWAITING_JUDGEMENTS)


CLOSED = frozenset({BatchStatus.FAILED, BatchStatus.CANCELLED})
# How a batch that has been scored can end.
SCORED = frozenset({BatchStatus.COMPLETED_STABLE, BatchStatus.COMPLETED_MAX_COMPARISONS, BatchStatus.COMPLETED_FORCED_RECOVERY})
# What happens by itself: without a cycle, so that being past a state has a meaning. Only a person goes back, from CLOSED.
BATCH_MOVES: dict[BatchStatus, frozenset[BatchStatus]] = {
    BatchStatus.PENDING: frozenset(
        {BatchStatus.AWAITING_JUDGEMENTS, BatchStatus.COMPLETED_INSUFFICIENT_ESSAYS, BatchStatus.CANCELLED}
    ),
    BatchStatus.AWAITING_JUDGEMENTS: CLOSED | {BatchStatus.SCORING},
    BatchStatus.SCORING: SCORED,
    **{final: frozenset() for final in CLOSED | SCORED | {BatchStatus.COMPLETED_INSUFFICIENT_ESSAYS}},
}


class JobState(StrEnum):
    """Where a provider job stands.

    ``intent`` is written before anything is sent; ``unknown`` is a create call whose answer was lost; ``rejected`` is one
    that the provider definitely refused, so that nothing was created; ``quarantined`` one of which only a person can say
    what became of it (``huleedu reconcile``).
    """

    PLANNED = "planned"
    INTENT = "intent"
    UPLOADED = "uploaded"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    SUBMITTED = "submitted"
    ENDED = "ended"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    FAILED = "failed"
    COLLECTED = "collected"
    QUARANTINED = "quarantined"


FINISHED_AT_PROVIDER = frozenset({JobState.ENDED, JobState.EXPIRED, JobState.CANCELLED, JobState.FAILED})
NOT_YET_SUBMITTED = frozenset({JobState.PLANNED, JobState.INTENT, JobState.UPLOADED, JobState.UNKNOWN, JobState.REJECTED})

AT_PROVIDER = NOT_YET_SUBMITTED - {JobState.PLANNED, JobState.REJECTED} | {JobState.SUBMITTED, JobState.QUARANTINED}

_SENT = frozenset({JobState.SUBMITTED, JobState.UNKNOWN, JobState.REJECTED, JobState.QUARANTINED})
_CLOSED = frozenset({JobState.COLLECTED, JobState.QUARANTINED})
JOB_MOVES: dict[JobState, frozenset[JobState]] = {
    # To collected at once: its batch was closed before it was sent, and it surely does not exist at the provider.
    JobState.PLANNED: frozenset({JobState.INTENT, JobState.COLLECTED}),
    JobState.INTENT: _SENT | {JobState.UPLOADED, JobState.COLLECTED},
    JobState.UPLOADED: _SENT | {JobState.COLLECTED},
    JobState.UNKNOWN: _SENT | {JobState.UPLOADED, JobState.COLLECTED},
    JobState.REJECTED: frozenset({JobState.INTENT, JobState.COLLECTED}),
    JobState.SUBMITTED: FINISHED_AT_PROVIDER | {JobState.QUARANTINED},
    # Back to unknown: the results showed that the job was not ours.
    JobState.ENDED: _CLOSED | {JobState.UNKNOWN},
    JobState.EXPIRED: _CLOSED,
    JobState.CANCELLED: _CLOSED,
    JobState.FAILED: _CLOSED,
    # A person has decided: the job was found, or nothing more is expected of it.
    JobState.QUARANTINED: frozenset({JobState.SUBMITTED, JobState.COLLECTED}),
    JobState.COLLECTED: frozenset(),
}
