"""The sensors: they look, and ask for runs. They never submit, and their skip reasons read like a status line."""

from collections.abc import Iterator

import dagster as dg

from assets.common import cj_batch
from huleedu_pipeline.context import AssessmentContext
from huleedu_pipeline.essays import IntakeError, check_judge, read_batch
from huleedu_pipeline.essays.inbox import arrivals, is_settled
from huleedu_pipeline.judging.spec import HUMAN
from huleedu_pipeline.ledger import BatchStatus, Ledger, UnknownBatchError
from huleedu_pipeline.orchestration.decisions import MAX_FAILED_RUNS, Decision, Due, decide, status_line
from huleedu_pipeline.orchestration.jobs import COLLECT, SUBMIT, collect_batch, submit_batch
from huleedu_pipeline.orchestration.watch import failed_runs, look, runs_in_progress
from huleedu_pipeline.providers.human import WAITS_FOR_JUDGEMENTS
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
        description="Sees batch folders that arrive in the inbox, checks them, and asks for the run that submits each. "
        "A folder with a mistake in it is named in the tick's message, and is tried again as soon as it is mended.",
    )
    def inbox_sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        ledger = Ledger(settings.ledger_url)
        try:
            requests: list[dg.RunRequest] = []
            waiting: list[str] = []
            for request, reason in _arrived(ledger, settings, context.instance):
                if request is not None:
                    requests.append(request)
                if reason:
                    waiting.append(reason)
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
            seen = look(ledger, settings, context.instance, log=context.log)
        finally:
            ledger.close()
        if seen.problems and len(seen.problems) == seen.n_providers_asked:
            # No provider could be seen: a failed look is not an empty one, so the tick fails where everybody sees it.
            raise ProviderError("; ".join(seen.problems))
        decisions = [(situation.batch.batch_id, decide(situation)) for situation in seen.situations]
        requests = [
            _run_request(situation.batch.batch_id, decision)
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


def _run_request(batch_id: str, decision: Decision) -> dg.RunRequest:
    job = JOBS_DUE[decision.due]
    tags = {"huleedu/batch": batch_id, "huleedu/provider_job_id": str(decision.run_key).rpartition(":")[0]}
    return dg.RunRequest(run_key=f"{job}:{decision.run_key}", job_name=job, partition_key=batch_id, tags=tags)


def _arrived(
    ledger: Ledger, settings: Settings, instance: dg.DagsterInstance
) -> Iterator[tuple[dg.RunRequest | None, str | None]]:
    """Yield, for each folder in the inbox, the run to ask for or why none is asked for."""
    for arrival in arrivals(settings.inbox_dir):
        batch_id = arrival.batch_id
        if batch_id is None:
            yield None, f"{arrival.folder.name}: {arrival.problem}"
            continue
        since = None
        try:
            known = ledger.batch(batch_id)
        except UnknownBatchError:
            pass  # new to the ledger: exactly what this sensor is for
        else:
            since = known.reopened_at
            if known.status is not BatchStatus.PENDING:
                continue
        if runs_in_progress(instance, batch_id):
            yield None, f"{batch_id}: a run is in progress"
        elif not is_settled(arrival.folder):
            yield None, f"{batch_id}: still being copied"
        elif (n_failed := failed_runs(instance, batch_id, SUBMIT, since)) >= MAX_FAILED_RUNS:
            yield None, f"{batch_id}: STUCK after {n_failed} failed runs; mend the cause, then run {SUBMIT} by hand"
        else:
            try:
                batch = read_batch(arrival.folder, AssessmentContext(ledger))
                if not ledger.tally(batch_id).n_requests:
                    check_judge(batch)
            except (IntakeError, OSError) as error:
                yield None, str(error)
                continue
            if batch.spec.judge.provider == HUMAN and not ledger.tally(batch_id).n_outcomes:
                yield None, f"{batch_id}: {WAITS_FOR_JUDGEMENTS}"
                continue
            again = f":reopened.{since.timestamp():.0f}" if since else ""
            run_key = f"{SUBMIT}:{batch_id}:{batch.content_sha256[:16]}{again}:{n_failed}"
            yield dg.RunRequest(run_key=run_key, partition_key=batch_id, tags={"huleedu/batch": batch_id}), None
