"""Faults of result lines and result files; none of them changes what was run and billed."""

from __future__ import annotations

import codecs
import json
from typing import Any

import httpx2
import pytest

from .fault_kit import CREATE, PROVIDERS, Results, Wire, said


def one_fault(wire: Wire, provider: str, kind: str, **parameters: Any) -> tuple[dict[str, Any], Results]:
    """The results of a batch of three with a fault, at its second line where it is a fault of lines."""
    wire.rule(CREATE[provider], kind, **parameters)
    with wire.books() as books:
        batch, results = wire.run(provider)
    unbilled = 1 if kind == "refused_lines" else 0
    assert (books[provider]["jobs"], books[provider]["requests"]) == (1, 3 - unbilled)
    return batch, results


def rows_of(results: Results, custom_id: str) -> list[dict[str, Any]]:
    return [row for row in results.rows if row.get("custom_id") == custom_id]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_identical_and_conflicting_duplicates(wire: Wire, provider: str) -> None:
    _, results = one_fault(wire, provider, "duplicate_lines", lines=[2])
    first, second = rows_of(results, "r2")
    assert first == second
    assert len(results.rows) == 4
    _, results = one_fault(wire, provider, "conflicting_lines", lines=[2])
    first, second = rows_of(results, "r2")
    winners = {json.loads(said(provider, row))["winner"] for row in (first, second)}
    assert winners == {"Essay A", "Essay B"}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_missing_lines(wire: Wire, provider: str) -> None:
    batch, results = one_fault(wire, provider, "missing_lines", lines=[2])
    assert sorted(results.ids) == ["r1", "r3"]
    assert 3 in batch["request_counts"].values()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_malformed_lines(wire: Wire, provider: str) -> None:
    _, results = one_fault(wire, provider, "malformed_lines", lines=[2])
    lines = results.output.split(b"\n")[:-1]
    assert len(lines) == 3
    torn = [row for row in lines if not row.endswith(b"}")]
    assert len(torn) == 1
    assert b'"r2"' in torn[0]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_lines_without_an_id_and_with_a_foreign_one(wire: Wire, provider: str) -> None:
    _, results = one_fault(wire, provider, "lines_without_id", lines=[2])
    assert sorted(str(row.get("custom_id")) for row in results.rows) == ["None", "r1", "r3"]
    _, results = one_fault(wire, provider, "foreign_lines", lines=[2])
    assert sorted(results.ids) == ["foreign-r2", "r1", "r3"]
    _, results = one_fault(wire, provider, "foreign_lines", lines=[2], prefix="x-", added=True)
    assert sorted(results.ids) == ["r1", "r2", "r3", "x-r2"]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_blank_lines_line_ends_and_marks(wire: Wire, provider: str) -> None:
    _, results = one_fault(wire, provider, "blank_lines", lines=[1, 2])
    assert results.output.split(b"\n").count(b"") == 3
    _, results = one_fault(wire, provider, "crlf")
    assert results.output.count(b"\r\n") == results.output.count(b"\n") == 3
    _, results = one_fault(wire, provider, "bom")
    assert results.output.startswith(codecs.BOM_UTF8 + b"{")
    assert results.output.count(codecs.BOM_UTF8) == 1
    _, results = one_fault(wire, provider, "no_final_newline")
    assert results.output.endswith(b"}")
    assert results.output.count(b"\n") == 2


@pytest.mark.parametrize("provider", PROVIDERS)
def test_odd_line_breaks_and_bytes_within_texts(wire: Wire, provider: str) -> None:
    _, results = one_fault(wire, provider, "odd_line_breaks", lines=[2])
    assert "\u2028\u2029\u0085".encode() in results.output
    verdict = json.loads(said(provider, rows_of(results, "r2")[0]))
    assert verdict["justification"].startswith("\u2028\u2029\u0085Essay")
    assert len(results.output.split(b"\n")) == 4
    _, results = one_fault(wire, provider, "invalid_utf8", lines=[2])
    lines = results.output.split(b"\n")
    assert sum(b"\xff" in row for row in lines) == 1
    with pytest.raises(UnicodeDecodeError):
        results.output.decode()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_the_order_of_lines(wire: Wire, provider: str) -> None:
    ids = [f"r{n}" for n in range(1, 4)]
    assert one_fault(wire, provider, "line_order", order="input")[1].ids == ids
    assert one_fault(wire, provider, "line_order", order="reversed")[1].ids == ids[::-1]
    assert sorted(one_fault(wire, provider, "line_order", order="scattered", seed=7)[1].ids) == ids


