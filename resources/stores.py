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
    """The published DuckDB file."""

    path: str = Field(description="The file that analysts open.")

    def publish(self, lake: Lake) -> Publication:
        """Publish the lake; see :func:`huleedu_pipeline.lake.publish`."""
        return publish(lake, Path(self.path))
