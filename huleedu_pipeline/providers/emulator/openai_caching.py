"""What OpenAI's text endpoints are told of the prompt cache: its key, its breakpoints, and who sets them.

Not here: what a cache does with it (``prompt_cache``) and the rest of a request (``openai_requests``).
"""

from __future__ import annotations

from collections.abc import Sequence

from .errors import ApiError
from .generations import gpt_version, has_breakpoints
from .reading import CacheMark
from .wire import Json

CACHE_MODES = ("implicit", "explicit")
MAX_CACHE_WRITES = 4


def read_cache_key(body: Json) -> str | None:
    """Return the key by which requests with the same beginning find the same cache. Raises ApiError (400)."""
    key = body.get("prompt_cache_key")
    if key is not None and not isinstance(key, str):
        message = "Invalid type for 'prompt_cache_key': expected a string."
        raise ApiError(400, message, param="prompt_cache_key", code="invalid_type")
    return key


def read_cache_marks(body: Json, messages: Sequence[Json], schema_text: str) -> tuple[CacheMark, ...]:
    """Return the breakpoints of a request whose messages are known to be sound, the implicit one included.

    Raises ApiError (400) for options and breakpoints that are none, or that the model does not have.
    """
    options = body.get("prompt_cache_options")
    if options is not None and (not isinstance(options, dict) or options.get("mode", "implicit") not in CACHE_MODES):
        problem = f"Invalid 'prompt_cache_options': its mode is one of {', '.join(CACHE_MODES)}."
        raise ApiError(400, problem, param="prompt_cache_options", code="invalid_value")
    prefix = schema_text
    marks: list[CacheMark] = []
    for message in messages:
        content = message["content"]
        parts: list[Json] = [{"text": content}] if isinstance(content, str) else content
        for part in parts if message.get("role") != "assistant" else ():
            prefix += part["text"]
            if part.get("prompt_cache_breakpoint") is None:
                continue
            if part["prompt_cache_breakpoint"] != {"mode": "explicit"}:
                raise ApiError(400, "Invalid 'prompt_cache_breakpoint': its mode is 'explicit'.", code="invalid_value")
            marks.append(CacheMark(prefix, "30m"))
    is_older = gpt_version(body["model"]) is not None and not has_breakpoints(body["model"])
    if is_older and (marks or options is not None):
        problem = f"Unsupported parameter: cache breakpoints and options are not supported with {body['model']!r}."
        raise ApiError(400, problem, param="prompt_cache_options", code="unsupported_parameter")
    if options is not None and options.get("mode") == "explicit":
        return tuple(marks[-MAX_CACHE_WRITES:])
    return (*marks[-MAX_CACHE_WRITES + 1 :], CacheMark(prefix, "30m"))
