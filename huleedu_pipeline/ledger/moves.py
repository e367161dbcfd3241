"""Moves of provider jobs inside a transaction: compare-and-set along the allowed edges, and the event that goes with each.

Also the line that a decision about a batch leaves, in the transaction that acts on it.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from huleedu_pipeline.canonical import canonical_json
from huleedu_pipeline.ledger.records import JobRecord, WorkflowDecision
from huleedu_pipeline.ledger.schema import batches, provider_job_events, provider_jobs, workflow_decisions
from huleedu_pipeline.ledger.states import FINISHED_AT_PROVIDER, JOB_MOVES, JobState, StaleStateError


def now() -> datetime:
    """Return this instant in UTC."""
    return datetime.now(UTC)


def move_job(
    connection: Connection, job: JobRecord, to: JobState, detail: Mapping[str, Any] | None, fields: Mapping[str, Any]
) -> None:
    """Move ``job`` from the state in which it is shown to ``to`` and set ``fields``.

    Raises:
        StaleStateError: the job has left that state, or the move is not allowed.

    """
    if to not in JOB_MOVES[job.state]:
        raise StaleStateError(f"provider job {job.token}: can not go from {job.state} to {to}")
    update_job(connection, job, {"state": to, **fields})
    seconds = None
    if to in FINISHED_AT_PROVIDER and job.submitted_at is not None:
        ended_at = fields.get("ended_at") or now()
        seconds = max((ended_at - job.submitted_at).total_seconds(), 0.0)
    add_event(connection, job.token, job.state, to, detail, provider_seconds=seconds)


def update_job(connection: Connection, job: JobRecord, fields: Mapping[str, Any]) -> None:
    """Set ``fields`` of ``job`` if it is still in the state in which it is shown; raises StaleStateError if not."""
    same = (provider_jobs.c.token == job.token, provider_jobs.c.state == job.state)
    if connection.execute(provider_jobs.update().where(*same).values(**fields)).rowcount != 1:
        raise StaleStateError(f"provider job {job.token}: is no longer {job.state}; another process moved it")


def add_event(
    connection: Connection,
    token: str,
    before: JobState | None,
    after: JobState,
    detail: Mapping[str, Any] | None,
    *,
    provider_seconds: float | None = None,
) -> None:
    """Add a line to a job's history; ``provider_seconds`` is how long the provider had it, where this is its end there."""
    connection.execute(
        provider_job_events.insert().values(
            token=token,
            at=now(),
            from_state=before,
            to_state=after,
            detail=canonical_json(detail) if detail else None,
            provider_seconds=provider_seconds,
        )
    )


def add_decision(connection: Connection, batch_id: str, made: WorkflowDecision) -> None:
    """Record a decision, once for each wave of a batch however often it is made, and anew when the batch was brought back."""
    if not has_decision(connection, batch_id, made):
        values = {"wave": made.wave, "decision": made.decision, "reason": made.reason}
        connection.execute(workflow_decisions.insert().values(batch_id=batch_id, at=now(), **values))


def has_decision(connection: Connection, batch_id: str, made: WorkflowDecision) -> bool:
    """Whether a decision stands there already."""
    columns = workflow_decisions.c
    same = (columns.batch_id == batch_id) & (columns.wave == made.wave) & (columns.decision == made.decision)
    reopened_at = connection.scalar(sa.select(batches.c.reopened_at).where(batches.c.batch_id == batch_id))
    if reopened_at is not None:
        same &= columns.at >= reopened_at
    return connection.scalar(sa.select(columns.decision_id).where(same).limit(1)) is not None
