"""Limits and what the headers tell of them, models by name, decisions, lives of files, unknown parameters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import anthropic
import httpx2
import openai
import pytest

from huleedu_pipeline.providers.emulator.config import EmulatorConfig
from huleedu_pipeline.providers.emulator.reading import estimate_tokens
from huleedu_pipeline.providers.emulator.records import StoredFile
from huleedu_pipeline.providers.emulator.service import Emulator

from .conftest import ServerMaker
from .fault_kit import PROMPT, PROVIDERS, Wire, request_of
from .kit import CLAUDE, GPT, MIDDLE, PLAIN, RICH, finished, jsonl, line, prompt, submit


def test_headers_tell_of_the_rate_limit(wire: Wire) -> None:
    headers = wire.live("openai").headers
    for unit in ("requests", "tokens"):
        assert int(headers[f"x-ratelimit-remaining-{unit}"]) <= int(headers[f"x-ratelimit-limit-{unit}"])
        assert headers[f"x-ratelimit-reset-{unit}"].endswith("s")
    headers = wire.create("anthropic").headers
    for unit in ("requests", "tokens"):
        start = f"anthropic-ratelimit-{unit}"
        assert int(headers[f"{start}-remaining"]) <= int(headers[f"{start}-limit"])
        assert headers[f"{start}-reset"].endswith("Z")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_rate_limit_is_kept(new_server: ServerMaker, provider: str) -> None:
    wire = Wire(new_server("--requests-per-minute", "3"))
    replies = [wire.live(provider) for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200, 200, 200, 429]
    assert 1 <= int(replies[-1].headers["retry-after"]) <= 20
    remaining = "x-ratelimit-remaining-requests" if provider == "openai" else "anthropic-ratelimit-requests-remaining"
    assert [reply.headers[remaining] for reply in replies] == ["2", "1", "0", "0"]
    if provider == "openai":
        with pytest.raises(openai.RateLimitError):
            wire.server.openai().responses.create(model=GPT, input="x")
    else:
        message: Any = {"role": "user", "content": "x"}
        with pytest.raises(anthropic.RateLimitError):
            wire.server.anthropic().messages.create(model=CLAUDE, max_tokens=9, messages=[message])


def test_too_many_enqueued_tokens_fail_the_batch_until_others_are_done(new_server: ServerMaker) -> None:
    content = jsonl([line("a", PROMPT)])
    limit = estimate_tokens(PROMPT) * 3 // 2
    gpt = new_server("--enqueued-token-limit", str(limit), seconds_per_job=1).openai()
    first, second = submit(gpt, content), submit(gpt, content)
    other = submit(gpt, jsonl([line("a", PROMPT, model="emulated-gpt-6-sol")]))
    failed = finished(gpt, second.id)
    assert failed.status == "failed"
    assert failed.errors is not None
    assert [error.code for error in failed.errors.data or []] == ["token_limit_exceeded"]
    assert f"Limit: {limit:,} enqueued tokens" in str((failed.errors.data or [])[0].message)
    assert [finished(gpt, batch.id).status for batch in (first, other)] == ["completed", "completed"]
    assert finished(gpt, submit(gpt, content).id).status == "completed"


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_service_tier_is_the_one_asked_for(wire: Wire, provider: str) -> None:
    path, body = request_of(provider)
    tier = "flex" if provider == "openai" else "auto"
    answer = wire.ask(provider, "POST", path, json=body | {"service_tier": tier}).json()
    told = answer["service_tier"] if provider == "openai" else answer["usage"]["service_tier"]
    assert told == ("flex" if provider == "openai" else "standard")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_models_by_name(wire: Wire, provider: str) -> None:
    name = {"openai": GPT, "anthropic": CLAUDE}[provider]
    found = wire.ask(provider, "GET", f"/v1/models/{name}")
    assert (found.status_code, found.json()["id"]) == (200, name)
    unknown = wire.ask(provider, "GET", "/v1/models/gpt-6-luna")
    assert unknown.status_code == 404
    error = unknown.json()["error"]
    assert error["code"] == "model_not_found" if provider == "openai" else error["type"] == "not_found_error"


def question(*values: str | bool, **more: Any) -> Any:
    choices = [{"value": value} for value in values]
    return {"type": "choice", "instructions": "Which essay is better?", "choices": choices, **more}


def test_decisions_give_the_judges_probability(gpt: openai.OpenAI) -> None:
    asked = [question("A", "B", name="better"), question("Essay B", "Essay A"), question("yes", "no")]
    decision = gpt.decisions.create(model=GPT, input=prompt(PLAIN, RICH), questions=asked)
    first, second, third = decision.answers
    assert first.type == second.type == "choice"
    assert (first.choice, first.name, second.choice) == ("B", "better", "Essay B")
    p_b = {answer.value: answer.probability for answer in first.probabilities}["B"]
    assert first.confidence == second.confidence == p_b
    assert 0.9 < p_b < 1
    assert sum(answer.probability for answer in first.probabilities) == pytest.approx(1)
    assert third.type == "refusal"
    assert (decision.usage.output_tokens, decision.model) == (0, GPT)
    same = gpt.decisions.create(model=GPT, input=prompt(MIDDLE, MIDDLE), questions=asked[:1]).answers[0]
    assert same.type == "choice"
    assert 0.5 < same.confidence < 0.6  # nothing but the effect of the place
    nothing = gpt.decisions.create(model=GPT, input="Hello", questions=asked[:1])
    assert nothing.answers[0].type == "refusal"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": "emulated-gpt-6-sol"}, "model"),
        ({"questions": []}, "questions"),
        ({"questions": [{"type": "predicate", "instructions": "x"}]}, "questions[0].type"),
        ({"questions": [question("A")]}, "questions[0].choices"),
        ({"questions": [question("A", "A")]}, "questions[0].choices"),
        ({"questions": [question("A", "B", weight=1)]}, "questions[0].weight"),
        ({"temperature": 0}, "temperature"),
        ({"input": 7}, "input"),
    ],
)
def test_bad_decisions(gpt: openai.OpenAI, change: dict[str, Any], param: str) -> None:
    body = {"model": GPT, "input": PROMPT, "questions": [question("A", "B")]} | change
    with pytest.raises(openai.BadRequestError) as refused:
        gpt.post("/decisions", body=body, cast_to=object)
    assert refused.value.param == param


def test_a_refused_decision_is_billed_without_output(wire: Wire) -> None:
    wire.rule("POST /v1/decisions", "refusal")
    with wire.books() as books:
        body = {"model": GPT, "input": PROMPT, "questions": [question("A", "B")]}
        answers = wire.ask("openai", "POST", "/v1/decisions", json=body).json()["answers"]
    assert answers == [{"type": "refusal", "name": None}]
    assert (books["openai"]["requests"], books["openai"]["output_tokens"]) == (1, 0)
    assert books["openai"]["input_tokens"] > 0


def test_files_end_with_their_life(tmp_path: Path) -> None:
    emulator = Emulator(EmulatorConfig(state_dir=tmp_path))
    record = StoredFile("file-a", "a.jsonl", "batch", 3, 1000, 1000 + 3600)
    emulator.store.folder.file(record.id).write_bytes(b"{}\n")
    emulator.store.add_file(record)
    listing: dict[str, Any] = {"purpose": None, "after": None, "limit": 5, "newest_first": True}
    assert emulator.store.file(record.id, 4599.0) == record
    assert emulator.store.files(4599.0, **listing)[0] == [record]
    assert emulator.store.file(record.id, 4600.0) is None
    assert emulator.store.files(4600.0, **listing)[0] == []
    creation = {"input_file_id": record.id, "endpoint": "/v1/responses", "completion_window": "24h"}
    job = emulator.openai.create(creation, 4600.0)
    assert emulator.openai.look(job.id, 4700.0).problems[0]["param"] == "file_id"
    emulator.close()


def test_message_batches_are_archived_after_29_days(tmp_path: Path) -> None:
    emulator = Emulator(EmulatorConfig(state_dir=tmp_path))
    params = {"model": CLAUDE, "max_tokens": 300, "messages": [{"role": "user", "content": PROMPT}]}
    job = emulator.anthropic.create({"requests": [{"custom_id": "a", "params": params}]}, "2026-10-21", 1000.0)
    assert job.results_expire_at == 1000.0 + 29 * 24 * 3600
    emulator.close()


@pytest.mark.parametrize(
    ("provider", "path", "body"),
    [
        ("openai", "/v1/batches", {"input_file_id": "f", "endpoint": "/v1/responses", "completion_window": "24h"}),
        ("openai", "/v1/responses", {"model": GPT, "input": "x"}),
        ("openai", "/v1/chat/completions", {"model": GPT, "messages": [{"role": "user", "content": "x"}]}),
        ("anthropic", "/v1/messages", {"model": CLAUDE, "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}),
        ("anthropic", "/v1/messages/batches", {"requests": []}),
    ],
)
def test_unknown_parameters_are_refused(wire: Wire, provider: str, path: str, body: dict[str, Any]) -> None:
    reply: httpx2.Response = wire.ask(provider, "POST", path, json=body | {"temprature": 0})
    assert reply.status_code == 400
    if provider == "openai":
        assert (reply.json()["error"]["code"], reply.json()["error"]["param"]) == ("unknown_parameter", "temprature")
    else:
        assert reply.json()["error"]["message"] == "temprature: Extra inputs are not permitted"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"max_output_tokens": 15}, "integer_below_min_value"),
        ({"temperature": 2.5}, "decimal_above_max_value"),
        ({"temperature": "hot"}, "invalid_type"),
        ({"top_p": -0.1}, "decimal_below_min_value"),
        ({"text": {"format": {"type": "json_schema", "name": "has space", "schema": {"properties": {}}}}}, "invalid_value"),
        ({"service_tier": "cheap"}, "invalid_value"),
    ],
)
def test_values_out_of_bounds(gpt: openai.OpenAI, body: dict[str, Any], code: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        gpt.post("/responses", body={"model": GPT, "input": "x"} | body, cast_to=object)
    assert refused.value.code == code


@pytest.mark.parametrize(
    ("marks", "says"),
    [
        (["1h", "5m", None], None),
        (["1h", "1h", "5m", "5m"], None),
        ([None, "5m"], None),
        (["5m", "1h"], "must not come after"),
        (["5m"] * 5, "A maximum of 4 blocks"),
        (["2h"], "a ttl of '5m' or '1h'"),
    ],
)
def test_marks_of_the_cache_are_few_and_the_longest_lived_come_first(
    wire: Wire, marks: list[str | None], says: str | None
) -> None:
    blocks = [
        {"type": "text", "text": PROMPT, **({"cache_control": {"type": "ephemeral", "ttl": ttl}} if ttl else {})}
        for ttl in marks
    ]
    body = {"model": CLAUDE, "max_tokens": 300, "messages": [{"role": "user", "content": blocks}]}
    reply = wire.ask("anthropic", "POST", "/v1/messages", json=body)
    assert reply.status_code == (200 if says is None else 400)
    assert says is None or says in reply.json()["error"]["message"]
