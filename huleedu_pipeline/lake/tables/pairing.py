"""Tables of the group pairing: which essays are compared."""

from huleedu_pipeline.lake.schema import Column, Table
from huleedu_pipeline.lake.tables.columns import BATCH_ID, ESSAY_A, ESSAY_B, PAIR_ID, REPLICATE, WAVE, S

COMPARISON_PAIRS = Table(
    "comparison_pairs",
    "Which essays are compared, and which of the two is shown first.",
    (
        BATCH_ID,
        PAIR_ID,
        WAVE,
        REPLICATE,
        ESSAY_A,
        ESSAY_B,
        Column("pair_generation_mode", S, "coverage: a new pair of essays; resampling: a pair asked about again."),
    ),
    ("batch_id", "pair_id"),
)
