"""Live judging: bounded concurrency, and every answer recorded before anything else happens with it.

``per_request`` runs requests side by side, but those with the same first essay one after another: the second finds the
prompt's beginning in the provider's cache only when the first has been answered. ``serial_bundle`` runs bundles of compatible
requests, up to 64, side by side and the requests of one bundle one after another. In both, every request keeps its own outcome:
an error in one never costs another its answer.
"""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from huleedu_pipeline.judging.costs import cost_of
from huleedu_pipeline.judging.outcome import ErrorCode, Outcome, failure
from huleedu_pipeline.ledger import Answer, FrameRecord, Ledger, RequestRecord, Tally
from huleedu_pipeline.ledger.attempts import batched
from huleedu_pipeline.ledger.leases import Lease
from huleedu_pipeline.logs import events
from huleedu_pipeline.logs.spans import span
from huleedu_pipeline.providers.budget import Gate
from huleedu_pipeline.providers.lanes import Lane, PausedError
from huleedu_pipeline.providers.limits import estimated_tokens
from huleedu_pipeline.providers.prefixes import same_prefix
from huleedu_pipeline.providers.protocols import AmbiguousError, Provider, ProviderError, RejectedError
from huleedu_pipeline.providers.rates import RateLimits

MAX_TRIES = 4
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
REQUEST_IS_WRONG = frozenset({400, 413, 422})


@dataclass(frozen=True)
class LiveSettings:
    """How live calls are made: how many of them, or bundles, at once, how often a request is asked, how long to wait.

    With bundles of one, requests are calls of their own.
    """

    bundle_size: int
    concurrency: int
    max_attempts: int
    patience_seconds: float


def judge_live(ledger: Ledger, provider: Provider, batch_id: str, lease: Lease, gate: Gate, settings: LiveSettings) -> None:
    """Ask for every request of a batch that has no outcome, and record each answer as it comes.

    Raises:
        CostLimitError: a limit may be exceeded; nothing more was sent.
        PausedError: the provider's lane is open for longer than the run waits; the rest stays open for a later run.
        ProviderError: the provider refuses every call (key, credit, unknown model): the rest is not asked, and stays open.

    """
    asyncio.run(_judge_all(ledger, provider, batch_id, lease, gate, settings))


async def _judge_all(
    ledger: Ledger, provider: Provider, batch_id: str, lease: Lease, gate: Gate, settings: LiveSettings
) -> None:
    frames, fragments = ledger.frames(batch_id), ledger.fragments(batch_id)
    try:
        # Again for what is to be asked again: each round ends attempts, and each request has only so many.
        while pending := ledger.requests(batch_id, only_open=True):
            gate.check(gate.estimate(pending))
            turn = Turn(Lane(ledger, pending[0].provider, pending[0].model), settings.patience_seconds)
            turn.check()
            caller = _Caller(ledger, provider, lease, turn, frames, fragments, settings.max_attempts)
            lane, n_pending = {"provider": pending[0].provider, "model": pending[0].model}, len(pending)
            events.ROUND_STARTED.tell(**lane, n_requests=n_pending, bundle_size=settings.bundle_size)
            try:
                with span("wave", **lane, n_requests=n_pending):
                    await _round(caller, pending, settings)
            finally:
                events.ROUND_ENDED.tell(**lane, n_requests=n_pending, **_counts(ledger.tally(batch_id)))
    finally:
        await provider.aclose()


def _counts(tally: Tally) -> dict[str, int | float | None]:
    return {
        "n_succeeded": tally.n_succeeded,
        "n_failed": tally.n_failed,
        "n_expired": tally.n_expired,
        "input_tokens": tally.input_tokens,
        "output_tokens": tally.output_tokens,
        "cost_usd": tally.cost_usd,
    }


def bundles(requests: Sequence[RequestRecord], size: int) -> list[list[RequestRecord]]:
    """Cut requests into bundles of at most ``size`` that are compatible: same provider, model and parameters.

    All of that is in the judge's identity. The order is kept among the requests of one judge.
    """
    alike: dict[tuple[str, str, str], list[RequestRecord]] = {}
    for request in requests:
        alike.setdefault((request.provider, request.model, request.judge_id), []).append(request)
    return [bundle for some in alike.values() for bundle in batched(some, size)]


async def _round(caller: "_Caller", pending: Sequence[RequestRecord], settings: LiveSettings) -> None:
    free = asyncio.Semaphore(settings.concurrency)
    problems: list[Exception] = []
    is_stopping = caller.turn.is_stopping

    is_bundled = settings.bundle_size > 1

    async def run(bundle: list[RequestRecord]) -> None:
        async with free:
            for request in bundle:
                if is_stopping.is_set():
                    return
                is_first = is_bundled and request is bundle[0]
                try:
                    await caller.judge(request, bundle_size=len(bundle) if is_first else None)
                except Exception as error:  # noqa: BLE001 - told below, after the calls in flight have been recorded
                    problems.append(error)
                    is_stopping.set()

    groups = bundles(pending, settings.bundle_size) if is_bundled else same_prefix(pending)
    tasks = [asyncio.create_task(run(group)) for group in groups]
    try:
        await asyncio.wait(tasks)
    except asyncio.CancelledError:
        # Interrupted: no further call is made, and what is in flight is paid for, so it is waited for and recorded.
        is_stopping.set()
        await asyncio.wait(tasks)
        raise
    if problems:
        raise problems[0]


