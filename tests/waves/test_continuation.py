"""Waves by the ledger: planned once, judged through the real SDK against the emulator, resumed after a death anywhere."""

import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from huleedu_pipeline.ledger import BatchRecord, BatchStatus, ClosedBatchError, Ledger, RequestRecord
from huleedu_pipeline.ledger.states import SCORED
from huleedu_pipeline.providers import advance, continuation
from huleedu_pipeline.providers.advance import advance_batch, close_batch
from huleedu_pipeline.providers.continuation import conclude, is_judged, plan_wave_if_due, standing_of
from huleedu_pipeline.providers.estimates import estimate_batch
from huleedu_pipeline.providers.live import judge_live
from huleedu_pipeline.providers.planning import planned_pairs
from huleedu_pipeline.providers.recovery import recover_batch
from huleedu_pipeline.settings import Settings
from huleedu_pipeline.waves import Decision, Reason, decide
from tests.kit import emulator_books
from tests.waves.kit import BATCH, COST_USD, answer, plan_class


def unordered(requests: Sequence[RequestRecord]) -> Counter[frozenset[str]]:
    return Counter(frozenset((request.essay_a_id, request.essay_b_id)) for request in requests)


def skew(requests: Sequence[RequestRecord]) -> float:
    """Return the largest |A - B| / (A + B) of any essay."""
    first, second = Counter(r.essay_a_id for r in requests), Counter(r.essay_b_id for r in requests)
    return max(abs(first[e] - second[e]) / (first[e] + second[e]) for e in first | second)


def plan_next(ledger: Ledger) -> bool:
    with ledger.lease(f"batch {BATCH}") as lease:
        return plan_wave_if_due(ledger, BATCH, lease)


def judge_to_the_end(ledger: Ledger) -> None:
    answer(ledger, ledger.requests(BATCH, only_open=True))
    while plan_next(ledger):
        answer(ledger, ledger.requests(BATCH, only_open=True))


