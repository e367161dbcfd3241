"""The watch-dog's schedule and job: every five minutes a look into the ledger, and a run only when a batch is to be ended."""

from datetime import UTC, datetime

import dagster as dg
from pydantic import Field

from assets.common import explained
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.providers.recovery import stalled_batches
from huleedu_pipeline.settings import Settings
from resources import LedgerResource, PaidWorkResource

RECOVER = "recover_batches"


class RecoverConfig(dg.Config):
    """Which batches a run of the watch-dog's job is about."""

    batch_ids: list[str] = Field(
        default=[],
        description="Look at these batches only. Empty: at all of them. A batch that is not past its deadline is left alone in "
        "either case.",
    )


@dg.op(description="End every batch that is past its deadline, by the rule of docs/safety.md.")
def end_stalled_batches(
    context: dg.OpExecutionContext, config: RecoverConfig, ledger: LedgerResource, work: PaidWorkResource
) -> None:
    """End what is stalled, and say in the log what was done with each batch."""
    with explained(), ledger.open() as book:
        for batch_id in config.batch_ids:
            book.batch(batch_id)  # one that is not there is refused before any other is ended
        for batch in stalled_batches(book, datetime.now(UTC)):
            if config.batch_ids and batch.batch_id not in config.batch_ids:
                continue
            done = work.recover(book, batch.batch_id)
            context.log.info("%s: %s: %s", done.batch_id, done.ends_as or "left as it is", done.reason)


@dg.job(
    name=RECOVER,
    description="End batches that are past their deadline. The same as: huleedu recover",
    # What the launchpad opens with.
    config={"ops": {"end_stalled_batches": {"config": RecoverConfig().model_dump()}}},
    tags={"huleedu/step": "recover"},
)
def recover_batches() -> None:
    """End what is stalled."""
    end_stalled_batches()


def build_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """Return the schedules of an installation with these settings; they run unless they are switched off in the UI."""

    @dg.schedule(
        name="watch_dog",
        job=recover_batches,
        cron_schedule="*/5 * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Looks every five minutes for batches with which nothing happens any more (live: 4 h; provider jobs: "
        "26 h), and asks for the run that ends them.",
    )
    def watch_dog() -> dg.RunRequest | dg.SkipReason:
        ledger = Ledger(settings.ledger_url)
        try:
            stalled = stalled_batches(ledger, datetime.now(UTC))
        finally:
            ledger.close()
        if not stalled:
            return dg.SkipReason("no batch is past its deadline")
        return dg.RunRequest(tags={"huleedu/batches": ", ".join(batch.batch_id for batch in stalled)[:200]})

    return [watch_dog]
