"""The assessment context: assignments in versions, their anchors, texts by hash, own grade scales, and who wrote what."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Apply this step."""
    op.add_column("batches", sa.Column("assignment_id", sa.String(60), nullable=True))
    op.add_column("batches", sa.Column("assignment_version", sa.Integer(), nullable=True))
    op.create_table(
        "context_texts",
        sa.Column("text_sha256", sa.String(64), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("text_sha256", name="pk_context_texts"),
    )
    op.create_table(
        "grade_scales",
        sa.Column("scale_id", sa.String(60), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("created_by", sa.String(100), nullable=False),
        sa.PrimaryKeyConstraint("scale_id", name="pk_grade_scales"),
    )
    op.create_table(
        "assignments",
        sa.Column("assignment_id", sa.String(60), nullable=False),
        sa.Column("grade_scale", sa.String(60), nullable=False),
        sa.Column("context_origin", sa.String(20), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("deleted_at", sa.String(32), nullable=True),
        sa.PrimaryKeyConstraint("assignment_id", name="pk_assignments"),
    )
    op.create_table(
        "assignment_versions",
        sa.Column("assignment_id", sa.String(60), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("instructions_sha256", sa.String(64), nullable=False),
        sa.Column("prompt_sha256", sa.String(64), nullable=True),
        sa.Column("rubric_sha256", sa.String(64), nullable=True),
        sa.Column("created_at", sa.String(32), nullable=False),
        sa.Column("created_by", sa.String(100), nullable=False),
        _reference("assignment_versions", "assignment_id", "assignments.assignment_id"),
        _reference("assignment_versions", "instructions_sha256", "context_texts.text_sha256"),
        _reference("assignment_versions", "prompt_sha256", "context_texts.text_sha256"),
        _reference("assignment_versions", "rubric_sha256", "context_texts.text_sha256"),
        sa.PrimaryKeyConstraint("assignment_id", "version", name="pk_assignment_versions"),
    )
    op.create_table(
        "assignment_anchors",
        sa.Column("assignment_id", sa.String(60), nullable=False),
        sa.Column("grade_scale", sa.String(60), nullable=False),
        sa.Column("label", sa.String(100), nullable=False),
        sa.Column("from_version", sa.Integer(), nullable=False),
        sa.Column("to_version", sa.Integer(), nullable=True),
        sa.Column("grade", sa.String(20), nullable=False),
        sa.Column("text_sha256", sa.String(64), nullable=False),
        _reference("assignment_anchors", "assignment_id", "assignments.assignment_id"),
        _reference("assignment_anchors", "text_sha256", "context_texts.text_sha256"),
        sa.PrimaryKeyConstraint("assignment_id", "grade_scale", "label", "from_version", name="pk_assignment_anchors"),
    )
    op.create_table(
        "context_events",
        sa.Column("event_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("actor", sa.String(100), nullable=False),
        sa.Column("action", sa.String(20), nullable=False),
        sa.Column("subject", sa.String(20), nullable=False),
        sa.Column("subject_id", sa.String(60), nullable=False),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("event_id", name="pk_context_events"),
    )
    op.create_index("ix_context_events_subject_id", "context_events", ["subject_id"])


def _reference(table: str, column: str, target: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [target], name=f"fk_{table}_{column}")
