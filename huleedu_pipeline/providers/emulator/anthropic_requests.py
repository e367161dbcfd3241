"""Reads Anthropic request bodies, live and batch params alike, into the form that is judged.

Here: what ``/v1/messages`` accepts and how it refuses. Not here: the reply (``anthropic_format``) and the rules of a
batch as a whole (``anthropic_jobs``). Every refusal is an ApiError.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from .config import MODEL_PREFIX
from .errors import ApiError
from .reading import PART_SEPARATOR, CacheMark, ModelRequest
from .wire import Json

NO_SAMPLING_SINCE = "2026-10-21"
MAX_CACHE_MARKS = 4
CACHE_LIVES = ("1h", "5m")
_SAMPLING = ("temperature", "top_p", "top_k")
_KNOWN = frozenset(
    [
        "max_tokens",
        "messages",
        "model",
        "cache_control",
        "cache_hint",
        "container",
        "context_hint",
        "diagnostics",
        "inference_geo",
        "metadata",
        "output_config",
        "service_tier",
        "speed",
        "stop_sequences",
        "store",
        "stream",
        "system",
        "temperature",
        "thinking",
        "tool_choice",
        "tools",
        "top_k",
        "top_p",
        "user_profile_id",
        "workspace_id",
    ]
)
_NOT_IN_BATCHES = ("stream", "speed", "store", "cache_hint", "context_hint")


def read_request(params: Any, version: str) -> ModelRequest:
    """Return the request that ``params`` make under an API version (a date). Raises ApiError (400, 404)."""
    if not isinstance(params, dict):
        raise ApiError(400, "The request body must be a JSON object.")
    for name in params:
        if name not in _KNOWN:
            raise ApiError(400, f"{name}: Extra inputs are not permitted")
    for name in ("model", "max_tokens", "messages"):
        if name not in params:
            raise ApiError(400, f"{name}: Field required")
    model = params["model"]
    if not isinstance(model, str):
        raise ApiError(400, "model: Input should be a valid string")
    if not model.startswith(MODEL_PREFIX):
        raise ApiError(404, f"model: {model}")
    if version >= NO_SAMPLING_SINCE:  # versions are ISO dates, so text order is time order
        for name in _SAMPLING:
            if name in params:
                raise ApiError(400, f"{name}: not supported from API version {NO_SAMPLING_SINCE} on")
    if params.get("stream"):
        raise ApiError(400, "stream: this emulator does not stream")
    limit = params["max_tokens"]
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 1:
        raise ApiError(400, "max_tokens: Input should be an integer greater than or equal to 1")
    schema = _read_schema(params)
    schema_text = "" if schema is None else json.dumps(schema)
    system = PART_SEPARATOR.join(_read_blocks("system", params.get("system", [])))
    user = PART_SEPARATOR.join(_read_messages(params["messages"]))
    _check_cache_marks(params)
    return ModelRequest(
        model=model,
        system=system,
        user=user,
        schema_properties=None if schema is None else tuple(schema["properties"]),
        schema_text=schema_text,
        max_output_tokens=limit,
        cache_marks=tuple(_cache_marks(params, schema_text)),
    )


def read_batched_request(params: Any, version: str) -> ModelRequest:
    """Return the request of a batch entry, where some parameters are not allowed. Raises ApiError (400, 404)."""
    if isinstance(params, dict):
        for name in _NOT_IN_BATCHES:
            if name in params:
                raise ApiError(400, f"{name}: not supported in a message batch")
    return read_request(params, version)


def _read_messages(messages: object) -> list[str]:
    if not isinstance(messages, list) or not messages:
        raise ApiError(400, "messages: at least one message is required")
    user: list[str] = []
    for index, message in enumerate(messages):
        if not isinstance(message, dict) or message.get("role") not in ("user", "assistant"):
            raise ApiError(400, f"messages.{index}.role: Input should be 'user' or 'assistant'")
        blocks = _read_blocks(f"messages.{index}.content", message.get("content"))
        if message["role"] == "user":
            user.extend(blocks)
    return user


def _read_blocks(place: str, content: object) -> list[str]:
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list):
        raise ApiError(400, f"{place}: Input should be a string or a list of blocks")
    texts: list[str] = []
    for index, block in enumerate(content):
        if not isinstance(block, dict) or block.get("type") != "text" or not isinstance(block.get("text"), str):
            raise ApiError(400, f"{place}.{index}: this emulator reads only text blocks")
        texts.append(block["text"])
    return texts


def _cache_marks(params: Json, schema_text: str) -> Iterator[CacheMark]:
    """Yield the marks of a checked request with the prompt up to each: schema, system text, what the user says."""
    prefix = schema_text
    for content in (params.get("system"), *(m.get("content") for m in params["messages"] if m["role"] == "user")):
        parts: list[Json] = [{"text": content}] if isinstance(content, str) else content or []
        for part in parts:
            prefix += part["text"]
            mark = part.get("cache_control")
            if mark is not None:
                yield CacheMark(prefix, mark.get("ttl", "5m"))


def _check_cache_marks(params: Json) -> None:
    """Raise ApiError (400) for marks of the cache that are too many, of no known kind, or not the longest-lived first."""
    blocks = [params.get("system"), *(message.get("content") for message in params["messages"])]
    marks = [
        mark
        for block in blocks
        if isinstance(block, list)
        for part in block
        if isinstance(part, dict) and (mark := part.get("cache_control")) is not None
    ]
    if len(marks) > MAX_CACHE_MARKS:
        raise ApiError(400, f"A maximum of {MAX_CACHE_MARKS} blocks with cache_control may be provided. Found {len(marks)}.")
    lives = [mark.get("ttl", "5m") if isinstance(mark, dict) and mark.get("type") == "ephemeral" else None for mark in marks]
    if any(life not in CACHE_LIVES for life in lives):
        raise ApiError(400, "cache_control: Input should be of type 'ephemeral' with a ttl of '5m' or '1h'")
    if lives != sorted(lives, key=CACHE_LIVES.index):
        raise ApiError(400, "cache_control: a ttl='1h' block must not come after a ttl='5m' block")


def _read_schema(params: Json) -> Json | None:
    config = params.get("output_config")
    form = config.get("format") if isinstance(config, dict) else None
    if not isinstance(form, dict) or form.get("type") != "json_schema":
        return None
    schema = form.get("schema")
    if not isinstance(schema, dict) or not isinstance(schema.get("properties"), dict):
        raise ApiError(400, "output_config.format.schema: Input should be the JSON schema of an object")
    if schema.get("additionalProperties") is not False:
        raise ApiError(
            400, "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"
        )
    return schema
