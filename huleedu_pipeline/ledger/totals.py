"""Sums over the ledger's rows, kept by the database itself in the transaction that adds a row.

One declaration says which rows count, by what they are told apart and what is added up. From it come a view of the facts, a
table of their sums, and triggers that add a fact when its row is written; the sums are therefore right whoever writes, also
after a crash, and the same view gives the full recount that they are held against. What is summed is whole numbers
(milliseconds, millionths of a millionth of a USD), because sums of those do not depend on their order. Not here: making all
this in a database (:mod:`.totalling`), and what is published of it (:mod:`huleedu_pipeline.metrics`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import sqlalchemy as sa

from huleedu_pipeline.ledger.schema import metadata

MS_PER_SECOND = 1_000
PICOUSD_PER_USD = 1_000_000_000_000
NOT_OBSERVED = -1

# Upper bounds of histograms: of times in seconds, of the others in things. Whatever is above the last is in one more bucket.
CALL_SECONDS = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
PROCESSING_SECONDS = (*CALL_SECONDS, 900, 3_600, 10_800, 21_600, 43_200, 86_400)
WAIT_SECONDS = (0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400)
EXPIRY_SECONDS = (60, 600, 3_600, 14_400, 43_200, 86_400, 93_600, 172_800, 604_800)
JOB_SECONDS = (1, 10, 60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200, 64_800, 86_400, 172_800)
BATCH_SECONDS = (60, 300, 900, 1_800, 3_600, 7_200, 14_400, 28_800, 43_200, 86_400, 172_800, 604_800)
ITEMS_PER_JOB = (1, 2, 4, 8, 16, 32, 64, 128, 512, 2_048, 8_192, 32_768, 131_072)
ITEMS_PER_BUNDLE = (1, 2, 4, 8, 16, 32, 64)
WAVES = (1, 2, 3, 4, 5, 6, 8, 10, 15, 20)
COMPARISONS = (10, 25, 50, 100, 200, 300, 500, 1_000, 2_000, 5_000, 10_000, 50_000)


@dataclass(frozen=True)
class Spread:
    """A value that is sorted into buckets, for a histogram: ``NULL`` where it was not observed.

    Attributes:
        value: SQL of the value, a whole number.
        bounds: Upper bounds in the unit that is shown.
        per_unit: Units of the value in one of those.

    """

    value: str
    bounds: Sequence[float]
    per_unit: int = 1


@dataclass(frozen=True)
class Totals:
    """Sums over one kind of row.

    SQL may use ``MS(a, b)``, the whole milliseconds from one instant to another and never less than 0, and ``WHOLE(x)``, the
    nearest whole number; where something is null, so are they.

    Attributes:
        name: Name of the table of sums.
        table: The table whose rows are the facts; they are called ``f``.
        key: Its primary key.
        joined: Further tables of the facts, as SQL.
        where: Which rows count, as SQL.
        texts: What sums are told apart by, as SQL of a text that is never null.
        measures: What is added up besides the number of rows, as SQL of a whole number.
        spreads: What is sorted into buckets: gives a dimension ``<name>_bucket`` and a measure ``<name>``.
        when: Which rows count, as SQL on the row ``NEW`` that is written.
        updated: The column that is set when a row begins to count, and what the row ``OLD`` was before, as SQL; ``None`` for
            rows that count from when they are inserted.

    """

    name: str
    table: str
    key: tuple[str, ...]
    joined: str = ""
    where: str = "1 = 1"
    texts: Mapping[str, str] = field(default_factory=dict)
    measures: Mapping[str, str] = field(default_factory=dict)
    spreads: Mapping[str, Spread] = field(default_factory=dict)
    when: str | None = None
    updated: tuple[str, str] | None = None

    @property
    def dimensions(self) -> tuple[str, ...]:
        """Columns that sums are told apart by."""
        return (*self.texts, *(f"{name}_bucket" for name in self.spreads))

    @property
    def sums(self) -> tuple[str, ...]:
        """Columns that are added up; ``n`` is the number of rows."""
        return ("n", *self.measures, *self.spreads)

    @property
    def view(self) -> str:
        """Name of the view of the facts."""
        return f"{self.name}_facts"

    @cached_property
    def sums_table(self) -> sa.Table:
        """The table of sums."""
        columns: list[sa.Column[Any]] = [
            *(sa.Column(name, sa.String(200), primary_key=True) for name in self.texts),
            *(sa.Column(f"{name}_bucket", sa.Integer, primary_key=True, autoincrement=False) for name in self.spreads),
            *(sa.Column(name, sa.BigInteger, nullable=False) for name in self.sums),
        ]
        return sa.Table(self.name, metadata, *columns)


_ERROR = "coalesce(f.error_code, '')"
# Not when it could not be sent, and not when its batch was ended before it was asked.
_WAS_SENT = f"f.sent_at IS NOT NULL AND {_ERROR} <> 'not_run' AND NOT (f.job_token IS NULL AND {_ERROR} = 'batch_expired')"
_OF_JOB = "JOIN provider_jobs j ON j.token = f.token"
_OF_BATCH = "JOIN batches b ON b.batch_id = f.batch_id"
_RANKED = "('completed_stable', 'completed_max_comparisons', 'completed_forced_recovery')"

ATTEMPTS = Totals(
    name="attempt_totals",
    table="attempts",
    key=("custom_id", "attempt"),
    joined="JOIN requests r ON r.custom_id = f.custom_id JOIN batches b ON b.batch_id = r.batch_id",
    where="f.ended_at IS NOT NULL",
    texts={
        "provider": "r.provider",
        "model": "r.model",
        "mode": "b.llm_batching_mode",
        "carrier": "CASE WHEN f.job_token IS NULL THEN 'call' ELSE 'job' END",
        "outcome": "f.outcome",
        "error_code": _ERROR,
        "ends": "CASE WHEN f.was_final THEN 'request' ELSE 'attempt' END",
        "cache_result": "coalesce(f.cache_result, '')",
    },
    measures={
        "input_tokens": "coalesce(f.input_tokens, 0)",
        "cached_tokens": "coalesce(f.cached_input_tokens, 0)",
        "cache_write_tokens": "coalesce(f.cache_write_5m_tokens, 0) + coalesce(f.cache_write_30m_tokens, 0) "
        "+ coalesce(f.cache_write_1h_tokens, 0) + coalesce(f.cache_write_12h_tokens, 0)",
        "output_tokens": "coalesce(f.output_tokens, 0)",
        "cost_picousd": f"coalesce(WHOLE(f.cost_usd * {PICOUSD_PER_USD}.0), 0)",
        "n_unpriced": "CASE WHEN f.cost_usd IS NULL THEN 1 ELSE 0 END",
    },
    spreads={
        "wait_ms": Spread(f"CASE WHEN {_WAS_SENT} THEN MS(f.accepted_at, f.sent_at) END", WAIT_SECONDS, MS_PER_SECOND),
        "processing_ms": Spread(
            f"CASE WHEN {_WAS_SENT} AND {_ERROR} <> 'no_answer' THEN MS(f.sent_at, f.ended_at) END",
            PROCESSING_SECONDS,
            MS_PER_SECOND,
        ),
        "expiry_ms": Spread(
            "CASE WHEN f.outcome = 'expired' THEN MS(f.accepted_at, f.ended_at) END", EXPIRY_SECONDS, MS_PER_SECOND
        ),
    },
    when="NEW.ended_at IS NOT NULL",
    updated=("ended_at", "OLD.ended_at IS NULL"),
)
_JOB_STATES = "('submitted', 'ended', 'expired', 'cancelled', 'failed')"
JOBS = Totals(
    name="job_totals",
    table="provider_job_events",
    key=("event_id",),
    joined=_OF_JOB,
    where=f"f.to_state IN {_JOB_STATES}",
    texts={"provider": "j.provider", "model": "j.model", "to_state": "f.to_state"},
    spreads={
        "items": Spread("CASE WHEN f.to_state = 'submitted' THEN j.n_requests END", ITEMS_PER_JOB),
        "provider_ms": Spread("WHOLE(f.provider_seconds * 1000)", JOB_SECONDS, MS_PER_SECOND),
    },
    when=f"NEW.to_state IN {_JOB_STATES}",
)
WAVES_PLANNED = Totals(
    name="wave_totals",
    table="planned_waves",
    key=("batch_id", "wave"),
    joined=_OF_BATCH,
    texts={
        "provider": "f.provider",
        "model": "f.model",
        "mode": "b.llm_batching_mode",
        "place": "CASE WHEN f.wave = 1 THEN 'first' ELSE 'later' END",
    },
    measures={"n_requests": "f.n_requests"},
)
BUNDLES = Totals(
    name="bundle_totals",
    table="serial_bundles",
    key=("bundle_id",),
    texts={"provider": "f.provider", "model": "f.model"},
    spreads={"items": Spread("f.n_requests", ITEMS_PER_BUNDLE)},
)
DECISIONS = Totals(
    name="decision_totals",
    table="workflow_decisions",
    key=("decision_id",),
    texts={"decision": "f.decision", "reason": "f.reason"},
)
SCALINGS = Totals(
    name="scaling_totals",
    table="scalings",
    key=("batch_id",),
    texts={
        "se": "CASE WHEN f.is_se_inflated THEN 'inflated' ELSE 'usual' END",
        "coverage": "CASE WHEN f.is_coverage_sparse THEN 'sparse' ELSE 'usual' END",
    },
)
MOVES = Totals(
    name="move_totals",
    table="batch_moves",
    key=("move_id",),
    texts={"to_status": "f.to_status", "moved_by": "coalesce(f.moved_by, '')"},
)
# Of a ranked batch nothing of this changes any more: it can not be brought back.
RANKED_BATCHES = Totals(
    name="ranked_batch_totals",
    table="batches",
    key=("batch_id",),
    joined="LEFT JOIN batch_tallies t ON t.batch_id = f.batch_id",
    where=f"f.status IN {_RANKED}",
    texts={"mode": "f.llm_batching_mode", "status": "f.status"},
    spreads={
        "waves": Spread(
            "CASE WHEN f.judge_backend <> 'human' THEN "
            "(SELECT count(*) FROM planned_waves w WHERE w.batch_id = f.batch_id) END",
            WAVES,
        ),
        "comparisons": Spread("coalesce(t.n_verdicts, 0)", COMPARISONS),
        "assessment_ms": Spread("MS(f.created_at, f.completed_at)", BATCH_SECONDS, MS_PER_SECOND),
    },
    when=f"NEW.status IN {_RANKED}",
    updated=("status", f"OLD.status NOT IN {_RANKED}"),
)
ALL_TOTALS = (ATTEMPTS, JOBS, WAVES_PLANNED, BUNDLES, DECISIONS, SCALINGS, MOVES, RANKED_BATCHES)

# How many requests of each batch have their outcome now; goes down again when a batch is brought back.
batch_tallies = sa.Table(
    "batch_tallies",
    metadata,
    sa.Column("batch_id", sa.String(60), primary_key=True),
    sa.Column("n_outcomes", sa.BigInteger, nullable=False),
    sa.Column("n_verdicts", sa.BigInteger, nullable=False),
)
# By which declarations the sums were made.
totals_definition = sa.Table("totals_definition", metadata, sa.Column("fingerprint", sa.String(64), primary_key=True))

TABLES = (*(totals.sums_table for totals in ALL_TOTALS), batch_tallies, totals_definition)
