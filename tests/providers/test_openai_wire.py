"""OpenAI's replies and result lines: each way in which a judgement does not come has its own code, and none is guessed."""

import json
from pathlib import Path
from typing import Any

import pytest

from huleedu_pipeline.judging.outcome import ErrorCode, Usage
from huleedu_pipeline.judging.prompts import Prompt
from huleedu_pipeline.judging.spec import Judge
from huleedu_pipeline.judging.verdict import verdict_schema
from huleedu_pipeline.providers import openai_wire as wire
from huleedu_pipeline.providers.result_table import outcome_of, read_table

PROMPT = Prompt("Judge.", ("Context.", "First text.", "Second text."))
VERDICT = json.dumps({"justification": "It is clearer.", "winner": "Essay A", "confidence": 4})
USAGE = {"input_tokens": 900, "input_tokens_details": {"cached_tokens": 512}, "output_tokens": 30, "total_tokens": 930}


def judge(**changes: Any) -> Judge:
    values: dict[str, Any] = {
        "provider": "openai",
        "model": "m",
        "prompt_template": "default-1",
        "system_prompt": "Judge.",
        "assignment_prompt": "p",
        "rubric": "r",
        "temperature": None,
        "max_output_tokens": 600,
        "reasoning_effort": None,
        "output_verbosity": None,
    }
    return Judge(**{**values, **changes})


def reply(text: str = VERDICT, **changes: Any) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {
        "object": "response",
        "status": "completed",
        "model": "m-2026-11-01",
        "output": [{"type": "reasoning", "summary": []}, {"type": "message", "role": "assistant", "content": content}],
        "usage": USAGE,
        **changes,
    }


def line(**item: Any) -> str:
    return json.dumps({"id": "batch_req_1", "custom_id": "r1", "response": None, "error": None, **item})


def test_a_body_carries_what_the_judge_sets_and_leaves_out_what_it_leaves_open() -> None:
    body = wire.build_body(judge(), PROMPT)
    assert body["instructions"] == "Judge."
    assert [part["text"] for part in body["input"][0]["content"]] == list(PROMPT.blocks)
    assert body["text"] == {
        "format": {"type": "json_schema", "name": "verdict", "strict": True, "schema": verdict_schema("short")}
    }
    assert {"temperature", "reasoning"}.isdisjoint(body)


def test_temperature_zero_means_zero_and_every_parameter_is_sent() -> None:
    body = wire.build_body(judge(temperature=0.0, reasoning_effort="low", output_verbosity="high"), PROMPT)
    assert body["temperature"] == 0.0
    assert body["reasoning"] == {"effort": "low"}
    assert body["text"]["verbosity"] == "high"


def test_a_strict_schema_requires_every_property_and_forbids_others() -> None:
    assert verdict_schema("short")["required"] == list(verdict_schema("short")["properties"])
    assert verdict_schema("short")["additionalProperties"] is False


@pytest.mark.parametrize(
    ("api", "path"),
    [("responses", "/v1/responses"), ("chat_completions", "/v1/chat/completions"), ("decisions", "/v1/decisions")],
)
def test_a_judges_api_has_its_own_path(api: str, path: str) -> None:
    assert wire.path_of(api) == path


def test_a_body_is_built_for_the_judges_api() -> None:
    bodies = {api: wire.build_body(judge(api=api), PROMPT) for api in wire.APIS}
    assert [sorted(body.keys() & {"input", "messages", "questions"}) for body in bodies.values()] == [
        ["input"],
        ["messages"],
        ["input", "questions"],
    ]


@pytest.mark.parametrize("kind", [None, "", "text_completion", "chat.completion.chunk"])
def test_a_reply_that_does_not_say_what_it_is_is_told_by_its_parts(kind: str | None) -> None:
    usage = {"prompt_tokens": 900, "completion_tokens": 30}
    in_chat = {"choices": [{"message": {"content": VERDICT}, "finish_reason": "stop"}], "usage": usage}
    decided = {"answers": [{"type": "refusal", "name": "winner"}], "usage": USAGE}
    assert wire.read_reply({**in_chat, "object": kind}).verdict is not None
    assert wire.read_reply({**decided, "object": kind}).error_code is ErrorCode.REFUSAL
    assert wire.read_reply({**reply(), "object": kind}).verdict is not None
    assert wire.read_reply({"object": kind}).error_code is ErrorCode.UNREADABLE_REPLY


