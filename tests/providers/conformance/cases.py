"""What a row of the conformance table is: a fault, the right outcome in words, and the same outcome in numbers.

Not here: the rows (one module for each part of a job's life), and running them (``run``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from huleedu_pipeline.judging.spec import BatchingMode
from huleedu_pipeline.judging.spec import Provider as ProviderName
from tests.providers.kit import N_PAIRS

if TYPE_CHECKING:
    from tests.providers.conformance.run import World

OPENAI: tuple[ProviderName, ...] = ("openai",)
ANTHROPIC: tuple[ProviderName, ...] = ("anthropic",)
BOTH: tuple[ProviderName, ...] = OPENAI + ANTHROPIC
BATCH_API: BatchingMode = "provider_batch_api"
LIVE: BatchingMode = "per_request"

# What a rule calls an endpoint, and what that is at each provider.
ENDPOINTS: dict[ProviderName, dict[str, str]] = {
    "openai": {
        "upload": "POST /v1/files",
        "create": "POST /v1/batches",
        "list": "GET /v1/batches",
        "look": "GET /v1/batches/{batch_id}",
        "results": "GET /v1/files/{file_id}/content",
        "ask": "POST /v1/responses",
    },
    "anthropic": {
        "create": "POST /v1/messages/batches",
        "list": "GET /v1/messages/batches",
        "look": "GET /v1/messages/batches/{batch_id}",
        "results": "GET /v1/messages/batches/{batch_id}/results",
        "ask": "POST /v1/messages",
    },
}
NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Rule:
    """A rule of the emulator's fault script, at an endpoint of either provider."""

    endpoint: str
    fault: Mapping[str, Any]
    nth: int | str = 1
    count: int | None = None

    def scripted(self, provider: ProviderName) -> dict[str, Any]:
        """Return the rule as the emulator takes it."""
        return {
            "endpoint": ENDPOINTS[provider][self.endpoint],
            "nth": self.nth,
            "count": self.count,
            "fault": dict(self.fault),
        }


def at(endpoint: str, kind: str, /, *, nth: int | str = 1, count: int | None = None, **parameters: Any) -> Rule:
    """Return the rule that a fault happens at an endpoint: once at its first call, unless said otherwise."""
    return Rule(endpoint, {"kind": kind, **parameters}, nth, count)


@dataclass(frozen=True)
class Right:
    """The right outcome in numbers; the defaults are those of a batch that nothing happened to.

    ``jobs`` and ``billed`` are counted in the emulator's books: batch jobs created, requests billed. ``errors`` counts the
    attempts without a verdict by error code, ``unpriced`` those whose price can not be known. ``told`` are patterns: each is
    found in something that a run said (an error, or what it waits for), and nothing else is said. ``calls`` are exact.
    """

    succeeded: int = N_PAIRS
    failed: int = 0
    attempts: int = N_PAIRS
    jobs: int | None = None
    billed: int = N_PAIRS
    unpriced: int = 0
    errors: Mapping[str, int] = field(default_factory=dict)
    letters: Mapping[str, int] = field(default_factory=dict)
    told: tuple[str, ...] = ()
    states: Mapping[str, int] | None = None
    calls: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Case:
    """One row: ``numbers`` are those of the list of failure modes that it answers.

    ``patches`` are set in the package's modules for the run, ``settings`` in the installation. ``before`` is done before the
    first run. With ``person`` the batch must come to a stop by itself, and goes on after that person has acted.
    """

    name: str
    numbers: str
    fault: str
    outcome: str
    rules: tuple[Rule, ...]
    right: Right = Right()
    providers: tuple[ProviderName, ...] = BOTH
    mode: BatchingMode = BATCH_API
    settings: Mapping[str, Any] = field(default_factory=dict)
    patches: Mapping[str, Any] = field(default_factory=dict)
    before: Callable[[World], None] | None = None
    person: Callable[[World], None] | None = None

    @property
    def n_jobs(self) -> int:
        """How many batch jobs the emulator is to have been asked for."""
        if self.right.jobs is not None:
            return self.right.jobs
        return 1 if self.mode == BATCH_API else 0
