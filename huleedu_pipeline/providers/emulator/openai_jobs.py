"""OpenAI batches: creation, asynchronous validation, the running of lines, cancellation.

Here: what a batch does when it is looked at. Not here: HTTP (``openai_routes``), JSON shapes (``openai_format``), time
(``clock``). Work happens when a job is first looked at after the moment that calls for it, and once only.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from . import openai_format as form
from .errors import ApiError
from .identifiers import derived_key, new_id
from .judging import answer
from .lines import count_lines, lines_in_running_order, read_lines
from .locks import JobLocks
from .openai_requests import CHAT, TEXT_ENDPOINTS, model_not_found, model_served, read_request
from .profiles import Profile
from .reading import to_bytes
from .records import Job, Json, Settlement, StoredFile
from .store import Store
from .wire import json_bytes, read_json

MAX_LINES = 50_000
MAX_METADATA_PAIRS = 16
MAX_METADATA_VALUE = 512
MAX_METADATA_KEY = 64
RESULT_FILE_LIFE_SECONDS = 30 * 24 * 3600


def _problem(code: str, message: str, param: str | None, line: int | None) -> Json:
    return {"code": code, "message": message, "param": param, "line": line}


class OpenAIJobs:
    """The OpenAI batches of one store, judged by one profile; methods may be called from any thread."""

    def __init__(self, store: Store, profile: Profile, seconds_per_job: float) -> None:
        self._store = store
        self._profile = profile
        self._seconds = seconds_per_job
        self._locks = JobLocks()

    def create(self, body: Any, now: float) -> Job:
        """Record a new batch. Raises ApiError (400) for what OpenAI refuses at creation."""
        spec = _read_creation(body)
        job_id = new_id("batch_")
        has_input = self._store.share_file(spec["input_file_id"], job_id)
        n_requests = count_lines(self._store.folder.job_input(job_id)) if has_input else 0
        job = Job(job_id, "openai", now, self._seconds, n_requests, spec)
        self._store.add_job(job)
        return job

    def look(self, job_id: str, now: float) -> Job:
        """Return a batch brought up to ``now``. Raises ApiError (404)."""
        with self._locks.of(job_id):
            job = self._store.job("openai", job_id)
            if job is None:
                raise ApiError(404, f"No batch found with id '{job_id}'.")
            return self._advance(job, now)

    def cancel(self, job_id: str, now: float) -> Job:
        """Begin to cancel a batch; cancelling twice is no error. Raises ApiError (404, 409)."""
        with self._locks.of(job_id):
            job = self._store.job("openai", job_id)
            if job is None:
                raise ApiError(404, f"No batch found with id '{job_id}'.")
            job = self._advance(job, now)
            status = form.batch_status(job, now)
            if status in ("completed", "failed"):
                raise ApiError(409, f"Cannot cancel a batch with status '{status}'.")
            if job.cancel_at is None:
                self._store.record_cancel(job_id, now)
                job = self._advance(replace(job, cancel_at=now), now)
            return job

    def _advance(self, job: Job, now: float) -> Job:
        over = now >= job.clock.over_at
        if not job.validated and (over or now >= job.clock.validated_at):
            model, problems = self._validate(job)
            self._store.record_validation(job.id, model, problems)
            job = replace(job, validated=True, model=model, problems=problems)
        if job.settlement is None and (over or job.failed):
            settlement, files = (Settlement(), []) if job.problems else self._run(job)
            self._store.record_settlement(job.id, settlement, files)
            job = replace(job, settlement=settlement)
        return job

    # Validation

    def _validate(self, job: Job) -> tuple[str | None, list[Json]]:
        path = self._store.folder.job_input(job.id)
        if not path.exists():
            message = f"Cannot find file {job.spec['input_file_id']}, or this organization does not have access to it."
            return None, [_problem("invalid_request", message, "file_id", None)]
        if job.n_requests == 0:
            return None, [_problem("empty_file", "The input file holds no requests.", None, None)]
        if job.n_requests > MAX_LINES:
            message = f"The input file holds {job.n_requests} requests; the limit is {MAX_LINES}."
            return None, [_problem("too_many_tasks", message, None, None)]
        return _validate_lines(path, job.spec["endpoint"])

    # Running

    def _run(self, job: Job) -> tuple[Settlement, list[StoredFile]]:
        to_run = round(job.n_requests * job.clock.openai_share_run(job.clock.over_at))
        folder = self._store.folder
        with folder.spooled() as output_path, folder.spooled() as error_path:
            with output_path.open("wb") as output, error_path.open("wb") as errors:
                settlement = self._run_lines(job, to_run, output, errors)
            files: list[StoredFile] = []
            for path, role, count in (
                (output_path, "output", settlement.succeeded),
                (error_path, "error", settlement.errored + settlement.canceled),
            ):
                if count:
                    files.append(self._keep_result(job, path, role))
        by_role = {record.filename.rsplit("_", 1)[1]: record.id for record in files}
        settlement = replace(settlement, output_file_id=by_role.get("output.jsonl"), error_file_id=by_role.get("error.jsonl"))
        return settlement, files

    def _run_lines(self, job: Job, to_run: int, output: BinaryIO, errors: BinaryIO) -> Settlement:
        done = Settlement()
        finished_at = int(job.clock.over_at)
        path = self._store.folder.job_input(job.id)
        for position, line in enumerate(lines_in_running_order(path, job.id)):
            entry = json.loads(line.content)
            custom_id, key = entry["custom_id"], derived_key(job.id, line.number)
            if position >= to_run:
                done = replace(done, canceled=done.canceled + 1)
                errors.write(json_bytes(form.cancelled_line(key, custom_id)) + b"\n")
                continue
            endpoint, body = job.spec["endpoint"], entry["body"]
            try:
                reply = answer(read_request(endpoint, body), self._profile)
            except ApiError as problem:
                done = replace(done, errored=done.errored + 1)
                refused = form.result_line(key, custom_id, problem.status, form.error_body(problem))
                errors.write(json_bytes(refused) + b"\n")
                continue
            build = form.chat_body if endpoint == CHAT else form.response_body
            answered = form.result_line(key, custom_id, 200, build(key, finished_at, body, reply))
            output.write(json_bytes(answered) + b"\n")
            done = replace(
                done,
                succeeded=done.succeeded + 1,
                judged=done.judged + reply.is_verdict,
                input_tokens=done.input_tokens + reply.input_tokens,
                output_tokens=done.output_tokens + reply.output_tokens,
            )
        return done

    def _keep_result(self, job: Job, path: Path, role: str) -> StoredFile:
        life = (job.spec["output_expires_after"] or {}).get("seconds", RESULT_FILE_LIFE_SECONDS)
        created_at = int(job.clock.over_at)
        # The id follows from the job, so that a settlement repeated after a kill names the same files.
        record = StoredFile(
            id=f"file-{derived_key(job.id, role)}",
            filename=f"{job.id}_{role}.jsonl",
            purpose="batch_output",
            n_bytes=path.stat().st_size,
            created_at=created_at,
            expires_at=created_at + life,
        )
        self._store.folder.keep(path, self._store.folder.file(record.id))
        return record


def _read_creation(body: Any) -> Json:
    if not isinstance(body, dict):
        raise ApiError(400, "The request body must be a JSON object.")
    for name in ("input_file_id", "endpoint", "completion_window"):
        if not isinstance(body.get(name), str):
            code = "invalid_type" if name in body else "missing_required_parameter"
            raise ApiError(400, f"'{name}' is required and must be a string.", param=name, code=code)
    if body["endpoint"] not in TEXT_ENDPOINTS:
        message = f"Invalid value: '{body['endpoint']}'. Supported values are: {', '.join(TEXT_ENDPOINTS)}."
        raise ApiError(400, message, param="endpoint", code="invalid_value")
    if body["completion_window"] != "24h":
        message = f"Invalid value: '{body['completion_window']}'. Supported values are: '24h'."
        raise ApiError(400, message, param="completion_window", code="invalid_value")
    _check_metadata(body.get("metadata"))
    output_life = body.get("output_expires_after")
    if output_life is not None:
        check_expiry("output_expires_after", output_life)
    return {
        "input_file_id": body["input_file_id"],
        "endpoint": body["endpoint"],
        "completion_window": body["completion_window"],
        "metadata": body.get("metadata"),
        "output_expires_after": output_life,
    }


def check_expiry(param: str, rule: object) -> int:
    """Return the seconds of an expiry rule. Raises ApiError (400) unless it is as OpenAI documents it."""
    seconds = rule.get("seconds") if isinstance(rule, dict) else None
    anchored = isinstance(rule, dict) and rule.get("anchor") == "created_at"
    if not anchored or not isinstance(seconds, int) or not 3600 <= seconds <= RESULT_FILE_LIFE_SECONDS:
        message = f"'{param}' needs anchor 'created_at' and seconds from 3600 to {RESULT_FILE_LIFE_SECONDS}."
        raise ApiError(400, message, param=param, code="invalid_value")
    return seconds


def _check_metadata(metadata: object) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, dict):
        raise ApiError(400, "Invalid type for 'metadata': expected an object.", param="metadata", code="invalid_type")
    if len(metadata) > MAX_METADATA_PAIRS:
        message = f"Invalid 'metadata': at most {MAX_METADATA_PAIRS} pairs are allowed, {len(metadata)} were given."
        raise ApiError(400, message, param="metadata", code="object_above_max_properties")
    for key, value in metadata.items():
        param = f"metadata.{key}"
        if not isinstance(value, str):
            raise ApiError(400, f"Invalid type for '{param}': expected a string.", param=param, code="invalid_type")
        if len(key) > MAX_METADATA_KEY or len(value) > MAX_METADATA_VALUE:
            message = f"Invalid '{param}': keys hold {MAX_METADATA_KEY} characters, values {MAX_METADATA_VALUE}."
            raise ApiError(400, message, param=param, code="string_above_max_length")


def _validate_lines(path: Path, endpoint: str) -> tuple[str | None, list[Json]]:
    problems: list[Json] = []
    seen: set[bytes] = set()
    model: str | None = None
    for line in read_lines(path):
        try:
            entry = read_json(line.content)
        except ApiError:
            entry = None
        if not isinstance(entry, dict):
            text = "This line is not parseable as valid JSON."
            problems.append(_problem("invalid_json_line", text, None, line.number))
            continue
        found = list(_entry_problems(entry, endpoint, line.number))
        custom_id = entry.get("custom_id")
        if isinstance(custom_id, str):
            if to_bytes(custom_id) in seen:
                text = f"The custom_id {custom_id!r} was used on an earlier line."
                found.append(_problem("duplicate_custom_id", text, "custom_id", line.number))
            seen.add(to_bytes(custom_id))
        named = entry["body"].get("model") if isinstance(entry.get("body"), dict) else None
        if isinstance(named, str):
            model = model or named
            if named != model:
                text = f"The batch was started with model {model!r}; this line asks for {named!r}."
                found.append(_problem("mismatched_model", text, "body.model", line.number))
        problems.extend(found)
    return None if problems else model, problems


def _entry_problems(entry: Json, endpoint: str, number: int) -> Iterator[Json]:
    kinds: dict[str, type] = {"custom_id": str, "method": str, "url": str, "body": dict}
    missing = [name for name, kind in kinds.items() if not isinstance(entry.get(name), kind)]
    for name in missing:
        yield _problem("missing_required_parameter", f"Missing required parameter: '{name}'.", name, number)
    if "method" not in missing and entry["method"] != "POST":
        yield _problem("invalid_method", "Only the method 'POST' can be batched.", "method", number)
    if "url" not in missing and entry["url"] != endpoint:
        yield _problem("invalid_url", "The URL does not match the batch endpoint.", "url", number)
    if "body" in missing:
        return
    body = entry["body"]
    required = ("model", "messages") if endpoint == CHAT else ("model",)
    for name in required:
        if name not in body:
            yield _problem("invalid_request", f"Missing required field '{name}'.", f"body.{name}", number)
    if body.get("stream"):
        yield _problem("streaming_unsupported", "Streaming is not supported in a batch.", "body.stream", number)
    if "model" in body and not model_served(body["model"]):
        yield _problem("model_not_found", model_not_found(body["model"]).message, "body.model", number)