def test_a_verdict_is_read_with_its_tokens_and_the_model_that_served_it() -> None:
    outcome = wire.read_reply(reply())
    assert outcome.verdict is not None
    assert outcome.verdict.winner == "Essay A"
    assert outcome.usage == Usage(input_tokens=900, cached_input_tokens=512, output_tokens=30)
    assert outcome.model == "m-2026-11-01"


@pytest.mark.parametrize(
    ("changes", "code", "says"),
    [
        ({"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}, ErrorCode.TRUNCATED, "max_output"),
        ({"status": "incomplete", "incomplete_details": {"reason": "content_filter"}}, ErrorCode.CONTENT_FILTER, "filter"),
        ({"status": "incomplete", "incomplete_details": None}, ErrorCode.TRUNCATED, "incomplete"),
        (
            {"status": "failed", "error": {"code": "server_error", "message": "oh"}},
            ErrorCode.PROVIDER_ERROR,
            "server_error: oh",
        ),
        ({"status": "something new"}, ErrorCode.PROVIDER_ERROR, "something new"),
        ({"status": "failed", "error": {"code": "rate_limit_exceeded"}}, ErrorCode.RATE_LIMITED, "rate_limit"),
        ({"status": "failed", "error": {"code": "insufficient_quota"}}, ErrorCode.SPEND_LIMIT, "quota"),
        ({"status": "failed", "error": {"code": "invalid_prompt"}}, ErrorCode.PROVIDER_REJECTED, "invalid_prompt"),
        ({"status": "failed", "error": {"code": "bio_policy"}}, ErrorCode.CONTENT_FILTER, "bio_policy"),
        (
            {"output": [{"type": "message", "content": [{"type": "refusal", "refusal": "I can not."}]}]},
            ErrorCode.REFUSAL,
            "refused",
        ),
        ({"output": []}, ErrorCode.INVALID_VERDICT, "JSON"),
        ({"output": [{"type": "message", "content": []}]}, ErrorCode.INVALID_VERDICT, "JSON"),
    ],
)
def test_a_reply_without_a_verdict_says_why_and_still_costs(changes: dict[str, Any], code: ErrorCode, says: str) -> None:
    outcome = wire.read_reply(reply(**changes))
    assert outcome.error_code is code
    assert says in (outcome.error_message or "")
    assert outcome.usage == Usage(input_tokens=900, cached_input_tokens=512, output_tokens=30)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Essay A",
        f"```json\n{VERDICT}\n```",
        VERDICT + VERDICT,
        VERDICT.replace("Essay A", "A"),
        VERDICT.replace("4", "0.8"),
    ],
)
def test_a_reply_that_breaks_the_contract_is_never_mended(text: str) -> None:
    assert wire.read_reply(reply(text)).error_code is ErrorCode.INVALID_VERDICT


