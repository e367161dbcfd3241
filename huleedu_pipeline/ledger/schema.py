"""The ledger's tables (SQLAlchemy Core). Migrations in ``migrations/`` make them; a test holds the two together.

The ledger is the record of what was asked, what was bought and what came back. Rows of ``replies``, ``outcomes`` and
``provider_job_events`` are only ever added.
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
    sa.Column("status", sa.String(40), nullable=False),
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
    sa.Column("judge_id", sa.String(40), nullable=False),
    sa.Column("provider", sa.String(20), nullable=False),
    sa.Column("model", sa.String(200), nullable=False),
    sa.Column("prompt_sha256", sa.String(64), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("job_token", sa.String(64), sa.ForeignKey("provider_jobs.token"), index=True),
    sa.Column("sent_at", UtcInstant),
)

replies = sa.Table(
    "replies",
    metadata,
    sa.Column("reply_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("custom_id", sa.String(64), sa.ForeignKey("requests.custom_id"), nullable=False, index=True),
    sa.Column("job_token", sa.String(64), sa.ForeignKey("provider_jobs.token")),
    sa.Column("received_at", UtcInstant, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
)

outcomes = sa.Table(
    "outcomes",
    metadata,
    sa.Column("custom_id", sa.String(64), sa.ForeignKey("requests.custom_id"), primary_key=True),
    sa.Column("outcome", sa.String(10), nullable=False),
    sa.Column("winner_essay_id", sa.String(100)),
    sa.Column("justification", sa.Text),
    sa.Column("confidence", sa.Float),
    sa.Column("error_code", sa.String(40)),
    sa.Column("error_message", sa.Text),
    sa.Column("model", sa.String(200), nullable=False),
    sa.Column("input_tokens", sa.Integer, nullable=False),
    sa.Column("cached_input_tokens", sa.Integer, nullable=False),
    sa.Column("output_tokens", sa.Integer, nullable=False),
    sa.Column("cost_usd", sa.Float),
    sa.Column("requested_at", UtcInstant, nullable=False),
    sa.Column("completed_at", UtcInstant, nullable=False),
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.String(100), primary_key=True),
    sa.Column("owner", sa.String(200), nullable=False),
    sa.Column("until", UtcInstant, nullable=False),
)
