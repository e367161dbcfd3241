"""OpenAI's Chat Completions API as text: the body of a request, and what a reply comes to. Pure.

Many servers speak this API more or less (vLLM, Ollama, llama.cpp and others), so whatever a reply may lack is allowed to be
missing: tokens, model, tier, the reason why it ended. The verdict is not.
"""

from typing import Any

from huleedu_pipeline.judging.outcome import ErrorCode, Outcome
from huleedu_pipeline.judging.prompts import Prompt
from huleedu_pipeline.judging.spec import Judge
from huleedu_pipeline.providers.openai_shared import ERROR_CODES, cache_options, read_served, strict_schema, text_parts

PATH = "/v1/chat/completions"
_CUT_SHORT = {"length": ErrorCode.TRUNCATED, "content_filter": ErrorCode.CONTENT_FILTER, "error": ErrorCode.PROVIDER_ERROR}


def build_body(judge: Judge, prompt: Prompt) -> dict[str, Any]:
    """Return the body of ``POST /v1/chat/completions``; parameters that the judge leaves open are left out."""
    body: dict[str, Any] = {
        "model": judge.model,
        "messages": [
            {"role": "system", "content": prompt.system},
            {"role": "user", "content": text_parts(judge, prompt, "text")},
        ],
        "max_completion_tokens": judge.max_output_tokens,
        "response_format": {"type": "json_schema", "json_schema": strict_schema(judge)},
    }
    given = {
        "temperature": judge.temperature,
        "reasoning_effort": judge.reasoning_effort,
        "verbosity": judge.output_verbosity,
        "service_tier": judge.service_tier,
        **cache_options(judge),
    }
    return body | {name: value for name, value in given.items() if value is not None}


def read_reply(reply: dict[str, Any]) -> Outcome:
    """Return what a Chat Completions reply comes to."""
    served = read_served(reply)
    choices = reply.get("choices")
    if not choices:
        error = reply.get("error")
        if isinstance(error, dict):  # some servers answer 200 and tell the error inside
            code = ERROR_CODES.get(str(error.get("code")), ErrorCode.PROVIDER_ERROR)
            return served.failure(code, f"{error.get('code', 'no code')}: {error.get('message')}")
        return served.failure(ErrorCode.INVALID_VERDICT, "the reply holds no choice")
    message, reason = choices[0].get("message") or {}, choices[0].get("finish_reason")
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    if message.get("refusal") or any(part.get("type") == "refusal" for part in parts):
        return served.failure(ErrorCode.REFUSAL, "the model refused to judge")
    if reason in _CUT_SHORT:
        return served.failure(_CUT_SHORT[reason], f"the reply stopped: {reason}")
    if isinstance(content, list):
        content = "".join(part.get("text", "") for part in parts if part.get("type") == "text")
    return served.answer(content or "")
