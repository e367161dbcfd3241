"""Faults of an answer's body: status 200, and not what was asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .fault_kit import CREATE, PROVIDERS, Wire, status

RETRIEVE = {"openai": "GET /v1/batches/{batch_id}", "anthropic": "GET /v1/messages/batches/{batch_id}"}


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("kind", ["html", "json_array", "empty_body", "truncated_json", "without_fields"])
def test_answers_of_another_shape(wire: Wire, provider: str, kind: str) -> None:
    wire.rule(CREATE[provider], kind)
    with wire.books() as books:
        reply = wire.create(provider)
    assert reply.status_code == 200
    assert int(reply.headers["content-length"]) == len(reply.content)
    assert reply.headers["content-type"].startswith("text/html" if kind == "html" else "application/json")
    if kind in ("html", "empty_body", "truncated_json"):
        with pytest.raises(json.JSONDecodeError):
            reply.json()
    elif kind == "json_array":
        assert reply.json() == []
    else:
        assert "id" not in reply.json()
        assert "created_at" in reply.json()
    assert books[provider]["jobs"] == 1  # a job exists, whatever the answer looks like
    assert "id" in wire.create(provider).json()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_live_answer_of_another_shape_is_billed(wire: Wire, provider: str) -> None:
    path = {"openai": "/v1/responses", "anthropic": "/v1/messages"}[provider]
    wire.rule(f"POST {path}", "truncated_json", keep=0.3)
    with wire.books() as books:
        reply = wire.live(provider)
    assert reply.text.startswith("{")
    assert not reply.text.endswith("}")
    assert books[provider]["requests"] == 1


def test_fields_may_be_set(wire: Wire) -> None:
    wire.rule("POST /v1/files", "set_fields", fields={"bytes": 1, "status": "error"})
    content = {"file": ("r.jsonl", b'{"a":1}\n')}
    first, second = (wire.http.post("/v1/files", data={"purpose": "batch"}, files=content).json() for _ in range(2))
    assert (first["bytes"], first["status"]) == (1, "error")
    assert (second["bytes"], second["status"]) == (8, "processed")


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        ("unknown_status", {}),
        ("unknown_status", {"status": "paused"}),
        ("status_backwards", {}),
        ("partial_counts", {}),
    ],
)
def test_batches_that_are_told_wrongly(wire: Wire, provider: str, kind: str, parameters: dict[str, Any]) -> None:
    batch, _ = wire.run(provider)
    wire.rule("GET /v1/batches" if provider == "openai" else "GET /v1/messages/batches", kind, **parameters)
    listed = wire.ask(provider, "GET", CREATE[provider].split()[1], params={"limit": 1}).json()["data"][0]
    wire.rule(RETRIEVE[provider], kind, **parameters)
    retrieved = wire.batch(provider, batch["id"])
    assert listed == retrieved != batch
    if kind == "unknown_status":
        assert status(retrieved) == parameters.get("status", "on_hold")
    elif kind == "partial_counts":
        assert len(retrieved["request_counts"]) == 1
    elif provider == "openai":
        assert (retrieved["status"], retrieved["output_file_id"], retrieved["completed_at"]) == ("validating", None, None)
        assert set(retrieved["request_counts"].values()) == {0}
    else:
        assert (retrieved["processing_status"], retrieved["results_url"]) == ("in_progress", None)
        assert retrieved["request_counts"]["processing"] == 3
    assert wire.batch(provider, batch["id"]) == batch


def test_file_ids_may_be_empty_strings(wire: Wire) -> None:
    batch, _ = wire.run("openai")
    wire.rule(RETRIEVE["openai"], "empty_file_ids")
    assert batch["error_file_id"] is None
    assert wire.batch("openai", batch["id"]) == batch | {"error_file_id": ""}


def test_results_may_be_said_to_lie_elsewhere(wire: Wire) -> None:
    batch, _ = wire.run("anthropic")
    wire.rule(RETRIEVE["anthropic"], "foreign_results_url", host="http://elsewhere.invalid:81")
    told = wire.batch("anthropic", batch["id"])
    assert told["results_url"] == f"http://elsewhere.invalid:81/v1/messages/batches/{batch['id']}/results"
    wire.rule(CREATE["anthropic"], "foreign_results_url")
    assert wire.create("anthropic").json()["results_url"] is None
