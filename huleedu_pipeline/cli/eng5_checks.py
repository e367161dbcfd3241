"""The whole preflight of a batch: the installation and its provider, as `huleedu doctor` sees them, and then the batch."""

from datetime import UTC, datetime
from pathlib import Path

from huleedu_pipeline.cli.doctor import examine_before_sending
from huleedu_pipeline.cli.eng5_options import RequestOptions
from huleedu_pipeline.context import AssessmentContext
from huleedu_pipeline.eng5.preflight import examine_batch
from huleedu_pipeline.findings import Finding
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.settings import Settings


def preflight_of(folder: Path, settings: Settings, asked: RequestOptions) -> list[Finding]:
    """Return what stands in the way of judging the batch in ``folder``, and what is to be known; spends nothing.

    Raises:
        IntakeError: a file that an option names can not be used.

    """
    overrides, today = asked.overrides(), datetime.now(UTC).date()
    ledger = Ledger(settings.ledger_url)
    try:
        batch, found = examine_batch(folder, AssessmentContext(ledger), on=today, overrides=overrides)
    finally:
        ledger.close()
    if batch is not None and (other := asked.other_scale(batch.spec)):
        found.append(Finding("fail", "scale", other))
    provider = "" if batch is None else batch.spec.judge.provider
    return [*examine_before_sending(settings, provider), *found]
