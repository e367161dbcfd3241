"""Anthropic's wire shapes as the emulator writes them: messages, batches, result lines, lists, errors.

Here: building JSON from records. Not here: reading what callers send (``anthropic_requests``) and the rules of a batch
(``anthropic_jobs``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Literal

from .errors import ApiError
from .judging import Ending, ModelReply
from .records import Job
from .wire import Json

# Those that are listed; any other name with the same beginning is served as well.
SERVED_MODELS = (
    "emulated-claude-haiku-4-5-20251001",
    "emulated-claude-sonnet-4-5-20250929",
    "emulated-claude-haiku-5-5",
    "emulated-claude-sonnet-5-5",
    "emulated-claude-opus-5-5",
    "emulated-claude-fable-5-1",
    "emulated-claude-fable-5-2",
    "emulated-claude-fable-5",
    "emulated-claude-sonnet-5",
    "emulated-claude-opus-5",
    "emulated-claude-opus-4-8",
    "emulated-claude-opus-4-7",
    "emulated-claude-opus-4-6",
    "emulated-claude-opus-4-5-20251101",
    "emulated-claude-sonnet-4-6",
)
_MODELS_SINCE = "2026-09-21T00:00:00Z"

ERROR_TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_STOP_REASONS: dict[Ending, str] = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}


def timestamp(moment: float) -> str:
    """Return Unix seconds as RFC 3339 in UTC."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def error_body(problem: ApiError, request_id: str) -> Json:
    """Return the body of an error reply, which is also what an errored result line holds."""
    other = "api_error" if problem.status >= 500 else "invalid_request_error"
    kind = problem.kind or ERROR_TYPES.get(problem.status, other)
    details = None if problem.code is None else {"error_code": problem.code}
    error = {"type": kind, "message": problem.message, "details": details}
    return {"type": "error", "error": error, "request_id": request_id}


def list_body(data: Sequence[Json], *, has_more: bool) -> Json:
    """Return one page of a list."""
    return {
        "data": list(data),
        "has_more": has_more,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }


def model_body(name: str) -> Json:
    """Return one model."""
    return {"type": "model", "id": name, "display_name": name, "created_at": _MODELS_SINCE, "lifecycle": "active"}


def models_body() -> Json:
    """Return the list of models."""
    return list_body([model_body(name) for name in SERVED_MODELS], has_more=False)


def message_body(key: str, request: Json, reply: ModelReply, tier: Literal["standard", "batch"]) -> Json:
    """Return a message; ``key`` is the unique part of its id, ``request`` the body or params sent."""
    stop_reason = _STOP_REASONS.get(reply.ending, reply.ending)
    refused = {"type": "refusal", "category": None, "explanation": None}
    return {
        "id": f"msg_{key}",
        "type": "message",
        "role": "assistant",
        "model": reply.model or request["model"],
        "content": [{"type": "text", "text": reply.text, "citations": None}] if reply.text else [],
        "stop_reason": stop_reason,
        "stop_sequence": None,
        "stop_details": refused if stop_reason == "refusal" else None,
        "container": None,
        "usage": {
            "input_tokens": reply.input_tokens - reply.cached_tokens - reply.written_tokens,
            "cache_creation_input_tokens": reply.written_tokens,
            "cache_read_input_tokens": reply.cached_tokens,
            "cache_creation": {
                "ephemeral_5m_input_tokens": reply.written_5m_tokens,
                "ephemeral_1h_input_tokens": reply.written_1h_tokens,
            },
            "output_tokens": reply.output_tokens,
            "server_tool_use": None,
            "service_tier": tier,
            "inference_geo": "not_available",
        },
    }


def batch_body(job: Job, now: float, base_url: str) -> Json:
    """Return a message batch as it stands at ``now`` (Unix seconds); ``base_url`` is where the caller reached us."""
    clock = job.clock
    now = clock.reached(now)
    phase = clock.anthropic_phase(now)
    counts = {"processing": job.n_requests, "succeeded": 0, "errored": 0, "canceled": 0, "expired": 0}
    if job.settlement is not None:
        ended = job.settlement
        counts |= {"processing": 0, "succeeded": ended.succeeded, "errored": ended.errored}
        counts |= {"canceled": ended.canceled, "expired": ended.expired}
    archived = phase == "ended" and now >= job.results_expire_at
    return {
        "id": job.id,
        "type": "message_batch",
        "processing_status": phase,
        "request_counts": counts,
        "created_at": timestamp(clock.created_at),
        "expires_at": timestamp(clock.expires_at),
        "ended_at": timestamp(clock.over_at) if phase == "ended" else None,
        "cancel_initiated_at": None if clock.cancel_at is None else timestamp(clock.cancel_at),
        "archived_at": timestamp(job.results_expire_at) if archived else None,
        "results_url": f"{base_url}/v1/messages/batches/{job.id}/results" if phase == "ended" and not archived else None,
    }


def batch_not_found(job_id: str) -> ApiError:
    """Return the refusal of an id that no batch has."""
    return ApiError(404, f"Message batch {job_id} not found.")


def deleted_body(job_id: str) -> Json:
    """Return the reply to the deletion of a batch."""
    return {"id": job_id, "type": "message_batch_deleted"}


def succeeded_line(custom_id: str, message: Json) -> Json:
    """Return a result line for a request that was answered."""
    return {"custom_id": custom_id, "result": {"type": "succeeded", "message": message}}


def errored_line(custom_id: str, problem: ApiError, request_id: str) -> Json:
    """Return a result line for a request that was refused."""
    return {"custom_id": custom_id, "result": {"type": "errored", "error": error_body(problem, request_id)}}


def unrun_line(custom_id: str, kind: Literal["canceled", "expired"]) -> Json:
    """Return a result line for a request that a cancellation or the end of the window kept from running."""
    return {"custom_id": custom_id, "result": {"type": kind}}
