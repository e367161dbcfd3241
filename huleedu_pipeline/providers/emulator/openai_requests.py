"""Reads OpenAI request bodies, live and batch alike, into the form that is judged.

Here: what the two text endpoints accept and how they refuse. Not here: the reply (``openai_format``) and the rules of
a batch as a whole (``openai_jobs``). Every refusal is an ApiError.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from .config import MODEL_PREFIX
from .errors import ApiError
from .openai_caching import read_cache_key, read_cache_marks
from .openai_parameters import CHAT_PARAMETERS, RESPONSES_PARAMETERS, check_parameters
from .reading import PART_SEPARATOR, ModelRequest
from .wire import Json

RESPONSES = "/v1/responses"
CHAT = "/v1/chat/completions"
TEXT_ENDPOINTS = (RESPONSES, CHAT)

MIN_OUTPUT_TOKENS = 16  # of a response; chat completions take any positive number
_SCHEMA_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_SYSTEM_ROLES = ("system", "developer")


def model_served(model: object) -> bool:
    """Return whether this emulator serves a model of that name."""
    return isinstance(model, str) and model.startswith(MODEL_PREFIX) and model.isprintable()


def model_not_found(model: object) -> ApiError:
    """Return OpenAI's refusal of a model that does not exist."""
    return ApiError(
        404,
        f"The model {model!r} does not exist or you do not have access to it. This emulator serves only models whose "
        f"name begins with {MODEL_PREFIX!r}.",
        code="model_not_found",
    )


def _missing(param: str) -> ApiError:
    return ApiError(400, f"Missing required parameter: '{param}'.", param=param, code="missing_required_parameter")


def _wrong_type(param: str, expected: str) -> ApiError:
    return ApiError(400, f"Invalid type for '{param}': expected {expected}.", param=param, code="invalid_type")


def read_request(endpoint: str, body: Any) -> ModelRequest:
    """Return the request that ``body`` makes of a text endpoint. Raises ApiError (400, 404)."""
    if not isinstance(body, dict):
        raise ApiError(400, "The request body must be a JSON object.")
    if "model" not in body:
        raise _missing("model")
    if not model_served(body["model"]):
        raise model_not_found(body["model"])
    if body.get("stream"):
        raise ApiError(400, "This emulator does not stream.", param="stream", code="unsupported_value")
    check_parameters(body, RESPONSES_PARAMETERS if endpoint == RESPONSES else CHAT_PARAMETERS)
    readers: dict[str, Callable[[Json], ModelRequest]] = {RESPONSES: _read_responses, CHAT: _read_chat}
    return readers[endpoint](body)


def _read_responses(body: Json) -> ModelRequest:
    if "input" not in body:
        raise _missing("input")
    instructions = body.get("instructions")
    if instructions is not None and not isinstance(instructions, str):
        raise _wrong_type("instructions", "a string")
    system, user = read_texts("input", body["input"], "input_text")
    if instructions:
        system.insert(0, instructions)
    text = body.get("text")
    form = text.get("format") if isinstance(text, dict) else None
    schema = None
    if isinstance(form, dict) and form.get("type") == "json_schema":
        schema = _read_schema("text.format", form)
    limit = _read_limit(body, "max_output_tokens", MIN_OUTPUT_TOKENS)
    messages = body["input"] if isinstance(body["input"], list) else [{"content": body["input"]}]
    return _model_request(body, system, user, schema, limit, [{"content": instructions or ""}, *messages])


def _read_chat(body: Json) -> ModelRequest:
    if "messages" not in body:
        raise _missing("messages")
    system, user = _read_messages("messages", body["messages"], "text")
    form = body.get("response_format")
    schema = None
    if isinstance(form, dict) and form.get("type") == "json_schema":
        inner = form.get("json_schema")
        if not isinstance(inner, dict):
            raise _missing("response_format.json_schema")
        schema = _read_schema("response_format.json_schema", inner)
    limit = _read_limit(body, "max_completion_tokens")
    if limit is None:
        limit = _read_limit(body, "max_tokens")
    return _model_request(body, system, user, schema, limit, body["messages"])