@pytest.mark.parametrize(
    ("item", "code"),
    [
        ({"response": {"status_code": 400, "body": {"error": {"message": "bad"}}}}, ErrorCode.PROVIDER_REJECTED),
        ({"response": {"status_code": 429, "body": {"error": {"message": "slow"}}}}, ErrorCode.RATE_LIMITED),
        ({"response": {"status_code": 500, "body": {"error": {"message": "oh"}}}}, ErrorCode.PROVIDER_ERROR),
        ({"response": {"status_code": 0, "body": {}}}, ErrorCode.PROVIDER_ERROR),
        ({"error": {"code": "batch_expired", "message": "too late"}}, ErrorCode.BATCH_EXPIRED),
        ({"error": {"code": "batch_cancelled", "message": "stopped"}}, ErrorCode.BATCH_CANCELLED),
        ({"error": {"code": "inference_failed", "message": "oh"}}, ErrorCode.PROVIDER_ERROR),
        ({"error": {"code": "insufficient_quota", "message": "empty"}}, ErrorCode.SPEND_LIMIT),
        ({"response": {"status_code": 401, "body": {"error": {"message": "key"}}}}, ErrorCode.NO_ACCESS),
        ({"response": {"status_code": 402, "body": {}}}, ErrorCode.SPEND_LIMIT),
        ({"response": {"status_code": 403, "body": {"error": {"message": "project"}}}}, ErrorCode.NO_ACCESS),
        ({"response": {"status_code": 408, "body": {}}}, ErrorCode.PROVIDER_ERROR),
        ({"response": {"status_code": 409, "body": {}}}, ErrorCode.PROVIDER_ERROR),
        ({"response": {"status_code": 503, "body": {}}}, ErrorCode.PROVIDER_ERROR),
        ({"response": {"body": {}}}, ErrorCode.PROVIDER_ERROR),
        ({"response": {"status_code": 429, "body": {"error": {"code": "insufficient_quota"}}}}, ErrorCode.SPEND_LIMIT),
        ({"response": {"status_code": 429, "body": {"error": {"type": "insufficient_quota"}}}}, ErrorCode.SPEND_LIMIT),
        ({"response": {"status_code": 400, "body": {"error": {"code": "content_filter"}}}}, ErrorCode.CONTENT_FILTER),
        ({"response": {"status_code": 404, "body": {"error": {"code": "model_not_found"}}}}, ErrorCode.PROVIDER_REJECTED),
        ({"response": {"status_code": 200, "body": {}}}, ErrorCode.UNREADABLE_REPLY),
        ({}, ErrorCode.UNREADABLE_REPLY),
        ({"response": {"status_code": 200, "body": "text"}}, ErrorCode.UNREADABLE_REPLY),
    ],
)
def test_a_result_line_without_a_reply_says_why(item: dict[str, Any], code: ErrorCode) -> None:
    result = wire.read_result_line(line(**item))
    assert result is not None
    assert result.outcome.error_code is code


def test_an_expired_request_is_expired_and_not_failed() -> None:
    result = wire.read_result_line(line(error={"code": "batch_expired", "message": "too late"}))
    assert result is not None
    assert result.outcome.kind == "expired"


@pytest.mark.parametrize("text", ["not json", "[]", '"r1"', '{"custom_id": 7}', "{}"])
def test_a_line_that_names_no_request_is_passed_over(text: str) -> None:
    assert wire.read_result_line(text) is None


def test_result_files_are_cut_at_line_feeds_and_nowhere_else(tmp_path: Path) -> None:
    separators = "It\u2028uses\u2029odd\u0085marks."
    tricky = reply(json.dumps({"justification": separators, "winner": "Essay B", "confidence": 2}, ensure_ascii=False))
    lines = [
        json.dumps({"custom_id": f"r{n}", "error": None, "response": {"status_code": 200, "body": tricky}}, ensure_ascii=False)
        for n in range(2)
    ]
    path = tmp_path / "results.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + f"{lines[0]}\r\n\r\nnonsense\n{lines[1]}".encode())
    rows = [row for batch in read_table(path, "openai", wire.read_result_line) for row in batch.to_pylist()]
    results = [row for row in rows if row["custom_id"] is not None]
    assert [result["custom_id"] for result in results] == ["r0", "r1"]
    for result in results:
        verdict = outcome_of(result).verdict
        assert verdict is not None
        assert verdict.justification == separators


@pytest.mark.parametrize(
    "body",
    [
        {"output": [{"type": "message", "content": [{"type": "output_text", "text": None}]}]},
        {"output": [{"type": "message", "content": ["…"]}]},
        {"status": "failed", "error": "boom"},
        {"status": "incomplete", "incomplete_details": "max"},
        {"usage": {"input_tokens": "n/a"}},
    ],
)
def test_an_odd_reply_is_unreadable_and_blocks_nothing(body: dict[str, Any]) -> None:
    result = wire.read_result_line(line(response={"status_code": 200, "body": reply(**body)}))
    assert result is not None
    assert result.outcome.error_code is ErrorCode.UNREADABLE_REPLY
