"""The tables of the system, each declared once. Column names and their order are a public contract.

Every table has one writing asset, one Parquet file for each batch in the lake, and one table in the warehouse. Instants
are UTC; what a judge wrote and what a pupil wrote stand only here and in the ledger, never in Dagster metadata. The
declarations stand in one module for each group of assets, and are imported from here.
"""

from huleedu_pipeline.lake.schema import Table
from huleedu_pipeline.lake.tables.corpus import (
    ESSAYS,
    INJECTION_FLAGS,
    REDACTIONS,
    SPELL_CORRECTIONS,
    SPELLCHECKED_ESSAYS,
    STUDENT_MATCHES,
)
from huleedu_pipeline.lake.tables.grading import ANCHOR_DIAGNOSTICS, GRADE_BOUNDARIES, GRADE_PROJECTIONS, GRADING_SUMMARY
from huleedu_pipeline.lake.tables.judging import JUDGE_REQUESTS, LLM_JUDGEMENTS, PROVIDER_JOBS, WAVE_DECISIONS
from huleedu_pipeline.lake.tables.pairing import COMPARISON_PAIRS
from huleedu_pipeline.lake.tables.publishing import BATCH_STATUS
from huleedu_pipeline.lake.tables.ranking import CJ_RANKINGS, JUDGE_DIAGNOSTICS, SCALING_SUMMARY

TABLES: tuple[Table, ...] = (
    ESSAYS,
    REDACTIONS,
    INJECTION_FLAGS,
    STUDENT_MATCHES,
    SPELLCHECKED_ESSAYS,
    SPELL_CORRECTIONS,
    COMPARISON_PAIRS,
    JUDGE_REQUESTS,
    PROVIDER_JOBS,
    LLM_JUDGEMENTS,
    WAVE_DECISIONS,
    CJ_RANKINGS,
    SCALING_SUMMARY,
    JUDGE_DIAGNOSTICS,
    GRADE_PROJECTIONS,
    GRADE_BOUNDARIES,
    ANCHOR_DIAGNOSTICS,
    GRADING_SUMMARY,
    BATCH_STATUS,
)
# What analysts open; the rest stays in the lake.
PUBLISHED_TABLES: tuple[Table, ...] = tuple(table for table in TABLES if table.is_published)

__all__ = [
    "ANCHOR_DIAGNOSTICS",
    "BATCH_STATUS",
    "CJ_RANKINGS",
    "COMPARISON_PAIRS",
    "ESSAYS",
    "GRADE_BOUNDARIES",
    "GRADE_PROJECTIONS",
    "GRADING_SUMMARY",
    "INJECTION_FLAGS",
    "JUDGE_DIAGNOSTICS",
    "JUDGE_REQUESTS",
    "LLM_JUDGEMENTS",
    "PROVIDER_JOBS",
    "PUBLISHED_TABLES",
    "REDACTIONS",
    "SCALING_SUMMARY",
    "SPELLCHECKED_ESSAYS",
    "SPELL_CORRECTIONS",
    "STUDENT_MATCHES",
    "TABLES",
    "WAVE_DECISIONS",
]
