"""Tables of the group publishing: a batch's final account."""

from huleedu_pipeline.lake.schema import Column, Table
from huleedu_pipeline.lake.tables.columns import BATCH_ID, CORRELATION_ID, COUNTS, F, I, S, T

BATCH_STATUS = Table(
    "batch_status",
    "One line for each batch: where it stands, what it came to, what it cost.",
    (
        BATCH_ID,
        Column(
            "status",
            S,
            "State of the batch: pending, awaiting_judgements, scoring, completed_stable, "
            "completed_max_comparisons, completed_insufficient_essays, completed_forced_recovery, failed or cancelled.",
        ),
        Column("current_phase", S, "What is going on while the batch is being processed; else null.", is_nullable=True),
        Column("llm_batching_mode", S, "per_request, serial_bundle or provider_batch_api."),
        Column("n_essays", I, "Pupils' essays."),
        Column("n_anchors", I, "Anchors."),
        *COUNTS,
        Column(
            "cost_usd",
            F,
            "Sum over the judgements; null where a price is unknown. For 'emulated-' models nothing was paid.",
            is_nullable=True,
            unit="USD",
        ),
        Column("created_at", T, "When the batch was first seen."),
        Column("updated_at", T, "When its state last changed."),
        Column("completed_at", T, "When it was finished.", is_nullable=True),
        Column("status_reason", S, "Why it failed, was cancelled, or ended early; else null.", is_nullable=True),
        Column(
            "client_status",
            S,
            "The same state as a client is shown it: ready, processing, completed_successfully, completed_with_failures "
            "(some answers never came), failed or cancelled.",
        ),
        Column(
            "processing_metadata",
            S,
            "JSON: llm_batching_mode and why it is this one, and original_request, all that was asked for when the batch was "
            "first recorded (batch, judge, batch_config_overrides).",
        ),
        CORRELATION_ID,
    ),
    ("batch_id",),
)
