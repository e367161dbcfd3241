"""What OpenAI's three APIs word alike in a reply: tokens, model, service tier, and the codes of errors. Pure.

Not here: what one API alone says (:mod:`.openai_responses`, :mod:`.openai_chat`, :mod:`.openai_decisions`).
"""

from dataclasses import dataclass
from typing import Any

from huleedu_pipeline.judging.manifest import manifest
from huleedu_pipeline.judging.outcome import ErrorCode, Outcome, Usage, failure, read_answer
from huleedu_pipeline.judging.prompts import Prompt
from huleedu_pipeline.judging.spec import Judge
from huleedu_pipeline.judging.verdict import verdict_schema
from huleedu_pipeline.providers.prefixes import cache_key
from huleedu_pipeline.providers.spend_limits import OPENAI_CODES

# Codes that say more than the HTTP status, or come without one.
ERROR_CODES = {
    "batch_expired": ErrorCode.BATCH_EXPIRED,
    "batch_cancelled": ErrorCode.BATCH_CANCELLED,
    **dict.fromkeys(OPENAI_CODES, ErrorCode.SPEND_LIMIT),
    "invalid_api_key": ErrorCode.NO_ACCESS,
    "rate_limit_exceeded": ErrorCode.RATE_LIMITED,
    "content_filter": ErrorCode.CONTENT_FILTER,
    "bio_policy": ErrorCode.CONTENT_FILTER,
    "misalignment_policy_violation": ErrorCode.CONTENT_FILTER,
    "invalid_prompt": ErrorCode.PROVIDER_REJECTED,
    "data_residency_mismatch": ErrorCode.PROVIDER_REJECTED,
}


@dataclass(frozen=True)
class Served:
    """What a reply says about itself whatever it comes to: its tokens, and what model and tier served it."""

    usage: Usage
    model: str | None
    service_tier: str | None

    def failure(self, code: ErrorCode, message: str) -> Outcome:
        """Return the outcome of this reply without a verdict."""
        return failure(code, message, self.usage, self.model, self.service_tier)

    def answer(self, text: str) -> Outcome:
        """Return the outcome of this reply from its text."""
        return read_answer(text, self.usage, self.model, self.service_tier)


def strict_schema(judge: Judge) -> dict[str, Any]:
    """Return the schema under its name and with its strictness, as Responses and Chat Completions both take it."""
    return {"name": "verdict", "strict": True, "schema": verdict_schema(judge.reason_length)}


def cache_key_of(judge: Judge) -> dict[str, Any]:
    """Return the parameter by which requests with the same prefix find the same cache, for models that have one.

    It names the judge, which all requests of a batch share; :mod:`.prefixes` names their first essay, too. A model that the
    manifest does not know may be any server's, which need not know the parameter.
    """
    entry = manifest().find(judge.model)
    has_keys = entry is not None and manifest().providers[entry.provider].cache_keys
    return {"prompt_cache_key": cache_key(judge.judge_id)} if has_keys else {}


def cache_options(judge: Judge) -> dict[str, Any]:
    """Return the parameters of a prompt's cache: its key, and for models with breakpoints that there are none but ours."""
    options = {"prompt_cache_options": {"mode": "explicit"}} if _has_breakpoints(judge) else {}
    return {**cache_key_of(judge), **options}


def text_parts(judge: Judge, prompt: Prompt, kind: str) -> list[dict[str, Any]]:
    """Return the blocks of a prompt as parts of a message, marked where requests stop being alike.

    A model with breakpoints finds a prefix only up to one, and would by itself set one at the end of the prompt, where no other
    request ends alike: every prompt would be written to the cache, at a surcharge, and never read.
    """
    parts: list[dict[str, Any]] = [{"type": kind, "text": block} for block in prompt.blocks]
    if _has_breakpoints(judge):
        parts[:-1] = [{**part, "prompt_cache_breakpoint": {"mode": "explicit"}} for part in parts[:-1]]
    return parts


def _has_breakpoints(judge: Judge) -> bool:
    entry = manifest().find(judge.model)
    return entry is not None and entry.cache_breakpoints


def read_served(reply: dict[str, Any]) -> Served:
    """Return what ``reply`` says about itself."""
    return Served(read_usage(reply.get("usage")), _text(reply.get("model")), _text(reply.get("service_tier")))


def read_usage(usage: object) -> Usage:
    """Return the tokens of a reply; Chat Completions calls the same things by other names.

    What was written to the cache without a word about how long it is kept was written for 30 minutes, which is the default.
    """
    if not isinstance(usage, dict):
        return Usage()
    read, written = ("input", "output") if "input_tokens" in usage else ("prompt", "completion")
    details = usage.get(f"{read}_tokens_details") or {}
    kept = details.get("cache_write_tokens_details") or {}
    for_12h = _count(kept.get("ttl_12h_tokens"))
    return Usage(
        input_tokens=_count(usage.get(f"{read}_tokens")),
        cached_input_tokens=_count(details.get("cached_tokens")),
        cache_write_30m_tokens=max(_count(kept.get("ttl_30m_tokens")), _count(details.get("cache_write_tokens")) - for_12h),
        cache_write_12h_tokens=for_12h,
        output_tokens=_count(usage.get(f"{written}_tokens")),
        reasoning_tokens=_count((usage.get(f"{written}_tokens_details") or {}).get("reasoning_tokens")),
    )


def _count(value: Any) -> int:
    return int(value or 0)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
