"""Why a batch is judged in the mode that it is, and the batches that were not taken in for want of something."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Apply this step; of an older batch it is not known why it has its mode."""
    op.add_column("batches", sa.Column("llm_batching_mode_reason", sa.Text(), nullable=True))
    op.create_table(
        "prerequisite_blocks",
        sa.Column("batch_id", sa.String(60), nullable=False),
        sa.Column("content_sha256", sa.String(64), nullable=False),
        sa.Column("code", sa.String(40), nullable=False),
        sa.Column("pipeline_name", sa.String(40), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("batch_id", "content_sha256", "code", name="pk_prerequisite_blocks"),
    )
