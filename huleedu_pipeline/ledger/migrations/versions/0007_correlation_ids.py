"""One id for each batch, under which its log lines and its jobs at a provider are found together."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Apply this step; an older batch gets its id now, so jobs of it that were created before do not carry it."""
    op.add_column("batches", sa.Column("correlation_id", sa.String(36), nullable=True))
    batches = sa.table("batches", sa.column("batch_id"), sa.column("correlation_id"))
    connection = op.get_bind()
    for batch_id in list(connection.scalars(sa.select(batches.c.batch_id))):
        changed = batches.update().where(batches.c.batch_id == batch_id).values(correlation_id=str(uuid4()))
        connection.execute(changed)
