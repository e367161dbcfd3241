"""Anthropic's message batches through the real SDK."""

from __future__ import annotations

import time
from typing import Any

import anthropic
import pytest

from .conftest import ServerMaker
from .kit import CLAUDE, MIDDLE, PLAIN, RICH, ended, prompt, until

PROMPT = prompt(PLAIN, RICH)


def entry(custom_id: str, text: str = PROMPT, **params: Any) -> Any:
    messages = [{"role": "user", "content": text}]
    return {"custom_id": custom_id, "params": {"model": CLAUDE, "max_tokens": 300, "messages": messages} | params}


def results_of(client: anthropic.Anthropic, batch_id: str) -> dict[str, Any]:
    rows = list(client.messages.batches.results(batch_id))
    assert len({row.custom_id for row in rows}) == len(rows)
    return {row.custom_id: row.result for row in rows}


def test_end_to_end(claude: anthropic.Anthropic) -> None:
    prompts = {f"pair_{n}": prompt(MIDDLE, RICH, f"Comparison {n}.") for n in range(20)}
    batch = claude.messages.batches.create(requests=[entry(key, text) for key, text in prompts.items()])
    assert batch.processing_status == "in_progress"
    assert (batch.request_counts.processing, batch.results_url, batch.ended_at) == (20, None, None)
    done = ended(claude, batch.id)
    assert (done.request_counts.processing, done.request_counts.succeeded) == (0, 20)
    assert done.results_url == f"{str(claude.base_url).rstrip('/')}/v1/messages/batches/{batch.id}/results"
    assert (done.expires_at - done.created_at).total_seconds() == 24 * 3600
    assert (done.ended_at - done.created_at).total_seconds() == pytest.approx(0.4, abs=1e-4)
    results = results_of(claude, batch.id)
    assert results.keys() == prompts.keys()
    assert list(results) != list(prompts)
    for key, text in prompts.items():
        live = claude.messages.create(model=CLAUDE, max_tokens=300, messages=[{"role": "user", "content": text}])
        message = results[key].message
        assert results[key].type == "succeeded"
        assert message.content[0].text == live.content[0].to_dict()["text"]
        assert message.usage.service_tier == "batch"


def test_no_results_before_the_end(new_server: ServerMaker) -> None:
    server = new_server(seconds_per_job=60)
    claude = server.anthropic()
    batch = claude.messages.batches.create(requests=[entry("a")])
    with pytest.raises(anthropic.AnthropicError, match="results_url"):
        claude.messages.batches.results(batch.id)
    with pytest.raises(anthropic.NotFoundError, match="no results yet"):
        claude.get(f"/v1/messages/batches/{batch.id}/results", cast_to=object)
    with pytest.raises(anthropic.BadRequestError, match="has not ended"):
        claude.messages.batches.delete(batch.id)


def test_bad_params_become_errored_lines(claude: anthropic.Anthropic) -> None:
    bad: dict[str, Any] = {
        "sampling": entry("sampling", temperature=0),
        "model": entry("model", model="claude-haiku-4-5"),
        "stream": entry("stream", stream=True),
        "tokens": entry("tokens", max_tokens=0),
        "messages": entry("messages", messages=[]),
    }
    batch = claude.messages.batches.create(requests=[entry("fine"), *bad.values()])
    assert ended(claude, batch.id).request_counts.to_dict() == {
        "processing": 0,
        "succeeded": 1,
        "errored": 5,
        "canceled": 0,
        "expired": 0,
    }
    results = results_of(claude, batch.id)
    assert results.pop("fine").type == "succeeded"
    kinds = {key: result.error.error.type for key, result in results.items()}
    assert kinds == dict.fromkeys(bad, "invalid_request_error") | {"model": "not_found_error"}
    assert "temperature" in results["sampling"].error.error.message


@pytest.mark.parametrize(
    ("requests", "message"),
    [
        ([], "at least 1 item"),
        ([entry("has space")], "pattern"),
        ([entry("x" * 65)], "pattern"),
        ([entry("line\n")], "pattern"),
        ([entry("twice"), entry("twice")], "requests.1.custom_id"),
        ([{"custom_id": "a"}], "params"),
        ([{"custom_id": "a", "params": {}}] * 100_001, "at most 100000"),
    ],
)
def test_refused_at_creation(claude: anthropic.Anthropic, requests: list[Any], message: str) -> None:
    with pytest.raises(anthropic.BadRequestError, match=message):
        claude.messages.batches.create(requests=requests)


def test_lists_are_paged_newest_first(new_server: ServerMaker) -> None:
    claude = new_server().anthropic()
    ids = [claude.messages.batches.create(requests=[entry("a")]).id for _ in range(5)]
    page = claude.messages.batches.list(limit=2)
    assert [batch.id for batch in page.data] == [ids[4], ids[3]]
    assert (page.has_more, page.first_id, page.last_id) == (True, ids[4], ids[3])
    assert [batch.id for batch in claude.messages.batches.list(limit=2)] == ids[::-1]
    newer = claude.messages.batches.list(limit=2, before_id=ids[0])
    assert [batch.id for batch in newer.data] == [ids[2], ids[1]]
    assert newer.has_more


def test_cancel(new_server: ServerMaker) -> None:
    claude = new_server(seconds_per_job=2).anthropic()
    names = {f"r{n}" for n in range(20)}
    batch = claude.messages.batches.create(requests=[entry(name) for name in sorted(names)])
    started = batch.created_at.timestamp()
    until(lambda: claude.messages.batches.retrieve(batch.id), lambda _: time.time() > started + 0.5)
    canceling = claude.messages.batches.cancel(batch.id)
    assert canceling.processing_status == "canceling"
    assert canceling.cancel_initiated_at is not None
    assert canceling.request_counts.processing == 20
    done = ended(claude, batch.id)
    assert done.request_counts.canceled > 0
    assert done.request_counts.succeeded > 0
    assert done.request_counts.canceled + done.request_counts.succeeded == 20
    results = results_of(claude, batch.id)
    assert results.keys() == names
    assert sum(result.type == "canceled" for result in results.values()) == done.request_counts.canceled
    with pytest.raises(anthropic.BadRequestError, match="has ended"):
        claude.messages.batches.cancel(batch.id)


def test_delete(new_server: ServerMaker) -> None:
    server = new_server()
    claude = server.anthropic()
    batch = claude.messages.batches.create(requests=[entry("a")])
    ended(claude, batch.id)
    assert claude.messages.batches.delete(batch.id).type == "message_batch_deleted"
    with pytest.raises(anthropic.NotFoundError):
        claude.messages.batches.retrieve(batch.id)
    assert [job["id"] for job in server.ledger()["jobs"]] == [batch.id]
