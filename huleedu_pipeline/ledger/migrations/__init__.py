"""The ledger's migrations (Alembic), packaged so that an installed version can apply them."""
