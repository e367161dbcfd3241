"""What metrics are made of: waves, decisions, bundles, scalings, refusals, and when a request was accepted.

Of an older ledger the waves and the lengths of jobs are worked out from its rows; when its requests were accepted, which
decisions were made and what the cache did for replies that neither read nor wrote it is not known, and stays unknown.
"""

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Apply this step."""
    op.create_index("ix_batches_status", "batches", ["status"])
    op.add_column("batch_moves", sa.Column("moved_by", sa.String(20), nullable=True))
    op.add_column("provider_job_events", sa.Column("provider_seconds", sa.Float(), nullable=True))
    op.add_column("attempts", sa.Column("accepted_at", sa.String(32), nullable=True))
    op.add_column("attempts", sa.Column("was_final", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("attempts", sa.Column("cache_result", sa.String(10), nullable=True))
    op.create_table(
        "planned_waves",
        sa.Column("batch_id", sa.String(60), nullable=False),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("at", sa.String(32), nullable=True),
        sa.Column("provider", sa.String(20), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("n_requests", sa.Integer(), nullable=False),
        _of_batch("planned_waves"),
        sa.PrimaryKeyConstraint("batch_id", "wave", name="pk_planned_waves"),
    )
    op.create_table(
        "workflow_decisions",
        sa.Column("decision_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("batch_id", sa.String(60), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("decision", sa.String(40), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        _of_batch("workflow_decisions"),
        sa.PrimaryKeyConstraint("decision_id", name="pk_workflow_decisions"),
    )
    op.create_index("ix_workflow_decisions_batch_id", "workflow_decisions", ["batch_id"])
    op.create_table(
        "scalings",
        sa.Column("batch_id", sa.String(60), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("n_essays", sa.Integer(), nullable=False),
        sa.Column("n_comparisons", sa.Integer(), nullable=False),
        sa.Column("mean_theta_se", sa.Float(), nullable=False),
        sa.Column("max_theta_se", sa.Float(), nullable=False),
        sa.Column("is_se_inflated", sa.Boolean(), nullable=False),
        sa.Column("is_coverage_sparse", sa.Boolean(), nullable=False),
        _of_batch("scalings"),
        sa.PrimaryKeyConstraint("batch_id", name="pk_scalings"),
    )
    op.create_table(
        "serial_bundles",
        sa.Column("bundle_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("batch_id", sa.String(60), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("provider", sa.String(20), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("n_requests", sa.Integer(), nullable=False),
        _of_batch("serial_bundles"),
        sa.PrimaryKeyConstraint("bundle_id", name="pk_serial_bundles"),
    )
    op.create_index("ix_serial_bundles_batch_id", "serial_bundles", ["batch_id"])
    op.create_table(
        "prompt_fetch_failures",
        sa.Column("batch_id", sa.String(60), nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(40), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "content_sha256", "reason", name="pk_prompt_fetch_failures"),
    )
    op.create_table(
        "context_refusals",
        sa.Column("refusal_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("subject", sa.String(20), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.PrimaryKeyConstraint("refusal_id", name="pk_context_refusals"),
    )
    _look_back()


def _of_batch(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(["batch_id"], ["batches.batch_id"], name=f"fk_{table}_batch_id")


def _look_back() -> None:
    written = "coalesce(cache_write_5m_tokens, 0) + coalesce(cache_write_30m_tokens, 0) + coalesce(cache_write_1h_tokens, 0)"
    for statement in (
        "UPDATE attempts SET was_final = is_final WHERE ended_at IS NOT NULL",
        "UPDATE attempts SET cache_result = CASE WHEN cached_input_tokens > 0 THEN 'hit' "
        f"WHEN {written} + coalesce(cache_write_12h_tokens, 0) > 0 THEN 'miss' END WHERE ended_at IS NOT NULL",
        "INSERT INTO planned_waves (batch_id, wave, provider, model, n_requests) "
        "SELECT batch_id, wave, min(provider), min(model), count(*) FROM requests WHERE provider <> 'human' "
        "GROUP BY batch_id, wave",
    ):
        op.execute(statement)
    connection = op.get_bind()
    ended = connection.exec_driver_sql(
        "SELECT e.event_id, j.submitted_at, j.ended_at FROM provider_job_events e JOIN provider_jobs j ON j.token = e.token "
        "WHERE e.to_state IN ('ended', 'expired', 'cancelled', 'failed') AND e.from_state = 'submitted' "
        "AND j.submitted_at IS NOT NULL AND j.ended_at IS NOT NULL"
    ).all()
    event = sa.table("provider_job_events", sa.column("event_id"), sa.column("provider_seconds"))
    for event_id, submitted_at, ended_at in ended:
        seconds = (datetime.fromisoformat(ended_at) - datetime.fromisoformat(submitted_at)).total_seconds()
        connection.execute(event.update().where(event.c.event_id == event_id).values(provider_seconds=max(seconds, 0.0)))
