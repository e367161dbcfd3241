"""OpenAI's Responses API as text: the body of a request, and what a reply comes to. Pure."""

from typing import Any

from huleedu_pipeline.judging.outcome import ErrorCode, Outcome
from huleedu_pipeline.judging.prompts import Prompt
from huleedu_pipeline.judging.spec import Judge
from huleedu_pipeline.providers.openai_shared import ERROR_CODES, cache_options, read_served, strict_schema, text_parts

PATH = "/v1/responses"


def build_body(judge: Judge, prompt: Prompt) -> dict[str, Any]:
    """Return the body of ``POST /v1/responses``; parameters that the judge leaves open are left out."""
    text: dict[str, Any] = {"format": {"type": "json_schema", **strict_schema(judge)}}
    if judge.output_verbosity is not None:
        text["verbosity"] = judge.output_verbosity
    body: dict[str, Any] = {
        "model": judge.model,
        "instructions": prompt.system,
        "input": [{"role": "user", "content": text_parts(judge, prompt, "input_text")}],
        "max_output_tokens": judge.max_output_tokens,
        "text": text,
        **cache_options(judge),
    }
    if judge.temperature is not None:
        body["temperature"] = judge.temperature
    if judge.reasoning_effort is not None:
        body["reasoning"] = {"effort": judge.reasoning_effort}
    if judge.service_tier is not None:
        body["service_tier"] = judge.service_tier
    return body


def read_reply(reply: dict[str, Any]) -> Outcome:
    """Return what a Responses reply comes to."""
    served = read_served(reply)
    parts = [part for item in reply.get("output") or [] if isinstance(item, dict) for part in item.get("content") or []]
    status = reply.get("status")
    if status == "incomplete":
        reason = (reply.get("incomplete_details") or {}).get("reason")
        code = ErrorCode.CONTENT_FILTER if reason == "content_filter" else ErrorCode.TRUNCATED
        return served.failure(code, f"the reply is incomplete: {reason}")
    if status != "completed":
        error = reply.get("error") or {}
        message = error.get("message") or f"the reply has status {status!r}"
        code = ERROR_CODES.get(str(error.get("code")), ErrorCode.PROVIDER_ERROR)
        return served.failure(code, f"{error.get('code', 'no code')}: {message}")
    if any(part.get("type") == "refusal" for part in parts):
        return served.failure(ErrorCode.REFUSAL, "the model refused to judge")
    return served.answer("".join(part.get("text", "") for part in parts if part.get("type") == "output_text"))
