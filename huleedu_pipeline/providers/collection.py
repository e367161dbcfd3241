"""Watching submitted jobs and collecting what they came to.

Watching only reads and records. Collecting downloads the raw result files first, then matches every line by its request
id, never by its place, and records all outcomes of a job together; a request that no line answers is recorded as such.
"""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from huleedu_pipeline.judging.costs import cost_usd
from huleedu_pipeline.judging.outcome import ErrorCode, Outcome, OutcomeKind, failure
from huleedu_pipeline.ledger import Answer, JobRecord, JobState, Ledger, StaleStateError
from huleedu_pipeline.ledger.states import FINISHED_AT_PROVIDER
from huleedu_pipeline.providers.protocols import JobSnapshot, Provider, ProviderError, ResultLine

CLOCK_SKEW = timedelta(minutes=5)
# Outcomes that may have cost something although no usage was reported: their price is unknown, not 0.
PERHAPS_BILLED = frozenset({ErrorCode.MISSING_RESULT, ErrorCode.UNREADABLE_REPLY, ErrorCode.NO_ANSWER})
_WITHOUT_LINE = {
    JobState.ENDED: (ErrorCode.MISSING_RESULT, "the provider's results hold no line for this request"),
    JobState.EXPIRED: (ErrorCode.BATCH_EXPIRED, "the job expired before this request was answered"),
    JobState.CANCELLED: (ErrorCode.BATCH_CANCELLED, "the job was cancelled before this request was answered"),
    JobState.FAILED: (ErrorCode.BATCH_FAILED, "the provider refused the job as a whole"),
}


class IncompleteResultsError(ProviderError):
    """A download that holds fewer results than the provider says it has."""


class ForeignResultsError(ProviderError):
    """A job whose results answer none of our requests: it is not the job we took it for."""


def watch_jobs(ledger: Ledger, provider: Provider, jobs: Iterable[JobRecord]) -> list[JobRecord]:
    """Look at submitted jobs with one listing, record which have finished, and return all of them as they are now.

    A job that the list does not show stays as it is: listings lag, and absence is no proof.
    """
    submitted = [job for job in jobs if job.state is JobState.SUBMITTED]
    if not submitted:
        return []
    since = min(job.submitted_at or job.created_at for job in submitted) - CLOCK_SKEW
    seen = {snapshot.provider_job_id: snapshot for snapshot in provider.list_jobs(since)}
    return [_record_state(ledger, job, seen.get(job.provider_job_id or "")) for job in submitted]


def _record_state(ledger: Ledger, job: JobRecord, snapshot: JobSnapshot | None) -> JobRecord:
    if snapshot is None:
        return job
    if snapshot.state is None:
        return ledger.note_provider_status(job, snapshot.status)
    try:
        return ledger.move_job(
            job,
            snapshot.state,
            {"status": snapshot.status},
            provider_status=snapshot.status,
            ended_at=snapshot.ended_at or datetime.now(UTC),
            last_error=snapshot.error_message,
        )
    except StaleStateError:
        return ledger.job(job.token)  # another watcher recorded it first


def collect_jobs(ledger: Ledger, provider: Provider, batch_id: str, raw_dir: Path) -> list[JobRecord]:
    """Collect every finished job of a batch and return those jobs.

    Raises:
        ProviderError: a download failed; the job stays as it is and is collected by the next run.

    """
    return [_collect(ledger, provider, job, raw_dir) for job in ledger.jobs(batch_id, FINISHED_AT_PROVIDER)]


def _collect(ledger: Ledger, provider: Provider, job: JobRecord, raw_dir: Path) -> JobRecord:
    snapshot = provider.retrieve_job(job.provider_job_id or "")
    # A refused job has no results; every other kind may have some, whatever its status says.
    folder = raw_dir / f"batch={job.batch_id}"
    files = [] if job.state is JobState.FAILED and not snapshot.result_files else provider.download(snapshot, folder)
    lines: dict[str, ResultLine] = {}
    n_lines = n_unreadable = 0
    for file in files:
        for line in provider.read_results(file):
            n_lines += 1
            if line is None:
                n_unreadable += 1
                continue
            kept = lines.get(line.custom_id)
            if kept is None or (kept.outcome.kind is not OutcomeKind.SUCCESS and line.outcome.kind is OutcomeKind.SUCCESS):
                lines[line.custom_id] = line
    if snapshot.n_results is not None and n_lines < snapshot.n_results:
        raise IncompleteResultsError(
            f"batch {job.batch_id}: {job.provider_job_id} has {snapshot.n_results} results and the download holds {n_lines}; "
            "nothing was recorded, and the next run downloads again"
        )
    requests = ledger.requests(job.batch_id, job_token=job.token)
    ours = {request.custom_id for request in requests}
    if lines and not ours & lines.keys():
        _release(ledger, job, files)
    answers = []
    for request in requests:
        found = lines.get(request.custom_id)
        outcome = found.outcome if found else _without_line(job, n_unreadable)
        cost = None if outcome.error_code in PERHAPS_BILLED else cost_usd(request.model, outcome.usage, is_batch=True)
        completed_at = job.ended_at or datetime.now(UTC)
        answers.append(Answer(request.custom_id, outcome, cost, found.raw if found else None, completed_at))
    detail = {
        "files": {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files},
        "n_lines": n_lines,
        "n_unreadable_lines": n_unreadable,
        "n_foreign_lines": len(lines.keys() - ours),
        "n_requests_without_line": len(ours - lines.keys()),
    }
    return ledger.collect_job(job, answers, detail)


def _without_line(job: JobRecord, n_unreadable: int) -> Outcome:
    if job.state is JobState.ENDED and n_unreadable:
        return failure(ErrorCode.UNREADABLE_REPLY, f"{n_unreadable} lines of the results can not be read, perhaps this one's")
    code, message = _WITHOUT_LINE[job.state]
    return failure(code, f"{message}: {job.last_error}" if job.last_error else message)


def _release(ledger: Ledger, job: JobRecord, files: list[Path]) -> None:
    """Let go of a job that proved to be somebody else's: its results are not ours to keep, and ours is looked for again."""
    for file in files:
        file.unlink()
    refused = [*json.loads(job.refused_job_ids or "[]"), job.provider_job_id]
    ledger.move_job(
        job,
        JobState.UNKNOWN,
        {"refused": job.provider_job_id},
        provider_job_id=None,
        submitted_at=None,
        ended_at=None,
        refused_job_ids=json.dumps(refused),
    )
    raise ForeignResultsError(
        f"batch {job.batch_id}: the results of {job.provider_job_id} answer none of its requests; that job belongs to "
        "something else, nothing was recorded, and the next run looks for the right one"
    )
