"""The live endpoints through the real SDKs."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

import anthropic
import openai
import pytest

from .kit import CLAUDE, GPT, MIDDLE, PLAIN, RICH, VERDICT_SCHEMA, Server, fetch, prompt

PROMPT = prompt(PLAIN, RICH)
RESPONSES_FORMAT: Any = {
    "format": {"type": "json_schema", "name": "judgement", "strict": True, "schema": VERDICT_SCHEMA},
}
CHAT_FORMAT: Any = {
    "type": "json_schema",
    "json_schema": {"name": "judgement", "strict": True, "schema": VERDICT_SCHEMA},
}
CLAUDE_FORMAT: Any = {"format": {"type": "json_schema", "schema": VERDICT_SCHEMA}}


def check_verdict(text: str, keys: list[str]) -> None:
    verdict = json.loads(text)
    assert list(verdict) == keys
    assert verdict["winner"] in ("Essay A", "Essay B")
    assert 1 <= verdict["confidence"] <= 5
    assert 1 <= len(verdict["justification"]) <= 500
    assert verdict["winner"] in verdict["justification"]


def test_responses_with_strict_schema(gpt: openai.OpenAI) -> None:
    reply = gpt.responses.create(model=GPT, instructions="Be fair.", input=PROMPT, text=RESPONSES_FORMAT)
    check_verdict(reply.output_text, list(VERDICT_SCHEMA["properties"]))
    assert (reply.status, reply.model, reply.incomplete_details) == ("completed", GPT, None)
    assert reply.usage is not None
    expected = -(-len(("Be fair." + PROMPT + json.dumps(VERDICT_SCHEMA)).encode()) // 4)
    assert reply.usage.input_tokens == expected
    assert reply.usage.output_tokens == -(-len(reply.output_text) // 4)
    assert reply.usage.total_tokens == reply.usage.input_tokens + reply.usage.output_tokens
    assert reply.usage.input_tokens_details.cached_tokens == 0
    assert reply._request_id is not None
    assert reply._request_id.startswith("req_")


def test_responses_reads_parts_of_messages(gpt: openai.OpenAI) -> None:
    first, second = PROMPT.split("\n\n", 1)
    messages: Any = [
        {"role": "developer", "content": "Be fair."},
        {"role": "user", "content": [{"type": "input_text", "text": first}, {"type": "input_text", "text": second}]},
    ]
    whole = gpt.responses.create(model=GPT, instructions="Be fair.", input=PROMPT)
    in_parts = gpt.responses.create(model=GPT, input=messages)
    check_verdict(in_parts.output_text, ["justification", "winner", "confidence"])
    assert in_parts.output_text == whole.output_text


def test_chat_with_strict_schema(gpt: openai.OpenAI) -> None:
    reply = gpt.chat.completions.create(
        model=GPT,
        messages=[{"role": "system", "content": "Be fair."}, {"role": "user", "content": PROMPT}],
        response_format=CHAT_FORMAT,
    )
    check_verdict(reply.choices[0].message.content or "", list(VERDICT_SCHEMA["properties"]))
    assert reply.choices[0].finish_reason == "stop"
    assert reply.usage is not None
    assert reply.usage.prompt_tokens > 100
    assert reply.usage.completion_tokens > 10


def test_message_with_schema(claude: anthropic.Anthropic) -> None:
    blocks: Any = [{"type": "text", "text": part} for part in PROMPT.split("\n\n", 1)]
    reply = claude.messages.create(
        model=CLAUDE,
        max_tokens=300,
        system="Be fair.",
        messages=[{"role": "user", "content": blocks}],
        output_config=CLAUDE_FORMAT,
    )
    block = reply.content[0]
    assert block.type == "text"
    check_verdict(block.text, list(VERDICT_SCHEMA["properties"]))
    assert (reply.stop_reason, reply.model) == ("end_turn", CLAUDE)
    assert reply.usage.input_tokens > 100
    assert reply.usage.cache_read_input_tokens == 0
    assert reply.usage.service_tier == "standard"
    assert (reply._request_id or "").startswith("req_")


def test_the_three_endpoints_give_one_verdict(server: Server) -> None:
    gpt, claude = server.openai(), server.anthropic()
    first = gpt.responses.create(model=GPT, input=PROMPT).output_text
    second = gpt.chat.completions.create(model=GPT, messages=[{"role": "user", "content": PROMPT}])
    third = claude.messages.create(model=GPT, max_tokens=300, messages=[{"role": "user", "content": PROMPT}])
    assert second.choices[0].message.content == first
    assert third.content[0].to_dict()["text"] == first


def test_without_two_essays_the_reply_is_prose(gpt: openai.OpenAI) -> None:
    text = gpt.responses.create(model=GPT, input="Hello there", text=RESPONSES_FORMAT).output_text
    assert "no two essays" in text
    with pytest.raises(ValueError, match="Expecting value"):
        json.loads(text)


def test_truncation(gpt: openai.OpenAI, claude: anthropic.Anthropic) -> None:
    response = gpt.responses.create(model=GPT, input=PROMPT, max_output_tokens=16)
    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"
    assert len(response.output_text) == 64
    assert response.usage is not None
    assert response.usage.output_tokens == 16
    chat = gpt.chat.completions.create(model=GPT, max_completion_tokens=10, messages=[{"role": "user", "content": PROMPT}])
    assert chat.choices[0].finish_reason == "length"
    message = claude.messages.create(model=CLAUDE, max_tokens=10, messages=[{"role": "user", "content": PROMPT}])
    assert message.stop_reason == "max_tokens"
    assert message.usage.output_tokens == 10


def test_other_models_do_not_exist(gpt: openai.OpenAI, claude: anthropic.Anthropic) -> None:
    with pytest.raises(openai.NotFoundError) as unknown:
        gpt.responses.create(model="gpt-6-luna", input=PROMPT)
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.NotFoundError):
        gpt.chat.completions.create(model="gpt-6-luna", messages=[{"role": "user", "content": PROMPT}])
    with pytest.raises(anthropic.NotFoundError) as missing:
        claude.messages.create(model="claude-x", max_tokens=9, messages=[{"role": "user", "content": PROMPT}])
    body: Any = missing.value.body
    assert body["error"]["type"] == "not_found_error"
    assert body["request_id"] == missing.value.request_id


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        ({"model": GPT}, "input", "missing_required_parameter"),
        ({"model": GPT, "input": 7}, "input", "invalid_type"),
        ({"model": GPT, "input": "x", "max_output_tokens": "9"}, "max_output_tokens", "invalid_type"),
        ({"model": GPT, "input": "x", "stream": True}, "stream", "unsupported_value"),
        ({"input": "x"}, "model", "missing_required_parameter"),
        (
            {
                "model": GPT,
                "input": "x",
                "text": {
                    "format": {
                        "type": "json_schema",
                        "name": "n",
                        "strict": True,
                        "schema": {"type": "object", "properties": {"winner": {}}, "required": ["winner"]},
                    }
                },
            },
            "text.format.schema",
            "invalid_json_schema",
        ),
    ],
)
def test_bad_responses_requests(gpt: openai.OpenAI, body: dict[str, Any], param: str, code: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        gpt.post("/responses", body=body, cast_to=object)
    assert (refused.value.param, refused.value.code) == (param, code)


def test_sampling_parameters_depend_on_the_api_version(claude: anthropic.Anthropic) -> None:
    body = {"model": CLAUDE, "max_tokens": 99, "temperature": 0, "messages": [{"role": "user", "content": PROMPT}]}
    with pytest.raises(anthropic.BadRequestError, match="temperature"):
        claude.post("/v1/messages", body=body, cast_to=object)
    older: Any = claude.post(
        "/v1/messages", body=body, cast_to=object, options={"headers": {"anthropic-version": "2023-06-01"}}
    )
    assert older["type"] == "message"


@pytest.mark.parametrize(
    ("path", "headers", "kind"),
    [
        ("/v1/files", {}, None),
        ("/v1/files", {"x-api-key": "k"}, None),
        ("/v1/models", {"anthropic-version": "2026-10-21"}, "authentication_error"),
        ("/v1/messages/batches", {}, "authentication_error"),
    ],
)
def test_a_key_is_required(server: Server, path: str, headers: dict[str, str], kind: str | None) -> None:
    request = urllib.request.Request(server.base_url + path, headers=headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.HTTPError) as refused:
        opener.open(request, timeout=10)
    with refused.value as reply:
        body = json.loads(reply.read())
    assert refused.value.code == 401
    if kind is None:
        assert body["error"]["type"] == "invalid_request_error"
        assert refused.value.headers["x-request-id"].startswith("req_")
    else:
        assert (body["type"], body["error"]["type"]) == ("error", kind)
        assert refused.value.headers["request-id"] == body["request_id"]


def test_models_are_listed_in_each_providers_shape(gpt: openai.OpenAI, claude: anthropic.Anthropic) -> None:
    assert all(model.id.startswith("emulated-gpt") for model in gpt.models.list())
    assert all(model.id.startswith("emulated-claude") for model in claude.models.list())
    assert claude.models.list().data[0].type == "model"


def test_health_and_ledger(server: Server) -> None:
    health = fetch(f"{server.base_url}/healthz")
    assert (health["status"], health["service"], health["profile"]) == ("ok", "huleedu-emulator", "surface")
    before = server.ledger()
    server.openai().responses.create(model=GPT, input=prompt(MIDDLE, RICH))
    server.openai().responses.create(model=GPT, input="no essays")
    after = server.ledger()
    assert after["requests_judged"] == before["requests_judged"] + 1
    assert after["calls"]["POST /v1/responses"] == before["calls"].get("POST /v1/responses", 0) + 2