class Turn:
    """When the next call may go: the lane's breaker first, then the provider's limits on calls.

    A lane that was open lets a single call through as a probe; the others wait for what comes of it.
    """

    def __init__(self, lane: Lane, patience_seconds: float) -> None:
        self.lane = lane
        self.limits = RateLimits()
        self.is_stopping = asyncio.Event()
        self._patience_seconds = patience_seconds
        self._gate = asyncio.Lock()

    def check(self) -> None:
        """Ask, before any attempt is begun, whether calls may go soon: what is not sent leaves no attempt.

        Raises:
            PausedError: the lane is open for longer than the patience.

        """
        pause = self.lane.pause()
        if pause is not None and _seconds_until(pause) > self._patience_seconds:
            raise pause

    @asynccontextmanager
    async def taken(self, n_tokens: int) -> AsyncIterator[None]:
        """Wait for a call's turn, and hold back the others while it is a probe.

        Raises:
            PausedError: the lane is open for longer than the patience.

        """
        async with self._gate:
            is_probe = await self._entered()
            await self.limits.take(n_tokens)
            if is_probe:
                yield
                return
        yield

    async def _entered(self) -> bool:
        while True:
            try:
                return await asyncio.to_thread(self.lane.enter)
            except PausedError as pause:
                seconds = _seconds_until(pause)
                if self.is_stopping.is_set() or seconds > self._patience_seconds:
                    raise
                await self.wait(max(seconds, 0.05))

    async def wait(self, seconds: float) -> None:
        """Wait so long, or until the run is to stop."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self.is_stopping.wait(), seconds)


def _seconds_until(pause: PausedError) -> float:
    return (pause.retry_at - datetime.now(UTC)).total_seconds()


@dataclass(frozen=True)
class _Called:
    """What a call came to; ``sent_at`` is when it was made, the last time, after it had waited for its turn."""

    outcome: Outcome
    raw: str | None
    sent_at: datetime | None


@dataclass(frozen=True)
class _Caller:
    """Makes the calls of one round: an attempt in the ledger before each, its end after."""

    ledger: Ledger
    provider: Provider
    lease: Lease
    turn: Turn
    frames: dict[str, FrameRecord]
    fragments: dict[str, str]
    max_attempts: int

    async def judge(self, request: RequestRecord, *, bundle_size: int | None) -> None:
        """Ask for one request and record what it came to; what was not run is recorded as that before its error is told.

        ``bundle_size`` is given with the first request of a bundle.
        """
        await asyncio.to_thread(self.lease.ensure_held)
        await asyncio.to_thread(self.ledger.begin_live, [request.custom_id], bundle_size=bundle_size)
        try:
            called = await self._ask(request)
        except ProviderError as error:
            called = _Called(failure(ErrorCode.NOT_RUN, str(error)), None, None)
            await self._record(request, called)
            raise
        await self._record(request, called)

    async def _record(self, request: RequestRecord, called: "_Called") -> None:
        cost = cost_of(request.model, called.outcome, is_batch=False)
        answer = Answer(request.custom_id, called.outcome, cost, called.raw, datetime.now(UTC), called.sent_at)
        await asyncio.to_thread(self.ledger.end_live, [answer], max_attempts=self.max_attempts)

    async def _ask(self, request: RequestRecord) -> "_Called":
        """Ask until there is an answer, or a reason not to ask again; never after a call that may have been billed.

        A provider that can not be reached, is down or refuses everything is no answer to this request: the error ends the
        round, and the request stays open.
        """
        frame = self.frames[request.frame_id]
        body = frame.body(self.fragments[request.fragment_a_id], self.fragments[request.fragment_b_id])
        pause = FIRST_PAUSE_SECONDS
        sent_at = None
        for n_tries in range(1, MAX_TRIES + 1):
            try:
                async with self.turn.taken(estimated_tokens(request.n_bytes)):
                    sent_at = datetime.now(UTC)
                    reply = await self.provider.ask(frame.path, body)
                    await asyncio.to_thread(self.turn.lane.succeeded)
                self.turn.limits.observe(reply.headers)
            except PausedError:
                raise
            except (RejectedError, AmbiguousError) as error:
                await asyncio.to_thread(self.turn.lane.failed, error)
                if isinstance(error, AmbiguousError):
                    if error.is_billed:
                        return _Called(failure(ErrorCode.NO_ANSWER, str(error)), None, sent_at)
                elif error.status in REQUEST_IS_WRONG and error.lasting is None:
                    return _Called(failure(ErrorCode.PROVIDER_REJECTED, str(error)), None, sent_at)
                elif not error.is_temporary:
                    raise
                if n_tries == MAX_TRIES:
                    raise
                _tell_retry(request, n_tries, error)
                if isinstance(error, RejectedError) and error.retry_after_seconds is not None:
                    continue  # the lane is open for exactly that long
            else:
                return _Called(reply.outcome, reply.raw, sent_at)
            await self.turn.wait(pause * random.uniform(0.5, 1.0))  # noqa: S311
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
        raise AssertionError("the last try returns or raises")


def _tell_retry(request: RequestRecord, n_tries: int, error: ProviderError) -> None:
    lane = {"provider": request.provider, "model": request.model, "request": request.custom_id}
    status = error.status if isinstance(error, RejectedError) else None
    events.CALL_RETRIED.tell(**lane, n_tries=n_tries, error_type=type(error).__name__, http_status=status)
