"""Running a row of the conformance table: the real adapters against the real emulator, and both books afterwards.

Every row runs in a ledger of its own; the emulator's account is shared by all of them, as a real account would be. What our
ledger says is compared with what the emulator's books gained meanwhile, and every verdict with that of a run without faults.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from huleedu_pipeline.comparisons import plan_pairs
from huleedu_pipeline.essays import read_batch
from huleedu_pipeline.judging.costs import cost_usd
from huleedu_pipeline.judging.outcome import Usage
from huleedu_pipeline.judging.spec import Provider as ProviderName
from huleedu_pipeline.ledger import JobState, Ledger, OutcomeRecord
from huleedu_pipeline.ledger.schema import attempts
from huleedu_pipeline.providers import advance
from huleedu_pipeline.providers.backend import open_provider
from huleedu_pipeline.providers.planning import plan_requests, register
from huleedu_pipeline.providers.protocols import ProviderError
from huleedu_pipeline.settings import Settings
from tests.kit import emulator_books, write_batch
from tests.providers.conformance.cases import BATCH_API, ENDPOINTS, LIVE, Case
from tests.providers.kit import BATCH, N_PAIRS

SECONDS_PER_JOB = 0.15
PAUSE_SECONDS = 0.04
DEADLINE_SECONDS = 10.0
# A lane that waits longer than this waits for a person, not for the provider.
LONG_WAIT = timedelta(seconds=30)
# A short life: what takes seconds or minutes with a real provider takes a blink here.
QUICK: Mapping[str, Any] = {"lanes.FIRST_OPENING_SECONDS": 0.15, "live.FIRST_PAUSE_SECONDS": 0.01}
Winners = dict[tuple[str, str], str | None]


class Account:
    """An emulator that many batches share, and what was there before each of them."""

    def __init__(self, home: Path) -> None:
        self.settings = Settings(
            home=home,
            emulator_seconds_per_job=SECONDS_PER_JOB,
            emulator_idle_exit_seconds=600,
            reconcile_settle_seconds=0.0,
            live_concurrency=1,
            patience_seconds=2.0,
        )
        self.http = httpx2.Client(headers={"authorization": "Bearer any"}, trust_env=False, timeout=10)
        self._winners: dict[ProviderName, Winners] = {}
        self._n_batches = 0

    def books(self) -> dict[str, Any]:
        """What the emulator was ever asked to do."""
        return emulator_books(self.settings.emulator_dir)

    def open(self, base_url: str) -> None:
        """Talk to the emulator at that address."""
        self.http.base_url = base_url

    def script(self, rules: list[dict[str, Any]]) -> None:
        """Set the fault script."""
        reply = self.http.put("/admin/faults", json={"rules": rules})
        assert reply.status_code == 200, reply.text

    def fired(self) -> list[int]:
        """How often each rule has fired."""
        return [rule["fired"] for rule in self.http.get("/admin/faults").json()["rules"]]

    def clear(self) -> None:
        """Remove the fault script, and the message batches of others: they can not be told from ours by a token."""
        self.script([])
        for job in self.http.get("/v1/messages/batches", params={"limit": 1000}).json()["data"]:
            address = f"/v1/messages/batches/{job['id']}"
            deadline = time.monotonic() + DEADLINE_SECONDS
            while self.http.delete(address).status_code != 200:
                self.http.post(f"{address}/cancel")
                assert time.monotonic() < deadline
                time.sleep(PAUSE_SECONDS)

    def next_batch_id(self) -> str:
        """A name that no batch of this account has had."""
        self._n_batches += 1
        return f"{BATCH}{self._n_batches}"

    def winners(self, provider: ProviderName, folder: Path) -> Winners:
        """The essay judged better in each pair when nothing goes wrong."""
        if provider not in self._winners:
            world = World(self, provider, LIVE, folder / "untroubled", {})
            world.advance()
            self._winners[provider] = {_pair(outcome): outcome.winner_essay_id for outcome in world.outcomes()}
            world.ledger.close()
            assert len(self._winners[provider]) == N_PAIRS
        return self._winners[provider]


@dataclass
class World:
    """One batch in an installation of its own, whose emulator is the shared account."""

    account: Account
    provider: ProviderName
    mode: str
    folder: Path
    changes: Mapping[str, Any]
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        home = self.folder / "home"
        home.mkdir(parents=True)
        (home / "emulator").symlink_to(self.account.settings.emulator_dir, target_is_directory=True)
        self.settings = self.account.settings.model_copy(update={"home": home, **self.changes})
        self.ledger = Ledger(self.settings.ledger_url)
        self.batch_id = self.account.next_batch_id()
        judge = {"provider": self.provider}
        spec: dict[str, Any] = {"judge": judge, "llm_batching_mode": self.mode, "max_comparisons": N_PAIRS}
        batch = read_batch(write_batch(self.folder / self.batch_id, **spec))
        register(self.ledger, self.settings, batch)
        texts = {essay.essay_id: essay.text for essay in batch.essays}
        pairs = plan_pairs(self.batch_id, list(texts), N_PAIRS, seed=1)
        self.model = plan_requests(self.ledger, self.batch_id, pairs, texts)[0].model
        self.before = self.account.books()

    def advance(self) -> None:
        """Advance the batch as a daemon does, and keep what the run says."""
        try:
            waits_for = advance.advance_batch(self.ledger, self.settings, self.batch_id).waits_for
        except ProviderError as error:
            self.told.append(f"{type(error).__name__}: {error}")
        else:
            self.told += [waits_for] if waits_for else []

    def advance_until(self, holds: Callable[[], bool]) -> None:
        """Advance again and again until something holds."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not holds():
            assert time.monotonic() < deadline, (self.states(), self.ledger.tally(self.batch_id), self.told[-3:])
            self.advance()
            time.sleep(PAUSE_SECONDS)

    def is_complete(self) -> bool:
        """Whether every request has its outcome."""
        return self.ledger.tally(self.batch_id).is_complete

    def is_stopped(self) -> bool:
        """Whether the batch waits for a person."""
        lane = self.ledger.lane(self.provider, self.model)
        is_waiting = lane.retry_at is not None and lane.retry_at - datetime.now(UTC) > LONG_WAIT
        return is_waiting or JobState.QUARANTINED in {job.state for job in self.ledger.jobs(self.batch_id)}

    def outcomes(self) -> list[OutcomeRecord]:
        """How each request ended."""
        return self.ledger.outcomes(self.batch_id)

    def states(self) -> Counter[str]:
        """How many of our jobs are in each state."""
        return Counter(str(job.state) for job in self.ledger.jobs(self.batch_id))

    def attempts(self) -> list[sa.RowMapping]:
        """Every attempt that has ended."""
        query = sa.select(attempts).where(attempts.c.ended_at.is_not(None))
        with self.ledger.engine.connect() as connection:
            return list(connection.execute(query).mappings())

    def gained(self) -> dict[str, Any]:
        """What the emulator's books hold more than before."""
        return _less(self.account.books(), self.before)

    def calls(self) -> dict[str, int]:
        """How often each endpoint was called, by its name in the rules."""
        calls = self.gained()["calls"]
        return {name: calls.get(label, 0) for name, label in ENDPOINTS[self.provider].items()}


