"""Live judging: every answer is recorded as it comes, and a call that may have been billed is not made again."""

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from huleedu_pipeline.canonical import sha256_hex
from huleedu_pipeline.judging.outcome import ErrorCode, Outcome, Usage, failure, success
from huleedu_pipeline.judging.verdict import Verdict
from huleedu_pipeline.ledger import Ledger, RequestRecord
from huleedu_pipeline.ledger.schema import attempts
from huleedu_pipeline.providers import lanes, live
from huleedu_pipeline.providers.advance import advance_batch
from huleedu_pipeline.providers.backend import open_provider
from huleedu_pipeline.providers.budget import CostLimitError
from huleedu_pipeline.providers.lanes import PausedError
from huleedu_pipeline.providers.live import LiveSettings, bundles, judge_live
from huleedu_pipeline.providers.protocols import AmbiguousError, Lasting, Provider, ProviderError, RejectedError, Reply
from huleedu_pipeline.settings import Settings
from tests.kit import emulator_books
from tests.providers.kit import BATCH, N_PAIRS, Front, gate, plan

VERDICT = Verdict(winner="Essay A", justification="It is clearer.", confidence=3.0)


class Scripted(Front):
    """A provider that answers each call with the next thing of a script; an exception is raised."""

    def __init__(self, behind: Provider, script: Sequence[Exception | Outcome | None]) -> None:
        super().__init__(behind)
        self.script = list(script)
        self.n_calls = 0

    async def ask(self, path: str, body: str) -> Reply:
        self.n_calls += 1
        step = self.script.pop(0) if self.script else None
        if isinstance(step, Outcome):
            return Reply(step, "{}")
        if step is not None:
            raise step
        return Reply(success(VERDICT, Usage(input_tokens=10, output_tokens=5), json.loads(body)["model"]), "{}")


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "FIRST_PAUSE_SECONDS", 0.001)


def judge(
    ledger: Ledger, provider: Provider, *, bundle_size: int = 1, patience_seconds: float = 10.0, max_attempts: int = 3
) -> None:
    how = LiveSettings(bundle_size=bundle_size, concurrency=1, max_attempts=max_attempts, patience_seconds=patience_seconds)
    with ledger.lease(BATCH) as lease:
        judge_live(ledger, provider, BATCH, lease, gate(ledger, is_batch=False), how)


