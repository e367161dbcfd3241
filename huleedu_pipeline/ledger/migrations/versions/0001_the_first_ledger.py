"""The first ledger: batches, requests, provider jobs and their events, replies, outcomes, leases."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Apply this step."""
    op.create_table(
        "batches",
        sa.Column("batch_id", sa.String(length=60), nullable=False),
        sa.Column("status", sa.String(length=40), nullable=False),
        sa.Column("llm_batching_mode", sa.String(length=20), nullable=False),
        sa.Column("judge_backend", sa.String(length=20), nullable=False),
        sa.Column("content_sha256", sa.String(length=64), nullable=False),
        sa.Column("original_request", sa.Text(), nullable=False),
        sa.Column("n_essays", sa.Integer(), nullable=False),
        sa.Column("n_anchors", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.String(length=32), nullable=False),
        sa.Column("updated_at", sa.String(length=32), nullable=False),
        sa.Column("completed_at", sa.String(length=32), nullable=True),
        sa.Column("published_at", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("batch_id", name=op.f("pk_batches")),
    )
    op.create_table(
        "leases",
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("owner", sa.String(length=200), nullable=False),
        sa.Column("until", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_leases")),
    )
    op.create_table(
        "provider_jobs",
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("batch_id", sa.String(length=60), nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("state", sa.String(length=20), nullable=False),
        sa.Column("provider_job_id", sa.String(length=200), nullable=True),
        sa.Column("input_file_id", sa.String(length=200), nullable=True),
        sa.Column("provider_status", sa.String(length=40), nullable=True),
        sa.Column("last_error", sa.Text(), nullable=True),
        sa.Column("n_requests", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.String(length=32), nullable=False),
        sa.Column("intent_at", sa.String(length=32), nullable=True),
        sa.Column("create_attempted_at", sa.String(length=32), nullable=True),
        sa.Column("refused_job_ids", sa.Text(), nullable=True),
        sa.Column("submitted_at", sa.String(length=32), nullable=True),
        sa.Column("ended_at", sa.String(length=32), nullable=True),
        sa.Column("collected_at", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.batch_id"], name=op.f("fk_provider_jobs_batch_id")),
        sa.PrimaryKeyConstraint("token", name=op.f("pk_provider_jobs")),
        sa.UniqueConstraint("provider_job_id", name=op.f("uq_provider_jobs_provider_job_id")),
    )
    with op.batch_alter_table("provider_jobs", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_provider_jobs_batch_id"), ["batch_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_provider_jobs_state"), ["state"], unique=False)

    op.create_table(
        "provider_job_events",
        sa.Column("event_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("token", sa.String(length=64), nullable=False),
        sa.Column("at", sa.String(length=32), nullable=False),
        sa.Column("from_state", sa.String(length=20), nullable=True),
        sa.Column("to_state", sa.String(length=20), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["token"], ["provider_jobs.token"], name=op.f("fk_provider_job_events_token")),
        sa.PrimaryKeyConstraint("event_id", name=op.f("pk_provider_job_events")),
    )
    with op.batch_alter_table("provider_job_events", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_provider_job_events_token"), ["token"], unique=False)

    op.create_table(
        "requests",
        sa.Column("custom_id", sa.String(length=64), nullable=False),
        sa.Column("batch_id", sa.String(length=60), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("pair_id", sa.String(length=40), nullable=False),
        sa.Column("essay_a_id", sa.String(length=100), nullable=False),
        sa.Column("essay_b_id", sa.String(length=100), nullable=False),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("replicate", sa.Integer(), nullable=False),
        sa.Column("judge_id", sa.String(length=40), nullable=False),
        sa.Column("provider", sa.String(length=20), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("prompt_sha256", sa.String(length=64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("job_token", sa.String(length=64), nullable=True),
        sa.Column("sent_at", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.batch_id"], name=op.f("fk_requests_batch_id")),
        sa.ForeignKeyConstraint(["job_token"], ["provider_jobs.token"], name=op.f("fk_requests_job_token")),
        sa.PrimaryKeyConstraint("custom_id", name=op.f("pk_requests")),
    )
    with op.batch_alter_table("requests", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_requests_batch_id"), ["batch_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_requests_job_token"), ["job_token"], unique=False)

    op.create_table(
        "outcomes",
        sa.Column("custom_id", sa.String(length=64), nullable=False),
        sa.Column("outcome", sa.String(length=10), nullable=False),
        sa.Column("winner_essay_id", sa.String(length=100), nullable=True),
        sa.Column("justification", sa.Text(), nullable=True),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("error_code", sa.String(length=40), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("input_tokens", sa.Integer(), nullable=False),
        sa.Column("cached_input_tokens", sa.Integer(), nullable=False),
        sa.Column("output_tokens", sa.Integer(), nullable=False),
        sa.Column("cost_usd", sa.Float(), nullable=True),
        sa.Column("requested_at", sa.String(length=32), nullable=False),
        sa.Column("completed_at", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["custom_id"], ["requests.custom_id"], name=op.f("fk_outcomes_custom_id")),
        sa.PrimaryKeyConstraint("custom_id", name=op.f("pk_outcomes")),
    )
    op.create_table(
        "replies",
        sa.Column("reply_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("custom_id", sa.String(length=64), nullable=False),
        sa.Column("job_token", sa.String(length=64), nullable=True),
        sa.Column("received_at", sa.String(length=32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["custom_id"], ["requests.custom_id"], name=op.f("fk_replies_custom_id")),
        sa.ForeignKeyConstraint(["job_token"], ["provider_jobs.token"], name=op.f("fk_replies_job_token")),
        sa.PrimaryKeyConstraint("reply_id", name=op.f("pk_replies")),
    )
    with op.batch_alter_table("replies", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_replies_custom_id"), ["custom_id"], unique=False)
