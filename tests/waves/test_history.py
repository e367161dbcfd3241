"""Evidence and the next wave's pairs, from requests and outcomes alone."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from huleedu_pipeline.comparisons import plan_pairs
from huleedu_pipeline.waves import (
    Asked,
    ContinuationDecision,
    Decision,
    Money,
    Reason,
    Rules,
    decide,
    decision_row,
    last_state,
    plan_next_wave,
    replay,
    wave_states,
)

N = 12
RULES = Rules(max_comparisons=60, waves=3)


def judge_all(pairs: Sequence[tuple[str, str]], wave: int, rng: np.random.Generator) -> list[Asked]:
    """Let a simulated judge decide by number, with noise."""
    wins = [float(int(a[1:]) + rng.normal(0, 3) > int(b[1:])) for a, b in pairs]
    return [Asked(a, b, wave, has_ended=True, first_won=won) for (a, b), won in zip(pairs, wins, strict=True)]


@pytest.fixture
def first_wave() -> list[Asked]:
    pairs = plan_pairs("b", [f"e{i}" for i in range(N)], 24, seed=1)
    return judge_all([(pair.essay_a_id, pair.essay_b_id) for pair in pairs], 1, np.random.default_rng(1))


def failed(request: Asked) -> Asked:
    return replace(request, first_won=None)


def asked_for(first: list[Asked], n_more: int, reason: Reason = Reason.COVERAGE) -> list[tuple[str, str]]:
    more = ContinuationDecision(Decision.REQUEST_MORE_COMPARISONS, reason, n_more)
    return [(pair.essay_a_id, pair.essay_b_id) for pair in plan_next_wave("b", first, more, 1)]


def test_what_is_known_after_each_wave(first_wave: list[Asked]) -> None:
    second = judge_all(asked_for(first_wave, 18), 2, np.random.default_rng(2))
    one, two = wave_states([*first_wave, *second], N, RULES)
    assert (one.wave, one.n_requests, one.max_score_change) == (1, 24, None)
    assert (two.wave, two.n_requests, two.n_pairs_judged, two.coverage_fraction) == (2, 42, 42, 42 / 66)
    assert two.max_score_change is not None
    assert two.max_score_change > 0
    assert one.mean_se is not None
    assert two.mean_se is not None
    assert two.mean_se < one.mean_se
    assert (one.is_connected, two.is_connected) == (True, True)
    assert wave_states(first_wave, N, RULES) == [one]
    assert last_state([*first_wave, *second], N, RULES) == two


def test_a_failed_request_covers_nothing_and_is_not_asked_about_again_in_coverage(first_wave: list[Asked]) -> None:
    asked = [failed(request) if number < 4 else request for number, request in enumerate(first_wave)]
    (state,) = wave_states(asked, N, RULES)
    assert (state.n_outcomes, state.n_succeeded, state.n_pairs_asked, state.n_pairs_judged) == (24, 20, 24, 20)
    new = asked_for(asked, 42)
    assert len({frozenset(pair) for pair in new} | {request.pair for request in asked}) == 66


def test_an_essay_that_no_verdict_reaches_is_not_connected(first_wave: list[Asked]) -> None:
    asked = [failed(request) if "e3" in request.pair else request for request in first_wave]
    assert not last_state(asked, N, RULES).is_connected
    assert not last_state(first_wave, N + 1, RULES).is_connected


def test_while_outcomes_are_missing_nothing_is_scaled(first_wave: list[Asked]) -> None:
    open_one = replace(first_wave[0], has_ended=False, first_won=None)
    state = last_state([open_one, *first_wave[1:]], N, RULES)
    assert (state.n_outcomes, state.mean_se, state.reliability) == (23, None, None)


def test_without_requests_there_is_nothing_to_decide() -> None:
    assert decide(last_state([], N, RULES), RULES).reason is Reason.NOTHING_PLANNED
    assert wave_states([], N, RULES) == []


def test_of_a_single_wave_the_change_since_nine_tenths_is_told(first_wave: list[Asked]) -> None:
    state = last_state(first_wave, N, replace(RULES, is_single_wave=True))
    assert state.max_score_change is not None
    assert state.max_score_change > 0


def test_a_pair_that_is_asked_again_is_shown_in_the_other_order(first_wave: list[Asked]) -> None:
    rng = np.random.default_rng(3)
    asked = [*first_wave, *judge_all(asked_for(first_wave, 42), 2, rng)]
    again = asked_for(asked, 66, Reason.RESAMPLING)
    orders = Counter((request.essay_a_id, request.essay_b_id) for request in asked)
    assert set(again) == {(b, a) for a, b in orders}
    asked += judge_all(again, 3, rng)
    places = Counter(request.essay_a_id for request in asked)
    places.subtract(request.essay_b_id for request in asked)
    assert set(places.values()) == {0}
    assert last_state(asked, N, RULES).n_resampling_passes == 1


def test_everybody_is_first_and_second_about_equally_often_over_waves(first_wave: list[Asked]) -> None:
    asked = list(first_wave)
    for wave in (2, 3):
        asked += judge_all(asked_for(asked, 18), wave, np.random.default_rng(wave))
    places = Counter(request.essay_a_id for request in asked)
    places.subtract(request.essay_b_id for request in asked)
    assert max(abs(surplus) for surplus in places.values()) <= 1


def test_repeats_have_names_of_their_own_and_the_same_rows_give_the_same_wave(first_wave: list[Asked]) -> None:
    more = ContinuationDecision(Decision.REQUEST_MORE_COMPARISONS, Reason.RESAMPLING, 60)
    pairs = plan_next_wave("b", first_wave, more, 1)
    known = {pair.pair_id for pair in plan_pairs("b", [f"e{i}" for i in range(N)], 24, seed=1)}
    assert len({pair.pair_id for pair in pairs} | known) == 84
    assert pairs == plan_next_wave("b", first_wave, more, 1)
    assert {(pair.wave, pair.pair_generation_mode) for pair in pairs} == {(2, "resampling")}


def test_money_that_is_left_and_what_it_buys(first_wave: list[Asked]) -> None:
    paid = [replace(request, cost_usd=0.01) for request in first_wave]
    money = Money(max_cost_usd=1.0, each_usd=0.05)
    assert money.n_affordable(paid) == 15
    assert money.n_affordable([replace(paid[0], cost_usd=None, n_attempts=2), *paid[1:]]) == 13
    assert money.n_affordable([replace(request, cost_usd=1.0) for request in paid]) == 0
    assert last_state(paid, N, RULES, money).n_affordable == 15


@pytest.mark.parametrize("changes", [{}, {"target_reliability": 0.2}, {"is_single_wave": True}, {"max_comparisons": 24}])
def test_a_decision_can_be_made_again_from_its_row(first_wave: list[Asked], changes: dict[str, float]) -> None:
    rules = replace(RULES, **changes)  # type: ignore[arg-type]
    states = wave_states(first_wave, N, rules, Money(1.0, 0.05))
    rows = [decision_row("b", state, rules) for state in states]
    frame = pd.DataFrame(rows).astype(object)
    assert [replay(row) for row in rows] == [decide(state, rules) for state in states]
    assert [replay(dict(row)) for _, row in frame.iterrows()] == [replay(row) for row in rows]
    # Another outcome, another decision: the row's own values are what decides.
    assert replay({**rows[0], "n_succeeded": 0}).reason is Reason.NO_SUCCESS
