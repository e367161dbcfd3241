"""OpenAI's endpoints: files, batches, the two text endpoints, models.

Here: reading a call and writing its reply. Not here: what a batch does (``openai_jobs``) and JSON shapes
(``openai_format``).
"""

from __future__ import annotations

from pathlib import Path

from starlette.responses import FileResponse, Response

from . import openai_format as form
from .decisions import decision_body, judges, read_decision
from .errors import ApiError
from .faults.plan import kept_by_job
from .faults.replies import Refusal
from .http import Call, Operation, integer_query, json_response
from .identifiers import new_id, new_key
from .lines import read_lines
from .multipart import read_form
from .openai_requests import CHAT, RESPONSES, read_request
from .openai_validation import check_expiry
from .records import Bill, StoredFile
from .running import bill_of, edit_live_reply
from .service import Emulator
from .wire import read_json

MAX_BATCH_FILE_BYTES = 200_000_000
BATCH_FILE_LIFE_SECONDS = 30 * 24 * 3600
PURPOSES = ("assistants", "batch", "fine-tune", "user_data", "vision")


def create_file(emulator: Emulator, call: Call) -> Response:
    """Store an upload after OpenAI's shallow look at its first line."""
    folder = emulator.store.folder
    with folder.spooled() as content:
        upload = read_form(call.body, call.headers.get("content-type", ""), content)
        if upload.filename is None:
            raise ApiError(400, "'file' is a required property", param="file", code="missing_required_parameter")
        purpose = upload.fields.get("purpose")
        if purpose not in PURPOSES:
            raise ApiError(400, f"'{purpose}' is not one of {list(PURPOSES)}", param="purpose", code="invalid_value")
        if purpose == "batch":
            _check_batch_file(content)
        life = _file_life(upload.fields, purpose)
        created_at = int(call.now)
        record = StoredFile(
            id=new_id("file-"),
            filename=upload.filename,
            purpose=purpose,
            n_bytes=content.stat().st_size,
            created_at=created_at,
            expires_at=None if life is None else created_at + life,
        )
        folder.keep(content, folder.file(record.id))
    emulator.store.add_file(record)
    emulator.faults.hide(record.id, call.faults, call.now)
    return json_response(form.file_body(record))


def _check_batch_file(content: Path) -> None:
    size = content.stat().st_size
    if size > MAX_BATCH_FILE_BYTES:
        raise ApiError(400, f"File is too large for Batch API: at most {MAX_BATCH_FILE_BYTES} bytes.", param="file")
    first = next(read_lines(content), None)
    if first is None and size > 0:
        return  # blank lines only: found empty when a batch is made of it
    refusal = ApiError(400, "Invalid file format for Batch API. Must be .jsonl", param="file")
    if first is None:
        raise refusal
    try:
        read_json(first.content)
    except ApiError as problem:
        raise refusal from problem


def _file_life(fields: dict[str, str], purpose: str) -> int | None:
    seconds = fields.get("expires_after[seconds]")
    if seconds is None:
        return BATCH_FILE_LIFE_SECONDS if purpose == "batch" else None
    number = int(seconds) if seconds.isascii() and seconds.isdigit() else seconds
    return check_expiry("expires_after", {"anchor": fields.get("expires_after[anchor]"), "seconds": number})


def _find_file(emulator: Emulator, call: Call) -> StoredFile:
    record = emulator.store.file(call.path["file_id"], call.now)
    if record is None or not emulator.faults.found(record.id, call.now):
        raise form.file_not_found(call.path["file_id"])
    return record


def _batch_id(emulator: Emulator, call: Call) -> str:
    batch_id = call.path["batch_id"]
    if not emulator.faults.found(batch_id, call.now):
        raise form.batch_not_found(batch_id)
    return batch_id


def list_files(emulator: Emulator, call: Call) -> Response:
    """List files, newest first unless asked otherwise."""
    order = call.query.get("order", "desc")
    if order not in ("asc", "desc"):
        raise ApiError(400, "'order' must be 'asc' or 'desc'.", param="order", code="invalid_value")
    try:
        records, has_more = emulator.store.files(
            call.now,
            purpose=call.query.get("purpose"),
            after=call.query.get("after"),
            limit=integer_query(call, "limit", 10_000, 10_000),
            newest_first=order == "desc",
        )
    except KeyError as problem:
        raise ApiError(400, "No file has the id given as 'after'.", param="after", code="invalid_value") from problem
    return json_response(form.list_body([form.file_body(record) for record in records], has_more=has_more))


