"""Alembic's entry point: runs the migrations on the connection that :func:`huleedu_pipeline.ledger.database.migrate` gives."""

from alembic import context

from huleedu_pipeline.ledger.schema import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
