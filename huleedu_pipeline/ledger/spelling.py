"""The spell check of a batch's essays in the ledger: made once for a content, and the same for ever after.

What judges see of an essay follows from its text and what is recorded here, so a dictionary that has become another can not
change the texts of a batch under way. The first result that is recorded stands; it goes only with the content that it is of.
Not here: checking, or what judges see.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, RowMapping

from huleedu_pipeline.canonical import canonical_json
from huleedu_pipeline.ledger.batches import find_batch
from huleedu_pipeline.ledger.book import Book
from huleedu_pipeline.ledger.moves import now
from huleedu_pipeline.ledger.schema import spell_checks
from huleedu_pipeline.ledger.states import StaleStateError
from huleedu_pipeline.spelling import Correction, Rule, SpellCheck


class SpellCheckStatus(StrEnum):
    """How far an essay's spell check is; skipped where the batch has none."""

    PROCESSING = "processing"
    COMPLETED = "completed"
    SKIPPED = "skipped"

    @property
    def is_terminal(self) -> bool:
        """Whether nothing more comes of it."""
        return self is not SpellCheckStatus.PROCESSING


@dataclass(frozen=True)
class SpellCheckRecord:
    """An essay's spell check; ``check`` is there when it is completed, ``judged_sha256`` (of what judges see) when terminal."""

    essay_id: str
    status: SpellCheckStatus
    judged_sha256: str | None = None
    check: SpellCheck | None = None


class SpellChecks(Book):
    """The part of the ledger about spell checks."""

    def begin_spell_check(self, batch_id: str, content_sha256: str, essay_ids: Sequence[str]) -> None:
        """Record that a batch's essays are being checked, unless they have been.

        Raises:
            StaleStateError: the batch has other content by now.

        """
        with self.engine.begin() as connection:
            _ensure_content(connection, batch_id, content_sha256)
            if not is_checked(_records(connection, batch_id)):
                _replace(connection, batch_id, [SpellCheckRecord(name, SpellCheckStatus.PROCESSING) for name in essay_ids])

    def record_spell_check(
        self, batch_id: str, content_sha256: str, records: Sequence[SpellCheckRecord]
    ) -> list[SpellCheckRecord]:
        """Record what the check of all essays of a batch came to, unless that is recorded already, and return what is.

        Raises:
            StaleStateError: the batch has other content by now.

        """
        with self.engine.begin() as connection:
            _ensure_content(connection, batch_id, content_sha256)
            known = _records(connection, batch_id)
            if is_checked(known):
                return known
            _replace(connection, batch_id, records)
            return _records(connection, batch_id)

    def spell_checks(self, batch_id: str) -> list[SpellCheckRecord]:
        """Return the spell check of each essay of a batch, by ``essay_id``; none before it has begun."""
        with self.read() as connection:
            return _records(connection, batch_id)

    def spell_check_states(self, batch_id: str) -> list[SpellCheckStatus]:
        """Return how far the spell check of each essay of a batch is."""
        query = sa.select(spell_checks.c.status).where(spell_checks.c.batch_id == batch_id)
        with self.read() as connection:
            return [SpellCheckStatus(status) for status in connection.scalars(query)]


def is_checked(records: Sequence[SpellCheckRecord]) -> bool:
    """Whether the check of a batch has come to its end."""
    return bool(records) and all(record.status.is_terminal for record in records)


def _ensure_content(connection: Connection, batch_id: str, content_sha256: str) -> None:
    known = find_batch(connection, batch_id)
    if known is None or known.content_sha256 != content_sha256:
        raise StaleStateError(
            f"batch {batch_id}: was registered with other content while its spelling was checked (run it again)"
        )


def _records(connection: Connection, batch_id: str) -> list[SpellCheckRecord]:
    query = sa.select(spell_checks).where(spell_checks.c.batch_id == batch_id).order_by(spell_checks.c.essay_id)
    return [_record(row) for row in connection.execute(query).mappings()]


def _record(row: RowMapping) -> SpellCheckRecord:
    check = None
    if row["corrections"] is not None:
        check = SpellCheck(tuple(_correction(one) for one in json.loads(row["corrections"])), row["n_words"])
    return SpellCheckRecord(row["essay_id"], SpellCheckStatus(row["status"]), row["judged_sha256"], check)


def _correction(values: dict[str, Any]) -> Correction:
    return Correction(**{**values, "rule": Rule(values["rule"]), "candidates": tuple(values["candidates"])})


def _replace(connection: Connection, batch_id: str, records: Sequence[SpellCheckRecord]) -> None:
    at = now()
    rows = [
        {
            "batch_id": batch_id,
            "essay_id": record.essay_id,
            "status": record.status,
            "judged_sha256": record.judged_sha256,
            "n_words": None if record.check is None else record.check.n_words,
            "corrections": None if record.check is None else canonical_json([asdict(one) for one in record.check.corrections]),
            "updated_at": at,
        }
        for record in records
    ]
    connection.execute(spell_checks.delete().where(spell_checks.c.batch_id == batch_id))
    if rows:
        connection.execute(spell_checks.insert(), rows)
