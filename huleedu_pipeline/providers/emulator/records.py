"""What the emulator remembers: files, batch jobs, and how a job ended.

Here: the records and nothing else. Not here: their storage (``store``) or their wire form (the format modules).
Times are Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from .clock import JobClock
from .faults.jobs import Expire, FailWithoutErrors, ResultsExpire, Stuck
from .faults.plan import JobPlan
from .faults.script import FAULTS
from .wire import Json, Provider

RESULTS_LIFE_SECONDS = 29 * 24 * 3600


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
class Bill:
    """What was billed: requests answered, and their tokens.

    ``input_tokens`` includes those that a cache served and those that were written to it.
    """

    requests: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    cache_write_tokens: int = 0


@dataclass(frozen=True)
class Settlement:
    """How a job ended: its result files (OpenAI), counts by outcome, and tokens over the lines that ran."""

    output_file_id: str | None = None
    error_file_id: str | None = None
    succeeded: int = 0
    errored: int = 0
    canceled: int = 0
    expired: int = 0
    input_tokens: int = 0
    cached_input_tokens: int = 0
    output_tokens: int = 0
    judged: int = 0
    cache_write_tokens: int = 0

    @property
    def bill(self) -> Bill:
        """What the job costs."""
        return Bill(self.succeeded, self.input_tokens, self.cached_input_tokens, self.output_tokens, self.cache_write_tokens)


@dataclass(frozen=True)
class Job:
    """A batch job as created, plus what has been learnt about it since.

    ``spec`` holds what the caller sent besides the requests, and the faults that the job was given. ``validated`` and
    ``problems`` are OpenAI's asynchronous validation (``problems`` empty: passed); ``settlement`` is None until the job was
    looked at after its end.
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
        stuck = self.plan.one(Stuck)
        return JobClock(self.created_at, self.seconds, self.cancel_at, None if stuck is None else stuck.at)

    @cached_property
    def plan(self) -> JobPlan:
        """What is to go wrong with the job."""
        return JobPlan(self.id, FAULTS.validate_python(self.spec.get("faults", [])))

    @property
    def expires(self) -> bool:
        """Whether the job's window closes before its lines have run."""
        return self.plan.one(Expire) is not None and self.cancel_at is None

    @property
    def results_expire_at(self) -> float:
        """When the results of an Anthropic batch are archived; a fault may have them go early, as OpenAI's files."""
        early = self.plan.one(ResultsExpire)
        return self.created_at + RESULTS_LIFE_SECONDS if early is None else self.clock.over_at + early.seconds

    @property
    def failed(self) -> bool:
        """Whether validation rejected the job before anything ran."""
        rejected = bool(self.problems) or self.plan.one(FailWithoutErrors) is not None
        return self.validated and rejected and self.clock.validation_reached
