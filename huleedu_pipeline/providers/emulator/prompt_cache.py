"""The providers' prompt caches: which part of a prompt is read from them, and which is written to them.

Both keep the beginning of a prompt up to a mark, exactly, when it is long enough. Anthropic's marks are ``cache_control``,
which live 5 minutes or an hour. OpenAI's are ``prompt_cache_breakpoint``, from GPT-5.6 on, which live 30 minutes, and unless
``prompt_cache_options`` say ``explicit`` the end of the last message is one, too. Older GPT models have no marks and no price
of writing: they keep every beginning from 1,024 tokens on in steps of 128, for 5 minutes, and before GPT-5 not in batch jobs.
OpenAI's caches are told apart by ``prompt_cache_key``, and above 15 calls a minute with the same key and beginning calls are
spread over machines, each with a cache of its own. Reading keeps a beginning for as long again. A live call finds whatever an
answered call has written; in batch jobs, whose requests run side by side, finding is best effort: a share finds nothing.

Here: the rules, and the memory. It is not durable: after a restart the caches are empty, as a provider's may be at any time.
Not here: whether there is a cache at all (``bench``) and the price of a token, which is nobody's business here.
"""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from .draws import draw
from .generations import claude_version, gpt_version, has_breakpoints
from .reading import CacheLife, ModelRequest, to_bytes
from .tokens import TokenCounter
from .wire import Provider

OPENAI_LEAST_TOKENS, OPENAI_STEP_TOKENS = 1024, 128
OPENAI_CALLS_PER_MACHINE = 15  # a minute
ANTHROPIC_LEAST_TOKENS = 1024  # of models for which nothing else is known
MINUTE = 60.0
LIFE_SECONDS: dict[CacheLife, float] = {"5m": 5 * MINUTE, "30m": 30 * MINUTE, "1h": 60 * MINUTE}
SWEEP_ABOVE = 200_000  # remembered beginnings; whatever is over is then forgotten


@dataclass(frozen=True)
class CacheUse:
    """Tokens of one prompt: read from a cache, and written to one to be kept for so long."""

    cached_tokens: int = 0
    written_5m_tokens: int = 0
    written_30m_tokens: int = 0
    written_1h_tokens: int = 0


NO_USE = CacheUse()


def anthropic_least_tokens(model: str) -> int:
    """Return the shortest beginning that is kept, in tokens: 512 from the fifth generation on, 4,096 for Haiku 4.5."""
    version = claude_version(model)
    if version is None:
        return ANTHROPIC_LEAST_TOKENS
    if version[1] >= 5:
        return 512
    return 4096 if version == ("haiku", 4, 5) else ANTHROPIC_LEAST_TOKENS


