"""OpenAI's wire shapes as the emulator writes them: replies, files, batches, result lines, lists, errors.

Here: building JSON from records. Not here: reading what callers send (``openai_requests``) and the rules of a batch
(``openai_jobs``).
"""

from __future__ import annotations

from collections.abc import Sequence

from .errors import ApiError
from .faults.jobs import Expire
from .judging import ModelReply
from .records import Job, Settlement, StoredFile
from .wire import Json

# Those that are listed; any other name with the same beginning is served as well.
SERVED_MODELS = (
    "emulated-gpt-6-luna",
    "emulated-gpt-6-sol",
    "emulated-gpt-6-astra",
    "emulated-gpt-6.1-terra",
    "emulated-gpt-6.1-sol",
    "emulated-gpt-5.6-sol",
    "emulated-gpt-5.6-terra",
    "emulated-gpt-5.6-luna",
    "emulated-gpt-5.5",
    "emulated-gpt-5.4",
    "emulated-gpt-5.4-mini",
    "emulated-gpt-5.4-nano",
    "emulated-gpt-5.2",
    "emulated-gpt-5.1",
    "emulated-gpt-5-2025-08-07",
    "emulated-gpt-5-mini-2025-08-07",
    "emulated-gpt-5-nano-2025-08-07",
    "emulated-gpt-4.1-2025-04-14",
    "emulated-gpt-4.1-mini-2025-04-14",
    "emulated-gpt-4o-2024-11-20",
    "emulated-gpt-4o-mini-2024-07-18",
)
_MODELS_SINCE = 1_790_000_000


def error_body(problem: ApiError) -> Json:
    """Return the body of an error reply."""
    kind = problem.kind or ("server_error" if problem.status >= 500 else "invalid_request_error")
    return {"error": {"message": problem.message, "type": kind, "param": problem.param, "code": problem.code}}


def list_body(data: Sequence[Json], *, has_more: bool) -> Json:
    """Return one page of a list."""
    return {
        "object": "list",
        "data": list(data),
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
        "has_more": has_more,
    }


def model_body(name: str) -> Json:
    """Return one model."""
    return {"id": name, "object": "model", "created": _MODELS_SINCE, "owned_by": "huleedu-emulator"}


def models_body() -> Json:
    """Return the list of models."""
    return {"object": "list", "data": [model_body(name) for name in SERVED_MODELS]}


def file_body(record: StoredFile) -> Json:
    """Return a file object."""
    return {
        "id": record.id,
        "object": "file",
        "bytes": record.n_bytes,
        "created_at": record.created_at,
        "expires_at": record.expires_at,
        "filename": record.filename,
        "purpose": record.purpose,
        "status": "processed",
        "status_details": None,
    }


def _tier(request: Json) -> str:
    asked = request.get("service_tier")
    return "default" if asked in (None, "auto") else str(asked)


def response_body(key: str, created_at: int, request: Json, reply: ModelReply) -> Json:
    """Return the reply of ``/v1/responses``; ``key`` is the unique part of its ids, ``request`` the body sent."""
    reasons = {"length": "max_output_tokens", "content_filter": "content_filter"}
    incomplete = {"reason": reasons[reply.ending]} if reply.ending in reasons else None
    status = "completed" if incomplete is None else "incomplete"
    output: list[Json] = [{"id": f"rs_{key}", "type": "reasoning", "summary": []}]
    if reply.text:
        text: Json = {"type": "output_text", "annotations": [], "logprobs": [], "text": reply.text}
        part = {"type": "refusal", "refusal": reply.text} if reply.ending == "refusal" else text
        output = [{"id": f"msg_{key}", "type": "message", "status": status, "role": "assistant", "content": [part]}]
    return {
        "id": f"resp_{key}",
        "object": "response",
        "created_at": created_at,
        "status": status,
        "background": False,
        "completed_at": created_at if incomplete is None else None,
        "error": None,
        "incomplete_details": incomplete,
        "instructions": request.get("instructions"),
        "max_output_tokens": request.get("max_output_tokens"),
        "metadata": request.get("metadata") or {},
        "model": reply.model or request["model"],
        "output": output,
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": request.get("prompt_cache_key"),
        "reasoning": {"effort": None, "summary": None},
        "safety_identifier": None,
        "service_tier": _tier(request),
        "store": request.get("store", True),
        "temperature": request.get("temperature", 1.0),
        "text": request.get("text") or {"format": {"type": "text"}},
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": request.get("top_p", 1.0),
        "truncation": "disabled",
        "usage": {
            "input_tokens": reply.input_tokens,
            "input_tokens_details": {
                "cached_tokens": reply.cached_tokens,
                "cache_write_tokens": reply.written_30m_tokens,
                "cache_write_tokens_details": {"ttl_30m_tokens": reply.written_30m_tokens, "ttl_12h_tokens": 0},
            },
            "output_tokens": reply.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": reply.input_tokens + reply.output_tokens,
        },
        "user": None,
    }


