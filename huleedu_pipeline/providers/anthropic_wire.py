"""Anthropic's Messages API as text: request bodies, and what a reply or a batch result line means. Pure."""

from typing import Any

from huleedu_pipeline.judging.outcome import ErrorCode, Outcome, Usage, failure, read_answer
from huleedu_pipeline.judging.prompts import Prompt
from huleedu_pipeline.judging.spec import Judge
from huleedu_pipeline.judging.verdict import verdict_schema
from huleedu_pipeline.providers.protocols import ResultLine
from huleedu_pipeline.providers.result_files import named_line, readable
from huleedu_pipeline.providers.spend_limits import ANTHROPIC_DETAILS, EMPTY_ACCOUNT

PATH = "/v1/messages"

_KEPT_1H: dict[str, Any] = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
_KEPT_5M: dict[str, Any] = {"cache_control": {"type": "ephemeral", "ttl": "5m"}}
_STOP_REASONS = {
    "max_tokens": ErrorCode.TRUNCATED,
    "model_context_window_exceeded": ErrorCode.TRUNCATED,
    "refusal": ErrorCode.REFUSAL,
    "pause_turn": ErrorCode.PROVIDER_ERROR,  # the model means to go on, and a judge is asked once
}
_ERROR_TYPES = {
    "rate_limit_error": ErrorCode.RATE_LIMITED,
    "api_error": ErrorCode.PROVIDER_ERROR,
    "overloaded_error": ErrorCode.PROVIDER_ERROR,
    "timeout_error": ErrorCode.PROVIDER_ERROR,
    "conflict_error": ErrorCode.PROVIDER_ERROR,
    "billing_error": ErrorCode.SPEND_LIMIT,
    "authentication_error": ErrorCode.NO_ACCESS,
    "permission_error": ErrorCode.NO_ACCESS,
}


def build_body(judge: Judge, prompt: Prompt) -> dict[str, Any]:
    """Return the body of ``POST /v1/messages``; parameters that the judge leaves open are left out.

    Everything up to the end of the context, and up to the end of Essay A, is marked to be kept in the cache: the context for
    as long as there is, because batch jobs and waves outlive five minutes; the essay for five minutes, because requests with
    the same first essay follow one another. The API wants longer times first.
    """
    context, essay_a, essay_b = ({"type": "text", "text": block} for block in prompt.blocks)
    marked = [context | _KEPT_1H, essay_a | _KEPT_5M, essay_b]
    output: dict[str, Any] = {"format": {"type": "json_schema", "schema": verdict_schema(judge.reason_length)}}
    if judge.reasoning_effort is not None:
        output["effort"] = judge.reasoning_effort
    return {
        "model": judge.model,
        "max_tokens": judge.max_output_tokens,
        "system": prompt.system,
        "messages": [{"role": "user", "content": marked}],
        "output_config": output,
    }


def read_reply(reply: dict[str, Any]) -> Outcome:
    """Return what a Messages reply comes to."""
    counts, model = reply.get("usage"), reply.get("model")
    counts = counts if isinstance(counts, dict) else {}
    usage, tier = _usage(counts), counts.get("service_tier")
    model, tier = model if isinstance(model, str) else None, tier if isinstance(tier, str) else None
    reason = reply.get("stop_reason")
    if reason in _STOP_REASONS:
        return failure(_STOP_REASONS[reason], f"the reply stopped: {reason}", usage, model, tier)
    content = reply.get("content") or []
    texts = [part.get("text", "") for part in content if isinstance(part, dict) and part.get("type") == "text"]
    return read_answer("".join(texts), usage, model, tier)


def read_result_line(line: str) -> ResultLine | None:
    """Return what a line of a result file says, or ``None`` for a line that names no request of ours."""
    named = named_line(line)
    if named is None:
        return None
    result = named[1].get("result")
    return ResultLine(named[0], readable(_line_outcome, result if isinstance(result, dict) else {}), line)


def _line_outcome(result: dict[str, Any]) -> Outcome:
    # The type is read as text: the SDK builds an unknown type as a success.
    kind = result.get("type")
    if kind == "succeeded" and isinstance(result.get("message"), dict):
        return read_reply(result["message"])
    if kind == "expired":
        return failure(ErrorCode.BATCH_EXPIRED, "the batch ended before this request was answered")
    if kind == "canceled":
        return failure(ErrorCode.BATCH_CANCELLED, "the batch was cancelled before this request was answered")
    if kind == "errored":
        outer = result.get("error")
        inner = outer.get("error") if isinstance(outer, dict) else None
        inner = inner if isinstance(inner, dict) else {}
        return failure(error_code(inner), f"{inner.get('type')}: {inner.get('message')}")
    return failure(ErrorCode.UNREADABLE_REPLY, f"the result line has the unknown type {kind!r}")


def error_code(error: dict[str, Any]) -> ErrorCode:
    """Return the error code of an error object as the API words it: ``type``, ``message`` and perhaps ``details``."""
    details = error.get("details")
    detail = details.get("error_code") if isinstance(details, dict) else None
    if detail in ANTHROPIC_DETAILS or EMPTY_ACCOUNT in str(error.get("message")).lower():
        return ErrorCode.SPEND_LIMIT
    return _ERROR_TYPES.get(str(error.get("type")), ErrorCode.PROVIDER_REJECTED)


def _usage(usage: dict[str, Any]) -> Usage:
    kept = usage.get("cache_creation") or {}
    for_5m, for_1h, cached, written, fresh = (
        int(value or 0)
        for value in (
            kept.get("ephemeral_5m_input_tokens"),
            kept.get("ephemeral_1h_input_tokens"),
            usage.get("cache_read_input_tokens"),
            usage.get("cache_creation_input_tokens"),
            usage.get("input_tokens"),
        )
    )
    # What was written without a word about how long it is kept was written for 5 minutes, which is the default.
    for_5m = max(for_5m, written - for_1h)
    return Usage(
        input_tokens=fresh + cached + for_5m + for_1h,
        cached_input_tokens=cached,
        cache_write_5m_tokens=for_5m,
        cache_write_1h_tokens=for_1h,
        output_tokens=int(usage.get("output_tokens") or 0),
        reasoning_tokens=int((usage.get("output_tokens_details") or {}).get("thinking_tokens") or 0),
    )