class PromptCache:
    """The caches of both providers; methods may be called from any thread.

    Args:
        tokens: How prompts are counted.
        seed: Part of the draws of what is found in batch jobs.
        job_hit_rate: Share of a batch job's requests that find what is there, 0 to 1.

    """

    def __init__(self, tokens: TokenCounter, seed: int, job_hit_rate: float) -> None:
        self._tokens = tokens
        self._seed = seed
        self._job_hit_rate = job_hit_rate
        self._guard = threading.RLock()
        self._kept: dict[bytes, tuple[float, float]] = {}  # beginning: there from, there until
        self._calls: dict[bytes, deque[float]] = {}

    def live(self, provider: Provider, request: ModelRequest, now: float, answered_at: float) -> CacheUse:
        """Return what a live call at ``now`` reads and writes; others find it from ``answered_at`` on (Unix seconds)."""
        with self._guard:
            place = "anthropic" if provider == "anthropic" else f"openai {request.cache_key} {self._machine(request, now)}"
            return self._use(place, request, now, answered_at, finds=True)

    @contextmanager
    def one_job(self) -> Iterator[None]:
        """Let one job go through its requests alone, so that what they find does not hang on what else is going on."""
        with self._guard:
            yield

    def in_job(self, provider: Provider, request: ModelRequest, now: float) -> CacheUse:
        """Return what a request of a batch job that ends at ``now`` reads and writes, after those before it in the job."""
        finds = draw(self._seed, "cache", request.seed) < self._job_hit_rate
        if provider == "openai" and (gpt_version(request.model) or (0, 0)) < (5, 0):
            return NO_USE
        place = "anthropic" if provider == "anthropic" else f"openai {request.cache_key}"
        with self._guard:
            return self._use(place, request, now, now, finds=finds)

    # The rules

    def _use(self, place: str, request: ModelRequest, now: float, ready_at: float, *, finds: bool) -> CacheUse:
        if place == "anthropic":
            return self._marked(place, request, anthropic_least_tokens(request.model), now, ready_at, finds=finds)
        if has_breakpoints(request.model):
            return self._marked(place, request, OPENAI_LEAST_TOKENS, now, ready_at, finds=finds)
        return self._stepwise(place, request, now, ready_at, finds=finds)

    def _stepwise(self, place: str, request: ModelRequest, now: float, ready_at: float, *, finds: bool) -> CacheUse:
        digest = hashlib.sha256(to_bytes(f"{place}\0{request.model}\0"))
        n_found = n_keys = 0
        for piece in self._tokens.pieces(_whole(request), OPENAI_LEAST_TOKENS, OPENAI_STEP_TOKENS):
            digest.update(piece)
            key, n_keys = digest.digest(), n_keys + 1
            if finds and self._has(key, now):
                n_found = n_keys
            self._keep(key, now, ready_at, LIFE_SECONDS["5m"])
        return CacheUse(OPENAI_LEAST_TOKENS + (n_found - 1) * OPENAI_STEP_TOKENS if n_found else 0)

    def _marked(self, place: str, request: ModelRequest, least: int, now: float, ready_at: float, *, finds: bool) -> CacheUse:
        marks = [
            (size, mark.life, hashlib.sha256(to_bytes(f"{place}\0{request.model}\0{mark.prefix}")).digest())
            for mark in request.cache_marks
            if (size := self._tokens.length(mark.prefix)) >= least
        ]
        cached = max((size for size, _, key in marks if finds and self._has(key, now)), default=0)
        written: dict[CacheLife, int] = {"5m": 0, "30m": 0, "1h": 0}
        reached = cached
        for size, life, key in marks:
            if size > reached:
                written[life] += size - reached
                reached = size
            self._keep(key, now, ready_at, LIFE_SECONDS[life])
        return CacheUse(cached, written["5m"], written["30m"], written["1h"])

    def _machine(self, request: ModelRequest, now: float) -> int:
        """Count a call of OpenAI's and return the number of the machine that it comes to, from 0."""
        start = next(self._tokens.pieces(_whole(request), OPENAI_LEAST_TOKENS, OPENAI_STEP_TOKENS), b"")
        key = hashlib.sha256(to_bytes(f"{request.model}\0{request.cache_key}\0") + start).digest()
        calls = self._calls.setdefault(key, deque())
        while calls and calls[0] <= now - MINUTE:
            calls.popleft()
        calls.append(now)
        return (len(calls) - 1) // OPENAI_CALLS_PER_MACHINE

    # The memory

    def _has(self, key: bytes, now: float) -> bool:
        ready_at, until = self._kept.get(key, (0.0, 0.0))
        return ready_at <= now < until

    def _keep(self, key: bytes, now: float, ready_at: float, seconds: float) -> None:
        if len(self._kept) > SWEEP_ABOVE:
            self._kept = {key: times for key, times in self._kept.items() if times[1] > now}
        before, until = self._kept.get(key, (ready_at, 0.0))
        self._kept[key] = (before if until > now else ready_at, ready_at + seconds)


def _whole(request: ModelRequest) -> str:
    return request.schema_text + request.system + request.user
