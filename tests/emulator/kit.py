"""What the emulator's tests share: a server in a process of its own, SDK clients, invented texts.

Not here: fixtures (``conftest``) and any assertion.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import anthropic
import openai

from huleedu_pipeline.providers.emulator.reading import ModelRequest

GPT = "emulated-gpt-6-luna"
CLAUDE = "emulated-claude-haiku-4-5-20251001"
PLAIN = "i like my dog. he is big. he run alot in the garden and he eat"
RICH = (
    "My grandmother keeps bees behind her cottage, and every summer she teaches me something new about them. "
    "At first I was frightened. Slowly, however, I learned to move calmly, to listen carefully, and to recognise "
    "the different sounds of a satisfied colony. Nothing tastes better than honey which you have harvested yourself!"
)
MIDDLE = "Last year I visited a museum with my class. We saw old ships and a big map. It was interesting and I liked it."

VERDICT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "winner": {"type": "string", "enum": ["Essay A", "Essay B"]},
        "confidence": {"type": "number"},
        "justification": {"type": "string"},
    },
    "required": ["winner", "confidence", "justification"],
    "additionalProperties": False,
}

T = TypeVar("T")


def prompt(text_a: str, text_b: str, lead: str = "Which essay is better?") -> str:
    """A prompt that shows two essays."""
    return (
        f'{lead}\n\n<essay label="Essay A">\n{text_a}\n</essay>\n\n<essay label="Essay B">\n{text_b}\n</essay>\n\n'
        "Answer with JSON."
    )


def asked(name: str, *, user: str | None = None, system: str = "", model: str = GPT, **more: Any) -> ModelRequest:
    """A request that is told from others by its name, which is its prompt unless one is given."""
    return ModelRequest(model, system, name if user is None else user, None, "", None, **more)


def until(probe: Callable[[], T], holds: Callable[[T], bool], seconds: float = 15) -> T:
    """Poll until a condition holds; the last value is returned, or the wait fails."""
    deadline = time.monotonic() + seconds
    while True:
        value = probe()
        if holds(value):
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s; last: {value!r}")
        time.sleep(0.03)


def fetch(url: str) -> dict[str, Any]:
    """GET a JSON object without any proxy."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10) as reply:
        content: dict[str, Any] = json.loads(reply.read())
        return content


class Server:
    """An emulator in a process of its own over a state folder; may be killed and started again."""

    def __init__(self, state_dir: Path, *options: str, seconds_per_job: float = 0.4) -> None:
        self.state_dir = state_dir
        self._options = [*options, "--seconds-per-job", str(seconds_per_job), "--live-latency-seconds", "0"]
        self.base_url = ""
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Server:
        """Start and wait until ready."""
        endpoint = self.state_dir.with_suffix(".endpoint.json")
        endpoint.unlink(missing_ok=True)
        command = [sys.executable, "-m", "huleedu_pipeline.providers.emulator", "--state-dir", str(self.state_dir)]
        process = subprocess.Popen([*command, *self._options, "--endpoint-file", str(endpoint)])
        self.process = process
        until(endpoint.exists, lambda there: there or process.poll() is not None)
        self.base_url = json.loads(endpoint.read_bytes())["base_url"]
        return self

    def kill(self) -> None:
        """End it by SIGKILL."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def stop(self) -> int:
        """End it by SIGTERM; the exit status."""
        assert self.process is not None
        self.process.terminate()
        return self.process.wait(timeout=20)

    def openai(self, **options: Any) -> openai.OpenAI:
        """An OpenAI client of this server."""
        return openai.OpenAI(base_url=f"{self.base_url}/v1", api_key="any", max_retries=0, **options)

    def anthropic(self, **options: Any) -> anthropic.Anthropic:
        """An Anthropic client of this server."""
        return anthropic.Anthropic(base_url=self.base_url, api_key="any", max_retries=0, **options)

    def ledger(self) -> dict[str, Any]:
        """What the server was asked."""
        return fetch(f"{self.base_url}/admin/ledger")


def line(custom_id: str, text: str, *, model: str = GPT, url: str = "/v1/responses", **body: Any) -> dict[str, Any]:
    """An OpenAI batch input line."""
    content = {"input": text} if url == "/v1/responses" else {"messages": [{"role": "user", "content": text}]}
    return {"custom_id": custom_id, "method": "POST", "url": url, "body": {"model": model, **content, **body}}


def jsonl(lines: Sequence[object]) -> bytes:
    """Lines as a JSONL file; a string stands as it is."""
    texts = [item if isinstance(item, str) else json.dumps(item) for item in lines]
    return "".join(f"{text}\n" for text in texts).encode()


def submit(client: openai.OpenAI, content: bytes, endpoint: str = "/v1/responses", **options: Any) -> Any:
    """Upload a batch file and create a batch of it."""
    upload = client.files.create(file=("requests.jsonl", content), purpose="batch")
    create: Any = client.batches.create
    return create(input_file_id=upload.id, endpoint=endpoint, completion_window="24h", **options)


def finished(client: openai.OpenAI, batch_id: str) -> openai.types.Batch:
    """Wait for an OpenAI batch to reach a last state."""
    last = {"completed", "failed", "cancelled", "expired"}
    return until(lambda: client.batches.retrieve(batch_id), lambda batch: batch.status in last)


def ended(client: anthropic.Anthropic, batch_id: str) -> Any:
    """Wait for an Anthropic batch to end."""
    return until(lambda: client.messages.batches.retrieve(batch_id), lambda batch: batch.processing_status == "ended")


def read_results(client: openai.OpenAI, file_id: str | None) -> dict[str, dict[str, Any]]:
    """The lines of an output or error file by custom_id."""
    if file_id is None:
        return {}
    rows = [json.loads(row) for row in client.files.content(file_id).read().split(b"\n") if row]
    assert len({row["custom_id"] for row in rows}) == len(rows)
    return {row["custom_id"]: row for row in rows}


def python_output(code: str, hash_seed: str) -> str:
    """What a fresh interpreter prints under a given hash seed."""
    environment = os.environ | {"PYTHONHASHSEED": hash_seed}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout
