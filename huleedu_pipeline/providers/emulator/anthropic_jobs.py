"""Anthropic message batches: creation, the running of requests, cancellation, deletion.

Here: what a batch does when it is looked at. Not here: HTTP (``anthropic_routes``), JSON shapes (``anthropic_format``),
time (``clock``). Params are checked when they run, as the provider does; only the envelope is checked at creation.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any, BinaryIO

from . import anthropic_format as form
from .anthropic_requests import read_batched_request
from .errors import ApiError
from .identifiers import derived_key, new_id
from .judging import answer
from .lines import lines_in_running_order
from .locks import JobLocks
from .profiles import Profile
from .records import Job, Json, Settlement
from .store import Store
from .wire import json_bytes

MAX_REQUESTS = 100_000
_CUSTOM_ID = re.compile(r"[a-zA-Z0-9_-]{1,64}")


class AnthropicJobs:
    """The message batches of one store, judged by one profile; methods may be called from any thread."""

    def __init__(self, store: Store, profile: Profile, seconds_per_job: float) -> None:
        self._store = store
        self._profile = profile
        self._seconds = seconds_per_job
        self._locks = JobLocks()

    def create(self, body: Any, version: str, now: float) -> Job:
        """Record a new batch under an API version. Raises ApiError (400) for what is refused at creation."""
        requests = _read_creation(body)
        job = Job(new_id("msgbatch_01"), "anthropic", now, self._seconds, len(requests), {"version": version})

        def fill(sink: BinaryIO) -> None:
            for request in requests:
                sink.write(json_bytes(request) + b"\n")

        self._store.folder.write(self._store.folder.job_input(job.id), fill)
        self._store.add_job(job)
        return job

    def _find(self, job_id: str) -> Job:
        job = self._store.job("anthropic", job_id)
        if job is None:
            raise ApiError(404, f"Message batch {job_id} not found.")
        return job

    def look(self, job_id: str, now: float) -> Job:
        """Return a batch brought up to ``now``. Raises ApiError (404)."""
        with self._locks.of(job_id):
            return self._advance(self._find(job_id), now)

    def cancel(self, job_id: str, now: float) -> Job:
        """Begin to cancel a batch; cancelling twice is no error. Raises ApiError (400, 404)."""
        with self._locks.of(job_id):
            job = self._advance(self._find(job_id), now)
            if job.clock.anthropic_phase(now) == "ended":
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
        if job.settlement is not None or job.clock.anthropic_phase(now) != "ended":
            return job
        folder = self._store.folder
        with folder.spooled() as path:
            with path.open("wb") as results:
                settlement = self._run(job, results)
            folder.keep(path, folder.file(job.id))
        self._store.record_settlement(job.id, settlement)
        return replace(job, settlement=settlement)

    def _run(self, job: Job, results: BinaryIO) -> Settlement:
        done = Settlement()
        to_run = round(job.n_requests * job.clock.anthropic_share_run(job.clock.over_at))
        lines = lines_in_running_order(self._store.folder.job_input(job.id), job.id)
        for position, line in enumerate(lines):
            entry = json.loads(line.content)
            custom_id, params = entry["custom_id"], entry["params"]
            if position >= to_run:
                done = replace(done, canceled=done.canceled + 1)
                results.write(json_bytes(form.canceled_line(custom_id)) + b"\n")
                continue
            key = f"01{derived_key(job.id, line.number)}"
            try:
                reply = answer(read_batched_request(params, job.spec["version"]), self._profile)
            except ApiError as problem:
                done = replace(done, errored=done.errored + 1)
                results.write(json_bytes(form.errored_line(custom_id, problem, f"req_{key}")) + b"\n")
                continue
            message = form.message_body(key, params, reply, "batch")
            results.write(json_bytes(form.succeeded_line(custom_id, message)) + b"\n")
            done = replace(
                done,
                succeeded=done.succeeded + 1,
                judged=done.judged + reply.is_verdict,
                input_tokens=done.input_tokens + reply.input_tokens,
                output_tokens=done.output_tokens + reply.output_tokens,
            )
        return done


def _read_creation(body: Any) -> list[Json]:
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