def chat_body(key: str, created_at: int, request: Json, reply: ModelReply) -> Json:
    """Return the reply of ``/v1/chat/completions``; arguments as for :func:`response_body`."""
    refused = reply.ending == "refusal"
    message: Json = {
        "role": "assistant",
        "content": None if refused else reply.text,
        "refusal": reply.text if refused else None,
        "annotations": [],
    }
    finish_reason = reply.ending if reply.ending in ("length", "content_filter") else "stop"
    return {
        "id": f"chatcmpl-{key}",
        "object": "chat.completion",
        "created": created_at,
        "model": reply.model or request["model"],
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": finish_reason}],
        "usage": {
            "prompt_tokens": reply.input_tokens,
            "completion_tokens": reply.output_tokens,
            "total_tokens": reply.input_tokens + reply.output_tokens,
            "prompt_tokens_details": {
                "cached_tokens": reply.cached_tokens,
                "cache_write_tokens": reply.written_30m_tokens,
                "audio_tokens": 0,
            },
            "completion_tokens_details": {
                "reasoning_tokens": 0,
                "audio_tokens": 0,
                "accepted_prediction_tokens": 0,
                "rejected_prediction_tokens": 0,
            },
        },
        "service_tier": _tier(request),
        "system_fingerprint": None,
    }


def batch_not_found(job_id: str) -> ApiError:
    """Return the refusal of an id that no batch has."""
    return ApiError(404, f"No batch found with id '{job_id}'.")


def file_not_found(file_id: str) -> ApiError:
    """Return the refusal of an id that no file has."""
    return ApiError(404, f"No such File object: {file_id}", param="id")


def batch_status(job: Job, now: float) -> str:
    """Return the status of a batch at ``now`` (Unix seconds)."""
    if job.failed:
        return "failed"
    phase = job.clock.openai_phase(job.clock.reached(now))
    if job.expires:
        return {"finalizing": "in_progress", "completed": "expired"}.get(phase, phase)
    return phase


def batch_body(job: Job, now: float) -> Json:
    """Return a batch object as it stands at ``now`` (Unix seconds)."""
    clock, status = job.clock, batch_status(job, now)
    now = clock.reached(now)
    ended = job.settlement or Settlement()
    passed = job.validated and not job.failed and clock.validation_reached
    finalizing = passed and clock.cancel_at is None and not job.expires and now >= clock.finalizing_at
    if clock.cancel_at is not None:
        finalizing = passed and clock.cancel_at >= clock.finalizing_at
    return {
        "id": job.id,
        "object": "batch",
        "endpoint": job.spec["endpoint"],
        "model": job.model,
        "errors": {"object": "list", "data": job.problems} if status == "failed" else None,
        "input_file_id": job.spec["input_file_id"],
        "completion_window": job.spec["completion_window"],
        "status": status,
        "output_file_id": ended.output_file_id,
        "error_file_id": ended.error_file_id,
        "created_at": int(clock.created_at),
        "in_progress_at": int(clock.validated_at) if passed else None,
        "expires_at": int(clock.expires_at),
        "finalizing_at": int(clock.finalizing_at) if finalizing else None,
        "completed_at": int(clock.completed_at) if status == "completed" else None,
        "failed_at": int(clock.validated_at) if status == "failed" else None,
        "expired_at": int(clock.over_at) if status == "expired" else None,
        "cancelling_at": None if clock.cancel_at is None else int(clock.cancel_at),
        "cancelled_at": int(clock.over_at) if status == "cancelled" else None,
        "request_counts": _request_counts(job, passed, now),
        "usage": {
            "input_tokens": ended.input_tokens,
            "input_tokens_details": {"cached_tokens": ended.cached_input_tokens},
            "output_tokens": ended.output_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": ended.input_tokens + ended.output_tokens,
        },
        "metadata": job.spec["metadata"],
    }


def _request_counts(job: Job, passed: bool, now: float) -> Json:
    if job.settlement is not None:
        failed = job.settlement.errored + job.settlement.canceled + job.settlement.expired
        total = job.settlement.succeeded + failed
        return {"total": total, "completed": job.settlement.succeeded, "failed": failed}
    if not passed:
        return {"total": 0, "completed": 0, "failed": 0}
    # Which lines fail is known only once they have run, at the end; until then every line run counts as completed.
    expire = job.plan.one(Expire)
    most = 1.0 if expire is None else expire.at
    run = int(job.n_requests * most * job.clock.openai_share_run(now))
    return {"total": job.n_requests, "completed": run, "failed": 0}


def result_line(key: str, custom_id: str, status: int, body: Json) -> Json:
    """Return a line of an output or error file for a request that was run."""
    response = {"status_code": status, "request_id": f"req_{key}", "body": body}
    return {"id": f"batch_req_{key}", "custom_id": custom_id, "response": response, "error": None}


CANCELLED = ("batch_cancelled", "This request was not run: its batch was cancelled before.")
EXPIRED = ("batch_expired", "This request could not be executed before the completion window expired.")


def error_line(key: str, custom_id: str, code: str, message: str) -> Json:
    """Return a line of an error file for a request that got no response."""
    error = {"code": code, "message": message}
    return {"id": f"batch_req_{key}", "custom_id": custom_id, "response": None, "error": error}
