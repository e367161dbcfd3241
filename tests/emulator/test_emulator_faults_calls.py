"""Faults of whole calls, on the wire and in the books: connections, answers that hang, errors, downloads, hidden jobs."""

from __future__ import annotations

import time
from typing import Any

import httpx2
import pytest

from .fault_kit import CREATE, DOWNLOADS, PROVIDERS, Wire, results_path, took_at_least
from .kit import until


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(
    ("kind", "parameters", "created"),
    [
        ("drop", {}, 0),
        ("lose_answer", {}, 1),
        ("hang", {"seconds": 0.2, "acts": "never"}, 0),
    ],
)
def test_connections_that_close_without_an_answer(
    wire: Wire, provider: str, kind: str, parameters: dict[str, Any], created: int
) -> None:
    wire.rule(CREATE[provider], kind, **parameters)
    with wire.books() as books:
        with pytest.raises(httpx2.RemoteProtocolError):
            wire.create(provider)
        time.sleep(0.25)
    assert books[provider]["jobs"] == created
    assert books[provider]["requests"] == 3 * created  # carried out, billed, and nobody was told
    assert wire.create(provider).status_code == 200
    assert wire.fired() == [1]


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("acts", ["first", "last"])
def test_a_hanging_create_makes_its_job_all_the_same(wire: Wire, provider: str, acts: str) -> None:
    wire.rule(CREATE[provider], "hang", seconds=0.4, acts=acts)
    with wire.books() as books, took_at_least(0.4):
        assert wire.create(provider).status_code == 200
    assert books[provider]["jobs"] == 1
    wire.rule(CREATE[provider], "hang", seconds=0.4, acts=acts)
    wire.http.timeout = httpx2.Timeout(0.15)
    with wire.books() as books:
        with pytest.raises(httpx2.ReadTimeout):
            wire.create(provider)
        time.sleep(0.5)
    assert books[provider]["jobs"] == 1


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("status", [400, 409, 503, 529])
def test_errors_in_the_providers_own_words(wire: Wire, provider: str, status: int) -> None:
    wire.rule(CREATE[provider], "error", status=status, count=2, retry_after=7, should_retry=False, code="c", message="No.")
    with wire.books() as books:
        for _ in range(2):
            reply = wire.create(provider)
            assert (reply.status_code, reply.headers["retry-after"], reply.headers["x-should-retry"]) == (status, "7", "false")
            error = reply.json()["error"]
            assert error["message"] == "No."
            assert (error["code"] if provider == "openai" else error["details"]["error_code"]) == "c"
        assert wire.create(provider).status_code == 200
    assert books[provider]["jobs"] == 1
    assert wire.fired() == [2]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_an_error_after_the_deed(wire: Wire, provider: str) -> None:
    wire.rule(CREATE[provider], "error", status=502, html=True, acts=True)
    with wire.books() as books:
        reply = wire.create(provider)
    assert (reply.status_code, reply.headers["content-type"]) == (502, "text/html; charset=utf-8")
    assert reply.text.startswith("<!DOCTYPE html>")
    assert books[provider]["jobs"] == 1


REFUSALS: list[tuple[str, str, dict[str, Any], int, str, str | None]] = [
    ("openai", "rate_limit", {}, 429, "requests", "rate_limit_exceeded"),
    ("anthropic", "rate_limit", {}, 429, "rate_limit_error", None),
    ("anthropic", "rate_limit", {"ramp": True}, 429, "rate_limit_error", "ramp_limit_exceeded"),
    ("openai", "spend_limit", {}, 429, "insufficient_quota", "insufficient_quota"),
    ("anthropic", "spend_limit", {}, 429, "rate_limit_error", "enforced_spend_limit_reached"),
    ("anthropic", "spend_limit", {"flavour": "billing_error"}, 402, "billing_error", None),
    ("openai", "refuse_key", {}, 401, "invalid_request_error", "invalid_api_key"),
    ("anthropic", "refuse_key", {}, 401, "authentication_error", None),
    ("openai", "refuse_key", {"status": 403}, 403, "invalid_request_error", None),
    ("anthropic", "refuse_key", {"status": 403}, 403, "permission_error", None),
]


