"""OpenAI batches: creation, asynchronous validation, the running of lines, cancellation.

Here: what a batch does when it is looked at. Not here: HTTP (``openai_routes``), JSON shapes (``openai_format``), time
(``clock``). Work happens when a job is first looked at after the moment that calls for it, and once only.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from . import openai_format as form
from .bench import Bench, JobBench
from .enqueued import EnqueuedTokens
from .errors import ApiError
from .faults.base import Fault
from .faults.jobs import CancelledByProvider, CannotFindFile, Expire, FailLines, ResultsExpire, TokenLimit
from .faults.lines import InBothFiles, RefusedLines
from .identifiers import derived_key, new_id
from .lines import count_lines
from .locks import JobLocks
from .openai_requests import CHAT, read_request
from .openai_results import OutputAndErrors
from .openai_validation import RESULT_FILE_LIFE_SECONDS, problem, read_creation, validate_lines
from .reading import ModelRequest
from .records import Job, Settlement, StoredFile
from .result_lines import ResultLines
from .running import Tally, edit_reply, lines_that_run, lines_to_run, running_order
from .store import Store
from .wire import Json

ORGANIZATION = "org-emulated"
MAX_LINES = 50_000


class OpenAIJobs:
    """The OpenAI batches of one store, judged at one bench; methods may be called from any thread."""

    def __init__(self, store: Store, bench: Bench, seconds_per_job: float, enqueued_token_limit: int | None = None) -> None:
        self._store = store
        self._queue = EnqueuedTokens(store, enqueued_token_limit)
        self._bench = bench
        self._seconds = seconds_per_job
        self._locks = JobLocks()

    def create(self, body: Any, now: float, faults: Sequence[Fault] = ()) -> Job:
        """Record a new batch. Raises ApiError (400) for what OpenAI refuses at creation."""
        spec = read_creation(body) | {"faults": [fault.model_dump(mode="json") for fault in faults]}
        job_id = new_id("batch_")
        has_input = self._store.share_file(spec["input_file_id"], job_id, now)
        path = self._store.folder.job_input(job_id)
        n_requests = count_lines(path) if has_input else 0
        job = Job(job_id, "openai", now, self._seconds, n_requests, spec)
        with self._queue.admission():
            if has_input:
                job.spec.update(self._queue.admit(spec["endpoint"], path, now))
            self._store.add_job(job)
        return job

    def look(self, job_id: str, now: float) -> Job:
        """Return a batch brought up to ``now``. Raises ApiError (404)."""
        with self._locks.of(job_id):
            job = self._store.job("openai", job_id)
            if job is None:
                raise form.batch_not_found(job_id)
            return self._advance(job, now)

    def cancel(self, job_id: str, now: float) -> Job:
        """Begin to cancel a batch; cancelling twice is no error. Raises ApiError (404, 409)."""
        with self._locks.of(job_id):
            job = self._store.job("openai", job_id)
            if job is None:
                raise form.batch_not_found(job_id)
            job = self._advance(job, now)
            status = form.batch_status(job, now)
            if status in ("completed", "failed"):
                raise ApiError(409, f"Cannot cancel a batch with status '{status}'.")
            if job.cancel_at is None:
                self._store.record_cancel(job_id, now)
                job = self._advance(replace(job, cancel_at=now), now)
            return job

    def _advance(self, job: Job, now: float) -> Job:
        cancelled = job.plan.one(CancelledByProvider)
        if cancelled is not None and job.cancel_at is None and job.settlement is None:
            moment = job.clock.openai_moment(cancelled.at)
            if moment <= now:
                self._store.record_cancel(job.id, moment)
                job = replace(job, cancel_at=moment)
        reached = job.clock.reached(now)
        over = reached >= job.clock.over_at
        if not job.validated and (over or reached >= job.clock.validated_at):
            model, problems = self._validate(job)
            self._store.record_validation(job.id, model, problems)
            job = replace(job, validated=True, model=model, problems=problems)
        if job.settlement is None and (over or job.failed):
            settlement = Settlement()
            if job.problems or job.failed:
                self._store.record_settlement(job, settlement)
            else:
                settlement = self._run(job)
            job = replace(job, settlement=settlement)
        return job

    # Validation

    def _validate(self, job: Job) -> tuple[str | None, list[Json]]:
        path = self._store.folder.job_input(job.id)
        if not path.exists() or job.plan.one(CannotFindFile) is not None:
            message = (
                f"Cannot find file {job.spec['input_file_id']}, or organization {ORGANIZATION} does not have access to it."
            )
            return None, [problem("invalid_request", message, "file_id", None)]
        if job.n_requests == 0:
            return None, [problem("empty_file", "The input file holds no requests.", None, None)]
        if job.n_requests > MAX_LINES:
            message = f"The input file holds {job.n_requests} requests; the limit is {MAX_LINES}."
            return None, [problem("too_many_tasks", message, None, None)]
        model, problems = validate_lines(path, job.spec["endpoint"])
        if not problems:
            problems = list(_planned_problems(job, model))
        return None if problems else model, problems

    # Running

    def _run(self, job: Job) -> Settlement:
        to_run = lines_to_run(job, job.clock.openai_share_run(job.clock.over_at))
        bench = self._bench.for_job("openai", self._requests_that_run(job, to_run), job.clock.over_at)
        folder = self._store.folder
        with folder.spooled() as output_path, folder.spooled() as error_path:
            with output_path.open("wb") as output, error_path.open("wb") as errors:
                results = OutputAndErrors(ResultLines(output, job.plan), ResultLines(errors, job.plan))
                tally = self._run_lines(job, to_run, results, bench)
                results.finish()
            kept = _keeps_files(job)
            output_file = self._keep_result(job, output_path, "output") if kept and results.in_output else None
            error_file = self._keep_result(job, error_path, "error") if kept and results.in_errors else None
        files = [record for record in (output_file, error_file) if record is not None]
        settlement = tally.settlement(
            None if output_file is None else output_file.id, None if error_file is None else error_file.id
        )
        self._store.record_settlement(job, settlement, files, bench.counts)
        return settlement

    def _requests_that_run(self, job: Job, to_run: int) -> Iterator[tuple[int, ModelRequest]]:
        for line in lines_that_run(job, self._store.folder.job_input(job.id), to_run):
            with suppress(ApiError):  # refused when it runs
                yield line.number, read_request(job.spec["endpoint"], json.loads(line.content)["body"])

    def _run_lines(self, job: Job, to_run: int, results: OutputAndErrors, bench: JobBench) -> Tally:
        tally = Tally()
        finished_at = int(job.clock.over_at)
        endpoint = job.spec["endpoint"]
        build = form.chat_body if endpoint == CHAT else form.response_body
        for position, line in enumerate(running_order(job, self._store.folder.job_input(job.id))):
            entry = json.loads(line.content)
            custom_id, key, body = entry["custom_id"], derived_key(job.id, line.number), entry["body"]
            if position >= to_run:
                reason = form.EXPIRED if job.expires else form.CANCELLED
                results.to_errors(line.number, form.error_line(key, custom_id, *reason))
                tally.unrun(expired=job.expires)
                continue
            refused = next(iter(job.plan.at_line(RefusedLines, line.number)), None)
            if refused is not None:
                results.refused(line.number, key, custom_id, refused)
                tally.errored += 1
                continue
            try:
                reply = bench.answer("openai", line.number, read_request(endpoint, body))
            except ApiError as refusal:
                results.to_errors(line.number, form.result_line(key, custom_id, refusal.status, form.error_body(refusal)))
                tally.errored += 1
                continue
            reply = edit_reply(job, line.number, reply)
            results.to_output(line.number, form.result_line(key, custom_id, 200, build(key, finished_at, body, reply)))
            if job.plan.at_line(InBothFiles, line.number):
                results.to_errors(line.number, form.error_line(key, custom_id, *form.EXPIRED))
            tally.answered(reply)
        return tally

    def _keep_result(self, job: Job, path: Path, role: str) -> StoredFile:
        life = (job.spec["output_expires_after"] or {}).get("seconds", RESULT_FILE_LIFE_SECONDS)
        early = job.plan.one(ResultsExpire)
        created_at = int(job.clock.over_at)
        # The id follows from the job, so that a settlement repeated after a kill names the same files.
        record = StoredFile(
            id=f"file-{derived_key(job.id, role)}",
            filename=f"{job.id}_{role}.jsonl",
            purpose="batch_output",
            n_bytes=path.stat().st_size,
            created_at=created_at,
            expires_at=created_at + life if early is None else math.ceil(job.clock.over_at + early.seconds),
        )
        self._store.folder.keep(path, self._store.folder.file(record.id))
        return record


def _keeps_files(job: Job) -> bool:
    expire = job.plan.one(Expire)
    return expire is None or expire.files or not job.expires


def _planned_problems(job: Job, model: str | None) -> Iterator[Json]:
    limit, asked = job.spec.get("over_token_limit"), job.plan.one(TokenLimit)
    if asked is not None:
        limit = asked.limit
    if limit is not None:
        message = (
            f"Enqueued token limit reached for {model} in organization {ORGANIZATION}. Limit: {limit:,} enqueued tokens. "
            "Please try again once some in_progress batches have been completed."
        )
        yield problem("token_limit_exceeded", message, None, None)
    refused = job.plan.one(FailLines)
    if refused is not None:
        for number in refused.lines:
            if number <= job.n_requests:
                yield problem(refused.code, refused.message, None, number)
