"""Attempts: a request may be asked again; bodies are stored as frames and fragments; dead letters, lanes, estimates."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # SHA-256 of the empty text
KEPT = ("requests", "outcomes", "replies")


def upgrade() -> None:
    """Apply this step."""
    for table in KEPT:
        op.execute(f"CREATE TABLE old_{table} AS SELECT * FROM {table}")
    for table in reversed(KEPT):
        op.drop_table(table)
    _create()
    _move()
    for table in KEPT:
        op.drop_table(f"old_{table}")


def _create() -> None:
    with op.batch_alter_table("provider_jobs") as jobs:
        jobs.add_column(sa.Column("n_bytes", sa.Integer(), nullable=False, server_default="0"))
        jobs.add_column(sa.Column("estimated_cost_usd", sa.Float(), nullable=True))
    with op.batch_alter_table("provider_jobs") as jobs:
        jobs.alter_column("n_bytes", server_default=None)
    op.create_table(
        "frames",
        sa.Column("frame_id", sa.String(64), nullable=False),
        sa.Column("provider", sa.String(20), nullable=False),
        sa.Column("path", sa.String(100), nullable=False),
        sa.Column("head", sa.Text(), nullable=False),
        sa.Column("middle", sa.Text(), nullable=False),
        sa.Column("tail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("frame_id", name="pk_frames"),
    )
    op.create_table(
        "fragments",
        sa.Column("fragment_id", sa.String(64), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("fragment_id", name="pk_fragments"),
    )
    op.create_table(
        "requests",
        sa.Column("custom_id", sa.String(64), nullable=False),
        sa.Column("batch_id", sa.String(60), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("pair_id", sa.String(40), nullable=False),
        sa.Column("essay_a_id", sa.String(100), nullable=False),
        sa.Column("essay_b_id", sa.String(100), nullable=False),
        sa.Column("wave", sa.Integer(), nullable=False),
        sa.Column("replicate", sa.Integer(), nullable=False),
        sa.Column("judge_id", sa.String(100), nullable=False),
        sa.Column("provider", sa.String(20), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("prompt_sha256", sa.String(64), nullable=False),
        sa.Column("frame_id", sa.String(64), nullable=False),
        sa.Column("fragment_a_id", sa.String(64), nullable=False),
        sa.Column("fragment_b_id", sa.String(64), nullable=False),
        sa.Column("n_bytes", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.batch_id"], name="fk_requests_batch_id"),
        sa.ForeignKeyConstraint(["frame_id"], ["frames.frame_id"], name="fk_requests_frame_id"),
        sa.ForeignKeyConstraint(["fragment_a_id"], ["fragments.fragment_id"], name="fk_requests_fragment_a_id"),
        sa.ForeignKeyConstraint(["fragment_b_id"], ["fragments.fragment_id"], name="fk_requests_fragment_b_id"),
        sa.PrimaryKeyConstraint("custom_id", name="pk_requests"),
    )
    op.create_index("ix_requests_batch_id", "requests", ["batch_id"])
    op.create_table(
        "attempts",
        sa.Column("custom_id", sa.String(64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("job_token", sa.String(64), nullable=True),
        sa.Column("sent_at", sa.String(32), nullable=True),
        sa.Column("ended_at", sa.String(32), nullable=True),
        sa.Column("is_final", sa.Boolean(), nullable=False),
        sa.Column("outcome", sa.String(10), nullable=True),
        sa.Column("winner", sa.String(10), nullable=True),
        sa.Column("justification", sa.Text(), nullable=True),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("p_a", sa.Float(), nullable=True),
        sa.Column("error_code", sa.String(40), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=True),
        sa.Column("model", sa.String(200), nullable=True),
        sa.Column("service_tier", sa.String(40), nullable=True),
        sa.Column("input_tokens", sa.Integer(), nullable=True),
        sa.Column("cached_input_tokens", sa.Integer(), nullable=True),
        sa.Column("cache_write_5m_tokens", sa.Integer(), nullable=True),
        sa.Column("cache_write_30m_tokens", sa.Integer(), nullable=True),
        sa.Column("cache_write_1h_tokens", sa.Integer(), nullable=True),
        sa.Column("cache_write_12h_tokens", sa.Integer(), nullable=True),
        sa.Column("output_tokens", sa.Integer(), nullable=True),
        sa.Column("reasoning_tokens", sa.Integer(), nullable=True),
        sa.Column("cost_usd", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["custom_id"], ["requests.custom_id"], name="fk_attempts_custom_id"),
        sa.ForeignKeyConstraint(["job_token"], ["provider_jobs.token"], name="fk_attempts_job_token"),
        sa.PrimaryKeyConstraint("custom_id", "attempt", name="pk_attempts"),
    )
    op.create_index("ix_attempts_job_token", "attempts", ["job_token"])
    final = sa.text("is_final")
    op.create_index("uq_attempts_final", "attempts", ["custom_id"], unique=True, sqlite_where=final, postgresql_where=final)
    op.create_table(
        "replies",
        sa.Column("reply_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("custom_id", sa.String(64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("job_token", sa.String(64), nullable=True),
        sa.Column("received_at", sa.String(32), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["custom_id"], ["requests.custom_id"], name="fk_replies_custom_id"),
        sa.ForeignKeyConstraint(["job_token"], ["provider_jobs.token"], name="fk_replies_job_token"),
        sa.PrimaryKeyConstraint("reply_id", name="pk_replies"),
    )
    op.create_index("ix_replies_custom_id", "replies", ["custom_id"])
    op.create_table(
        "dead_letters",
        sa.Column("dead_letter_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("job_token", sa.String(64), nullable=False),
        sa.Column("file_name", sa.String(200), nullable=False),
        sa.Column("line_number", sa.Integer(), nullable=False),
        sa.Column("reason", sa.String(20), nullable=False),
        sa.Column("custom_id", sa.Text(), nullable=True),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("received_at", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["job_token"], ["provider_jobs.token"], name="fk_dead_letters_job_token"),
        sa.PrimaryKeyConstraint("dead_letter_id", name="pk_dead_letters"),
    )
    op.create_index("ix_dead_letters_job_token", "dead_letters", ["job_token"])
    op.create_table(
        "lanes",
        sa.Column("provider", sa.String(20), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("n_failures", sa.Integer(), nullable=False),
        sa.Column("n_openings", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("retry_at", sa.String(32), nullable=True),
        sa.Column("enqueued_token_limit", sa.Integer(), nullable=True),
        sa.Column("limit_learned_at", sa.String(32), nullable=True),
        sa.Column("updated_at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("provider", "model", name="pk_lanes"),
    )
    op.execute(
        "CREATE VIEW request_bodies AS SELECT r.custom_id, f.head || a.body || f.middle || b.body || f.tail AS body "
        "FROM requests r JOIN frames f ON f.frame_id = r.frame_id "
        "JOIN fragments a ON a.fragment_id = r.fragment_a_id JOIN fragments b ON b.fragment_id = r.fragment_b_id"
    )


def _move() -> None:
    """A body of old becomes a frame of its own around two empty fragments; an outcome of old was a first attempt."""
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    size = "length(CAST(body AS BLOB))" if is_sqlite else "octet_length(body)"
    true, false = ("1", "0") if is_sqlite else ("true", "false")
    asked = "job_token IS NOT NULL OR sent_at IS NOT NULL"
    for statement in (
        f"INSERT INTO fragments (fragment_id, body) SELECT '{EMPTY}', '' WHERE EXISTS (SELECT 1 FROM old_requests)",
        "INSERT INTO frames (frame_id, provider, path, head, middle, tail) SELECT prompt_sha256, min(provider), "
        "CASE min(provider) WHEN 'openai' THEN '/v1/responses' ELSE '/v1/messages' END, min(body), '', '' "
        "FROM old_requests GROUP BY prompt_sha256",
        "INSERT INTO requests (custom_id, batch_id, position, pair_id, essay_a_id, essay_b_id, wave, replicate, judge_id, "
        "provider, model, prompt_sha256, frame_id, fragment_a_id, fragment_b_id, n_bytes) SELECT custom_id, batch_id, "
        "position, pair_id, essay_a_id, essay_b_id, wave, replicate, judge_id, provider, model, prompt_sha256, "
        f"prompt_sha256, '{EMPTY}', '{EMPTY}', {size} FROM old_requests",
        "INSERT INTO attempts (custom_id, attempt, job_token, sent_at, ended_at, is_final, outcome, winner, justification, "
        "confidence, error_code, error_message, model, input_tokens, cached_input_tokens, cache_write_5m_tokens, "
        "cache_write_30m_tokens, cache_write_1h_tokens, cache_write_12h_tokens, output_tokens, reasoning_tokens, cost_usd) "
        f"SELECT r.custom_id, 1, r.job_token, r.sent_at, o.completed_at, CASE WHEN o.custom_id IS NULL THEN {false} "
        f"ELSE {true} END, o.outcome, CASE o.winner_essay_id WHEN r.essay_a_id THEN 'Essay A' WHEN r.essay_b_id THEN "
        "'Essay B' END, o.justification, o.confidence, o.error_code, o.error_message, o.model, o.input_tokens, "
        "o.cached_input_tokens, 0, 0, 0, 0, o.output_tokens, 0, o.cost_usd "
        "FROM old_requests r LEFT JOIN old_outcomes o ON o.custom_id = r.custom_id "
        f"WHERE o.custom_id IS NOT NULL OR {asked}",
        "INSERT INTO replies (custom_id, attempt, job_token, received_at, body) "
        "SELECT custom_id, 1, job_token, received_at, body FROM old_replies ORDER BY reply_id",
        "UPDATE provider_jobs SET n_bytes = coalesce((SELECT sum(r.n_bytes) FROM requests r JOIN attempts a "
        "ON a.custom_id = r.custom_id WHERE a.job_token = provider_jobs.token), 0)",
    ):
        op.execute(statement)
