"""The spell check of each essay of a batch, by which the judged texts are fixed."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Apply this step; an older batch has no spell check, and its texts were judged as they were written."""
    op.create_table(
        "spell_checks",
        sa.Column("batch_id", sa.String(60), nullable=False),
        sa.Column("essay_id", sa.String(100), nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("judged_sha256", sa.String(64), nullable=True),
        sa.Column("n_words", sa.Integer(), nullable=True),
        sa.Column("corrections", sa.Text(), nullable=True),
        sa.Column("updated_at", sa.String(32), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.batch_id"], name="fk_spell_checks_batch_id"),
        sa.PrimaryKeyConstraint("batch_id", "essay_id", name="pk_spell_checks"),
    )
