"""The parameters that OpenAI's text endpoints know, and the bounds of those that every model shares.

Not here: parameters that shape the prompt or the reply (``openai_requests``).
"""

from __future__ import annotations

from .errors import ApiError
from .wire import Json

_SHARED = frozenset(
    [
        "metadata",
        "model",
        "moderation",
        "parallel_tool_calls",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "service_tier",
        "store",
        "stream",
        "stream_options",
        "temperature",
        "tool_choice",
        "tools",
        "top_logprobs",
        "top_p",
        "user",
    ]
)
RESPONSES_PARAMETERS = _SHARED | frozenset(
    [
        "access_programs",
        "background",
        "context_management",
        "conversation",
        "image",
        "include",
        "input",
        "instructions",
        "max_output_tokens",
        "max_tool_calls",
        "previous_response_id",
        "prompt",
        "reasoning",
        "text",
        "truncation",
    ]
)
CHAT_PARAMETERS = _SHARED | frozenset(
    [
        "audio",
        "frequency_penalty",
        "function_call",
        "functions",
        "logit_bias",
        "logprobs",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "modalities",
        "n",
        "prediction",
        "presence_penalty",
        "reasoning_effort",
        "response_format",
        "seed",
        "stop",
        "verbosity",
        "web_search_options",
    ]
)
_BOUNDS = {"temperature": (0, 2), "top_p": (0, 1), "frequency_penalty": (-2, 2), "presence_penalty": (-2, 2)}
_TIERS = ("auto", "default", "flex", "scale", "priority", "fast", "ultrafast")


def check_parameters(body: Json, known: frozenset[str]) -> None:
    """Raise ApiError (400) for parameters that the endpoint does not know or whose values are out of bounds."""
    for name in body:
        if name not in known:
            raise ApiError(400, f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
    for name, (least, most) in _BOUNDS.items():
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise ApiError(400, f"Invalid type for '{name}': expected a decimal.", param=name, code="invalid_type")
        if value > most:
            raise ApiError(400, f"Invalid '{name}': at most {most}.", param=name, code="decimal_above_max_value")
        if value < least:
            raise ApiError(400, f"Invalid '{name}': at least {least}.", param=name, code="decimal_below_min_value")
    tier = body.get("service_tier")
    if tier is not None and tier not in _TIERS:
        message = f"Invalid value: {tier!r}. Supported values are: {', '.join(_TIERS)}."
        raise ApiError(400, message, param="service_tier", code="invalid_value")