def retrieve_file(emulator: Emulator, call: Call) -> Response:
    """Return one file object."""
    return json_response(form.file_body(_find_file(emulator, call)))


def file_content(emulator: Emulator, call: Call) -> Response:
    """Stream the bytes of a file."""
    record = _find_file(emulator, call)
    return FileResponse(emulator.store.folder.file(record.id), media_type="application/octet-stream")


def delete_file(emulator: Emulator, call: Call) -> Response:
    """Delete a file."""
    record = _find_file(emulator, call)
    emulator.store.delete_file(record.id)
    return json_response({"id": record.id, "object": "file", "deleted": True})


def create_batch(emulator: Emulator, call: Call) -> Response:
    """Create a batch; its input is validated later."""
    job = emulator.openai.create(read_json(call.body.read_bytes()), call.now, kept_by_job(call.faults))
    emulator.faults.hide(job.id, call.faults, call.now)
    return json_response(form.batch_body(job, call.now))


def list_batches(emulator: Emulator, call: Call) -> Response:
    """List batches, newest first."""
    limit = integer_query(call, "limit", 20, 100)
    try:
        jobs, has_more = emulator.store.jobs("openai", call.now, after=call.query.get("after"), limit=limit)
    except KeyError as problem:
        raise ApiError(400, "No batch has the id given as 'after'.", param="after", code="invalid_value") from problem
    data = [form.batch_body(emulator.openai.look(job.id, call.now), call.now) for job in jobs]
    return json_response(form.list_body(data, has_more=has_more))


def retrieve_batch(emulator: Emulator, call: Call) -> Response:
    """Return one batch as it stands now."""
    job = emulator.openai.look(_batch_id(emulator, call), call.now)
    return json_response(form.batch_body(job, call.now))


def cancel_batch(emulator: Emulator, call: Call) -> Response:
    """Begin to cancel a batch."""
    job = emulator.openai.cancel(_batch_id(emulator, call), call.now)
    return json_response(form.batch_body(job, call.now))


def _live(emulator: Emulator, call: Call, endpoint: str) -> Response:
    body = read_json(call.body.read_bytes())
    request = read_request(endpoint, body)
    reply = edit_live_reply(emulator.bench.live("openai", request, call.now), call.faults)
    emulator.store.count_live("openai", bill_of(reply), is_verdict=reply.is_verdict)
    build = form.chat_body if endpoint == CHAT else form.response_body
    return json_response(build(new_key(), int(call.now), body, reply), headers=emulator.bench.latency_headers(request))


def create_response(emulator: Emulator, call: Call) -> Response:
    """Answer a Responses request."""
    return _live(emulator, call, RESPONSES)


def create_chat_completion(emulator: Emulator, call: Call) -> Response:
    """Answer a Chat Completions request."""
    return _live(emulator, call, CHAT)


def create_decision(emulator: Emulator, call: Call) -> Response:
    """Answer choice questions with probabilities."""
    body = read_json(call.body.read_bytes())
    request = read_decision(body)
    refuses = any(isinstance(fault, Refusal) for fault in call.faults)
    emulator.bench.admit("openai", request)
    decision = decision_body(body, request, emulator.profile, refuses=refuses)
    emulator.store.count_live("openai", Bill(1, decision["usage"]["input_tokens"]), is_verdict=judges(decision))
    return json_response(decision, headers=emulator.bench.latency_headers(request))


OPERATIONS = (
    Operation("POST", "/v1/files", "openai", create_file),
    Operation("GET", "/v1/files", "openai", list_files),
    Operation("GET", "/v1/files/{file_id}", "openai", retrieve_file),
    Operation("DELETE", "/v1/files/{file_id}", "openai", delete_file),
    Operation("GET", "/v1/files/{file_id}/content", "openai", file_content),
    Operation("POST", "/v1/batches", "openai", create_batch, creates_batch=True),
    Operation("GET", "/v1/batches", "openai", list_batches),
    Operation("GET", "/v1/batches/{batch_id}", "openai", retrieve_batch),
    Operation("POST", "/v1/batches/{batch_id}/cancel", "openai", cancel_batch),
    Operation("POST", RESPONSES, "openai", create_response, live=True),
    Operation("POST", CHAT, "openai", create_chat_completion, live=True),
    Operation("POST", "/v1/decisions", "openai", create_decision, live=True),
)
