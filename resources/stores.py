"""The three stores as Dagster resources; each opens the domain object that notebooks and tests use directly."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
from pydantic import Field

from huleedu_pipeline.lake import Lake, Publication, publish
from huleedu_pipeline.ledger import Ledger


class LakeResource(dg.ConfigurableResource[Lake]):
    """The Parquet lake."""

    root: str = Field(description="Folder of the lake.")

    def open(self) -> Lake:
        """Return the lake."""
        return Lake(Path(self.root))


class LedgerResource(dg.ConfigurableResource[Ledger]):
    """The ledger of requests, provider jobs and answers."""

    url: str = Field(description="SQLAlchemy URL of the ledger's database.")

    @contextmanager
    def open(self) -> Iterator[Ledger]:
        """Open the ledger for the length of a ``with`` block; it is migrated where needed."""
        ledger = Ledger(self.url)
        try:
            yield ledger
        finally:
            ledger.close()


class WarehouseResource(dg.ConfigurableResource[None]):
    """The published DuckDB file and, where one is configured, the same tables in Postgres."""

    path: str = Field(description="The file that analysts open.")
    database_url: str | None = Field(default=None, description="SQLAlchemy URL of a Postgres database, without a password.")

    def publish(self, lake: Lake) -> Publication:
        """Publish the lake; see :func:`huleedu_pipeline.lake.publish` and :func:`.lake.postgres.publish_to_postgres`.

        What is left out of one of the two is left out.
        """
        done = publish(lake, Path(self.path))
        if self.database_url is None:
            return done
        from huleedu_pipeline.lake.postgres import publish_to_postgres

        too = publish_to_postgres(lake, self.database_url)
        return Publication(done.rows, tuple(dict.fromkeys(done.left_out + too.left_out)))