def run(case: Case, provider: ProviderName, account: Account, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a row and check everything that is to hold after it."""
    account.clear()
    winners = account.winners(provider, folder)
    world = World(account, provider, case.mode, folder, case.settings)
    if case.before is not None:
        case.before(world)
        world.before = account.books()
    if case.mode == BATCH_API:
        # One adapter for all runs of a row: making its TLS context takes longer than everything that is done with it.
        adapter = open_provider(world.settings, provider)
        monkeypatch.setattr(advance, "open_provider", lambda _settings, _name: adapter)
    for name, value in {**QUICK, **case.patches}.items():
        monkeypatch.setattr(f"huleedu_pipeline.providers.{name}", value)
    account.script([rule.scripted(provider) for rule in case.rules])
    if case.person is not None:
        world.advance_until(world.is_stopped)
        _check_that_nothing_is_sent(world)
        case.person(world)
    world.advance_until(world.is_complete)
    assert all(account.fired()), f"a fault never happened: {account.fired()}"
    _check(case, world)
    _check_money(case, world)
    for outcome in world.outcomes():
        if outcome.outcome == "success":
            assert outcome.winner_essay_id == winners[_pair(outcome)]
    calls = world.gained()["calls"]
    world.advance()
    assert world.gained()["calls"] == calls, "a complete batch is left alone"
    world.ledger.close()


def _check_that_nothing_is_sent(world: World) -> None:
    """A batch that waits for a person stays where it is, however often it is advanced."""
    paid = ("upload", "create", "ask")
    before = {name: world.calls().get(name) for name in paid}
    for _ in range(3):
        world.advance()
    assert {name: world.calls().get(name) for name in paid} == before


def _check(case: Case, world: World) -> None:
    right, tally, gained = case.right, world.ledger.tally(world.batch_id), world.gained()
    ended = world.attempts()
    assert (tally.n_succeeded, tally.n_failed) == (right.succeeded, right.failed)
    assert tally.n_succeeded + tally.n_failed == tally.n_requests == N_PAIRS
    assert Counter(row["custom_id"] for row in ended if row["is_final"]) == Counter(
        request.custom_id for request in world.ledger.requests(world.batch_id)
    )
    assert len(ended) == right.attempts
    assert Counter(row["error_code"] for row in ended if row["error_code"]) == right.errors
    assert Counter(letter.reason for _, letter in world.ledger.dead_letters(world.batch_id)) == right.letters
    expected = {"collected": case.n_jobs} if right.states is None else right.states
    assert world.states() == {name: n for name, n in expected.items() if n}
    assert gained["batch_jobs_created"][world.provider] == case.n_jobs
    assert gained["batch_create_retries"][world.provider] == 0, "an SDK repeated a creation"
    assert {name: world.calls()[name] for name in right.calls} == right.calls
    for pattern in right.told:
        assert any(re.search(pattern, said) for said in world.told), (pattern, world.told)
    assert [said for said in world.told if not any(re.search(pattern, said) for pattern in right.told)] == []


def _check_money(case: Case, world: World) -> None:
    """What we recorded as answered and paid is what the emulator billed, request by request and to the cent."""
    right, tally, billed = case.right, world.ledger.tally(world.batch_id), world.gained()["billed"][world.provider]
    ended = world.attempts()
    n_answered = sum(row["input_tokens"] > 0 for row in ended)
    n_unpriced = sum(row["cost_usd"] is None for row in ended)
    assert billed["requests"] == right.billed
    assert n_unpriced == right.unpriced
    assert n_answered <= billed["requests"] <= n_answered + n_unpriced
    usage = Usage(billed["input_tokens"], billed["cached_input_tokens"], output_tokens=billed["output_tokens"])
    price = cost_usd(world.model, usage, is_batch=case.mode == BATCH_API)
    cost = world.ledger.cost(batch_id=world.batch_id)
    assert price is not None
    assert cost.ordered == 0
    if n_answered == billed["requests"]:
        assert (tally.input_tokens, tally.output_tokens) == (billed["input_tokens"], billed["output_tokens"])
        assert cost.spent == pytest.approx(price)
    else:
        assert cost.spent < price
    assert tally.cost_usd == (None if n_unpriced else pytest.approx(price))


def _pair(outcome: OutcomeRecord) -> tuple[str, str]:
    return outcome.request.essay_a_id, outcome.request.essay_b_id


def _less(after: Mapping[str, Any], before: Mapping[str, Any]) -> dict[str, Any]:
    return dict(_differences(after, before))


def _differences(after: Mapping[str, Any], before: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in after.items():
        if isinstance(value, dict):
            yield name, _less(value, before.get(name, {}))
        elif isinstance(value, int):
            yield name, value - before.get(name, 0)
