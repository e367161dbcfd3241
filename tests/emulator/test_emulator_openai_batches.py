"""OpenAI's files and batches through the real SDK."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest

from .conftest import ServerMaker
from .kit import GPT, MIDDLE, PLAIN, RICH, Server, finished, jsonl, line, prompt, read_results, submit, until

PROMPT = prompt(PLAIN, RICH)


@pytest.mark.parametrize("endpoint", ["/v1/responses", "/v1/chat/completions"])
def test_end_to_end(gpt: openai.OpenAI, endpoint: str) -> None:
    prompts = {f"pair-{n}": prompt(MIDDLE, RICH, f"Comparison {n}.") for n in range(40)}
    batch = submit(
        gpt, jsonl([line(key, text, url=endpoint) for key, text in prompts.items()]), endpoint, metadata={"run": "r1"}
    )
    assert batch.status == "validating"
    assert batch.errors is None
    assert batch.expires_at == batch.created_at + 24 * 3600
    assert batch.request_counts.total == 0
    done = finished(gpt, batch.id)
    assert (done.status, done.metadata, done.model) == ("completed", {"run": "r1"}, GPT)
    assert done.request_counts is not None
    assert (done.request_counts.total, done.request_counts.completed, done.request_counts.failed) == (40, 40, 0)
    assert done.error_file_id is None
    moments = [done.created_at, done.in_progress_at, done.finalizing_at, done.completed_at]
    assert moments == sorted(moment for moment in moments if moment is not None)
    assert done.output_file_id is not None
    assert gpt.files.retrieve(done.output_file_id).to_dict()["purpose"] == "batch_output"
    results = read_results(gpt, done.output_file_id)
    assert results.keys() == prompts.keys()
    assert list(results) != list(prompts)  # order is not the input's
    total = 0
    for key, text in prompts.items():
        response = results[key]["response"]
        assert results[key]["error"] is None
        assert response["status_code"] == 200
        body = response["body"]
        total += body["usage"]["total_tokens"]
        if endpoint == "/v1/responses":
            live = gpt.responses.create(model=GPT, input=text).output_text
            assert openai.types.responses.Response.model_validate(body).output_text == live
        else:
            assert json.loads(body["choices"][0]["message"]["content"])["winner"] in ("Essay A", "Essay B")
    assert done.usage is not None
    assert done.usage.total_tokens == total


def test_progress_is_seen(new_server: ServerMaker) -> None:
    gpt = new_server(seconds_per_job=1.5).openai()
    batch = submit(gpt, jsonl([line(f"r{n}", PROMPT) for n in range(10)]))
    seen: list[tuple[str, int]] = []

    def look() -> str:
        current = gpt.batches.retrieve(batch.id)
        assert current.request_counts is not None
        seen.append((current.status, current.request_counts.completed))
        return current.status

    until(look, lambda status: status == "completed")
    statuses = list(dict.fromkeys(status for status, _ in seen))
    assert statuses == ["validating", "in_progress", "finalizing", "completed"]
    counts = [count for _, count in seen]
    assert counts == sorted(counts)
    assert any(0 < count < 10 for status, count in seen if status == "in_progress")


def test_refused_lines_go_to_the_error_file(gpt: openai.OpenAI) -> None:
    refused = line("no-input", "x")
    del refused["body"]["input"]
    done = finished(gpt, submit(gpt, jsonl([line("fine", PROMPT), refused])).id)
    assert done.status == "completed"
    assert done.request_counts is not None
    assert (done.request_counts.completed, done.request_counts.failed) == (1, 1)
    errors = read_results(gpt, done.error_file_id)
    assert list(errors) == ["no-input"]
    assert errors["no-input"]["response"]["status_code"] == 400
    assert errors["no-input"]["response"]["body"]["error"]["param"] == "input"
    assert list(read_results(gpt, done.output_file_id)) == ["fine"]
    alone = finished(gpt, submit(gpt, jsonl([refused])).id)
    assert (alone.status, alone.output_file_id) == ("completed", None)
    assert alone.error_file_id is not None


def without(key: str) -> dict[str, Any]:
    entry = line("x", PROMPT)
    del entry[key]
    return entry


@pytest.mark.parametrize(
    ("lines", "code", "param", "number"),
    [
        ([line("a", PROMPT), "{not json"], "invalid_json_line", None, 2),
        ([line("a", PROMPT), '{"a":' * 100_000], "invalid_json_line", None, 2),
        ([line("a", PROMPT, model="emulated-\ud800")], "model_not_found", "body.model", 1),
        ([line("a", PROMPT), "[1]"], "invalid_json_line", None, 2),
        ([without("custom_id")], "missing_required_parameter", "custom_id", 1),
        ([without("method")], "missing_required_parameter", "method", 1),
        ([without("url")], "missing_required_parameter", "url", 1),
        ([without("body")], "missing_required_parameter", "body", 1),
        ([line("a", PROMPT), "", line("a", PROMPT)], "duplicate_custom_id", "custom_id", 3),
        ([line("a", PROMPT, url="/v1/chat/completions")], "invalid_url", "url", 1),
        ([line("a", PROMPT), line("b", PROMPT, model="emulated-b")], "mismatched_model", "body.model", 2),
        ([line("a", PROMPT, model="gpt-6-luna")], "model_not_found", "body.model", 1),
        ([line("a", PROMPT, stream=True)], "streaming_unsupported", "body.stream", 1),
        ([line("a", PROMPT) | {"body": {"input": "x"}}], "invalid_request", "body.model", 1),
        (["", ""], "empty_file", None, None),
        (["{}"] * 50_001, "too_many_tasks", None, None),
    ],
)
def test_validation_is_asynchronous(
    gpt: openai.OpenAI, lines: list[object], code: str, param: str | None, number: int | None
) -> None:
    batch = submit(gpt, jsonl(lines))
    assert batch.status == "validating"
    done = finished(gpt, batch.id)
    assert done.status == "failed"
    assert done.failed_at is not None
    assert done.in_progress_at is None
    assert done.errors is not None
    found = [(error.code, error.param, error.line) for error in done.errors.data or []]
    assert found == [(code, param, number)]
    assert done.request_counts is not None
    assert done.request_counts.total == 0


def test_missing_messages_is_a_validation_error(gpt: openai.OpenAI) -> None:
    entry = line("a", PROMPT, url="/v1/chat/completions")
    del entry["body"]["messages"]
    done = finished(gpt, submit(gpt, jsonl([entry]), "/v1/chat/completions").id)
    assert done.errors is not None
    assert [(error.code, error.param) for error in done.errors.data or []] == [("invalid_request", "body.messages")]


@pytest.mark.parametrize("file_id", ["file-none", "../emulator.sqlite", "file-å"])
def test_unknown_input_file(gpt: openai.OpenAI, file_id: str) -> None:
    batch = gpt.batches.create(input_file_id=file_id, endpoint="/v1/responses", completion_window="24h")
    done = finished(gpt, batch.id)
    assert done.status == "failed"
    assert done.errors is not None
    assert [(error.code, error.param) for error in done.errors.data or []] == [("invalid_request", "file_id")]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"endpoint": "/v1/embeddings"}, "endpoint"),
        ({"completion_window": "1h"}, "completion_window"),
        ({"metadata": {"tags": ["a"]}}, "metadata.tags"),
        ({"metadata": {f"k{n}": "v" for n in range(17)}}, "metadata"),
        ({"output_expires_after": {"anchor": "created_at", "seconds": 5}}, "output_expires_after"),
    ],
)
def test_refused_at_creation(gpt: openai.OpenAI, change: dict[str, Any], param: str) -> None:
    arguments = {"input_file_id": "file-x", "endpoint": "/v1/responses", "completion_window": "24h"} | change
    create: Any = gpt.batches.create
    with pytest.raises(openai.BadRequestError) as refused:
        create(**arguments)
    assert refused.value.param == param


def test_upload_looks_only_at_the_first_line(gpt: openai.OpenAI) -> None:
    for content in (b"", b"once upon a time\n"):
        with pytest.raises(openai.BadRequestError, match=r"Must be \.jsonl"):
            gpt.files.create(file=("x.jsonl", content), purpose="batch")


def test_files_round_trip(gpt: openai.OpenAI) -> None:
    content = jsonl([line("å\u2028", PROMPT)]) + b"\r\n--not-a-boundary\r\n"
    upload = gpt.files.create(
        file=("brev å.jsonl", content),
        purpose="batch",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert (upload.bytes, upload.filename, upload.object) == (len(content), "brev å.jsonl", "file")
    assert upload.expires_at == upload.created_at + 3600
    assert gpt.files.content(upload.id).read() == content
    assert gpt.files.delete(upload.id).deleted
    with pytest.raises(openai.NotFoundError):
        gpt.files.retrieve(upload.id)


def test_a_running_batch_outlives_its_input_file(gpt: openai.OpenAI) -> None:
    batch = submit(gpt, jsonl([line("a", PROMPT)]))
    gpt.files.delete(batch.input_file_id)
    assert finished(gpt, batch.id).status == "completed"


def test_lists_are_paged_newest_first(new_server: ServerMaker) -> None:
    gpt = new_server().openai()
    batches = [submit(gpt, jsonl([line("a", PROMPT)])).id for _ in range(5)]
    page = gpt.batches.list(limit=2)
    assert [batch.id for batch in page.data] == batches[:-3:-1]
    assert page.has_more
    assert [batch.id for batch in gpt.batches.list(limit=2)] == batches[::-1]
    gpt.files.create(file=("other.txt", b"text"), purpose="user_data")
    files = [record.id for record in gpt.files.list(purpose="batch", limit=2, order="asc")]
    assert files == [gpt.batches.retrieve(batch).input_file_id for batch in batches]
    assert len(list(gpt.files.list())) == 6
    with pytest.raises(openai.BadRequestError):
        gpt.batches.list(limit=101)
    with pytest.raises(openai.BadRequestError):
        gpt.batches.list(after="batch_none")


def test_cancel_keeps_what_had_run(new_server: ServerMaker) -> None:
    gpt = new_server(seconds_per_job=2).openai()
    batch = submit(gpt, jsonl([line(f"r{n}", PROMPT) for n in range(20)]))
    until(
        lambda: gpt.batches.retrieve(batch.id), lambda now: now.request_counts is not None and now.request_counts.completed > 2
    )
    cancelling = gpt.batches.cancel(batch.id)
    assert cancelling.status == "cancelling"
    assert cancelling.cancelling_at is not None
    assert gpt.batches.cancel(batch.id).cancelling_at == cancelling.cancelling_at
    done = finished(gpt, batch.id)
    assert done.status == "cancelled"
    assert done.cancelled_at is not None
    finished_lines = read_results(gpt, done.output_file_id)
    left_lines = read_results(gpt, done.error_file_id)
    assert finished_lines
    assert left_lines
    assert finished_lines.keys() | left_lines.keys() == {f"r{n}" for n in range(20)}
    assert not finished_lines.keys() & left_lines.keys()
    assert {row["error"]["code"] for row in left_lines.values()} == {"batch_cancelled"}
    assert {row["response"] for row in left_lines.values()} == {None}
    assert gpt.batches.cancel(batch.id).status == "cancelled"


def test_cancel_while_validating_runs_nothing(new_server: ServerMaker) -> None:
    gpt = new_server(seconds_per_job=5).openai()
    batch = submit(gpt, jsonl([line("a", PROMPT)]))
    gpt.batches.cancel(batch.id)
    done = finished(gpt, batch.id)
    assert (done.status, done.output_file_id) == ("cancelled", None)
    assert list(read_results(gpt, done.error_file_id)) == ["a"]


def test_cancel_too_late(server: Server, gpt: openai.OpenAI) -> None:
    completed = finished(gpt, submit(gpt, jsonl([line("a", PROMPT)])).id)
    failed = finished(gpt, submit(gpt, jsonl(["{}"])).id)
    for batch in (completed, failed):
        with pytest.raises(openai.ConflictError, match=f"with status '{batch.status}'"):
            gpt.batches.cancel(batch.id)
    with pytest.raises(openai.NotFoundError, match="No batch found with id 'batch_none'"):
        gpt.batches.retrieve("batch_none")
    statuses = {job["id"]: job["status"] for job in server.ledger()["jobs"]}
    assert (statuses[completed.id], statuses[failed.id]) == ("completed", "failed")


def test_repeated_creations_are_counted(new_server: ServerMaker) -> None:
    server = new_server()
    gpt = server.openai()
    for retries in ("0", "1", "2"):
        gpt.batches.create(
            input_file_id="file-none",
            endpoint="/v1/responses",
            completion_window="24h",
            extra_headers={"x-stainless-retry-count": retries},
        )
    ledger = server.ledger()
    assert ledger["batch_create_retries"] == {"openai": 2, "anthropic": 0}
    assert ledger["batch_jobs_created"] == {"openai": 3, "anthropic": 0}
    assert ledger["calls"]["POST /v1/batches"] == 3
