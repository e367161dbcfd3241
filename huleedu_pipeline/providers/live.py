"""Live judging: bounded concurrency, and every answer recorded before anything else happens with it.

``per_request`` runs each request on its own; ``serial_bundle`` runs bundles of up to 64 side by side and the requests of
one bundle one after another. In both, every request keeps its own outcome: an error in one never costs another its answer.
"""

import asyncio
import json
import random
from collections.abc import Sequence
from datetime import UTC, datetime

from huleedu_pipeline.judging.costs import cost_usd
from huleedu_pipeline.judging.outcome import ErrorCode, Outcome, failure
from huleedu_pipeline.ledger import Answer, Ledger, RequestRecord
from huleedu_pipeline.ledger.leases import Lease
from huleedu_pipeline.ledger.store import batched
from huleedu_pipeline.providers.collection import PERHAPS_BILLED
from huleedu_pipeline.providers.protocols import AmbiguousError, Provider, RejectedError

MAX_BUNDLE = 64
MAX_ATTEMPTS = 4
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0
REQUEST_IS_WRONG = frozenset({400, 413, 422})


def judge_live(
    ledger: Ledger, provider: Provider, requests: Sequence[RequestRecord], lease: Lease, *, is_bundled: bool, concurrency: int
) -> None:
    """Ask for every request and record each answer as it comes.

    Raises:
        ProviderError: the provider refuses every call (key, credit, unknown model), is down or can not be reached: the
            rest is not asked, and stays open for the next run.

    """
    bundles = list(batched(requests, MAX_BUNDLE if is_bundled else 1))
    asyncio.run(_judge_all(ledger, provider, bundles, lease, concurrency))


async def _judge_all(
    ledger: Ledger, provider: Provider, bundles: list[list[RequestRecord]], lease: Lease, concurrency: int
) -> None:
    free = asyncio.Semaphore(concurrency)
    problems: list[Exception] = []
    is_stopping = asyncio.Event()

    async def run(bundle: list[RequestRecord]) -> None:
        async with free:
            for request in bundle:
                if is_stopping.is_set():
                    return
                try:
                    await _judge_one(ledger, provider, request, lease)
                except Exception as error:  # noqa: BLE001 - told below, after the calls in flight have been recorded
                    problems.append(error)
                    is_stopping.set()

    tasks = [asyncio.create_task(run(bundle)) for bundle in bundles]
    try:
        await asyncio.wait(tasks)
    except asyncio.CancelledError:
        # Interrupted: no further call is made, and what is in flight is paid for, so it is waited for and recorded.
        is_stopping.set()
        await asyncio.wait(tasks)
        raise
    finally:
        await provider.aclose()
    if problems:
        raise problems[0]


async def _judge_one(ledger: Ledger, provider: Provider, request: RequestRecord, lease: Lease) -> None:
    await asyncio.to_thread(lease.ensure_held)
    await asyncio.to_thread(ledger.mark_sent, [request.custom_id])
    outcome, raw = await _ask(provider, request)
    cost = None if outcome.error_code in PERHAPS_BILLED else cost_usd(request.model, outcome.usage, is_batch=False)
    answer = Answer(request.custom_id, outcome, cost, raw, datetime.now(UTC))
    await asyncio.to_thread(ledger.record_answers, [answer])


async def _ask(provider: Provider, request: RequestRecord) -> tuple[Outcome, str | None]:
    """Ask until there is an answer, or a reason not to ask again; never after a call that may have been billed.

    A provider that can not be reached, is down or refuses everything is no answer to this request: the error ends the
    run, and the request stays open for the next one.
    """
    body, pause = json.loads(request.body), FIRST_PAUSE_SECONDS
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            return await provider.ask(body)
        except RejectedError as error:
            if error.status in REQUEST_IS_WRONG:
                return failure(ErrorCode.PROVIDER_REJECTED, str(error)), None
            if not error.is_temporary or attempt == MAX_ATTEMPTS:
                raise
            wait = error.retry_after_seconds
        except AmbiguousError as error:
            if error.is_billed:
                return failure(ErrorCode.NO_ANSWER, str(error)), None
            if attempt == MAX_ATTEMPTS:
                raise
            wait = None
        await asyncio.sleep(pause * random.uniform(0.5, 1.0) if wait is None else wait)  # noqa: S311
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
    raise AssertionError("the last attempt returns or raises")
