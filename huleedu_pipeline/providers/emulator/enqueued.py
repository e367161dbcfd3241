"""The limit on enqueued tokens: how much work OpenAI takes on per model before it fails further batches.

Here: counting what is enqueued and deciding at a batch's creation. Not here: the failing, which happens with the rest of
the validation (``openai_jobs``). Without a limit nothing is counted.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import ApiError
from .lines import read_lines
from .openai_requests import read_request
from .store import Store
from .wire import Json, read_json


class EnqueuedTokens:
    """The limit of one store, per model; None: no limit."""

    def __init__(self, store: Store, limit: int | None) -> None:
        self._store = store
        self._limit = limit
        self._guard = threading.Lock()

    @contextmanager
    def admission(self) -> Iterator[None]:
        """Let one batch at a time be weighed against the limit and recorded."""
        with self._guard:
            yield

    def admit(self, endpoint: str, path: Path, now: float) -> Json:
        """Return what a new batch's record must say of its tokens, and of the limit if it is too much."""
        if self._limit is None:
            return {}
        model, tokens = _tokens(endpoint, path)
        enqueued = tokens
        for job in self._store.all_jobs():
            running = job.settlement is None and now < job.clock.over_at and "over_token_limit" not in job.spec
            if running and job.spec.get("enqueued_model") == model:
                enqueued += job.spec["enqueued_tokens"]
        over = {"over_token_limit": self._limit} if enqueued > self._limit else {}
        return {"enqueued_model": model, "enqueued_tokens": tokens} | over


def _tokens(endpoint: str, path: Path) -> tuple[str | None, int]:
    model, tokens = None, 0
    for line in read_lines(path):
        try:
            entry = read_json(line.content)
            request = read_request(endpoint, entry.get("body") if isinstance(entry, dict) else None)
        except ApiError:
            continue  # a bad line is validation's to report, and it enqueues nothing
        model = request.model
        tokens += request.input_tokens
    return model, tokens
