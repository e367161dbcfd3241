"""Every state that a batch can end in: why it did, what it is to end as, when it was brought back, and its history."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Apply this step; the history of an older batch begins with the state in which it is found."""
    op.add_column("batches", sa.Column("status_reason", sa.Text(), nullable=True))
    op.add_column("batches", sa.Column("ends_as", sa.String(40), nullable=True))
    op.add_column("batches", sa.Column("reopened_at", sa.String(32), nullable=True))
    op.create_table(
        "batch_moves",
        sa.Column("move_id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("batch_id", sa.String(60), nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("from_status", sa.String(40), nullable=True),
        sa.Column("to_status", sa.String(40), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.batch_id"], name="fk_batch_moves_batch_id"),
        sa.PrimaryKeyConstraint("move_id", name="pk_batch_moves"),
    )
    op.create_index("ix_batch_moves_batch_id", "batch_moves", ["batch_id"])
    op.execute("INSERT INTO batch_moves (batch_id, at, to_status) SELECT batch_id, updated_at, status FROM batches")
