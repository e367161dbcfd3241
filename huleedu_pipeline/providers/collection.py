"""Watching submitted jobs and collecting what they came to.

Watching only reads and records. Collecting downloads the raw result files first, then matches every line by its request
id, never by its place, and records all attempts of a job together; a request that no line answers is recorded as such, and
asked again. A line that ends no request is kept as a dead letter. Jobs that a provider refused are read in :mod:`.refusals`.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from huleedu_pipeline.judging.costs import cost_of
from huleedu_pipeline.judging.outcome import ErrorCode, Outcome, OutcomeKind, failure
from huleedu_pipeline.ledger import Answer, DeadLetter, JobRecord, JobState, Ledger, StaleStateError
from huleedu_pipeline.ledger.states import FINISHED_AT_PROVIDER
from huleedu_pipeline.logs import events
from huleedu_pipeline.logs.spans import span
from huleedu_pipeline.providers.lanes import Lane
from huleedu_pipeline.providers.protocols import JobSnapshot, Lasting, Provider, ProviderError, RejectedError
from huleedu_pipeline.providers.refusals import read_refusal
from huleedu_pipeline.providers.result_table import outcome_of

CLOCK_SKEW = timedelta(minutes=5)
# Both providers promise a job's end within a day, and both keep results for weeks.
OVERDUE = timedelta(hours=48)
# A job or file that is not found, or is not whole, this soon after the end may only not have spread yet.
GRACE = timedelta(minutes=30)
NOT_FOUND = 404
_LASTING: dict[ErrorCode, Lasting] = {ErrorCode.SPEND_LIMIT: "spend_limit", ErrorCode.NO_ACCESS: "no_access"}
_WITHOUT_LINE = {
    JobState.ENDED: (ErrorCode.MISSING_RESULT, "the provider's results hold no line for this request"),
    JobState.EXPIRED: (ErrorCode.BATCH_EXPIRED, "the job expired before this request was answered"),
    JobState.CANCELLED: (ErrorCode.BATCH_CANCELLED, "the job was cancelled before this request was answered"),
}


class IncompleteResultsError(ProviderError):
    """A download that holds fewer results than the provider says it has."""


class ForeignResultsError(ProviderError):
    """A job whose results answer none of our requests: it is not the job we took it for."""


def watch_jobs(ledger: Ledger, provider: Provider, jobs: Iterable[JobRecord]) -> list[JobRecord]:
    """Look at submitted jobs with one listing, record which have finished, and return all of them as they are now.

    A job that the list does not show stays as it is: listings lag, and absence is no proof. One that has not ended two days
    after it was submitted is quarantined: the provider should have ended it, and only a person can ask why not.
    """
    submitted = [job for job in jobs if job.state is JobState.SUBMITTED]
    if not submitted:
        return []
    since = min(job.submitted_at or job.created_at for job in submitted) - CLOCK_SKEW
    seen = {snapshot.provider_job_id: snapshot for snapshot in provider.list_jobs(since)}
    return [_record_state(ledger, job, seen.get(job.provider_job_id or "")) for job in submitted]


def _record_state(ledger: Ledger, job: JobRecord, snapshot: JobSnapshot | None) -> JobRecord:
    try:
        if snapshot is not None and snapshot.state is not None:
            return ledger.move_job(
                job,
                snapshot.state,
                {"status": snapshot.status},
                provider_status=snapshot.status,
                ended_at=snapshot.ended_at or datetime.now(UTC),
                last_error=snapshot.error_message,
            )
        if datetime.now(UTC) - (job.submitted_at or job.created_at) > OVERDUE:
            status = "not in its list" if snapshot is None else snapshot.status
            return ledger.quarantine(job, f"{job.provider_job_id} has not ended after two days ({job.provider}: {status})")
    except StaleStateError:
        return ledger.job(job.token)  # another watcher recorded it first
    if snapshot is None:
        return job
    if not snapshot.is_status_known and snapshot.status != job.provider_status:
        word = snapshot.status if snapshot.status.isidentifier() else None  # or else perhaps a sentence
        events.JOB_STATUS_UNKNOWN.tell(**job.log_fields, provider_status=word)
    return ledger.note_provider_status(job, snapshot.status)


def collect_jobs(ledger: Ledger, provider: Provider, batch_id: str, raw_dir: Path, *, max_attempts: int) -> list[JobRecord]:
    """Collect every finished job of a batch and return those jobs.

    Raises:
        ProviderError: a download failed; the job stays as it is and is collected by the next run.

    """
    finished = ledger.jobs(batch_id, FINISHED_AT_PROVIDER)
    collected = []
    for job in finished:
        with span("collect", **job.log_fields):
            collected.append(_collect(ledger, provider, job, raw_dir, max_attempts))
    return collected


def _collect(ledger: Ledger, provider: Provider, job: JobRecord, raw_dir: Path, max_attempts: int) -> JobRecord:
    try:
        snapshot = provider.retrieve_job(job.provider_job_id or "")
        if job.state is JobState.FAILED and snapshot.state is not None and not snapshot.result_files:
            return read_refusal(ledger, job, snapshot, max_attempts)
        files = provider.download(snapshot, raw_dir / f"batch={job.batch_id}")
    except RejectedError as error:
        if error.status != NOT_FOUND or _is_recent(job):
            raise
        return ledger.quarantine(job, f"the results of {job.provider_job_id} are not there any more: {error}")
    results = _read(provider, files)
    problem = _problem(job, snapshot, results, has_files=bool(files))
    if problem is not None:
        if _is_recent(job):
            raise IncompleteResultsError(
                f"batch {job.batch_id}: {job.provider_job_id} {problem}; nothing was recorded, and the next run downloads again"
            )
        # Lines that are missing from a file that is whole are missing for good; anything else is paid for and not here.
        if results.breaks_off or not results.lines:
            return ledger.quarantine(job, f"{job.provider_job_id} {problem}")
    requests = ledger.requests(job.batch_id, job_token=job.token)
    ours = {request.custom_id for request in requests}
    if results.lines and not ours & results.lines.keys():
        _release(ledger, job, files)
    letters = [*results.letters, *_unknown(results, ours)]
    detail = {
        "files": {file.name: _sha256(file) for file in files},
        "n_lines": results.n_lines,
        "n_dead_letters": len(letters),
        "n_requests_without_line": len(ours - results.lines.keys()),
    }
    answers = [_answer(job, request.custom_id, results) for request in requests]
    collected = ledger.collect_job(job, answers, detail, letters=letters, max_attempts=max_attempts)
    _close_lane(ledger, job, answers)
    return collected


def _is_recent(job: JobRecord) -> bool:
    return datetime.now(UTC) - (job.ended_at or job.created_at) < GRACE


def _problem(job: JobRecord, snapshot: JobSnapshot, results: "_Results", *, has_files: bool) -> str | None:
    """Say why what was downloaded can not be all of a finished job's results, or return ``None`` when it may be."""
    if snapshot.state is None:
        return f"has finished and is shown as {snapshot.status} again"
    if not has_files:
        # An expired or cancelled job may have none, and its counts then tell of requests that were not answered.
        return "has ended and names no results" if job.state is JobState.ENDED else None
    if snapshot.n_results is not None and results.n_lines < snapshot.n_results:
        return f"has {snapshot.n_results} results and the download holds {results.n_lines}"
    return None if results.lines else "has ended and no line of the download names a request"


