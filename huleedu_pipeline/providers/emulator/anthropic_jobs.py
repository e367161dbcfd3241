"""Anthropic message batches: creation, the running of requests, cancellation, deletion.

Here: what a batch does when it is looked at. Not here: HTTP (``anthropic_routes``), JSON shapes (``anthropic_format``),
time (``clock``). Params are checked when they run, as the provider does; only the envelope is checked at creation.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, BinaryIO

from . import anthropic_format as form
from .anthropic_requests import read_batched_request
from .bench import Bench, JobBench
from .errors import ApiError
from .faults.base import Fault
from .faults.jobs import CancelledByProvider
from .faults.lines import RefusedLines
from .identifiers import derived_key, new_id
from .locks import JobLocks
from .reading import ModelRequest
from .records import Job, Settlement
from .result_lines import ResultLines
from .running import Tally, edit_reply, lines_that_run, lines_to_run, running_order
from .store import Store
from .wire import Json, json_bytes

MAX_REQUESTS = 100_000
_CREATION = ("requests", "user_profile_id", "workspace_id")
_CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class AnthropicJobs:
    """The message batches of one store, judged at one bench; methods may be called from any thread."""

    def __init__(self, store: Store, bench: Bench, seconds_per_job: float) -> None:
        self._store = store
        self._bench = bench
        self._seconds = seconds_per_job
        self._locks = JobLocks()

    def create(self, body: Any, version: str, now: float, faults: Sequence[Fault] = ()) -> Job:
        """Record a new batch under an API version. Raises ApiError (400) for what is refused at creation."""
        requests = _read_creation(body)
        spec = {"version": version, "faults": [fault.model_dump(mode="json") for fault in faults]}
        job = Job(new_id("msgbatch_01"), "anthropic", now, self._seconds, len(requests), spec)

        def fill(sink: BinaryIO) -> None:
            for request in requests:
                sink.write(json_bytes(request) + b"\n")

        self._store.folder.write(self._store.folder.job_input(job.id), fill)
        self._store.add_job(job)
        return job

    def _find(self, job_id: str) -> Job:
        job = self._store.job("anthropic", job_id)
        if job is None:
            raise form.batch_not_found(job_id)
        return job

    def look(self, job_id: str, now: float) -> Job:
        """Return a batch brought up to ``now``. Raises ApiError (404)."""
        with self._locks.of(job_id):
            return self._advance(self._find(job_id), now)

    def cancel(self, job_id: str, now: float) -> Job:
        """Begin to cancel a batch; cancelling twice is no error. Raises ApiError (400, 404)."""
        with self._locks.of(job_id):
            job = self._advance(self._find(job_id), now)
            if job.settlement is not None:
                raise ApiError(400, f"Message batch {job_id} has ended and cannot be canceled.")
            if job.cancel_at is None:
                self._store.record_cancel(job_id, now)
                job = replace(job, cancel_at=now)
            return job

    def delete(self, job_id: str, now: float) -> None:
        """Delete an ended batch with its results. Raises ApiError (400, 404)."""
        with self._locks.of(job_id):
            if self._advance(self._find(job_id), now).settlement is None:
                raise ApiError(400, f"Message batch {job_id} has not ended; cancel it before deleting it.")
            self._store.delete_job(job_id)

    def _advance(self, job: Job, now: float) -> Job:
        cancelled = job.plan.one(CancelledByProvider)
        if cancelled is not None and job.cancel_at is None and job.settlement is None:
            moment = job.created_at + cancelled.at * job.seconds
            if moment <= now:
                self._store.record_cancel(job.id, moment)
                job = replace(job, cancel_at=moment)
        if job.settlement is not None or job.clock.anthropic_phase(job.clock.reached(now)) != "ended":
            return job
        folder = self._store.folder
        to_run = lines_to_run(job, job.clock.anthropic_share_run(job.clock.over_at))
        bench = self._bench.for_job("anthropic", self._requests_that_run(job, to_run), job.clock.over_at)
        with folder.spooled() as path:
            with path.open("wb") as sink:
                results = ResultLines(sink, job.plan)
                settlement = self._run(job, to_run, results, bench)
                results.finish()
            folder.keep(path, folder.file(job.id))
        self._store.record_settlement(job, settlement, counts=bench.counts)
        return replace(job, settlement=settlement)

    def _requests_that_run(self, job: Job, to_run: int) -> Iterator[tuple[int, ModelRequest]]:
        for line in lines_that_run(job, self._store.folder.job_input(job.id), to_run):
            with suppress(ApiError):  # refused when it runs
                yield line.number, read_batched_request(json.loads(line.content)["params"], job.spec["version"])

    def _run(self, job: Job, to_run: int, results: ResultLines, bench: JobBench) -> Settlement:
        tally = Tally()
        for position, line in enumerate(running_order(job, self._store.folder.job_input(job.id))):
            entry = json.loads(line.content)
            custom_id, params = entry["custom_id"], entry["params"]
            if position >= to_run:
                results.write(line.number, json_bytes(form.unrun_line(custom_id, "expired" if job.expires else "canceled")))
                tally.unrun(expired=job.expires)
                continue
            key = f"01{derived_key(job.id, line.number)}"
            try:
                _refuse_line(job, line.number)
                request = read_batched_request(params, job.spec["version"])
                reply = bench.answer("anthropic", line.number, request)
            except ApiError as problem:
                results.write(line.number, json_bytes(form.errored_line(custom_id, problem, f"req_{key}")))
                tally.errored += 1
                continue
            reply = edit_reply(job, line.number, reply)
            message = form.message_body(key, params, reply, "batch")
            results.write(line.number, json_bytes(form.succeeded_line(custom_id, message)))
            tally.answered(reply)
        return tally.settlement()


def _refuse_line(job: Job, number: int) -> None:
    """Raise ApiError when a fault refuses the request of this number."""
    for fault in job.plan.at_line(RefusedLines, number):
        status = fault.status if isinstance(fault.status, int) else 500
        raise ApiError(status, fault.message, kind=fault.code)


def _read_creation(body: Any) -> list[Json]:
    for name in body if isinstance(body, dict) else ():
        if name not in _CREATION:
            raise ApiError(400, f"{name}: Extra inputs are not permitted")
    requests = body.get("requests") if isinstance(body, dict) else None
    if not isinstance(requests, list):
        raise ApiError(400, "requests: Field required")
    if not requests:
        raise ApiError(400, "requests: List should have at least 1 item after validation, not 0")
    if len(requests) > MAX_REQUESTS:
        raise ApiError(400, f"requests: List should have at most {MAX_REQUESTS} items after validation, not {len(requests)}")
    seen: set[str] = set()
    entries: list[Json] = []
    for index, request in enumerate(requests):
        custom_id = request.get("custom_id") if isinstance(request, dict) else None
        if not isinstance(custom_id, str):
            raise ApiError(400, f"requests.{index}.custom_id: Field required")
        if not _CUSTOM_ID.fullmatch(custom_id):
            raise ApiError(400, f"requests.{index}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{{1,64}}$'")
        if custom_id in seen:
            raise ApiError(400, f"requests.{index}.custom_id: '{custom_id}' is used by an earlier request")
        if not isinstance(request.get("params"), dict):
            raise ApiError(400, f"requests.{index}.params: Field required")
        seen.add(custom_id)
        entries.append({"custom_id": custom_id, "params": request["params"]})
    return entries