@pytest.mark.parametrize(("provider", "kind", "parameters", "status", "error_type", "code"), REFUSALS)
@pytest.mark.parametrize("live", [False, True])
def test_refusals(
    wire: Wire,
    live: bool,
    provider: str,
    kind: str,
    parameters: dict[str, Any],
    status: int,
    error_type: str,
    code: str | None,
) -> None:
    wire.rule("*", kind, nth="every", **parameters)
    with wire.books() as books:
        reply = wire.live(provider) if live else wire.ask(provider, "POST", CREATE[provider].split()[1], json={})
    assert reply.status_code == status
    error = reply.json()["error"]
    found = error["code"] if provider == "openai" else (error["details"] or {}).get("error_code")
    assert (error["type"], found) == (error_type, code)
    assert "retry-after" not in reply.headers
    assert books[provider] == dict.fromkeys(books[provider], 0)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_rate_limit_may_say_when_to_come_back(wire: Wire, provider: str) -> None:
    path = {"openai": "/v1/responses", "anthropic": "/v1/messages"}[provider]
    wire.rule(f"POST {path}", "rate_limit", nth=2, count=2, retry_after=600)
    replies = [wire.live(provider) for _ in range(4)]
    assert [reply.status_code for reply in replies] == [200, 429, 429, 200]
    assert [reply.headers.get("retry-after") for reply in replies] == [None, "600", "600", None]


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_short_download_looks_whole(wire: Wire, provider: str) -> None:
    batch, whole = wire.run(provider)
    wire.rule(DOWNLOADS[provider], "short_download", keep=0.5)
    reply = wire.ask(provider, "GET", results_path(provider, batch))
    assert (reply.status_code, reply.headers["content-length"]) == (200, str(len(whole.output) // 2))
    assert reply.content == whole.output[: len(whole.output) // 2]
    assert wire.content(provider, batch) == whole.output


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_page_of_html_comes_instead_of_the_results(wire: Wire, provider: str) -> None:
    batch, whole = wire.run(provider)
    wire.rule(DOWNLOADS[provider], "html_download")
    reply = wire.ask(provider, "GET", results_path(provider, batch))
    assert (reply.status_code, reply.headers["content-type"].partition(";")[0]) == (200, "text/html")
    assert reply.content.startswith(b"<!DOCTYPE html>")
    assert wire.content(provider, batch) == whole.output


def drain(reply: httpx2.Response, received: bytearray) -> None:
    for chunk in reply.iter_raw():
        received += chunk


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_cut_download_breaks_off(wire: Wire, provider: str) -> None:
    batch, whole = wire.run(provider)
    wire.rule(DOWNLOADS[provider], "cut_download", keep=0.6)
    headers = {"authorization": "Bearer any", "anthropic-version": "2026-10-21"}
    received = bytearray()
    with wire.http.stream("GET", results_path(provider, batch), headers=headers) as reply:
        assert reply.headers["content-length"] == str(len(whole.output))
        with pytest.raises(httpx2.RemoteProtocolError):
            drain(reply, received)
    assert received == whole.output[: int(len(whole.output) * 0.6)]
    assert wire.content(provider, batch) == whole.output


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize("status", [404, 500])
def test_results_that_are_refused_for_a_while(wire: Wire, provider: str, status: int) -> None:
    batch, whole = wire.run(provider)
    wire.rule(DOWNLOADS[provider], "error", status=status, count=3)
    replies = [wire.ask(provider, "GET", results_path(provider, batch)) for _ in range(4)]
    assert [reply.status_code for reply in replies] == [status, status, status, 200]
    assert replies[-1].content == whole.output


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_new_job_may_not_be_found_for_a_while(wire: Wire, provider: str) -> None:
    wire.rule(CREATE[provider], "not_found_for", seconds=0.5)
    job_id = wire.create(provider).json()["id"]
    path = f"{CREATE[provider].split()[1]}/{job_id}"
    refused = [wire.ask(provider, "GET", path), wire.ask(provider, "POST", f"{path}/cancel")]
    assert [reply.status_code for reply in refused] == [404, 404]
    assert job_id in refused[0].text
    until(lambda: wire.ask(provider, "GET", path).status_code, lambda status: status == 200, 3)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_new_job_may_be_in_no_list_for_a_while(wire: Wire, provider: str) -> None:
    path = CREATE[provider].split()[1]
    older = wire.create(provider).json()["id"]
    wire.rule(CREATE[provider], "absent_from_lists", seconds=0.5)
    job_id = wire.create(provider).json()["id"]

    def listed() -> list[str]:
        return [batch["id"] for batch in wire.ask(provider, "GET", path, params={"limit": 2}).json()["data"]]

    assert listed()[0] == older
    assert wire.retrieve(provider, job_id).status_code == 200
    assert until(listed, lambda ids: ids[0] == job_id, 3) == [job_id, older]


def test_a_new_file_may_be_in_no_list_for_a_while(wire: Wire) -> None:
    wire.script(
        {"endpoint": "POST /v1/files", "fault": {"kind": "absent_from_lists", "seconds": 0.3}},
        {"endpoint": "POST /v1/files", "fault": {"kind": "not_found_for", "seconds": 0.3}},
    )
    file_id = wire.upload()
    assert file_id not in wire.http.get("/v1/files").text
    assert wire.http.get(f"/v1/files/{file_id}").status_code == 404
    until(lambda: wire.http.get("/v1/files").text, lambda text: file_id in text, 3)
    assert wire.http.get(f"/v1/files/{file_id}").status_code == 200
