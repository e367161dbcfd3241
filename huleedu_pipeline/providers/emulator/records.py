"""What the emulator remembers: files, batch jobs, and how a job ended.

Here: the records and nothing else. Not here: their storage (``store``) or their wire form (the format modules).
Times are Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from .clock import JobClock

Json = dict[str, Any]
Provider = Literal["openai", "anthropic"]


@dataclass(frozen=True)
class StoredFile:
    """An uploaded or produced file; its content lies in the state folder under ``id``."""

    id: str
    filename: str
    purpose: str
    n_bytes: int
    created_at: int
    expires_at: int | None


@dataclass(frozen=True)
class Settlement:
    """How a job ended: its result files (OpenAI), counts by outcome, and tokens over the lines that ran."""

    output_file_id: str | None = None
    error_file_id: str | None = None
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    judged: int = 0


@dataclass(frozen=True)
class Job:
    """A batch job as created, plus what has been learnt about it since.

    ``spec`` holds what the caller sent besides the requests. ``validated`` and ``problems`` are OpenAI's asynchronous
    validation (``problems`` empty: passed); ``settlement`` is None until the job was looked at after its end.
    """

    id: str
    provider: Provider
    created_at: float
    seconds: float
    n_requests: int
    spec: Json
    model: str | None = None
    validated: bool = False
    problems: list[Json] = field(default_factory=list)
    cancel_at: float | None = None
    settlement: Settlement | None = None

    @property
    def clock(self) -> JobClock:
        """The job's clock."""
        return JobClock(self.created_at, self.seconds, self.cancel_at)

    @property
    def failed(self) -> bool:
        """Whether validation rejected the job before anything ran."""
        return self.validated and bool(self.problems) and self.clock.validation_reached