@pytest.mark.parametrize("provider_name", ["openai", "anthropic"])
@pytest.mark.parametrize("mode", ["per_request", "serial_bundle"])
def test_live_modes_ask_each_request_once_through_the_real_sdk(
    provider_name: str, mode: str, ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    plan(ledger, settings, tmp_path, judge={"provider": provider_name}, llm_batching_mode=mode)
    advance = advance_batch(ledger, settings, BATCH)
    assert (advance.tally.n_succeeded, advance.jobs) == (N_PAIRS, ())
    again = advance_batch(ledger, settings, BATCH)
    assert again.tally == advance.tally
    calls = emulator_books(settings.emulator_dir)["calls"]
    assert calls["POST /v1/responses" if provider_name == "openai" else "POST /v1/messages"] == N_PAIRS
    assert emulator_books(settings.emulator_dir)["batch_jobs_created"] == {"openai": 0, "anthropic": 0}


def test_the_same_request_is_answered_the_same_in_every_mode(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    verdicts = []
    for mode in ("per_request", "serial_bundle"):
        book = Ledger(f"sqlite:///{tmp_path / mode}.sqlite")
        plan(book, settings, tmp_path / mode, llm_batching_mode=mode)
        advance_batch(book, settings, BATCH)
        verdicts.append([(o.request.prompt_sha256, o.winner_essay_id, o.justification) for o in book.outcomes(BATCH)])
        book.close()
    assert verdicts[0] == verdicts[1]
    assert len(verdicts[0]) == N_PAIRS


class Watched(Front):
    """A provider that answers only once so many calls are in flight, and knows how many were, and in which order."""

    def __init__(self, behind: Provider, n_awaited: int) -> None:
        super().__init__(behind)
        self.n_awaited = n_awaited
        self.n_in_flight = self.most_in_flight = 0
        self.bodies: list[str] = []
        self.is_enough = asyncio.Event()

    async def ask(self, path: str, body: str) -> Reply:
        self.bodies.append(body)
        self.n_in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.n_in_flight)
        if self.n_in_flight == self.n_awaited:
            self.is_enough.set()
        await asyncio.wait_for(self.is_enough.wait(), 20)
        self.n_in_flight -= 1
        return Reply(success(VERDICT, Usage(input_tokens=10, output_tokens=5), json.loads(body)["model"]), "{}")


@pytest.mark.parametrize(("bundle_size", "concurrency", "in_flight"), [(64, 8, 1), (6, 8, 2), (4, 2, 2), (5, 1, 1), (2, 64, 6)])
def test_bundles_run_side_by_side_and_a_bundles_requests_one_after_another(
    bundle_size: int, concurrency: int, in_flight: int, ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    plan(ledger, settings, tmp_path, llm_batching_mode="serial_bundle")
    provider = Watched(open_provider(settings, "openai"), in_flight)
    how = LiveSettings(bundle_size=bundle_size, concurrency=concurrency, max_attempts=3, patience_seconds=10.0)
    with ledger.lease(BATCH) as lease:
        judge_live(ledger, provider, BATCH, lease, gate(ledger, is_batch=False), how)
    assert provider.most_in_flight == in_flight
    asked = {body: position for position, body in enumerate(provider.bodies)}
    order = [asked[ledger.body(request.custom_id)] for request in ledger.requests(BATCH)]
    assert sorted(order) == list(range(N_PAIRS))
    for start in range(0, N_PAIRS, bundle_size):
        assert order[start : start + bundle_size] == sorted(order[start : start + bundle_size])


def test_the_setting_is_the_size_of_the_bundles(
    ledger: Ledger, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan(ledger, settings, tmp_path, llm_batching_mode="serial_bundle")
    sizes: list[list[int]] = []

    def cut(requests: Sequence[RequestRecord], size: int) -> list[list[RequestRecord]]:
        found = bundles(requests, size)
        sizes.append([len(bundle) for bundle in found])
        return found

    monkeypatch.setattr(live, "bundles", cut)
    advance_batch(ledger, settings.model_copy(update={"preferred_bundle_size": 5}), BATCH)
    assert sizes == [[5, 5, 2]]


def test_only_compatible_requests_share_a_bundle(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    requests = plan(ledger, settings, tmp_path)
    others: dict[int, dict[str, Any]] = {
        1: {"model": "gpt-9"},
        4: {"judge_id": "another judge"},
        5: {"model": "gpt-9"},
        8: {"provider": "anthropic"},
    }
    mixed = [replace(request, **others.get(n, {})) for n, request in enumerate(requests)]
    positions = [[request.position for request in bundle] for bundle in bundles(mixed, 4)]
    assert positions == [[0, 2, 3, 6], [7, 9, 10, 11], [1, 5], [4], [8]]


def test_an_interrupted_run_asks_only_for_what_has_no_answer(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    plan(ledger, settings, tmp_path, llm_batching_mode="per_request")
    provider = Scripted(open_provider(settings, "openai"), [None] * 5 + [KeyError("the process dies here")])
    with pytest.raises(KeyError):
        judge(ledger, provider)
    assert ledger.tally(BATCH).n_succeeded == 5
    advance_batch(ledger, settings, BATCH)
    assert ledger.tally(BATCH).n_succeeded == N_PAIRS
    assert emulator_books(settings.emulator_dir)["requests_judged"] == N_PAIRS - 5


def test_one_failed_request_costs_no_other_its_answer(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    plan(ledger, settings, tmp_path)
    wrong = RejectedError("the provider answered 400: too long", status=400)
    judge(ledger, Scripted(open_provider(settings, "openai"), [None, wrong]), bundle_size=64)
    tally = ledger.tally(BATCH)
    assert (tally.n_succeeded, tally.n_failed) == (N_PAIRS - 1, 1)
    assert ledger.outcomes(BATCH)[1].error_code == "provider_rejected"


def test_calls_with_the_same_first_essay_wait_for_one_another_and_others_do_not(
    ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    plan(ledger, settings, tmp_path, llm_batching_mode="per_request")
    in_flight: list[str] = []
    another = asyncio.Event()

    class Watches(Scripted):
        async def ask(self, path: str, body: str) -> Reply:
            first = json.loads(body)["input"][0]["content"][1]["text"]
            assert first not in in_flight
            in_flight.append(first)
            if self.n_calls:
                another.set()
            reply = await super().ask(path, body)
            await asyncio.wait_for(another.wait(), 30)  # the first call ends only when another has begun
            in_flight.remove(first)
            return reply

    how = LiveSettings(bundle_size=1, concurrency=8, max_attempts=1, patience_seconds=1.0)
    with ledger.lease(BATCH) as lease:
        judge_live(ledger, Watches(open_provider(settings, "openai"), []), BATCH, lease, gate(ledger, is_batch=False), how)
    assert ledger.tally(BATCH).n_succeeded == N_PAIRS


@pytest.mark.usefixtures("no_pause")
@pytest.mark.parametrize(
    ("trouble", "n_calls", "error_code"),
    [
        ([RejectedError("429", status=429, is_temporary=True, retry_after_seconds=0.0)], 2, None),
        ([AmbiguousError("503", is_billed=False)] * 3, 4, None),
        ([AmbiguousError("time-out after sending", is_billed=True)], 1, "no_answer"),
    ],
)
def test_only_calls_that_were_surely_not_billed_are_repeated(
    trouble: list[Exception | None], n_calls: int, error_code: str | None, ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    plan(ledger, settings, tmp_path)
    provider = Scripted(open_provider(settings, "openai"), list(trouble))
    judge(ledger, provider)
    assert provider.n_calls == n_calls + N_PAIRS - 1
    assert ledger.outcomes(BATCH)[0].error_code == error_code


@pytest.mark.usefixtures("no_pause")
@pytest.mark.parametrize(
    "outage",
    [RejectedError("the provider answered 429", status=429, is_temporary=True), AmbiguousError("is down", is_billed=False)],
)
def test_an_outage_ends_the_run_and_leaves_requests_open_for_the_next(
    outage: ProviderError, ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    plan(ledger, settings, tmp_path)
    behind = open_provider(settings, "openai")
    with pytest.raises(ProviderError):
        judge(ledger, Scripted(behind, [None, None, *[outage] * 4]))
    tally = ledger.tally(BATCH)
    assert (tally.n_succeeded, tally.n_failed) == (2, 0)
    judge(ledger, Scripted(behind, []))
    assert ledger.tally(BATCH).n_succeeded == N_PAIRS


def test_a_refused_key_stops_the_batch_at_once_and_records_no_failures(
    ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    plan(ledger, settings, tmp_path)
    provider = Scripted(open_provider(settings, "openai"), [None, RejectedError("401: the key is not valid", status=401)])
    with pytest.raises(RejectedError, match="key is not valid"):
        judge(ledger, provider)
    tally = ledger.tally(BATCH)
    assert (tally.n_succeeded, tally.n_failed) == (1, 0)


def test_a_call_leaves_its_trace_before_it_is_made(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    plan(ledger, settings, tmp_path)
    sent: list[int] = []

    class Looks(Scripted):
        async def ask(self, path: str, body: str) -> Reply:
            with ledger.engine.connect() as connection:
                begun = sa.select(sa.func.count()).where(attempts.c.sent_at.is_not(None))
                sent.append(connection.scalar(begun) or 0)
            return await super().ask(path, body)

    judge(ledger, Looks(open_provider(settings, "openai"), []))
    assert sent == list(range(1, N_PAIRS + 1))


def test_what_is_sent_is_what_was_recorded(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    requests = plan(ledger, settings, tmp_path)
    hashes: list[str] = []

    class Keeps(Scripted):
        async def ask(self, path: str, body: str) -> Reply:
            hashes.append(sha256_hex(body))
            return await super().ask(path, body)

    judge(ledger, Keeps(open_provider(settings, "openai"), []))
    assert hashes == [request.prompt_sha256 for request in requests]


def test_a_reply_that_breaks_the_contract_is_asked_for_again_as_often_as_the_cap_allows(
    ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    plan(ledger, settings, tmp_path)
    invalid = failure(ErrorCode.INVALID_VERDICT, "winner: not an essay", Usage(input_tokens=10, output_tokens=5), "m")
    provider = Scripted(open_provider(settings, "openai"), [invalid] * (N_PAIRS + 1))
    judge(ledger, provider, max_attempts=2)
    tally = ledger.tally(BATCH)
    assert (tally.n_succeeded, tally.n_failed, tally.n_attempts) == (N_PAIRS - 1, 1, 2 * N_PAIRS)
    assert provider.n_calls == 2 * N_PAIRS


def test_a_long_retry_after_pauses_the_lane_and_nothing_is_lost(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    plan(ledger, settings, tmp_path)
    wait = RejectedError("the provider answered 429", status=429, is_temporary=True, retry_after_seconds=7200.0)
    provider = Scripted(open_provider(settings, "openai"), [None, wait])
    with pytest.raises(PausedError, match="nothing is sent before .* answered 429") as paused:
        judge(ledger, provider)
    assert provider.n_calls == 2
    lane = ledger.lane("openai", ledger.requests(BATCH)[0].model)
    assert (lane.state, lane.retry_at) == ("open", paused.value.retry_at)
    with pytest.raises(PausedError):  # another run, or another process: the ledger knows
        judge(ledger, provider)
    assert provider.n_calls == 2
    assert ledger.tally(BATCH).n_succeeded == 1


@pytest.mark.usefixtures("no_pause")
def test_failures_in_a_row_open_the_breaker_and_one_probe_closes_it_again(
    ledger: Ledger, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "FIRST_OPENING_SECONDS", 0.2)
    monkeypatch.setattr(live, "MAX_TRIES", 10)
    plan(ledger, settings, tmp_path)
    model = ledger.requests(BATCH)[0].model
    seen: list[tuple[str, int]] = []

    class Watched(Scripted):
        async def ask(self, path: str, body: str) -> Reply:
            lane = ledger.lane("openai", model)
            seen.append((lane.state, lane.n_failures))
            return await super().ask(path, body)

    down = AmbiguousError("is down", is_billed=False)
    judge(ledger, Watched(open_provider(settings, "openai"), [down] * 6))
    assert seen[:5] == [("closed", n) for n in range(5)]
    assert seen[5:8] == [("half_open", 0), ("half_open", 0), ("closed", 0)]
    assert ledger.tally(BATCH).n_succeeded == N_PAIRS


@pytest.mark.parametrize("lasting", ["spend_limit", "no_access"])
def test_a_refusal_of_everything_stops_at_once_without_further_calls(
    lasting: Lasting, ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    plan(ledger, settings, tmp_path)
    refusal = RejectedError("the provider answered 402: your credit is used up", status=402, lasting=lasting)
    provider = Scripted(open_provider(settings, "openai"), [None, refusal])
    with pytest.raises(RejectedError, match="credit is used up"):
        judge(ledger, provider)
    with pytest.raises(PausedError, match="credit is used up"):
        judge(ledger, provider)
    assert provider.n_calls == 2
    tally = ledger.tally(BATCH)
    assert (tally.n_succeeded, tally.n_failed) == (1, 0)
    assert tally.cost_usd is not None  # what was refused cost nothing


def test_nothing_is_asked_that_may_cost_more_than_the_limit(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    plan(ledger, settings, tmp_path, llm_batching_mode="per_request", max_cost_usd=0.000001)
    with pytest.raises(CostLimitError, match=r"max_cost_usd is 1e-06 USD; .* may cost .*nothing was sent"):
        advance_batch(ledger, settings, BATCH)
    assert ledger.tally(BATCH).n_attempts == 0
    asked_for = ledger.batch(BATCH).original_request
    ledger.set_cost_limit(BATCH, 5.0, "for a test")
    assert advance_batch(ledger, settings, BATCH).tally.n_succeeded == N_PAIRS
    assert ledger.batch(BATCH).original_request == asked_for
    assert "may cost 5 USD from now on: for a test" in {move.reason for move in ledger.batch_history(BATCH)}


def test_a_run_that_waits_for_a_lane_ends_at_once_when_it_is_to_stop(
    ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    plan(ledger, settings, tmp_path)
    wait = RejectedError("the provider answered 429", status=429, is_temporary=True, retry_after_seconds=3000.0)

    class Stops(Scripted):
        """The first call opens the lane; the second, under way by then, ends the run."""

        n_begun = 0

        async def ask(self, path: str, body: str) -> Reply:
            self.n_begun += 1
            await asyncio.sleep(0.5 * self.n_begun)
            return await super().ask(path, body)

    provider = Stops(open_provider(settings, "openai"), [wait, KeyError("the run is told to stop")])
    how = LiveSettings(bundle_size=1, concurrency=2, max_attempts=3, patience_seconds=3600.0)
    started = time.monotonic()
    with ledger.lease(BATCH) as lease, pytest.raises(KeyError):
        judge_live(ledger, provider, BATCH, lease, gate(ledger, is_batch=False), how)
    assert time.monotonic() - started < 60
    assert ledger.lane("openai", ledger.requests(BATCH)[0].model).state == "open"