def _model_request(
    body: Json, system: list[str], user: list[str], schema: Json | None, limit: int | None, messages: Sequence[Json]
) -> ModelRequest:
    schema_text = "" if schema is None else json.dumps(schema)
    return ModelRequest(
        model=body["model"],
        system=PART_SEPARATOR.join(system),
        user=PART_SEPARATOR.join(user),
        schema_properties=None if schema is None else tuple(schema["properties"]),
        schema_text=schema_text,
        max_output_tokens=limit,
        cache_key=read_cache_key(body),
        cache_marks=read_cache_marks(body, messages, schema_text),
    )


def read_texts(param: str, content: object, part_type: str) -> tuple[list[str], list[str]]:
    """Return the system and user texts of an input, which is one text or messages. Raises ApiError (400)."""
    return ([], [content]) if isinstance(content, str) else _read_messages(param, content, part_type)


def _read_messages(param: str, messages: object, part_type: str) -> tuple[list[str], list[str]]:
    if not isinstance(messages, list) or not messages:
        raise _wrong_type(param, "a non-empty array of messages")
    system: list[str] = []
    user: list[str] = []
    for index, message in enumerate(messages):
        place = f"{param}[{index}]"
        if not isinstance(message, dict):
            raise _wrong_type(place, "an object")
        role, content = message.get("role"), message.get("content")
        if role == "assistant":
            continue
        if role != "user" and role not in _SYSTEM_ROLES:
            raise ApiError(400, f"Invalid value: {role!r}.", param=f"{place}.role", code="invalid_value")
        (user if role == "user" else system).extend(_read_parts(f"{place}.content", content, part_type))
    return system, user


def _read_parts(param: str, content: object, part_type: str) -> list[str]:
    if isinstance(content, str):
        return [content]
    if not isinstance(content, list):
        raise _wrong_type(param, "a string or an array of content parts")
    texts: list[str] = []
    for index, part in enumerate(content):
        if not isinstance(part, dict):
            raise _wrong_type(f"{param}[{index}]", "an object")
        if part.get("type") != part_type or not isinstance(part.get("text"), str):
            raise ApiError(
                400,
                f"This emulator reads only content parts of type '{part_type}'.",
                param=f"{param}[{index}].type",
                code="invalid_value",
            )
        texts.append(part["text"])
    return texts


def _read_schema(param: str, form: Json) -> Json:
    name, schema = form.get("name"), form.get("schema")
    if not isinstance(name, str) or not name:
        raise _missing(f"{param}.name")
    if not _SCHEMA_NAME.fullmatch(name):
        message = f"Invalid '{param}.name': expected at most 64 letters, digits, '_' and '-'."
        raise ApiError(400, message, param=f"{param}.name", code="invalid_value")
    if not isinstance(schema, dict) or not isinstance(schema.get("properties"), dict):
        raise _wrong_type(f"{param}.schema", "a JSON schema of an object")
    complaint = None
    if form.get("strict"):
        if schema.get("additionalProperties") is not False:
            complaint = "'additionalProperties' is required to be supplied and to be false."
        elif set(schema.get("required", ())) != set(schema["properties"]):
            complaint = "'required' is required to be an array including every key in properties."
    if complaint is not None:
        message = f"Invalid schema for response_format '{name}': {complaint}"
        raise ApiError(400, message, param=f"{param}.schema", code="invalid_json_schema")
    return schema


def _read_limit(body: Json, param: str, least: int = 1) -> int | None:
    limit = body.get(param)
    if limit is None:
        return None
    if not isinstance(limit, int) or isinstance(limit, bool):
        raise _wrong_type(param, "an integer")
    if limit < least:
        raise ApiError(400, f"Invalid '{param}': at least {least}.", param=param, code="integer_below_min_value")
    return limit
