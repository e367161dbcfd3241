"""The night's schedules: what waits for the night is submitted, and the warehouse is published anew every morning.

Not here: what waits for the night (:mod:`.arrivals`), or when a night begins for the limit on its cost.
"""

import dagster as dg

from assets.common import cj_batch
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.logs import bound, events
from huleedu_pipeline.orchestration.arrivals import due_now
from huleedu_pipeline.orchestration.jobs import rebuild_warehouse, submit_batch
from huleedu_pipeline.settings import Settings

PUBLISHED_HOURS_LATER = 4


def build_nightly_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """Return the night's schedules of an installation with these settings; they run unless switched off in the UI."""
    at, zone = settings.nightly_at, settings.nightly_time_zone

    @dg.schedule(
        name="nightly_submission",
        job=submit_batch,
        cron_schedule=f"{at.minute} {at.hour} * * *",
        execution_timezone=zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Submits every batch in provider_batch_api mode that waits for the night, one run each, as far as "
        "HULEEDU_MAX_COST_USD_PER_NIGHT has room for. Does nothing while HULEEDU_BATCH_API_MODE is disabled.",
    )
    def nightly_submission(context: dg.ScheduleEvaluationContext) -> list[dg.RunRequest] | dg.SkipReason:
        if settings.batch_api_mode == "disabled":
            return dg.SkipReason("HULEEDU_BATCH_API_MODE is disabled: the inbox_sensor submits batches as they arrive")
        ledger = Ledger(settings.ledger_url)
        try:
            with bound(command="nightly_submission"):
                requests, waiting = due_now(ledger, settings, context.instance, is_night=True)
        finally:
            ledger.close()
        events.NIGHT_DECIDED.tell(n_submitted=len(requests), n_left=len(waiting))
        if not requests:
            return dg.SkipReason("; ".join(waiting) or "no batch waits for the night")
        for line in waiting:
            context.log.info(line)
        # A schedule's tick can not ask for partitions as a sensor's can; a key that is there already stays.
        keys = [str(request.partition_key) for request in requests]
        context.instance.add_dynamic_partitions(str(cj_batch.name), keys)
        return requests

    morning = dg.ScheduleDefinition(
        name="morning_publication",
        job=rebuild_warehouse,
        cron_schedule=f"{at.minute} {(at.hour + PUBLISHED_HOURS_LATER) % 24} * * *",
        execution_timezone=zone,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Publishes the warehouse anew once a day, whether or not a batch has ended, so that its freshness tells "
        "whether the daemon is alive.",
    )
    return [nightly_submission, morning]
