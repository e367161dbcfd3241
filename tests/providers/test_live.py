"""Live judging: every answer is recorded as it comes, and a call that may have been billed is not made again."""

import json
from pathlib import Path
from typing import Any

import pytest

from huleedu_pipeline.judging.outcome import Outcome, Usage, success
from huleedu_pipeline.judging.verdict import Verdict
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.providers import live
from huleedu_pipeline.providers.advance import advance_batch
from huleedu_pipeline.providers.backend import open_provider
from huleedu_pipeline.providers.live import judge_live
from huleedu_pipeline.providers.protocols import AmbiguousError, Provider, ProviderError, RejectedError
from huleedu_pipeline.settings import Settings
from tests.kit import emulator_books
from tests.providers.kit import BATCH, N_PAIRS, Front, plan

VERDICT = Verdict(winner="Essay A", justification="It is clearer.", confidence=3.0)


class Scripted(Front):
    """A provider that answers each call with the next thing of a script; an exception is raised."""

    def __init__(self, behind: Provider, script: list[Exception | None]) -> None:
        super().__init__(behind)
        self.script = script
        self.n_calls = 0

    async def ask(self, body: dict[str, Any]) -> tuple[Outcome, str]:
        self.n_calls += 1
        step = self.script.pop(0) if self.script else None
        if step is not None:
            raise step
        return success(VERDICT, Usage(10, 0, 5), body["model"]), "{}"


@pytest.fixture
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "FIRST_PAUSE_SECONDS", 0.001)


def judge(ledger: Ledger, provider: Provider, *, n: int = N_PAIRS, concurrency: int = 1, is_bundled: bool = False) -> None:
    requests = ledger.requests(BATCH, only_open=True)[:n]
    with ledger.lease(BATCH) as lease:
        judge_live(ledger, provider, requests, lease, is_bundled=is_bundled, concurrency=concurrency)


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
    judge(ledger, Scripted(open_provider(settings, "openai"), [None, wrong]), is_bundled=True)
    tally = ledger.tally(BATCH)
    assert (tally.n_succeeded, tally.n_failed) == (N_PAIRS - 1, 1)
    assert ledger.outcomes(BATCH)[1].error_code == "provider_rejected"


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
    judge(ledger, provider, n=1)
    assert provider.n_calls == n_calls
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
        async def ask(self, body: dict[str, Any]) -> tuple[Outcome, str]:
            sent.append(sum(request.sent_at is not None for request in ledger.requests(BATCH)))
            return await super().ask(body)

    judge(ledger, Looks(open_provider(settings, "openai"), []), n=3)
    assert sent == [1, 2, 3]


def test_what_is_sent_is_what_was_recorded(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    requests = plan(ledger, settings, tmp_path)
    bodies: list[dict[str, Any]] = []

    class Keeps(Scripted):
        async def ask(self, body: dict[str, Any]) -> tuple[Outcome, str]:
            bodies.append(body)
            return await super().ask(body)

    judge(ledger, Keeps(open_provider(settings, "openai"), []))
    assert bodies == [json.loads(request.body) for request in requests]
