"""Faults of what the model says, live and in batches."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import pytest

from .fault_kit import CREATE, PROMPT, PROVIDERS, Wire, said, spoken
from .kit import GPT

LIVE = {"openai": "POST /v1/responses", "anthropic": "POST /v1/messages"}
HONEST_KEYS = {"justification", "winner", "confidence"}
Check = Callable[[str], bool]


def verdict(text: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(text)
    return content


def contradicts(text: str) -> bool:
    content = verdict(text)
    return content["winner"] not in content["justification"] and "Essay" in content["justification"]


def two_objects(text: str) -> bool:
    first, second = (verdict(part) for part in text.split("\n"))
    return {first["winner"], second["winner"]} == {"Essay A", "Essay B"}


TEXTS: list[tuple[str, dict[str, Any], Check]] = [
    ("fenced_json", {}, lambda text: text.startswith("```json\n{") and text.endswith("}\n```")),
    ("prose_around_json", {}, lambda text: not text.startswith("{") and not text.endswith("}") and '"winner"' in text),
    ("two_json_objects", {}, two_objects),
    ("winner_text", {"text": "A"}, lambda text: verdict(text)["winner"] == "A"),
    ("winner_text", {"text": "tie"}, lambda text: verdict(text)["winner"] == "tie"),
    ("winner_text", {"text": "essay a"}, lambda text: verdict(text)["winner"] == "essay a"),
    ("winner_text", {"text": None}, lambda text: verdict(text)["winner"] is None),
    ("empty_justification", {}, lambda text: verdict(text)["justification"] == ""),
    ("long_justification", {"characters": 3000}, lambda text: len(verdict(text)["justification"]) == 3000),
    ("confidence", {"value": 17}, lambda text: verdict(text)["confidence"] == 17),
    ("confidence", {"value": -1}, lambda text: verdict(text)["confidence"] == -1),
    ("confidence", {"value": "NaN"}, lambda text: math.isnan(verdict(text)["confidence"]) and '"NaN"' not in text),
    ("confidence", {"value": "80 %"}, lambda text: verdict(text)["confidence"] == "80 %"),
    ("confidence", {"value": None}, lambda text: verdict(text)["confidence"] is None),
    ("contradiction", {}, contradicts),
]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("kind", "parameters", "holds"), TEXTS)
def test_texts(wire: Wire, provider: str, kind: str, parameters: dict[str, Any], holds: Check) -> None:
    wire.rule(LIVE[provider], kind, **parameters)
    with wire.books() as books:
        body = wire.live(provider).json()
        assert holds(spoken(provider, body))
    assert books[provider] == {
        "jobs": 0,
        "requests": 1,
        "input_tokens": body["usage"]["input_tokens"],
        "cached_input_tokens": 0,
        "cache_write_tokens": 0,
        "output_tokens": body["usage"]["output_tokens"],
    }
    assert verdict(spoken(provider, wire.live(provider).json())).keys() == HONEST_KEYS
    wire.rule(CREATE[provider], kind, lines=[2], **parameters)
    with wire.books() as books:
        _, results = wire.run(provider)
    for row in results.rows:
        text = said(provider, row)
        assert holds(text) if row["custom_id"] == "r2" else verdict(text).keys() == HONEST_KEYS
    assert books[provider]["requests"] == 3


def test_refusals(wire: Wire) -> None:
    wire.rule("POST /v1/responses", "refusal")
    response = wire.live("openai").json()
    assert (response["status"], response["output"][0]["content"][0]["type"]) == ("completed", "refusal")
    wire.rule("POST /v1/chat/completions", "refusal")
    message = chat(wire)["choices"][0]["message"]
    assert (message["content"], bool(message["refusal"])) == (None, True)
    wire.rule("POST /v1/messages", "refusal")
    answer = wire.live("anthropic").json()
    assert (answer["stop_reason"], answer["stop_details"]["type"]) == ("refusal", "refusal")


def chat(wire: Wire) -> dict[str, Any]:
    body: dict[str, Any] = wire.ask(
        "openai", "POST", "/v1/chat/completions", json={"model": GPT, "messages": [{"role": "user", "content": PROMPT}]}
    ).json()
    return body


def test_incomplete_and_filtered_replies(wire: Wire) -> None:
    for kind, reason in (("incomplete", "max_output_tokens"), ("content_filter", "content_filter")):
        wire.rule("POST /v1/responses", kind)
        response = wire.live("openai").json()
        assert (response["status"], response["incomplete_details"]) == ("incomplete", {"reason": reason})
    for kind, reason in (("incomplete", "length"), ("content_filter", "content_filter")):
        wire.rule("POST /v1/chat/completions", kind)
        assert chat(wire)["choices"][0]["finish_reason"] == reason
    for kind, reason in (("incomplete", "max_tokens"), ("content_filter", "refusal")):
        wire.rule("POST /v1/messages", kind)
        assert wire.live("anthropic").json()["stop_reason"] == reason


@pytest.mark.parametrize("reason", ["pause_turn", "model_context_window_exceeded"])
def test_other_stop_reasons(wire: Wire, reason: str) -> None:
    wire.rule("POST /v1/messages", "stop_reason", reason=reason)
    assert wire.live("anthropic").json()["stop_reason"] == reason


def test_empty_content(wire: Wire) -> None:
    wire.rule("POST /v1/responses", "empty_content")
    assert [item["type"] for item in wire.live("openai").json()["output"]] == ["reasoning"]
    wire.rule("POST /v1/chat/completions", "empty_content")
    assert chat(wire)["choices"][0]["message"]["content"] == ""
    wire.rule("POST /v1/messages", "empty_content")
    assert wire.live("anthropic").json()["content"] == []


@pytest.mark.parametrize("provider", PROVIDERS)
def test_other_models_and_cached_tokens(wire: Wire, provider: str) -> None:
    wire.rule(LIVE[provider], "other_model", model="emulated-older")
    assert wire.live(provider).json()["model"] == "emulated-older"
    wire.rule(LIVE[provider], "cached_tokens", tokens=64)
    with wire.books() as books:
        usage = wire.live(provider).json()["usage"]
    cached = usage["input_tokens_details"]["cached_tokens"] if provider == "openai" else usage["cache_read_input_tokens"]
    whole = usage["input_tokens"] + (0 if provider == "openai" else cached)
    assert cached == books[provider]["cached_input_tokens"] == 64
    assert books[provider]["input_tokens"] == whole
    wire.rule(CREATE[provider], "cached_tokens", tokens=10**9)
    with wire.books() as books:
        batch, _ = wire.run(provider)
    assert books[provider]["cached_input_tokens"] == books[provider]["input_tokens"] == 3 * whole
    if provider == "openai":
        assert batch["usage"]["input_tokens_details"]["cached_tokens"] == 3 * whole


def test_prose_is_left_alone_by_faults_of_verdicts(wire: Wire) -> None:
    wire.rule("POST /v1/responses", "winner_text", text="A")
    reply = wire.ask("openai", "POST", "/v1/responses", json={"model": GPT, "input": "Hello"}).json()
    assert "no two essays" in spoken("openai", reply)
