"""The sensors: they look, and ask for runs. They never submit, and their skip reasons read like a status line."""

import dagster as dg

from assets.common import cj_batch
from huleedu_pipeline.ledger import BatchStatus, Ledger
from huleedu_pipeline.logs import bound
from huleedu_pipeline.orchestration.arrivals import due_now
from huleedu_pipeline.orchestration.dead_runs import bury_dead_runs
from huleedu_pipeline.orchestration.decisions import Decision, Due, Situation, decide, status_line
from huleedu_pipeline.orchestration.jobs import COLLECT, SUBMIT, collect_batch, run_tags, submit_batch
from huleedu_pipeline.orchestration.watch import look
from huleedu_pipeline.providers.protocols import ProviderError
from huleedu_pipeline.settings import Settings

JOBS_DUE = {Due.SUBMIT: SUBMIT, Due.COLLECT: COLLECT}


def build_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """Return the sensors of an installation with these settings; they run unless they are switched off in the UI."""

    @dg.sensor(
        name="inbox_sensor",
        job=submit_batch,
        minimum_interval_seconds=10,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Sees batch folders that arrive in the inbox, checks them, and asks for the run that submits each, or "
        "leaves it to the night where HULEEDU_BATCH_API_MODE says so. A folder with a mistake in it is named in the tick's "
        "message, and is tried again as soon as it is mended.",
    )
    def inbox_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        ledger = Ledger(settings.ledger_url)
        try:
            with bound(command="inbox_sensor"):
                requests, waiting = due_now(ledger, settings, context.instance, is_night=False)
        finally:
            ledger.close()
        return dg.SensorResult(
            run_requests=requests,
            dynamic_partitions_requests=_new_partitions(context.instance, requests),
            skip_reason=None if requests else "; ".join(waiting) or "the inbox holds nothing new",
        )

    @dg.sensor(
        name="provider_jobs_sensor",
        jobs=[collect_batch, submit_batch],
        minimum_interval_seconds=30,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Looks at the providers' batch jobs, records what it sees, and asks for the run that collects a batch "
        "when all its jobs have finished. It only reads at the provider and never submits.",
    )
    def provider_jobs_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        ledger = Ledger(settings.ledger_url)
        try:
            with bound(command="provider_jobs_sensor"):
                for batch in ledger.batches():
                    if not batch.is_published and (n_dead := bury_dead_runs(context.instance, batch.batch_id)):
                        context.log.warning(
                            "%s: %d runs are marked as failed, because their process is gone", batch.batch_id, n_dead
                        )
                seen = look(ledger, settings, context.instance, log=context.log)
        finally:
            ledger.close()
        if seen.problems and len(seen.problems) == seen.n_providers_asked:
            # No provider could be seen: a failed look is not an empty one, so the tick fails where everybody sees it.
            raise ProviderError("; ".join(seen.problems))
        decisions = [(situation.batch.batch_id, decide(situation)) for situation in seen.situations]
        requests = [
            _run_request(situation, decision)
            for situation, (_, decision) in zip(seen.situations, decisions, strict=True)
            # A batch that is still pending is the inbox_sensor's.
            if decision.due in JOBS_DUE and situation.batch.status is not BatchStatus.PENDING
        ]
        line = "; ".join([status_line(decisions), *seen.problems])
        return dg.SensorResult(
            run_requests=requests,
            # A batch that was cancelled before it was first run has no partition yet.
            dynamic_partitions_requests=_new_partitions(context.instance, requests),
            skip_reason=None if requests else line,
        )

    return [inbox_sensor, provider_jobs_sensor]


def _new_partitions(instance: dg.DagsterInstance, requests: list[dg.RunRequest]) -> list[dg.AddDynamicPartitionsRequest]:
    keys = [request.partition_key for request in requests if request.partition_key is not None]
    new = [key for key in keys if not instance.has_dynamic_partition(str(cj_batch.name), key)]
    return [cj_batch.build_add_request(new)] if new else []


def _run_request(situation: Situation, decision: Decision) -> dg.RunRequest:
    job, batch = JOBS_DUE[decision.due], situation.batch
    tags = run_tags(batch.batch_id, batch.assignment, situation.jobs)
    return dg.RunRequest(run_key=f"{job}:{decision.run_key}", job_name=job, partition_key=batch.batch_id, tags=tags)