def test_an_unknown_result_type(wire: Wire) -> None:
    _, results = one_fault(wire, "anthropic", "unknown_result_type", lines=[2])
    assert [row["result"]["type"] for row in rows_of(results, "r2")] == ["deferred"]


def test_a_line_with_neither_response_nor_error(wire: Wire) -> None:
    _, results = one_fault(wire, "openai", "null_response", lines=[2])
    assert [(row["response"], row["error"]) for row in rows_of(results, "r2")] == [(None, None)]


def test_a_line_in_both_files(wire: Wire) -> None:
    batch, results = one_fault(wire, "openai", "in_both_files", lines=[2])
    assert batch["error_file_id"] is not None
    assert sorted(row["response"] is None for row in rows_of(results, "r2")) == [False, True]
    assert Results(b"", results.errors).ids == ["r2"]


@pytest.mark.parametrize("in_output", [False, True])
@pytest.mark.parametrize("status", [400, 429, 500, 0, "missing", None])
def test_refused_lines_of_openai(wire: Wire, status: int | str | None, in_output: bool) -> None:
    fault = {"lines": [2], "code": "oops", "message": "Not today.", "in_output": in_output}
    batch, results = one_fault(wire, "openai", "refused_lines", status=status, **fault)
    assert Results(b"", results.errors).ids == ([] if in_output else ["r2"])
    row = rows_of(results, "r2")[0]
    if status is None:
        assert (row["response"], row["error"]) == (None, {"code": "oops", "message": "Not today."})
    elif status == "missing":
        assert "status_code" not in row["response"]
    else:
        assert (row["response"]["status_code"], row["error"]) == (status, None)
        assert not status or row["response"]["body"]["error"]["message"] == "Not today."
    assert batch["request_counts"] == {"total": 3, "completed": 2, "failed": 1}


def test_all_lines_refused_is_still_completed(wire: Wire) -> None:
    wire.rule(CREATE["openai"], "refused_lines", status=500)
    batch, results = wire.run("openai")
    assert (batch["status"], batch["output_file_id"]) == ("completed", None)
    assert len(results.rows) == 3


def test_refused_lines_of_anthropic(wire: Wire) -> None:
    message = "Your credit balance is too low to access the Anthropic API."
    batch, results = one_fault(wire, "anthropic", "refused_lines", lines=[2], code="invalid_request_error", message=message)
    result = rows_of(results, "r2")[0]["result"]
    assert (result["type"], result["error"]["error"]["type"]) == ("errored", "invalid_request_error")
    assert result["error"]["error"]["message"] == message
    assert (batch["request_counts"]["errored"], batch["request_counts"]["succeeded"]) == (1, 2)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_share_of_the_lines(wire: Wire, provider: str) -> None:
    wire.rule(CREATE[provider], "missing_lines", share=0.5)
    _, results = wire.run(provider, 60)
    assert 15 < len(results.ids) < 45


@pytest.mark.parametrize("provider", PROVIDERS)
def test_faults_go_together(wire: Wire, provider: str) -> None:
    endpoint = CREATE[provider]
    wire.script(
        {"endpoint": endpoint, "fault": {"kind": "expire", "at": 0.6}},
        {"endpoint": endpoint, "fault": "duplicate_lines"},
        {"endpoint": endpoint, "fault": {"kind": "malformed_lines", "lines": [1]}},
        {"endpoint": endpoint, "fault": {"kind": "lines_without_id", "lines": [1, 2]}},
        {"endpoint": endpoint, "fault": "lose_answer"},
    )
    with pytest.raises(httpx2.RemoteProtocolError):
        wire.create(provider, 5)
    path = endpoint.split()[1]
    found = wire.ask(provider, "GET", path, params={"limit": 1}).json()["data"][0]
    batch = wire.done(provider, found["id"])
    results = wire.results(provider, batch)
    assert (results.output + results.errors).count(b"\n") == 10
    assert wire.fired() == [1, 1, 1, 1, 1]
