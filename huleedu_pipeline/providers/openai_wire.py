"""OpenAI's Responses API as text: request bodies, batch input lines, and what a reply or result line means. Pure."""

from typing import Any

from huleedu_pipeline.canonical import canonical_json
from huleedu_pipeline.judging.outcome import ErrorCode, Outcome, Usage, failure, read_answer
from huleedu_pipeline.judging.prompts import Prompt
from huleedu_pipeline.judging.spec import Judge
from huleedu_pipeline.judging.verdict import VERDICT_SCHEMA
from huleedu_pipeline.ledger.records import RequestRecord
from huleedu_pipeline.providers.protocols import ResultLine
from huleedu_pipeline.providers.result_files import named_line, readable

ENDPOINT = "/v1/responses"
EXPIRED_CODES = frozenset({"batch_expired"})
CANCELLED_CODES = frozenset({"batch_cancelled"})


def build_body(judge: Judge, prompt: Prompt) -> dict[str, Any]:
    """Return the body of ``POST /v1/responses``; parameters that the judge leaves open are left out."""
    text: dict[str, Any] = {
        "format": {"type": "json_schema", "name": "verdict", "strict": True, "schema": VERDICT_SCHEMA},
    }
    if judge.output_verbosity is not None:
        text["verbosity"] = judge.output_verbosity
    body: dict[str, Any] = {
        "model": judge.model,
        "instructions": prompt.system,
        "input": [{"role": "user", "content": [{"type": "input_text", "text": block} for block in prompt.blocks]}],
        "max_output_tokens": judge.max_output_tokens,
        "text": text,
    }
    if judge.temperature is not None:
        body["temperature"] = judge.temperature
    if judge.reasoning_effort is not None:
        body["reasoning"] = {"effort": judge.reasoning_effort}
    return body


def batch_line(request: RequestRecord) -> str:
    """Return the line of a batch input file that carries ``request``."""
    head = canonical_json({"custom_id": request.custom_id, "method": "POST", "url": ENDPOINT})
    return f'{head[:-1]},"body":{request.body}}}\n'


def read_reply(reply: dict[str, Any]) -> Outcome:
    """Return what a Responses reply comes to."""
    usage, model = _usage(reply.get("usage")), reply.get("model")
    model = model if isinstance(model, str) else None
    parts = [part for item in reply.get("output") or [] if isinstance(item, dict) for part in item.get("content") or []]
    status = reply.get("status")
    if status == "incomplete":
        reason = (reply.get("incomplete_details") or {}).get("reason")
        code = ErrorCode.CONTENT_FILTER if reason == "content_filter" else ErrorCode.TRUNCATED
        return failure(code, f"the reply is incomplete: {reason}", usage, model)
    if status != "completed":
        error = reply.get("error") or {}
        message = error.get("message") or f"the reply has status {status!r}"
        return failure(ErrorCode.PROVIDER_ERROR, f"{error.get('code', 'no code')}: {message}", usage, model)
    refusals = [part for part in parts if part.get("type") == "refusal"]
    if refusals:
        return failure(ErrorCode.REFUSAL, "the model refused to judge", usage, model)
    texts = [part.get("text", "") for part in parts if part.get("type") == "output_text"]
    return read_answer("".join(texts), usage, model)


def read_result_line(line: str) -> ResultLine | None:
    """Return what a line of an output or error file says, or ``None`` for a line that names no request of ours."""
    named = named_line(line)
    return None if named is None else ResultLine(named[0], readable(_line_outcome, named[1]), line)


def _line_outcome(item: dict[str, Any]) -> Outcome:
    error, response = item.get("error"), item.get("response")
    if isinstance(error, dict):
        code = str(error.get("code"))
        kind = ErrorCode.PROVIDER_ERROR
        if code in EXPIRED_CODES:
            kind = ErrorCode.BATCH_EXPIRED
        elif code in CANCELLED_CODES:
            kind = ErrorCode.BATCH_CANCELLED
        return failure(kind, f"{code}: {error.get('message')}")
    body = response.get("body") if isinstance(response, dict) else None
    if not isinstance(response, dict) or not isinstance(body, dict):
        return failure(ErrorCode.UNREADABLE_REPLY, "the result line has neither a reply nor an error")
    status = response.get("status_code")
    if status == 200:
        return read_reply(body)
    inner = body.get("error")
    message = inner.get("message") if isinstance(inner, dict) else None
    return failure(status_code_error(status), f"status {status}: {message}")


def status_code_error(status: object) -> ErrorCode:
    """Return the error code of a request that an HTTP status ended."""
    if status == 429:
        return ErrorCode.RATE_LIMITED
    if isinstance(status, int) and 400 <= status < 500:
        return ErrorCode.PROVIDER_REJECTED
    return ErrorCode.PROVIDER_ERROR


def _usage(usage: object) -> Usage:
    if not isinstance(usage, dict):
        return Usage()
    details = usage.get("input_tokens_details") or {}
    return Usage(
        int(usage.get("input_tokens") or 0), int(details.get("cached_tokens") or 0), int(usage.get("output_tokens") or 0)
    )
