"""Attempts inside a transaction: beginning them, ending them, and when one is a request's last.

An attempt begins before anything is sent and ends once. It is final, and gives the request its outcome, when it brought a
verdict, when asking again is of no use, or when the request has been asked often enough.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from huleedu_pipeline.judging.caching import cache_result
from huleedu_pipeline.judging.outcome import RETRYABLE, UNCOUNTED, ErrorCode, Outcome, OutcomeKind, Usage
from huleedu_pipeline.ledger.records import Answer, DeadLetter, JobRecord
from huleedu_pipeline.ledger.schema import attempts, batches, dead_letters, planned_waves, replies, requests

CHUNK = 500
T = TypeVar("T")

FINAL = attempts.c.is_final
ENDED = attempts.c.ended_at.is_not(None)
OPEN = attempts.c.ended_at.is_(None)
USAGE_COLUMNS = tuple(asdict(Usage()))


def batched(items: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut ``items`` into lists of at most ``size``."""
    source = iter(items)
    while chunk := list(islice(source, size)):
        yield chunk


def is_last(outcome: Outcome, n_counted_before: int, max_attempts: int) -> bool:
    """Whether an attempt with this outcome is a request's last, after ``n_counted_before`` that count against the cap."""
    if outcome.error_code is None or outcome.error_code not in RETRYABLE:
        return True
    return outcome.error_code not in UNCOUNTED and n_counted_before + 1 >= max_attempts


def begin(connection: Connection, custom_ids: Sequence[str], job_token: str | None, sent_at: datetime | None) -> None:
    """Begin the next attempt of each request.

    It was accepted when the request was planned, or when the attempt before it ended, or when its batch was brought back.
    """
    common = {"job_token": job_token, "sent_at": sent_at, "is_final": False}
    for chunk in batched(custom_ids, CHUNK):
        earlier = requests.outerjoin(attempts, attempts.c.custom_id == requests.c.custom_id)
        wave = (planned_waves.c.batch_id == requests.c.batch_id) & (planned_waves.c.wave == requests.c.wave)
        known = (
            sa.select(
                requests.c.custom_id,
                sa.func.coalesce(sa.func.max(attempts.c.attempt), 0),
                sa.func.max(attempts.c.ended_at),
                planned_waves.c.at,
                batches.c.reopened_at,
            )
            .select_from(earlier.join(batches, batches.c.batch_id == requests.c.batch_id).outerjoin(planned_waves, wave))
            .where(requests.c.custom_id.in_(chunk))
            .group_by(requests.c.custom_id, planned_waves.c.at, batches.c.reopened_at)
        )
        found = {name: (newest, instants) for name, newest, *instants in connection.execute(known)}
        rows = []
        for name in chunk:
            newest, instants = found[name]
            accepted_at = max((instant for instant in instants if instant is not None), default=None)
            rows.append({"custom_id": name, "attempt": newest + 1, "accepted_at": accepted_at, **common})
        connection.execute(attempts.insert(), rows)


def end(connection: Connection, answers: Iterable[Answer], job: JobRecord | None, max_attempts: int) -> tuple[int, int]:
    """End the open attempts that ``answers`` belong to, and return how many ended and how many of them were final.

    An answer whose request has no open attempt (of this job, or live) changes nothing: it was recorded before.
    """
    token = None if job is None else job.token
    n_ended = n_final = 0
    for chunk in batched(answers, CHUNK):
        of_job = attempts.c.job_token.is_(None) if token is None else attempts.c.job_token == token
        ids = [answer.custom_id for answer in chunk]
        query = (
            sa.select(attempts.c.custom_id, attempts.c.attempt, attempts.c.sent_at, requests.c.model)
            .join(requests, requests.c.custom_id == attempts.c.custom_id)
            .where(attempts.c.custom_id.in_(ids), OPEN, of_job)
        )
        asked = {row.custom_id: row for row in connection.execute(query)}
        fresh = [answer for answer in chunk if answer.custom_id in asked]
        counted = _counted(connection, [a.custom_id for a in fresh if a.outcome.error_code in RETRYABLE])
        rows = [_ended(a, asked[a.custom_id], counted.get(a.custom_id, 0), job, max_attempts) for a in fresh]
        if not rows:
            continue
        received = [_received(answer, asked[answer.custom_id].attempt, token) for answer in fresh if answer.raw is not None]
        if received:
            connection.execute(replies.insert(), received)
        key = (attempts.c.custom_id == sa.bindparam("key_id"), attempts.c.attempt == sa.bindparam("key_attempt"))
        connection.execute(attempts.update().where(*key), rows)
        n_ended += len(rows)
        n_final += sum(row["is_final"] for row in rows)
    return n_ended, n_final


def abandon_open(connection: Connection, custom_ids: Sequence[str], at: datetime) -> None:
    """End the live attempts that a dead process left open: what they cost can not be known."""
    message = "the process that asked ended before the answer was recorded"
    for chunk in batched(custom_ids, CHUNK):
        left = (attempts.c.custom_id.in_(chunk), OPEN, attempts.c.job_token.is_(None))
        connection.execute(
            attempts.update()
            .where(*left)
            .values(ended_at=at, outcome=OutcomeKind.FAILURE, error_code=ErrorCode.NO_ANSWER, error_message=message)
        )


def bury(connection: Connection, job: JobRecord, letters: Iterable[DeadLetter], at: datetime) -> None:
    """Keep result lines that ended no request."""
    for chunk in batched(letters, CHUNK):
        rows = [{**asdict(letter), "job_token": job.token, "received_at": at} for letter in chunk]
        connection.execute(dead_letters.insert(), rows)


def _counted(connection: Connection, custom_ids: list[str]) -> dict[str, int]:
    """Return how many attempts of each request have ended and count against the cap."""
    if not custom_ids:
        return {}
    counts = attempts.c.error_code.not_in([str(code) for code in UNCOUNTED])
    query = sa.select(attempts.c.custom_id, sa.func.count()).where(attempts.c.custom_id.in_(custom_ids), ENDED, counts)
    return {row[0]: row[1] for row in connection.execute(query.group_by(attempts.c.custom_id))}


def _received(answer: Answer, attempt: int, token: str | None) -> dict[str, Any]:
    return {
        "custom_id": answer.custom_id,
        "attempt": attempt,
        "job_token": token,
        "received_at": answer.completed_at,
        "body": answer.raw,
    }


def _ended(answer: Answer, asked: sa.Row[Any], n_counted: int, job: JobRecord | None, max_attempts: int) -> dict[str, Any]:
    """Return what ends an attempt; ``asked`` is the attempt's number, when it was sent so far, and the model asked for."""
    outcome, verdict = answer.outcome, answer.outcome.verdict
    is_final = is_last(outcome, n_counted, max_attempts)
    return {
        "key_id": answer.custom_id,
        "key_attempt": asked.attempt,
        "sent_at": job.submitted_at if job is not None else answer.sent_at or asked.sent_at,
        "ended_at": answer.completed_at,
        "is_final": is_final,
        "was_final": is_final,
        "outcome": outcome.kind,
        "winner": verdict.winner if verdict else None,
        "justification": verdict.justification if verdict else None,
        "confidence": verdict.confidence if verdict else None,
        "p_a": verdict.p_a if verdict else None,
        "error_code": outcome.error_code,
        "error_message": outcome.error_message,
        "model": outcome.model or (job.model if job else None),
        "service_tier": outcome.service_tier,
        "cost_usd": answer.cost_usd,
        "cache_result": cache_result(asked.model, outcome.usage),
        **asdict(outcome.usage),
    }
