"""What the tests of faults share: plain HTTP to a server whose fault script they set, jobs of both providers, the books.

Not here: any assertion about a fault.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx2

from .kit import CLAUDE, GPT, PLAIN, RICH, Server, jsonl, line, prompt, until

PROMPT = prompt(PLAIN, RICH)
CREATE = {"openai": "POST /v1/batches", "anthropic": "POST /v1/messages/batches"}
PROVIDERS = ["openai", "anthropic"]
LAST = {"completed", "failed", "expired", "cancelled", "ended"}
DOWNLOADS = {"openai": "GET /v1/files/{file_id}/content", "anthropic": "GET /v1/messages/batches/{batch_id}/results"}


def request_of(provider: str) -> tuple[str, dict[str, Any]]:
    """A live request that is judged: its path and body."""
    if provider == "openai":
        return "/v1/responses", {"model": GPT, "input": PROMPT}
    return "/v1/messages", {"model": CLAUDE, "max_tokens": 300, "messages": [{"role": "user", "content": PROMPT}]}


@dataclass(frozen=True)
class Results:
    """What the result files of a job hold, byte by byte."""

    output: bytes
    errors: bytes

    @property
    def rows(self) -> list[dict[str, Any]]:
        """All lines, parsed."""
        return [json.loads(row) for row in (self.output + self.errors).split(b"\n") if row.strip()]

    @property
    def ids(self) -> list[str]:
        """The ids of all lines, in order."""
        return [row["custom_id"] for row in self.rows]


class Wire:
    """Plain HTTP to one server."""

    def __init__(self, server: Server) -> None:
        self.server = server
        headers = {"authorization": "Bearer any"}
        self.http = httpx2.Client(base_url=server.base_url, headers=headers, trust_env=False, verify=False, timeout=10)

    def script(self, *rules: dict[str, Any]) -> None:
        """Set the fault script."""
        reply = self.http.put("/admin/faults", json={"rules": rules})
        assert reply.status_code == 200, reply.text

    def rule(self, endpoint: str, kind: str, /, *, nth: int | str = 1, count: int | None = None, **parameters: Any) -> None:
        """Set a fault script of one rule."""
        self.script({"endpoint": endpoint, "nth": nth, "count": count, "fault": {"kind": kind, **parameters}})

    def fired(self) -> list[int]:
        """How often each rule has fired."""
        return [rule["fired"] for rule in self.http.get("/admin/faults").json()["rules"]]

    def ask(self, provider: str, method: str, path: str, **options: Any) -> httpx2.Response:
        """Call an endpoint of a provider."""
        headers = {"anthropic-version": "2026-10-21"} if provider == "anthropic" else {}
        return self.http.request(method, path, headers=headers, **options)

    def upload(self, n: int = 3) -> str:
        """Upload a batch file of n requests, ``r1`` and so on."""
        content = jsonl([line(f"r{number}", PROMPT) for number in range(1, n + 1)])
        reply = self.http.post("/v1/files", data={"purpose": "batch"}, files={"file": ("r.jsonl", content)})
        return str(reply.json()["id"])

    def create(self, provider: str, n: int = 3) -> httpx2.Response:
        """Create a batch of n requests, ``r1`` and so on."""
        if provider == "openai":
            body = {"input_file_id": self.upload(n), "endpoint": "/v1/responses", "completion_window": "24h"}
            return self.ask(provider, "POST", "/v1/batches", json=body)
        params = request_of(provider)[1]
        entries = [{"custom_id": f"r{number}", "params": params} for number in range(1, n + 1)]
        return self.ask(provider, "POST", "/v1/messages/batches", json={"requests": entries})

    def live(self, provider: str) -> httpx2.Response:
        """Make a live request."""
        path, body = request_of(provider)
        return self.ask(provider, "POST", path, json=body)

    def retrieve(self, provider: str, job_id: str) -> httpx2.Response:
        """Ask for a batch."""
        return self.ask(provider, "GET", f"{CREATE[provider].split()[1]}/{job_id}")

    def batch(self, provider: str, job_id: str) -> dict[str, Any]:
        """A batch as it stands."""
        body: dict[str, Any] = self.retrieve(provider, job_id).json()
        return body

    def done(self, provider: str, job_id: str) -> dict[str, Any]:
        """A batch after its end."""
        return until(lambda: self.batch(provider, job_id), lambda batch: status(batch) in LAST)

    def content(self, provider: str, batch: dict[str, Any]) -> bytes:
        """The output or results of a batch."""
        reply = self.ask(provider, "GET", results_path(provider, batch))
        assert reply.status_code == 200
        return reply.content

    def results(self, provider: str, batch: dict[str, Any]) -> Results:
        """All that the result files of a batch hold."""
        if provider == "anthropic":
            return Results(self.content(provider, batch), b"")
        parts = [
            self.http.get(f"/v1/files/{batch[name]}/content").content if batch[name] else b""
            for name in ("output_file_id", "error_file_id")
        ]
        return Results(*parts)

    def run(self, provider: str, n: int = 3) -> tuple[dict[str, Any], Results]:
        """A batch of n requests after its end, and its results."""
        batch = self.done(provider, self.create(provider, n).json()["id"])
        return batch, self.results(provider, batch)

    @contextmanager
    def books(self) -> Iterator[dict[str, Any]]:
        """What the server's books gained meanwhile, filled in at the end: the jobs made, and what they and live calls cost."""
        gained: dict[str, Any] = {}
        before = self.server.ledger()
        yield gained
        after = self.server.ledger()
        known = {job["id"] for job in before["jobs"]}
        for provider in PROVIDERS:
            jobs = [job for job in after["jobs"] if job["provider"] == provider and job["id"] not in known]
            old, new = before["billed_live"][provider], after["billed_live"][provider]
            billed = {name: new[name] - old[name] + sum(job["billed"][name] for job in jobs) for name in new}
            gained[provider] = {"jobs": len(jobs), **billed}
        for provider, total in after["billed"].items():
            parts = [after["billed_live"][provider], *(job["billed"] for job in after["jobs"] if job["provider"] == provider)]
            assert total == {name: sum(part[name] for part in parts) for name in total}


def results_path(provider: str, batch: dict[str, Any]) -> str:
    """Where the output or results of a batch are downloaded."""
    if provider == "openai":
        return f"/v1/files/{batch['output_file_id']}/content"
    return f"/v1/messages/batches/{batch['id']}/results"


def status(batch: dict[str, Any]) -> str:
    """The status of a batch of either provider."""
    return str(batch.get("processing_status") or batch.get("status"))


def said(provider: str, row: dict[str, Any]) -> str:
    """What the model says in a result line."""
    if provider == "openai":
        return str(row["response"]["body"]["output"][0]["content"][0]["text"])
    return str(row["result"]["message"]["content"][0]["text"])


def spoken(provider: str, body: dict[str, Any]) -> str:
    """What the model says in a live answer."""
    return str(body["output"][0]["content"][0]["text"] if provider == "openai" else body["content"][0]["text"])


@contextmanager
def took_at_least(seconds: float) -> Iterator[None]:
    """Check that something takes its time."""
    start = time.monotonic()
    yield
    assert time.monotonic() - start >= seconds