class _Results:
    """The lines of a job's result files by request, and what could not be matched."""

    def __init__(self) -> None:
        self.lines: dict[str, tuple[str, dict[str, Any]]] = {}
        self.letters: list[DeadLetter] = []
        self.n_lines = 0
        self.n_unreadable = 0
        self.breaks_off = False

    def add(self, file_name: str, row: dict[str, Any]) -> None:
        """Take in one line. Of two lines for one request a success stands against an error, and else the first stands."""
        self.n_lines += 1
        custom_id = row["custom_id"]
        self.breaks_off = custom_id is None  # of the last line: the rest of it, and of the file, did not arrive
        if custom_id is None:
            self.n_unreadable += 1
            self.letters.append(DeadLetter(file_name, row["line_number"], "unreadable", None, row["raw"]))
            return
        kept = self.lines.setdefault(custom_id, (file_name, row))
        if kept[1] is row:
            return
        if kept[1]["kind"] != OutcomeKind.SUCCESS and row["kind"] == OutcomeKind.SUCCESS:
            self.lines[custom_id] = (file_name, row)
            file_name, row, other = kept[0], kept[1], row
        else:
            other = kept[1]
        is_same = all(row[name] == other[name] for name in ("kind", "winner", "error_code"))
        letter = DeadLetter(file_name, row["line_number"], "duplicate" if is_same else "conflict", custom_id, row["raw"])
        self.letters.append(letter)


def _read(provider: Provider, files: list[Path]) -> _Results:
    results = _Results()
    for file in files:
        for batch in provider.read_results(file):
            for row in batch.to_pylist():
                results.add(file.name, row)
    return results


def _unknown(results: _Results, ours: set[str]) -> Iterator[DeadLetter]:
    for custom_id in sorted(results.lines.keys() - ours):
        file_name, row = results.lines[custom_id]
        yield DeadLetter(file_name, row["line_number"], "unknown", custom_id, row["raw"])


def _answer(job: JobRecord, custom_id: str, results: _Results) -> Answer:
    found = results.lines.get(custom_id)
    outcome = _without_line(job, results.n_unreadable) if found is None else outcome_of(found[1])
    completed_at = job.ended_at or datetime.now(UTC)
    raw = None if found is None else str(found[1]["raw"])
    return Answer(custom_id, outcome, cost_of(job.model, outcome, is_batch=True), raw, completed_at)


def _without_line(job: JobRecord, n_unreadable: int) -> Outcome:
    if job.state is JobState.ENDED and n_unreadable:
        return failure(ErrorCode.UNREADABLE_REPLY, f"{n_unreadable} lines of the results can not be read, perhaps this one's")
    code, message = _WITHOUT_LINE[job.state]
    return failure(code, f"{message}: {job.last_error}" if job.last_error else message)


def _close_lane(ledger: Ledger, job: JobRecord, answers: Iterable[Answer]) -> None:
    """Stop asking for a while where lines were refused for what every other request would be refused for too."""
    for answer in answers:
        lasting = _LASTING.get(answer.outcome.error_code) if answer.outcome.error_code else None
        if lasting is not None:
            message = f"{job.provider_job_id}: {answer.outcome.error_message}"
            Lane(ledger, job.provider, job.model).failed(RejectedError(message, lasting=lasting))
            return


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


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
