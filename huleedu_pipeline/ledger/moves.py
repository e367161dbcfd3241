"""Moves of provider jobs inside a transaction: compare-and-set along the allowed edges, and the event that goes with each."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.engine import Connection

from huleedu_pipeline.canonical import canonical_json
from huleedu_pipeline.ledger.records import JobRecord
from huleedu_pipeline.ledger.schema import provider_job_events, provider_jobs
from huleedu_pipeline.ledger.states import JOB_MOVES, JobState, StaleStateError


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
    add_event(connection, job.token, job.state, to, detail)


def update_job(connection: Connection, job: JobRecord, fields: Mapping[str, Any]) -> None:
    """Set ``fields`` of ``job`` if it is still in the state in which it is shown; raises StaleStateError if not."""
    same = (provider_jobs.c.token == job.token, provider_jobs.c.state == job.state)
    if connection.execute(provider_jobs.update().where(*same).values(**fields)).rowcount != 1:
        raise StaleStateError(f"provider job {job.token}: is no longer {job.state}; another process moved it")


def add_event(
    connection: Connection, token: str, before: JobState | None, after: JobState, detail: Mapping[str, Any] | None
) -> None:
    """Add a line to a job's history."""
    connection.execute(
        provider_job_events.insert().values(
            token=token, at=now(), from_state=before, to_state=after, detail=canonical_json(detail) if detail else None
        )
    )
