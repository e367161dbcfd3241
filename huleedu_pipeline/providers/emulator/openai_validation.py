"""What OpenAI checks of a batch: its creation at once, its input file later.

Here: the checks and their words. Not here: when they happen and what follows (``openai_jobs``).
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .errors import ApiError
from .lines import read_lines
from .openai_requests import CHAT, TEXT_ENDPOINTS, model_not_found, model_served
from .reading import to_bytes
from .wire import Json, read_json

MAX_METADATA_PAIRS = 16
MAX_METADATA_VALUE = 512
MAX_METADATA_KEY = 64
RESULT_FILE_LIFE_SECONDS = 30 * 24 * 3600
_CREATION = ("input_file_id", "endpoint", "completion_window", "metadata", "output_expires_after")


def problem(code: str, message: str, param: str | None, line: int | None) -> Json:
    """Return one validation error of a batch."""
    return {"code": code, "message": message, "param": param, "line": line}


def read_creation(body: Any) -> Json:
    """Return what a creation asks for. Raises ApiError (400) for what OpenAI refuses at once."""
    if not isinstance(body, dict):
        raise ApiError(400, "The request body must be a JSON object.")
    for name in body:
        if name not in _CREATION:
            raise ApiError(400, f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
    for name in ("input_file_id", "endpoint", "completion_window"):
        if not isinstance(body.get(name), str):
            code = "invalid_type" if name in body else "missing_required_parameter"
            raise ApiError(400, f"'{name}' is required and must be a string.", param=name, code=code)
    if body["endpoint"] not in TEXT_ENDPOINTS:
        message = f"Invalid value: '{body['endpoint']}'. Supported values are: {', '.join(TEXT_ENDPOINTS)}."
        raise ApiError(400, message, param="endpoint", code="invalid_value")
    if body["completion_window"] != "24h":
        message = f"Invalid value: '{body['completion_window']}'. Supported values are: '24h'."
        raise ApiError(400, message, param="completion_window", code="invalid_value")
    _check_metadata(body.get("metadata"))
    output_life = body.get("output_expires_after")
    if output_life is not None:
        check_expiry("output_expires_after", output_life)
    return {
        "input_file_id": body["input_file_id"],
        "endpoint": body["endpoint"],
        "completion_window": body["completion_window"],
        "metadata": body.get("metadata"),
        "output_expires_after": output_life,
    }


def check_expiry(param: str, rule: object) -> int:
    """Return the seconds of an expiry rule. Raises ApiError (400) unless it is as OpenAI documents it."""
    seconds = rule.get("seconds") if isinstance(rule, dict) else None
    anchored = isinstance(rule, dict) and rule.get("anchor") == "created_at"
    if not anchored or not isinstance(seconds, int) or not 3600 <= seconds <= RESULT_FILE_LIFE_SECONDS:
        message = f"'{param}' needs anchor 'created_at' and seconds from 3600 to {RESULT_FILE_LIFE_SECONDS}."
        raise ApiError(400, message, param=param, code="invalid_value")
    return seconds


def _check_metadata(metadata: object) -> None:
    if metadata is None:
        return
    if not isinstance(metadata, dict):
        raise ApiError(400, "Invalid type for 'metadata': expected an object.", param="metadata", code="invalid_type")
    if len(metadata) > MAX_METADATA_PAIRS:
        message = f"Invalid 'metadata': at most {MAX_METADATA_PAIRS} pairs are allowed, {len(metadata)} were given."
        raise ApiError(400, message, param="metadata", code="object_above_max_properties")
    for key, value in metadata.items():
        param = f"metadata.{key}"
        if not isinstance(value, str):
            raise ApiError(400, f"Invalid type for '{param}': expected a string.", param=param, code="invalid_type")
        if len(key) > MAX_METADATA_KEY or len(value) > MAX_METADATA_VALUE:
            message = f"Invalid '{param}': keys hold {MAX_METADATA_KEY} characters, values {MAX_METADATA_VALUE}."
            raise ApiError(400, message, param=param, code="string_above_max_length")


def validate_lines(path: Path, endpoint: str) -> tuple[str | None, list[Json]]:
    """Return the model that a file asks for and what is wrong with its lines (the model is None when anything is)."""
    problems: list[Json] = []
    seen: set[bytes] = set()
    model: str | None = None
    for line in read_lines(path):
        try:
            entry = read_json(line.content)
        except ApiError:
            entry = None
        if not isinstance(entry, dict):
            text = "This line is not parseable as valid JSON."
            problems.append(problem("invalid_json_line", text, None, line.number))
            continue
        found = list(_entry_problems(entry, endpoint, line.number))
        custom_id = entry.get("custom_id")
        if isinstance(custom_id, str):
            if to_bytes(custom_id) in seen:
                text = f"The custom_id {custom_id!r} was used on an earlier line."
                found.append(problem("duplicate_custom_id", text, "custom_id", line.number))
            seen.add(to_bytes(custom_id))
        named = entry["body"].get("model") if isinstance(entry.get("body"), dict) else None
        if isinstance(named, str):
            model = model or named
            if named != model:
                text = f"The batch was started with model {model!r}; this line asks for {named!r}."
                found.append(problem("mismatched_model", text, "body.model", line.number))
        problems.extend(found)
    return None if problems else model, problems


def _entry_problems(entry: Json, endpoint: str, number: int) -> Iterator[Json]:
    kinds: dict[str, type] = {"custom_id": str, "method": str, "url": str, "body": dict}
    missing = [name for name, kind in kinds.items() if not isinstance(entry.get(name), kind)]
    for name in missing:
        yield problem("missing_required_parameter", f"Missing required parameter: '{name}'.", name, number)
    if "method" not in missing and entry["method"] != "POST":
        yield problem("invalid_method", "Only the method 'POST' can be batched.", "method", number)
    if "url" not in missing and entry["url"] != endpoint:
        yield problem("invalid_url", "The URL does not match the batch endpoint.", "url", number)
    if "body" in missing:
        return
    body = entry["body"]
    required = ("model", "messages") if endpoint == CHAT else ("model",)
    for name in required:
        if name not in body:
            yield problem("invalid_request", f"Missing required field '{name}'.", f"body.{name}", number)
    if body.get("stream"):
        yield problem("streaming_unsupported", "Streaming is not supported in a batch.", "body.stream", number)
    if "model" in body and not model_served(body["model"]):
        yield problem("model_not_found", model_not_found(body["model"]).message, "body.model", number)
