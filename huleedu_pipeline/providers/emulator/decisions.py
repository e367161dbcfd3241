"""``POST /v1/decisions``: choice questions about two essays, answered with probabilities instead of words.

Here: reading the questions and wording the answers. Not here: HTTP (``openai_routes``) and the judge (``profiles``).
"""

from __future__ import annotations

from typing import Any

from .errors import ApiError
from .openai_caching import read_cache_key
from .openai_requests import model_not_found, model_served, read_texts
from .profiles import Profile, UnknownTextError
from .reading import PART_SEPARATOR, ModelRequest, find_essays
from .wire import Json, json_bytes

MODEL = "emulated-gpt-6-luna"
MAX_QUESTIONS = 400
MIN_CHOICES, MAX_CHOICES = 2, 255
_FIELDS = ("input", "model", "questions", "prompt_cache_key", "prompt_cache_options", "safety_identifier")
_QUESTION_FIELDS = ("type", "name", "instructions", "choices")
_FIRST, _SECOND = ("a", "essay a"), ("b", "essay b")


def read_decision(body: Any) -> ModelRequest:
    """Return the request that ``body`` makes, its questions checked. Raises ApiError (400, 404)."""
    if not isinstance(body, dict):
        raise ApiError(400, "The request body must be a JSON object.")
    for name in ("model", "input", "questions"):
        if name not in body:
            raise ApiError(400, f"Missing required parameter: '{name}'.", param=name, code="missing_required_parameter")
    for name in body:
        if name not in _FIELDS:
            raise ApiError(400, f"Unknown parameter: '{name}'.", param=name, code="unknown_parameter")
    if not model_served(body["model"]):
        raise model_not_found(body["model"])
    if body["model"] != MODEL:
        raise ApiError(400, f"Decisions are made by {MODEL!r} only.", param="model", code="unsupported_model")
    questions = body["questions"]
    if not isinstance(questions, list) or not 1 <= len(questions) <= MAX_QUESTIONS:
        message = f"Invalid 'questions': expected an array of 1 to {MAX_QUESTIONS}."
        raise ApiError(400, message, param="questions", code="invalid_value")
    for index, question in enumerate(questions):
        _check_question(f"questions[{index}]", question)
    system, user = read_texts("input", body["input"], "input_text")
    return ModelRequest(
        model=body["model"],
        system=PART_SEPARATOR.join(system),
        user=PART_SEPARATOR.join(user),
        schema_properties=None,
        schema_text=json_bytes(questions).decode(),
        max_output_tokens=None,
        cache_key=read_cache_key(body),
    )


def _check_question(place: str, question: object) -> None:
    if not isinstance(question, dict) or question.get("type") != "choice":
        message = "This emulator answers only questions of the type 'choice'."
        raise ApiError(400, message, param=f"{place}.type", code="invalid_value")
    for name in question:
        if name not in _QUESTION_FIELDS:
            raise ApiError(400, f"Unknown parameter: '{place}.{name}'.", param=f"{place}.{name}", code="unknown_parameter")
    if not isinstance(question.get("instructions"), str | list):
        raise ApiError(400, f"Missing required parameter: '{place}.instructions'.", param=f"{place}.instructions")
    choices = question.get("choices")
    if not isinstance(choices, list) or not MIN_CHOICES <= len(choices) <= MAX_CHOICES:
        message = f"Invalid '{place}.choices': expected an array of {MIN_CHOICES} to {MAX_CHOICES}."
        raise ApiError(400, message, param=f"{place}.choices", code="invalid_value")
    values = [choice.get("value") if isinstance(choice, dict) else None for choice in choices]
    if not all(isinstance(value, str | bool) for value in values) or len({(type(v), v) for v in values}) < len(values):
        message = f"Invalid '{place}.choices': every choice needs a value of its own."
        raise ApiError(400, message, param=f"{place}.choices", code="invalid_value")


def decision_body(body: Json, request: ModelRequest, profile: Profile, *, refuses: bool) -> Json:
    """Return the answers to a checked request. Raises ApiError (400) when the judge does not know a text."""
    essays = find_essays(request.user)
    try:
        probability_a = None if refuses or essays is None else profile.judge(*essays, request).probability_a
    except UnknownTextError as problem:
        raise ApiError(400, str(problem), code="unknown_text") from problem
    tokens = profile.tokens.prompt(request)
    return {
        "answers": [_answer(question, probability_a) for question in body["questions"]],
        "model": request.model,
        "usage": {
            "input_tokens": tokens,
            "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
            "output_tokens": 0,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": tokens,
        },
    }


def judges(decision: Json) -> bool:
    """Return whether any question got an answer rather than a refusal."""
    return any(answer["type"] == "choice" for answer in decision["answers"])


def _answer(question: Json, probability_a: float | None) -> Json:
    values = [choice["value"] for choice in question["choices"]]
    names = [str(value).strip().lower() for value in values]
    first = next((index for index, name in enumerate(names) if name in _FIRST), None)
    second = next((index for index, name in enumerate(names) if name in _SECOND), None)
    if probability_a is None or first is None or second is None:
        return {"type": "refusal", "name": question.get("name")}
    probabilities = [0.0] * len(values)
    probabilities[first], probabilities[second] = probability_a, 1 - probability_a
    best = max(range(len(values)), key=probabilities.__getitem__)
    return {
        "type": "choice",
        "name": question.get("name"),
        "choice": values[best],
        "confidence": probabilities[best],
        "probabilities": [
            {"value": value, "probability": probability} for value, probability in zip(values, probabilities, strict=True)
        ],
    }
