"""Intake and paid work as a Dagster resource: this installation's settings, put to use."""

from typing import Any

import dagster as dg
from pydantic import Field

from huleedu_pipeline.context import AssessmentContext
from huleedu_pipeline.essays import Batch, read_batch
from huleedu_pipeline.essays.inbox import find
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.providers.advance import Advance, advance_batch
from huleedu_pipeline.providers.planning import register
from huleedu_pipeline.providers.recovery import Recovered, recover_batch
from huleedu_pipeline.settings import Settings


class PaidWorkResource(dg.ConfigurableResource[None]):
    """What may read the inbox and spend money; holds the settings, which contain no secrets."""

    settings: dict[str, Any] = Field(description="The installation's settings (HULEEDU_…), without any key.")

    @property
    def _settings(self) -> Settings:
        return Settings(**self.settings)

    def take_in(self, ledger: Ledger, batch_id: str) -> Batch:
        """Read a batch from the inbox, validate it and register it in the ledger.

        Raises:
            HuleeduError: there is no such batch, it or its assignment can not be used, or it differs from what was planned
                under its name.

        """
        batch = read_batch(find(self._settings.inbox_dir, batch_id), AssessmentContext(ledger))
        register(ledger, self._settings, batch)
        return batch

    def recover(self, ledger: Ledger, batch_id: str) -> Recovered:
        """End a batch that is past its deadline; see :func:`huleedu_pipeline.providers.recovery.recover_batch`."""
        return recover_batch(ledger, self._settings, batch_id)

    def advance(self, ledger: Ledger, batch_id: str) -> Advance:
        """Advance a batch's paid work; see :func:`huleedu_pipeline.providers.advance.advance_batch`."""
        return advance_batch(ledger, self._settings, batch_id)