def test_a_regular_class_of_24(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    plan_class(ledger, settings, tmp_path, 24, max_comparisons=96, llm_batching_mode="serial_bundle")
    tally = advance_batch(ledger, settings, BATCH).tally
    requests = ledger.requests(BATCH)
    assert (tally.n_requests, tally.n_succeeded, tally.n_failed) == (96, 96, 0)
    assert emulator_books(settings.emulator_dir)["requests_judged"] == 96
    assert set(unordered(requests).values()) == {1}
    assert skew(requests) <= 0.2
    assert Counter(request.wave for request in requests) == {1: 48, 2: 24, 3: 24}
    assert standing_of(ledger, BATCH).decision().reason is Reason.CAP
    assert [request.position for request in requests] == list(range(96))
    # The end is the end: nothing more is planned, asked or bought.
    assert advance_batch(ledger, settings, BATCH).tally == tally
    assert emulator_books(settings.emulator_dir)["requests_judged"] == 96


@pytest.mark.parametrize(("n_essays", "waves"), [(5, {1: 10, 2: 10}), (3, {1: 3, 2: 3, 3: 3, 4: 3, 5: 3})])
def test_small_nets_end_when_their_passes_are_used_up(
    n_essays: int, waves: dict[int, int], ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    plan_class(ledger, settings, tmp_path, n_essays, max_comparisons=60, score_stability_threshold=0.0)
    advance_batch(ledger, settings, BATCH)
    requests = ledger.requests(BATCH)
    assert Counter(request.wave for request in requests) == waves
    assert standing_of(ledger, BATCH).decision().reason is Reason.GRAPH_EXHAUSTED
    assert len({request.custom_id for request in requests}) == len(requests)
    if len(waves) % 2 == 0:
        assert skew(requests) == 0
    first = {frozenset((p.essay_a_id, p.essay_b_id)) for p in planned_pairs(ledger, BATCH) if p.wave == 1}
    assert len(first) == n_essays * (n_essays - 1) // 2
    modes = {(pair.wave > 1, pair.pair_generation_mode) for pair in planned_pairs(ledger, BATCH)}
    assert modes == {(False, "coverage"), (True, "resampling")}


def test_stability_and_precision_stop_a_batch_before_its_cap(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    plan_class(ledger, settings, tmp_path, 12, max_comparisons=60, waves=5, target_mean_se=2.0)
    judge_to_the_end(ledger)
    assert standing_of(ledger, BATCH).decision().reason is Reason.PRECISE
    assert ledger.tally(BATCH).n_requests == 24
    second = Ledger(f"sqlite:///{tmp_path / 'second.sqlite'}")
    plan_class(second, settings, tmp_path / "second", 12, max_comparisons=60, waves=5, score_stability_threshold=5.0)
    judge_to_the_end(second)
    assert standing_of(second, BATCH).decision().reason is Reason.STABLE
    assert second.tally(BATCH).n_requests == 36
    second.close()


def test_a_limit_in_usd_ends_a_batch_between_waves(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    plan_class(ledger, settings, tmp_path, 8, max_comparisons=28, max_cost_usd=0.007)
    answer(ledger, ledger.requests(BATCH))
    standing = standing_of(ledger, BATCH)
    assert standing.money is not None
    assert standing.money.remaining(standing.asked) == pytest.approx(0.007 - 16 * COST_USD)
    n_affordable = standing.states()[0].n_affordable
    assert n_affordable is not None
    assert 0 < n_affordable < 12
    assert standing.decision().n_more == n_affordable
    judge_to_the_end(ledger)
    assert standing_of(ledger, BATCH).decision().reason is Reason.BUDGET
    assert ledger.cost(batch_id=BATCH).spent <= 0.007
    assert 16 + n_affordable <= ledger.tally(BATCH).n_requests < 28


def test_a_judge_that_never_answers_ends_a_batch_in_failure_after_one_wave(
    ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    plan_class(ledger, settings, tmp_path, 12, max_comparisons=60)
    answer(ledger, ledger.requests(BATCH), refuses=lambda _: True)
    decision = standing_of(ledger, BATCH).decision()
    assert (decision.decision, decision.reason) == (Decision.FINALIZE_FAILURE, Reason.NO_SUCCESS)
    assert not plan_next(ledger)
    assert is_judged(ledger, BATCH)


def test_nothing_is_planned_once_ranking_has_begun(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    plan_class(ledger, settings, tmp_path, 12, max_comparisons=60)
    answer(ledger, ledger.requests(BATCH))
    assert not is_judged(ledger, BATCH)
    ledger.move_batch(BATCH, BatchStatus.SCORING)
    assert not plan_next(ledger)
    assert is_judged(ledger, BATCH)
    assert ledger.tally(BATCH).n_requests == 24


def test_a_wave_planned_twice_from_the_same_rows_is_the_same_wave(settings: Settings, tmp_path: Path) -> None:
    found = []
    for name in ("one", "two"):
        book = Ledger(f"sqlite:///{tmp_path / name}.sqlite")
        plan_class(book, settings, tmp_path / name, 12, max_comparisons=60)
        judge_to_the_end(book)
        found.append(book.requests(BATCH))
        book.close()
    assert found[0] == found[1]
    assert len(found[0]) == 60


class PowerCut(BaseException):
    """Nothing after it runs."""


@pytest.mark.parametrize("target", ["plan_next_wave", "record_requests"])
def test_a_death_between_two_waves_costs_nothing(
    target: str, ledger: Ledger, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*arguments: object, **named: object) -> None:
        raise PowerCut

    plan_class(ledger, settings, tmp_path, 8, max_comparisons=28)
    with monkeypatch.context() as patch:
        patch.setattr(continuation, target, dies)
        with pytest.raises(PowerCut):
            advance_batch(ledger, settings, BATCH)
    assert ledger.tally(BATCH).n_requests == 16
    assert not is_judged(ledger, BATCH)
    advance_batch(ledger, settings, BATCH)
    assert emulator_books(settings.emulator_dir)["requests_judged"] == 28
    assert set(unordered(ledger.requests(BATCH)).values()) == {1}
    assert is_judged(ledger, BATCH)


def test_a_death_in_the_middle_of_a_later_wave_asks_only_for_the_rest(
    ledger: Ledger, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan_class(ledger, settings, tmp_path, 8, max_comparisons=28)
    waves: list[int] = []

    def dies_in_wave_two(*arguments: object) -> None:
        waves.append(len(waves) + 1)
        if waves[-1] == 2:
            answer(ledger, ledger.requests(BATCH, only_open=True)[:5])
            raise PowerCut
        judge_live(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(advance, "judge_live", dies_in_wave_two)
    with pytest.raises(PowerCut):
        advance_batch(ledger, settings, BATCH)
    assert ledger.tally(BATCH).n_outcomes == 21
    advance_batch(ledger, settings, BATCH)
    assert emulator_books(settings.emulator_dir)["requests_judged"] == 28 - 5
    assert ledger.tally(BATCH).n_succeeded == 28


def test_the_estimate_is_of_all_waves(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    batch = plan_class(ledger, settings, tmp_path, 5, max_comparisons=60)
    assert estimate_batch(batch).n_requests == 20
    assert ledger.tally(BATCH).n_requests == 10


class Batches(RuleBasedStateMachine):
    """Plan, outcome, crash, resume, cancel, bring back, give up on and score, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.url = f"sqlite:///{self.folder.name}/ledger.sqlite"
        self.settings = Settings(home=Path(self.folder.name) / "home")
        self.ledger = Ledger(self.url)

    @initialize(
        n_essays=st.integers(2, 7), cap=st.integers(6, 40), waves=st.integers(1, 6), threshold=st.sampled_from([0.0, 0.3])
    )
    def plan(self, n_essays: int, cap: int, waves: int, threshold: float) -> None:
        spec = {"max_comparisons": cap, "waves": waves, "score_stability_threshold": threshold}
        plan_class(self.ledger, self.settings, Path(self.folder.name), n_essays, **spec)
        self.cap = cap

    @property
    def open(self) -> list[RequestRecord]:
        return self.ledger.requests(BATCH, only_open=True)

    @property
    def batch(self) -> BatchRecord:
        return self.ledger.batch(BATCH)

    def still_asks(self) -> bool:
        return bool(self.open) and self.batch.status.takes_judgements

    @precondition(still_asks)
    @rule(n=st.integers(1, 12), is_refused=st.booleans())
    def some_end(self, n: int, is_refused: bool) -> None:
        answer(self.ledger, self.open[:n], refuses=lambda request: is_refused and request.position % 3 == 0)

    @precondition(lambda self: self.open and not self.batch.status.takes_judgements)
    @rule()
    def nothing_is_asked_any_more(self) -> None:
        with pytest.raises(ClosedBatchError):
            answer(self.ledger, self.open[:1])

    @rule()
    def crash(self) -> None:
        self.ledger.close()
        self.ledger = Ledger(self.url)

    @rule()
    def go_on(self) -> None:
        had_open, n_before = bool(self.open), self.ledger.tally(BATCH).n_requests
        is_new = plan_next(self.ledger)
        assert not (is_new and (had_open or not self.batch.status.takes_judgements))
        assert is_new == (self.ledger.tally(BATCH).n_requests > n_before)

    @rule()
    def score(self) -> None:
        """As the assets do, at any time."""
        if not is_judged(self.ledger, BATCH):
            return
        conclude(self.ledger, BATCH)
        if self.batch.unranked_because is None:
            self.ledger.move_batch(BATCH, BatchStatus.SCORING)
            self.ledger.complete_batch(BATCH)

    @rule(hours=st.sampled_from([1, 5]))
    def watch_dog(self, hours: int) -> None:
        recover_batch(self.ledger, self.settings, BATCH, datetime.now(UTC) + timedelta(hours=hours))

    @precondition(lambda self: self.batch.status.takes_judgements)
    @rule()
    def cancel(self) -> None:
        close_batch(self.ledger, self.settings, BATCH, BatchStatus.CANCELLED, "a person said so")

    @precondition(lambda self: self.batch.status.is_closed)
    @rule()
    def retry(self) -> None:
        self.ledger.reopen_batch(BATCH, "a person said so")

    @invariant()
    def no_pair_is_asked_twice_in_coverage_and_no_cap_is_exceeded(self) -> None:
        pairs = planned_pairs(self.ledger, BATCH)
        coverage = [frozenset((pair.essay_a_id, pair.essay_b_id)) for pair in pairs if pair.pair_generation_mode == "coverage"]
        assert len(coverage) == len(set(coverage))
        assert len({pair.pair_id for pair in pairs}) == len(pairs) <= self.cap

    @invariant()
    def nothing_that_has_a_verdict_is_asked_again(self) -> None:
        with self.ledger.engine.connect() as connection:
            verdicts = connection.exec_driver_sql("SELECT custom_id FROM attempts WHERE outcome = 'success'").scalars().all()
        assert len(verdicts) == len(set(verdicts)) == self.ledger.tally(BATCH).n_succeeded

    @invariant()
    def no_batch_is_completed_without_the_guard(self) -> None:
        if self.batch.status in SCORED:
            tally = self.ledger.tally(BATCH)
            assert tally.is_complete
            assert 5 * tally.n_succeeded >= 4 * tally.n_requests

    def teardown(self) -> None:
        """Every batch ends."""
        if self.batch.status.is_closed:
            self.retry()
        for _ in range(30):
            if self.batch.ends_as is not None:
                recover_batch(self.ledger, self.settings, BATCH)
            elif self.still_asks():
                answer(self.ledger, self.open)
            if not plan_next(self.ledger):
                break
        standing = standing_of(self.ledger, BATCH)
        before = [decide(state, standing.rules).decision for state in standing.states()[:-1]]
        assert set(before) <= {Decision.REQUEST_MORE_COMPARISONS}
        self.score()
        assert self.batch.status.is_final
        self.no_batch_is_completed_without_the_guard()
        self.ledger.close()
        self.folder.cleanup()


TestBatches = Batches.TestCase
TestBatches.settings = hypothesis_settings(max_examples=15, stateful_step_count=15, deadline=None)
