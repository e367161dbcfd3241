"""Anthropic's endpoints: messages and message batches.

Here: reading a call and writing its reply. Not here: what a batch does (``anthropic_jobs``) and JSON shapes
(``anthropic_format``).
"""

from __future__ import annotations

from starlette.responses import FileResponse, Response

from . import anthropic_format as form
from .anthropic_requests import read_request
from .errors import ApiError
from .faults.plan import kept_by_job
from .http import VERSION_HEADER, Call, Operation, integer_query, json_response
from .identifiers import new_key
from .running import bill_of, edit_live_reply
from .service import Emulator
from .wire import read_json

BATCHES = "/v1/messages/batches"


def _version(call: Call) -> str:
    version = call.headers.get(VERSION_HEADER)
    if not version:
        raise ApiError(400, f"{VERSION_HEADER}: header is required")
    return version


def _batch_id(emulator: Emulator, call: Call) -> str:
    batch_id = call.path["batch_id"]
    if not emulator.faults.found(batch_id, call.now):
        raise form.batch_not_found(batch_id)
    return batch_id


def create_message(emulator: Emulator, call: Call) -> Response:
    """Answer a message."""
    version = _version(call)
    body = read_json(call.body.read_bytes())
    request = read_request(body, version)
    reply = edit_live_reply(emulator.bench.live("anthropic", request, call.now), call.faults)
    emulator.store.count_live("anthropic", bill_of(reply), is_verdict=reply.is_verdict)
    message = form.message_body(f"01{new_key()}", body, reply, "standard")
    return json_response(message, headers=emulator.bench.latency_headers(request))


def create_batch(emulator: Emulator, call: Call) -> Response:
    """Create a message batch; its params are checked when they run."""
    version = _version(call)
    job = emulator.anthropic.create(read_json(call.body.read_bytes()), version, call.now, kept_by_job(call.faults))
    emulator.faults.hide(job.id, call.faults, call.now)
    return json_response(form.batch_body(job, call.now, call.base_url))


def list_batches(emulator: Emulator, call: Call) -> Response:
    """List message batches, newest first, beyond ``after_id`` or just before ``before_id``."""
    limit = integer_query(call, "limit", 20, 1000)
    after, before = call.query.get("after_id"), call.query.get("before_id")
    if after is not None and before is not None:
        raise ApiError(400, "after_id and before_id cannot be used together")
    try:
        newest_first = before is None
        jobs, has_more = emulator.store.jobs(
            "anthropic", call.now, after=after or before, limit=limit, newest_first=newest_first
        )
    except KeyError as problem:
        raise ApiError(400, f"No message batch has the id {after or before}") from problem
    if before is not None:
        jobs.reverse()
    data = [form.batch_body(emulator.anthropic.look(job.id, call.now), call.now, call.base_url) for job in jobs]
    return json_response(form.list_body(data, has_more=has_more))


def retrieve_batch(emulator: Emulator, call: Call) -> Response:
    """Return one message batch as it stands now."""
    job = emulator.anthropic.look(_batch_id(emulator, call), call.now)
    return json_response(form.batch_body(job, call.now, call.base_url))


def cancel_batch(emulator: Emulator, call: Call) -> Response:
    """Begin to cancel a message batch."""
    job = emulator.anthropic.cancel(_batch_id(emulator, call), call.now)
    return json_response(form.batch_body(job, call.now, call.base_url))


def delete_batch(emulator: Emulator, call: Call) -> Response:
    """Delete an ended message batch."""
    batch_id = _batch_id(emulator, call)
    emulator.anthropic.delete(batch_id, call.now)
    return json_response(form.deleted_body(batch_id))


def batch_results(emulator: Emulator, call: Call) -> Response:
    """Stream the result lines of an ended message batch."""
    job = emulator.anthropic.look(_batch_id(emulator, call), call.now)
    if job.settlement is None:
        raise ApiError(404, f"Message batch {job.id} has not ended; it has no results yet.")
    if call.now >= job.results_expire_at:
        raise ApiError(404, f"The results of message batch {job.id} are archived and no longer available.")
    return FileResponse(emulator.store.folder.file(job.id), media_type="application/x-jsonl")


OPERATIONS = (
    Operation("POST", "/v1/messages", "anthropic", create_message, live=True),
    Operation("POST", BATCHES, "anthropic", create_batch, creates_batch=True),
    Operation("GET", BATCHES, "anthropic", list_batches),
    Operation("GET", f"{BATCHES}/{{batch_id}}", "anthropic", retrieve_batch),
    Operation("DELETE", f"{BATCHES}/{{batch_id}}", "anthropic", delete_batch),
    Operation("POST", f"{BATCHES}/{{batch_id}}/cancel", "anthropic", cancel_batch),
    Operation("GET", f"{BATCHES}/{{batch_id}}/results", "anthropic", batch_results),
)
