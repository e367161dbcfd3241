"""A batch's limit on cost as a person has changed it, beside the request that was first made."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Apply this step."""
    op.add_column("batches", sa.Column("max_cost_usd", sa.Float, nullable=True))
