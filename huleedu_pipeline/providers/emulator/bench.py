"""The judge at work: everything between a request that was read and the reply that is sent, live and in batch jobs.

Here: the order of errors, verdict and cache, and the counting that errors need. Not here: the judges (``profiles``,
``mocks``), the rules of errors (``mock_errors``) and caches (``prompt_cache``), and HTTP.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace

from .config import EmulatorConfig
from .judging import ModelReply, answer
from .mock_errors import error_status, mock_error
from .profiles import Profile
from .prompt_cache import NO_USE, CacheUse, PromptCache
from .reading import ModelRequest
from .store import Store
from .wire import Provider

LATENCY_HEADER = "x-emulated-latency-ms"

# Kinds of counters: calls by provider, and how often each request was asked. Both are kept only where errors are made.
_CALLS, _ASKED = "mock_calls", "mock_asked"


@dataclass
class JobBench:
    """What was decided for the requests of one batch job before they run, and what is to be counted with its end."""

    profile: Profile
    statuses: dict[int, int] = field(default_factory=dict)
    uses: dict[int, CacheUse] = field(default_factory=dict)
    counts: list[tuple[str, str, int]] = field(default_factory=list)

    def answer(self, provider: Provider, number: int, request: ModelRequest) -> ModelReply:
        """Return the reply to the request of this number. Raises ApiError when it is refused or is to fail."""
        if number in self.statuses:
            raise mock_error(provider, self.statuses[number])
        return replace(answer(request, self.profile), **asdict(self.uses.get(number, NO_USE)))


class Bench:
    """One judge with its errors and caches; methods may be called from any thread."""

    def __init__(self, config: EmulatorConfig, profile: Profile, store: Store) -> None:
        self.profile = profile
        self._settings = config.mock
        self._store = store
        hit_rate = config.prompt_cache
        self._cache = None if hit_rate is None else PromptCache(profile.tokens, config.mock.seed, hit_rate)

    def latency_headers(self, request: ModelRequest) -> dict[str, str]:
        """Return the header that tells how long a live answer takes, in milliseconds before scaling; none for no time."""
        milliseconds = self.profile.latency_ms(request)
        return {LATENCY_HEADER: f"{milliseconds:.3f}"} if milliseconds else {}

    def admit(self, provider: Provider, request: ModelRequest) -> None:
        """Count a live call. Raises ApiError when the profile makes it fail."""
        if not self._settings.makes_errors:
            return
        with self._store.transaction() as connection:
            number = self._store.count(connection, _CALLS, provider)
            asked = self._store.count(connection, _ASKED, _name(provider, request))
        status = error_status(self._settings, provider, number, request.seed, asked - 1)
        if status is not None:
            problem = mock_error(provider, status)
            problem.headers.update(self.latency_headers(request))
            raise problem

    def live(self, provider: Provider, request: ModelRequest, now: float) -> ModelReply:
        """Return the reply to a live call that comes at ``now`` (Unix seconds). Raises ApiError when it is refused or fails."""
        self.admit(provider, request)
        reply = replace(answer(request, self.profile), latency_ms=self.profile.latency_ms(request))
        if self._cache is None:
            return reply
        answered_at = now + reply.latency_ms / 1000 * self._settings.latency_scale
        return replace(reply, **asdict(self._cache.live(provider, request, now, answered_at)))

    def for_job(self, provider: Provider, requests: Iterable[tuple[int, ModelRequest]], now: float) -> JobBench:
        """Return what becomes of a job's requests, given with their numbers in the order of the input; it ends at ``now``.

        The requests are gone through only where errors or a cache are asked for.
        """
        job = JobBench(self.profile)
        if self._settings.makes_errors:
            listed = list(requests)
            self._decide_errors(provider, listed, job)
            requests = [(number, request) for number, request in listed if number not in job.statuses]
        if self._cache is not None:
            with self._cache.one_job():
                job.uses = {number: self._cache.in_job(provider, request, now) for number, request in requests}
        return job

    def _decide_errors(self, provider: Provider, requests: Iterable[tuple[int, ModelRequest]], job: JobBench) -> None:
        calls_before = self._store.counted(_CALLS, provider)
        asked: Counter[str] = Counter()
        n_calls = 0
        for number, request in requests:
            n_calls += 1
            name = _name(provider, request)
            before = self._store.counted(_ASKED, name) + asked[name]
            status = error_status(self._settings, provider, calls_before + n_calls, request.seed, before)
            if status is not None:
                job.statuses[number] = status
            asked[name] += 1
        job.counts = [(_CALLS, provider, n_calls), *((_ASKED, name, times) for name, times in asked.items())]


def _name(provider: Provider, request: ModelRequest) -> str:
    return f"{provider} {request.seed.hex()}"
