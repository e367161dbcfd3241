"""What is in the inbox, and which of it is to be submitted now: the same for the sensor, which looks all day, and the night."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from huleedu_pipeline.essays import Batch, IntakeError, check_judge
from huleedu_pipeline.essays.inbox import Arrival, arrivals, is_settled
from huleedu_pipeline.judging.spec import HUMAN
from huleedu_pipeline.ledger import BatchStatus, Ledger, UnknownBatchError
from huleedu_pipeline.orchestration.dead_runs import bury_dead_runs
from huleedu_pipeline.orchestration.decisions import MAX_FAILED_RUNS
from huleedu_pipeline.orchestration.jobs import SUBMIT, run_tags
from huleedu_pipeline.orchestration.watch import failed_runs, runs_in_progress
from huleedu_pipeline.providers.admission import admit
from huleedu_pipeline.providers.human import WAITS_FOR_JUDGEMENTS
from huleedu_pipeline.providers.waiting import let_go, may_wait
from huleedu_pipeline.settings import Settings


@dataclass(frozen=True)
class Ready:
    """A batch that can be submitted, and the run that would do it."""

    batch: Batch
    folder: Path
    request: dg.RunRequest


def due_now(
    ledger: Ledger, settings: Settings, instance: dg.DagsterInstance, *, is_night: bool
) -> tuple[list[dg.RunRequest], list[str]]:
    """Return the runs to ask for, one for each batch in the inbox that is to be submitted now, and what the others wait for.

    Args:
        ledger: The ledger; a batch that has to be blocked is recorded there.
        settings: The installation's settings.
        instance: Dagster's instance, for the runs that there are.
        is_night: Whether the night asks; it submits what waits for it, and leaves the rest to the sensor.

    """
    ready: list[Ready] = []
    notes: list[str] = []
    for arrival in arrivals(settings.inbox_dir):
        found = _look_at(ledger, instance, arrival)
        if isinstance(found, str):
            notes.append(found)
        elif found is not None:
            ready.append(found)
    held = sorted((one for one in ready if may_wait(ledger, settings, one.batch)), key=_arrived_at)
    decided = let_go(ledger, settings, [one.batch for one in held], now=datetime.now(UTC), is_night=is_night)
    notes += [f"{batch_id}: {why}" for batch_id, why in decided.stays.items()]
    at_once = [] if is_night else [one for one in ready if one not in held]
    goes = [one for one in held if one.batch.spec.batch_id in decided.goes]
    return [one.request for one in (*at_once, *goes)], notes


def _arrived_at(ready: Ready) -> tuple[float, str]:
    try:
        return ready.folder.stat().st_ctime, ready.folder.name
    except FileNotFoundError:  # taken away again; the run will say so
        return float("inf"), ready.folder.name


def _look_at(ledger: Ledger, instance: dg.DagsterInstance, arrival: Arrival) -> Ready | str | None:
    """Return a folder's batch if it can be submitted, why it can not be, or nothing where it has been."""
    batch_id = arrival.batch_id
    if batch_id is None:
        return f"{arrival.folder.name}: {arrival.problem}"
    since = None
    try:
        known = ledger.batch(batch_id)
    except UnknownBatchError:
        pass  # new to the ledger: exactly what is looked for
    else:
        since = known.reopened_at
        if known.status is not BatchStatus.PENDING:
            return None
    bury_dead_runs(instance, batch_id)
    if runs_in_progress(instance, batch_id):
        return f"{batch_id}: a run is in progress"
    if not is_settled(arrival.folder):
        return f"{batch_id}: still being copied"
    if (n_failed := failed_runs(instance, batch_id, SUBMIT, since)) >= MAX_FAILED_RUNS:
        return f"{batch_id}: STUCK after {n_failed} failed runs; mend the cause, then run {SUBMIT} by hand"
    try:
        batch = admit(ledger, arrival.folder)
        if not ledger.tally(batch_id).n_requests:
            check_judge(batch)
    except (IntakeError, OSError) as error:
        return "; ".join(str(error).splitlines())
    if batch.spec.judge.provider == HUMAN and not ledger.tally(batch_id).n_outcomes:
        return f"{batch_id}: {WAITS_FOR_JUDGEMENTS}"
    again = f":reopened.{since.timestamp():.0f}" if since else ""
    run_key = f"{SUBMIT}:{batch_id}:{batch.content_sha256[:16]}{again}:{n_failed}"
    tags = run_tags(batch_id, batch.spec.assignment)
    return Ready(batch, arrival.folder, dg.RunRequest(run_key=run_key, partition_key=batch_id, tags=tags))
