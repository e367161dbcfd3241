"""Intake and paid work as a Dagster resource: this installation's settings, put to use."""

from typing import Any

import dagster as dg
from pydantic import Field

from huleedu_pipeline.content import ContentStore, Reference
from huleedu_pipeline.essays import Batch
from huleedu_pipeline.essays.batch_folder import original_files
from huleedu_pipeline.essays.inbox import find
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.providers.admission import admit
from huleedu_pipeline.providers.advance import Advance, advance_batch
from huleedu_pipeline.providers.budget import Limit, limits_on
from huleedu_pipeline.providers.nights import Night
from huleedu_pipeline.providers.planning import planned_spec, register
from huleedu_pipeline.providers.recovery import Recovered, recover_batch
from huleedu_pipeline.settings import Settings


class PaidWorkResource(dg.ConfigurableResource[None]):
    """What may read the inbox and spend money; holds the settings, which contain no secrets."""

    settings: dict[str, Any] = Field(description="The installation's settings (HULEEDU_…), without any key.")

    @property
    def _settings(self) -> Settings:
        return Settings(**self.settings)

    def read(self, ledger: Ledger, batch_id: str) -> Batch:
        """Read a batch from the inbox as it is now; registers nothing.

        Raises:
            HuleeduError: there is no such batch, or it or its assignment can not be used.

        """
        return admit(ledger, find(self._settings.inbox_dir, batch_id))

    def take_in(self, ledger: Ledger, batch_id: str) -> Batch:
        """Read a batch from the inbox, validate it and register it in the ledger.

        Raises:
            HuleeduError: there is no such batch, it or its assignment can not be used, or it differs from what was planned
                under its name.

        """
        batch = self.read(ledger, batch_id)
        register(ledger, self._settings, batch)
        return batch

    def keep_content(self, batch: Batch) -> None:
        """Keep a batch's texts, and the originals as they lie in the inbox, in the content store; the ledger has the batch.

        Raises:
            HuleeduError: a file is no longer what was read.

        """
        batch_id = batch.spec.batch_id
        references = [Reference(e.essay_id, e.file_name, e.text_sha256, e.original_sha256) for e in batch.essays]
        texts = {essay.text_sha256: essay.text for essay in batch.essays}
        originals = original_files(find(self._settings.inbox_dir, batch_id), batch)
        ContentStore(self._settings.content_dir).keep(batch_id, references, texts, originals)

    def recover(self, ledger: Ledger, batch_id: str) -> Recovered:
        """End a batch that is past its deadline; see :func:`huleedu_pipeline.providers.recovery.recover_batch`."""
        return recover_batch(ledger, self._settings, batch_id)

    def limits(self, ledger: Ledger, batch_id: str) -> list[Limit]:
        """Return the limits on a batch's cost; see :func:`huleedu_pipeline.providers.budget.limits_on`."""
        own, night = planned_spec(ledger, batch_id).max_cost_usd, Night.of(self._settings)
        return limits_on(ledger, ledger.batch(batch_id), own, self._settings.max_cost_usd_per_night, night)

    def advance(self, ledger: Ledger, batch_id: str) -> Advance:
        """Advance a batch's paid work; see :func:`huleedu_pipeline.providers.advance.advance_batch`."""
        return advance_batch(ledger, self._settings, batch_id)
