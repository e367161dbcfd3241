"""Faults of a job's life: failed, expired, cancelled, stuck, results gone."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest

from .fault_kit import CREATE, PROVIDERS, Wire, results_path, status
from .kit import until


@pytest.mark.parametrize(
    ("kind", "parameters", "expected"),
    [
        ("cannot_find_file", {}, [("invalid_request", "file_id", None)]),
        ("fail_without_errors", {}, []),
        ("fail_lines", {"lines": [1, 3, 9]}, [("invalid_request", None, 1), ("invalid_request", None, 3)]),
        ("fail_lines", {"lines": [2], "code": "invalid_json_line"}, [("invalid_json_line", None, 2)]),
        ("token_limit", {}, [("token_limit_exceeded", None, None)]),
    ],
)
def test_batches_that_fail(wire: Wire, kind: str, parameters: dict[str, Any], expected: list[Any]) -> None:
    wire.rule(CREATE["openai"], kind, **parameters)
    with wire.books() as books:
        created = wire.create("openai")
        assert created.json()["status"] == "validating"
        batch = wire.done("openai", created.json()["id"])
    assert batch["status"] == "failed"
    assert batch["failed_at"] is not None
    assert [(error["code"], error["param"], error["line"]) for error in batch["errors"]["data"]] == expected
    assert (batch["output_file_id"], batch["error_file_id"], batch["request_counts"]["total"]) == (None, None, 0)
    assert (books["openai"]["jobs"], books["openai"]["requests"]) == (1, 0)
    if kind == "token_limit":
        message = batch["errors"]["data"][0]["message"]
        assert message.startswith("Enqueued token limit reached for emulated-gpt-6-luna in organization ")
        assert "Limit: 2,000,000 enqueued tokens. Please try again once some in_progress batches" in message
    if kind == "cannot_find_file":
        assert re.match(
            "Cannot find file file-.*, or organization .* does not have access", batch["errors"]["data"][0]["message"]
        )
    assert wire.run("openai")[0]["status"] == "completed"


@pytest.mark.parametrize("provider", PROVIDERS)
@pytest.mark.parametrize(("at", "n_run"), [(0.0, 0), (0.6, 6), (1.0, 10)])
def test_jobs_that_expire(wire: Wire, provider: str, at: float, n_run: int) -> None:
    wire.rule(CREATE[provider], "expire", at=at)
    with wire.books() as books:
        batch, results = wire.run(provider, 10)
    assert books[provider]["requests"] == n_run
    assert sorted(results.ids) == sorted(f"r{n}" for n in range(1, 11))
    if provider == "anthropic":
        assert batch["processing_status"] == "ended"
        counts = {"processing": 0, "succeeded": n_run, "errored": 0, "canceled": 0, "expired": 10 - n_run}
        assert batch["request_counts"] == counts
        assert sum(row["result"] == {"type": "expired"} for row in results.rows) == 10 - n_run
        return
    assert (batch["status"], batch["completed_at"], batch["finalizing_at"]) == ("expired", None, None)
    assert batch["expired_at"] is not None
    assert batch["request_counts"] == {"total": 10, "completed": n_run, "failed": 10 - n_run}
    assert (batch["output_file_id"] is None, batch["error_file_id"] is None) == (n_run == 0, n_run == 10)
    unrun = [row for row in results.rows if row["response"] is None]
    assert len(unrun) == 10 - n_run
    assert {row["error"]["code"] for row in unrun} <= {"batch_expired"}


def test_a_batch_may_expire_with_no_files_at_all(wire: Wire) -> None:
    wire.rule(CREATE["openai"], "expire", at=0, files=False)
    batch, _ = wire.run("openai")
    assert (batch["status"], batch["output_file_id"], batch["error_file_id"]) == ("expired", None, None)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_jobs_that_the_provider_cancels(wire: Wire, provider: str) -> None:
    wire.rule(CREATE[provider], "cancel", at=0.4)
    with wire.books() as books:
        batch, results = wire.run(provider, 10)
    assert books[provider]["requests"] == 4
    assert sorted(results.ids) == sorted(f"r{n}" for n in range(1, 11))
    if provider == "openai":
        assert batch["status"] == "cancelled"
        assert batch["cancelling_at"] is not None
        assert {row["error"]["code"] for row in results.rows if row["error"]} == {"batch_cancelled"}
    else:
        assert (batch["request_counts"]["succeeded"], batch["request_counts"]["canceled"]) == (4, 6)
        assert batch["cancel_initiated_at"] is not None


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_cancelled_job_keeps_the_share_that_is_asked_for(wire: Wire, provider: str) -> None:
    wire.rule(CREATE[provider], "cancel_keeps", at=0.7)
    job_id = wire.create(provider, 10).json()["id"]
    assert wire.ask(provider, "POST", f"{CREATE[provider].split()[1]}/{job_id}/cancel").status_code == 200
    batch = wire.done(provider, job_id)
    counts = batch["request_counts"]
    assert counts.get("completed", counts.get("succeeded")) == 7
    assert len(wire.results(provider, batch).ids) == 10


@pytest.mark.parametrize(
    ("provider", "at", "expected"),
    [
        ("openai", 0.0, "validating"),
        ("openai", 0.5, "in_progress"),
        ("openai", 0.95, "finalizing"),
        ("anthropic", 0.5, "in_progress"),
    ],
)
def test_jobs_that_get_stuck(wire: Wire, provider: str, at: float, expected: str) -> None:
    wire.rule(CREATE[provider], "stuck", at=at)
    job_id = wire.create(provider).json()["id"]
    time.sleep(0.3)
    assert status(wire.batch(provider, job_id)) == expected
    wire.ask(provider, "POST", f"{CREATE[provider].split()[1]}/{job_id}/cancel")
    time.sleep(0.1)
    assert status(wire.batch(provider, job_id)) == ("cancelling" if provider == "openai" else "canceling")
    assert {job["id"]: job["status"] for job in wire.server.ledger()["jobs"]}[job_id].startswith("cancel")


@pytest.mark.parametrize("provider", PROVIDERS)
def test_results_that_go_early(wire: Wire, provider: str) -> None:
    wire.rule(CREATE[provider], "results_expire", seconds=0)
    batch = wire.done(provider, wire.create(provider).json()["id"])
    gone = until(lambda: wire.ask(provider, "GET", results_path(provider, batch)), lambda reply: reply.status_code == 404, 3)
    assert gone.status_code == 404
    if provider == "anthropic":
        assert batch["archived_at"] is not None
        assert batch["results_url"] is None
    else:
        assert wire.http.get(f"/v1/files/{batch['output_file_id']}").status_code == 404
        assert batch["output_file_id"] not in wire.http.get("/v1/files").text
