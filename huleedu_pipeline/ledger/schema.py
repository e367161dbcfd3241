"""The ledger's tables (SQLAlchemy Core). Migrations in ``migrations/`` make them; a test holds the two together.

The ledger is the record of what was asked, what was bought and what came back. A request is one question; each time it is
put to a provider is an attempt; the attempt that ends it is marked final, and there can be only one. Rows of ``replies``,
``dead_letters``, ``provider_job_events``, ``batch_moves``, ``planned_waves``, ``serial_bundles``, ``workflow_decisions``,
``scalings``, ``prerequisite_blocks``, ``prompt_fetch_failures``, ``context_events`` and ``context_refusals`` are only ever
added. Sums over rows, which the database itself keeps, are declared in :mod:`.totals`.
What an attempt came to is never changed; only ``huleedu retry`` takes the mark of being final from one without a verdict.
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa


class UtcInstant(sa.types.TypeDecorator[datetime]):
    """An instant in UTC with microseconds, stored as ISO text so that it reads the same on every database."""

    impl = sa.String(32)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> str | None:  # noqa: ARG002, D102
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("an instant without a time zone can not be recorded")
        return value.astimezone(UTC).isoformat(timespec="microseconds")

    def process_result_value(self, value: Any | None, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002, D102
        return None if value is None else datetime.fromisoformat(value)


metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

batches = sa.Table(
    "batches",
    metadata,
    sa.Column("batch_id", sa.String(60), primary_key=True),
    sa.Column("status", sa.String(40), nullable=False, index=True),
    sa.Column("llm_batching_mode", sa.String(20), nullable=False),
    sa.Column("judge_backend", sa.String(20), nullable=False),
    sa.Column("content_sha256", sa.String(64), nullable=False),
    sa.Column("original_request", sa.Text, nullable=False),
    sa.Column("n_essays", sa.Integer, nullable=False),
    sa.Column("n_anchors", sa.Integer, nullable=False),
    sa.Column("created_at", UtcInstant, nullable=False),
    sa.Column("updated_at", UtcInstant, nullable=False),
    sa.Column("completed_at", UtcInstant),
    sa.Column("published_at", UtcInstant),
    sa.Column("status_reason", sa.Text),
    sa.Column("ends_as", sa.String(40)),
    sa.Column("reopened_at", UtcInstant),
    sa.Column("assignment_id", sa.String(60)),
    sa.Column("assignment_version", sa.Integer),
    sa.Column("llm_batching_mode_reason", sa.Text),
    sa.Column("correlation_id", sa.String(36)),
    sa.Column("max_cost_usd", sa.Float),
)

# A batch that was not taken in because something that it needs was not there; it need not be in the ledger otherwise.
prerequisite_blocks = sa.Table(
    "prerequisite_blocks",
    metadata,
    sa.Column("batch_id", sa.String(60), primary_key=True),
    sa.Column("content_sha256", sa.String(64), primary_key=True),
    sa.Column("code", sa.String(40), primary_key=True),
    sa.Column("pipeline_name", sa.String(40), nullable=False),
    sa.Column("at", UtcInstant, nullable=False),
)

# Why prompt or rubric of a batch could not be fetched; the same content counts once.
prompt_fetch_failures = sa.Table(
    "prompt_fetch_failures",
    metadata,
    sa.Column("batch_id", sa.String(60), primary_key=True),
    sa.Column("content_sha256", sa.String(64), primary_key=True),
    sa.Column("reason", sa.String(40), primary_key=True),
    sa.Column("at", UtcInstant, nullable=False),
)

batch_moves = sa.Table(
    "batch_moves",
    metadata,
    sa.Column("move_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("batch_id", sa.String(60), sa.ForeignKey("batches.batch_id"), nullable=False, index=True),
    sa.Column("at", UtcInstant, nullable=False),
    sa.Column("from_status", sa.String(40)),
    sa.Column("to_status", sa.String(40), nullable=False),
    sa.Column("reason", sa.Text),
    # Who moved it, where that was neither the batch's own run nor a person.
    sa.Column("moved_by", sa.String(20)),
)

# When requests were accepted: one row for each wave of a batch, in the transaction that recorded its requests.
planned_waves = sa.Table(
    "planned_waves",
    metadata,
    sa.Column("batch_id", sa.String(60), sa.ForeignKey("batches.batch_id"), primary_key=True),
    sa.Column("wave", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("at", UtcInstant),
    sa.Column("provider", sa.String(20), nullable=False),
    sa.Column("model", sa.String(200), nullable=False),
    sa.Column("n_requests", sa.Integer, nullable=False),
)

workflow_decisions = sa.Table(
    "workflow_decisions",
    metadata,
    sa.Column("decision_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("batch_id", sa.String(60), sa.ForeignKey("batches.batch_id"), nullable=False, index=True),
    sa.Column("at", UtcInstant, nullable=False),
    sa.Column("wave", sa.Integer, nullable=False),
    sa.Column("decision", sa.String(40), nullable=False),
    sa.Column("reason", sa.String(40), nullable=False),
)

# How precise the final ranking of a batch was.
scalings = sa.Table(
    "scalings",
    metadata,
    sa.Column("batch_id", sa.String(60), sa.ForeignKey("batches.batch_id"), primary_key=True),
    sa.Column("at", UtcInstant, nullable=False),
    sa.Column("n_essays", sa.Integer, nullable=False),
    sa.Column("n_comparisons", sa.Integer, nullable=False),
    sa.Column("mean_theta_se", sa.Float, nullable=False),
    sa.Column("max_theta_se", sa.Float, nullable=False),
    sa.Column("is_se_inflated", sa.Boolean, nullable=False),
    sa.Column("is_coverage_sparse", sa.Boolean, nullable=False),
)

# Requests of one judge that are asked one after another.
serial_bundles = sa.Table(
    "serial_bundles",
    metadata,
    sa.Column("bundle_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("batch_id", sa.String(60), sa.ForeignKey("batches.batch_id"), nullable=False, index=True),
    sa.Column("at", UtcInstant, nullable=False),
    sa.Column("provider", sa.String(20), nullable=False),
    sa.Column("model", sa.String(200), nullable=False),
    sa.Column("n_requests", sa.Integer, nullable=False),
)

# The spell check of each essay of a batch: made once, and followed by whatever comes after it.
spell_checks = sa.Table(
    "spell_checks",
    metadata,
    sa.Column("batch_id", sa.String(60), sa.ForeignKey("batches.batch_id"), primary_key=True),
    sa.Column("essay_id", sa.String(100), primary_key=True),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("judged_sha256", sa.String(64)),
    sa.Column("n_words", sa.Integer),
    sa.Column("corrections", sa.Text),
    sa.Column("updated_at", UtcInstant, nullable=False),
)

provider_jobs = sa.Table(
    "provider_jobs",
    metadata,
    sa.Column("token", sa.String(64), primary_key=True),
    sa.Column("batch_id", sa.String(60), sa.ForeignKey("batches.batch_id"), nullable=False, index=True),
    sa.Column("provider", sa.String(20), nullable=False),
    sa.Column("model", sa.String(200), nullable=False),
    sa.Column("state", sa.String(20), nullable=False, index=True),
    sa.Column("provider_job_id", sa.String(200), unique=True),
    sa.Column("input_file_id", sa.String(200)),
    sa.Column("provider_status", sa.String(40)),
    sa.Column("last_error", sa.Text),
    sa.Column("n_requests", sa.Integer, nullable=False),
    sa.Column("n_bytes", sa.Integer, nullable=False),
    sa.Column("estimated_cost_usd", sa.Float),
    sa.Column("created_at", UtcInstant, nullable=False),
    sa.Column("intent_at", UtcInstant),
    sa.Column("create_attempted_at", UtcInstant),
    sa.Column("refused_job_ids", sa.Text),
    sa.Column("submitted_at", UtcInstant),
    sa.Column("ended_at", UtcInstant),
    sa.Column("collected_at", UtcInstant),
)

provider_job_events = sa.Table(
    "provider_job_events",
    metadata,
    sa.Column("event_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("token", sa.String(64), sa.ForeignKey("provider_jobs.token"), nullable=False, index=True),
    sa.Column("at", UtcInstant, nullable=False),
    sa.Column("from_state", sa.String(20)),
    sa.Column("to_state", sa.String(20), nullable=False),
    sa.Column("detail", sa.Text),
    # How long the provider had the job, where this event is its end there.
    sa.Column("provider_seconds", sa.Float),
)

# A request's body is frame.head + fragment A + frame.middle + fragment B + frame.tail: what all requests of a judge share
# is stored once, and each essay once, instead of a copy of both essays in every request.
frames = sa.Table(
    "frames",
    metadata,
    sa.Column("frame_id", sa.String(64), primary_key=True),
    sa.Column("provider", sa.String(20), nullable=False),
    sa.Column("path", sa.String(100), nullable=False),
    sa.Column("head", sa.Text, nullable=False),
    sa.Column("middle", sa.Text, nullable=False),
    sa.Column("tail", sa.Text, nullable=False),
)

fragments = sa.Table(
    "fragments",
    metadata,
    sa.Column("fragment_id", sa.String(64), primary_key=True),
    sa.Column("body", sa.Text, nullable=False),
)

requests = sa.Table(
    "requests",
    metadata,
    sa.Column("custom_id", sa.String(64), primary_key=True),
    sa.Column("batch_id", sa.String(60), sa.ForeignKey("batches.batch_id"), nullable=False, index=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("pair_id", sa.String(40), nullable=False),
    sa.Column("essay_a_id", sa.String(100), nullable=False),
    sa.Column("essay_b_id", sa.String(100), nullable=False),
    sa.Column("wave", sa.Integer, nullable=False),
    sa.Column("replicate", sa.Integer, nullable=False),
    sa.Column("judge_id", sa.String(100), nullable=False),
    sa.Column("provider", sa.String(20), nullable=False),
    sa.Column("model", sa.String(200), nullable=False),
    sa.Column("prompt_sha256", sa.String(64), nullable=False),
    sa.Column("frame_id", sa.String(64), sa.ForeignKey("frames.frame_id"), nullable=False),
    sa.Column("fragment_a_id", sa.String(64), sa.ForeignKey("fragments.fragment_id"), nullable=False),
    sa.Column("fragment_b_id", sa.String(64), sa.ForeignKey("fragments.fragment_id"), nullable=False),
    sa.Column("n_bytes", sa.Integer, nullable=False),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("custom_id", sa.String(64), sa.ForeignKey("requests.custom_id"), primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("job_token", sa.String(64), sa.ForeignKey("provider_jobs.token"), index=True),
    sa.Column("accepted_at", UtcInstant),
    sa.Column("sent_at", UtcInstant),
    sa.Column("ended_at", UtcInstant),
    sa.Column("is_final", sa.Boolean, nullable=False),
    # Whether it was final when it ended; ``is_final`` can be taken from it, this can not.
    sa.Column("was_final", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("outcome", sa.String(10)),
    sa.Column("winner", sa.String(10)),
    sa.Column("justification", sa.Text),
    sa.Column("confidence", sa.Float),
    sa.Column("p_a", sa.Float),
    sa.Column("error_code", sa.String(40)),
    sa.Column("error_message", sa.Text),
    sa.Column("model", sa.String(200)),
    sa.Column("service_tier", sa.String(40)),
    sa.Column("input_tokens", sa.Integer),
    sa.Column("cached_input_tokens", sa.Integer),
    sa.Column("cache_write_5m_tokens", sa.Integer),
    sa.Column("cache_write_30m_tokens", sa.Integer),
    sa.Column("cache_write_1h_tokens", sa.Integer),
    sa.Column("cache_write_12h_tokens", sa.Integer),
    sa.Column("output_tokens", sa.Integer),
    sa.Column("reasoning_tokens", sa.Integer),
    sa.Column("cost_usd", sa.Float),
    sa.Column("cache_result", sa.String(10)),
)
# Every request ends with exactly one outcome: the database itself refuses a second one.
sa.Index(
    "uq_attempts_final",
    attempts.c.custom_id,
    unique=True,
    sqlite_where=attempts.c.is_final,
    postgresql_where=attempts.c.is_final,
)

replies = sa.Table(
    "replies",
    metadata,
    sa.Column("reply_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("custom_id", sa.String(64), sa.ForeignKey("requests.custom_id"), nullable=False, index=True),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("job_token", sa.String(64), sa.ForeignKey("provider_jobs.token")),
    sa.Column("received_at", UtcInstant, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)

dead_letters = sa.Table(
    "dead_letters",
    metadata,
    sa.Column("dead_letter_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("job_token", sa.String(64), sa.ForeignKey("provider_jobs.token"), nullable=False, index=True),
    sa.Column("file_name", sa.String(200), nullable=False),
    sa.Column("line_number", sa.Integer, nullable=False),
    sa.Column("reason", sa.String(20), nullable=False),
    sa.Column("custom_id", sa.Text),
    sa.Column("raw", sa.Text, nullable=False),
    sa.Column("received_at", UtcInstant, nullable=False),
)

# How a provider's model takes calls now: its circuit breaker, and what was learned of its limit on enqueued tokens.
lanes = sa.Table(
    "lanes",
    metadata,
    sa.Column("provider", sa.String(20), primary_key=True),
    sa.Column("model", sa.String(200), primary_key=True),
    sa.Column("state", sa.String(10), nullable=False),
    sa.Column("n_failures", sa.Integer, nullable=False),
    sa.Column("n_openings", sa.Integer, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("retry_at", UtcInstant),
    sa.Column("enqueued_token_limit", sa.Integer),
    sa.Column("limit_learned_at", UtcInstant),
    sa.Column("updated_at", UtcInstant, nullable=False),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("until", UtcInstant, nullable=False),
)

# The assessment context. A text stands here once, by its hash; a version of an assignment is never changed, and an anchor
# is part of every version from ``from_version`` up to, but not including, ``to_version``.
context_texts = sa.Table(
    "context_texts",
    metadata,
    sa.Column("text_sha256", sa.String(64), primary_key=True),
    sa.Column("text", sa.Text, nullable=False),
)

grade_scales = sa.Table(
    "grade_scales",
    metadata,
    sa.Column("scale_id", sa.String(60), primary_key=True),
    sa.Column("definition", sa.Text, nullable=False),
    sa.Column("created_at", UtcInstant, nullable=False),
    sa.Column("created_by", sa.String(100), nullable=False),
)

assignments = sa.Table(
    "assignments",
    metadata,
    sa.Column("assignment_id", sa.String(60), primary_key=True),
    sa.Column("grade_scale", sa.String(60), nullable=False),
    sa.Column("context_origin", sa.String(20), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("created_at", UtcInstant, nullable=False),
    sa.Column("deleted_at", UtcInstant),
)

assignment_versions = sa.Table(
    "assignment_versions",
    metadata,
    sa.Column("assignment_id", sa.String(60), sa.ForeignKey("assignments.assignment_id"), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("instructions_sha256", sa.String(64), sa.ForeignKey("context_texts.text_sha256"), nullable=False),
    sa.Column("prompt_sha256", sa.String(64), sa.ForeignKey("context_texts.text_sha256")),
    sa.Column("rubric_sha256", sa.String(64), sa.ForeignKey("context_texts.text_sha256")),
    sa.Column("created_at", UtcInstant, nullable=False),
    sa.Column("created_by", sa.String(100), nullable=False),
)

assignment_anchors = sa.Table(
    "assignment_anchors",
    metadata,
    sa.Column("assignment_id", sa.String(60), sa.ForeignKey("assignments.assignment_id"), primary_key=True),
    sa.Column("grade_scale", sa.String(60), primary_key=True),
    sa.Column("label", sa.String(100), primary_key=True),
    sa.Column("from_version", sa.Integer, primary_key=True),
    sa.Column("to_version", sa.Integer),
    sa.Column("grade", sa.String(20), nullable=False),
    sa.Column("text_sha256", sa.String(64), sa.ForeignKey("context_texts.text_sha256"), nullable=False),
)

context_events = sa.Table(
    "context_events",
    metadata,
    sa.Column("event_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", UtcInstant, nullable=False),
    sa.Column("actor", sa.String(100), nullable=False),
    sa.Column("action", sa.String(20), nullable=False),
    sa.Column("subject", sa.String(20), nullable=False),
    sa.Column("subject_id", sa.String(60), nullable=False, index=True),
    sa.Column("version", sa.Integer),
    sa.Column("detail", sa.Text, nullable=False),
)

# Writes to the context that were refused; nothing of them was written.
context_refusals = sa.Table(
    "context_refusals",
    metadata,
    sa.Column("refusal_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", UtcInstant, nullable=False),
    sa.Column("action", sa.String(20), nullable=False),
    sa.Column("subject", sa.String(20), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
)
