"""Every row of the decision table, and properties that hold for all states."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huleedu_pipeline.waves import (
    ContinuationDecision,
    Decision,
    Reason,
    Rules,
    WaveState,
    decide,
    first_wave_size,
    most_comparisons,
)

WAIT, MORE, NOTHING = Decision.WAIT_FOR_CALLBACKS, Decision.REQUEST_MORE_COMPARISONS, Decision.NO_OP
SCORE, FAIL = Decision.FINALIZE_SCORING, Decision.FINALIZE_FAILURE

RULES = Rules(max_comparisons=100, waves=4)
# After the second of four waves of 24 essays: half of the cap is used, and nothing is settled.
STATE = WaveState(
    wave=2,
    n_essays=24,
    n_requests=50,
    n_outcomes=50,
    n_succeeded=50,
    n_pairs_asked=50,
    n_pairs_judged=50,
    n_resampling_passes=0,
    is_connected=True,
    max_score_change=0.4,
    mean_se=0.6,
    reliability=0.7,
)
FIRST = {"wave": 1, "max_score_change": None}
ALL = {"n_requests": 100, "n_outcomes": 100, "n_succeeded": 100, "n_pairs_asked": 100, "n_pairs_judged": 100}
# Five essays whose ten pairs have all been asked, with a cap that is far off.
FIVE = {"n_essays": 5, "n_requests": 10, "n_outcomes": 10, "n_succeeded": 10, "n_pairs_asked": 10, "n_pairs_judged": 10}
FIVE_TWICE = {**FIVE, "n_requests": 20, "n_outcomes": 20, "n_succeeded": 20, "n_resampling_passes": 1}
TWO_REFUSED = {**FIVE, "n_succeeded": 8, "n_pairs_judged": 8}
THREE = {"n_essays": 3, "n_requests": 3, "n_outcomes": 3, "n_succeeded": 3, "n_pairs_asked": 3, "n_pairs_judged": 3}


def three_after(passes: int) -> dict[str, Any]:
    n = 3 * (1 + passes)
    return {**THREE, "n_requests": n, "n_outcomes": n, "n_succeeded": n, "n_resampling_passes": passes}


ROWS: list[tuple[str, dict[str, Any], dict[str, Any], ContinuationDecision]] = [
    ("closed", {"is_closed": True}, {}, ContinuationDecision(NOTHING, Reason.CLOSED)),
    ("closed with outcomes missing", {"is_closed": True, "n_outcomes": 1}, {}, ContinuationDecision(NOTHING, Reason.CLOSED)),
    (
        "nothing planned",
        {"wave": 0, "n_requests": 0, "n_outcomes": 0, "n_succeeded": 0},
        {},
        ContinuationDecision(NOTHING, Reason.NOTHING_PLANNED),
    ),
    ("one outcome missing", {"n_outcomes": 49}, {}, ContinuationDecision(WAIT, Reason.OUTCOMES_MISSING)),
    ("missing at the cap", {**ALL, "n_outcomes": 99}, {}, ContinuationDecision(WAIT, Reason.OUTCOMES_MISSING)),
    ("no success", {"n_succeeded": 0}, {}, ContinuationDecision(FAIL, Reason.NO_SUCCESS)),
    ("79 of 100", {**ALL, "n_succeeded": 79}, {}, ContinuationDecision(FAIL, Reason.SUCCESS_RATE)),
    ("80 of 100", {**ALL, "n_succeeded": 80}, {}, ContinuationDecision(SCORE, Reason.CAP)),
    ("can still reach 80 of 100", {"n_succeeded": 30}, {}, ContinuationDecision(MORE, Reason.COVERAGE, 25)),
    ("can not reach 80 of 100", {"n_succeeded": 29}, {}, ContinuationDecision(FAIL, Reason.SUCCESS_RATE)),
    (
        "79 % at the end of the money",
        {"n_succeeded": 39, "n_affordable": 0},
        {},
        ContinuationDecision(FAIL, Reason.SUCCESS_RATE),
    ),
    ("more", {}, {}, ContinuationDecision(MORE, Reason.COVERAGE, 25)),
    ("more after the first wave", FIRST, {}, ContinuationDecision(MORE, Reason.COVERAGE, 25)),
    ("stable", {"max_score_change": 0.025}, {}, ContinuationDecision(SCORE, Reason.STABLE)),
    ("not quite stable", {"max_score_change": 0.0251}, {}, ContinuationDecision(MORE, Reason.COVERAGE, 25)),
    (
        "stable by 11 outcomes",
        {"max_score_change": 0.0, "n_requests": 11, "n_outcomes": 11, "n_succeeded": 11, "n_pairs_asked": 11},
        {},
        ContinuationDecision(MORE, Reason.COVERAGE, 23),
    ),
    (
        "stable by 12 outcomes",
        {"max_score_change": 0.0, "n_requests": 12, "n_outcomes": 12, "n_succeeded": 12},
        {},
        ContinuationDecision(SCORE, Reason.STABLE),
    ),
    (
        "a minimum above the cap uses the whole cap",
        {"max_score_change": 0.0},
        {"min_comparisons_for_stability_check": 101},
        ContinuationDecision(MORE, Reason.COVERAGE, 25),
    ),
    (
        "a minimum above the cap, at the cap",
        {**ALL, "max_score_change": 0.0},
        {"min_comparisons_for_stability_check": 101},
        ContinuationDecision(SCORE, Reason.CAP),
    ),
    (
        "stable and too few verdicts so far",
        {"max_score_change": 0.0, "n_succeeded": 39},
        {},
        ContinuationDecision(MORE, Reason.COVERAGE, 25),
    ),
    (
        "stable and not connected",
        {"max_score_change": 0.0, "is_connected": False},
        {},
        ContinuationDecision(MORE, Reason.COVERAGE, 25),
    ),
    ("precise by SE", {"mean_se": 0.3}, {"target_mean_se": 0.3}, ContinuationDecision(SCORE, Reason.PRECISE)),
    ("not precise by SE", {}, {"target_mean_se": 0.3}, ContinuationDecision(MORE, Reason.COVERAGE, 25)),
    ("precise by reliability", {"reliability": 0.8}, {"target_reliability": 0.8}, ContinuationDecision(SCORE, Reason.PRECISE)),
    (
        "precise by one of two",
        {"reliability": 0.8},
        {"target_reliability": 0.8, "target_mean_se": 0.3},
        ContinuationDecision(MORE, Reason.COVERAGE, 25),
    ),
    (
        "stable and not precise",
        {"max_score_change": 0.0},
        {"target_reliability": 0.8},
        ContinuationDecision(MORE, Reason.COVERAGE, 25),
    ),
    ("cap", ALL, {}, ContinuationDecision(SCORE, Reason.CAP)),
    ("money for ten more", {"n_affordable": 10}, {}, ContinuationDecision(MORE, Reason.COVERAGE, 10)),
    ("no money", {"n_affordable": 0}, {}, ContinuationDecision(SCORE, Reason.BUDGET)),
    (
        "a small rest makes no wave of its own",
        {"n_requests": 70, "n_outcomes": 70, "n_succeeded": 70, "n_pairs_asked": 70},
        {},
        ContinuationDecision(MORE, Reason.COVERAGE, 30),
    ),
    ("four new pairs left", {"n_pairs_asked": 272}, {}, ContinuationDecision(MORE, Reason.COVERAGE, 4)),
    ("five essays, all pairs asked", FIVE, {}, ContinuationDecision(MORE, Reason.RESAMPLING, 10)),
    ("a failed pair blocks no second pass", TWO_REFUSED, {}, ContinuationDecision(MORE, Reason.RESAMPLING, 10)),
    (
        "money for part of a pass",
        {**FIVE, "n_affordable": 3},
        {},
        ContinuationDecision(MORE, Reason.RESAMPLING, 3),
    ),
    ("cap inside a pass", FIVE, {"max_comparisons": 14}, ContinuationDecision(MORE, Reason.RESAMPLING, 4)),
    ("five essays, asked twice", FIVE_TWICE, {}, ContinuationDecision(SCORE, Reason.GRAPH_EXHAUSTED)),
    (
        "five essays, asked twice, 15 of 20",
        {**FIVE_TWICE, "n_succeeded": 15},
        {},
        ContinuationDecision(FAIL, Reason.SUCCESS_RATE),
    ),
    ("three essays", THREE, {}, ContinuationDecision(MORE, Reason.RESAMPLING, 3)),
    ("three essays, third pass", three_after(3), {}, ContinuationDecision(MORE, Reason.RESAMPLING, 3)),
    ("three essays, four passes", three_after(4), {}, ContinuationDecision(SCORE, Reason.GRAPH_EXHAUSTED)),
    (
        "three essays, stable",
        {**three_after(3), "max_score_change": 0.01},
        {},
        ContinuationDecision(SCORE, Reason.STABLE),
    ),
    ("one wave, stable or not", {}, {"is_single_wave": True}, ContinuationDecision(SCORE, Reason.SINGLE_WAVE)),
    ("one wave, fewer pairs than the cap", FIVE, {"is_single_wave": True}, ContinuationDecision(SCORE, Reason.SINGLE_WAVE)),
    ("one wave, waiting", {"n_outcomes": 49}, {"is_single_wave": True}, ContinuationDecision(WAIT, Reason.OUTCOMES_MISSING)),
    ("one wave, 39 of 50", {"n_succeeded": 39}, {"is_single_wave": True}, ContinuationDecision(FAIL, Reason.SUCCESS_RATE)),
    ("one wave, 40 of 50", {"n_succeeded": 40}, {"is_single_wave": True}, ContinuationDecision(SCORE, Reason.SINGLE_WAVE)),
]


@pytest.mark.parametrize(("changes", "rules", "expected"), [row[1:] for row in ROWS], ids=[row[0] for row in ROWS])
def test_the_decision_table(changes: dict[str, Any], rules: dict[str, Any], expected: ContinuationDecision) -> None:
    assert decide(replace(STATE, **changes), replace(RULES, **rules)) == expected


@st.composite
def states(draw: st.DrawFn) -> WaveState:
    n_essays, n_requests = draw(st.integers(1, 40)), draw(st.integers(0, 200))
    n_outcomes = draw(st.integers(0, n_requests))
    n_pairs = draw(st.integers(0, min(n_requests, n_essays * (n_essays - 1) // 2)))
    number = st.none() | st.floats(0, 5)
    return WaveState(
        wave=draw(st.integers(0, 6)),
        n_essays=n_essays,
        n_requests=n_requests,
        n_outcomes=n_outcomes,
        n_succeeded=draw(st.integers(0, n_outcomes)),
        n_pairs_asked=n_pairs,
        n_pairs_judged=draw(st.integers(0, n_pairs)),
        n_resampling_passes=draw(st.integers(0, 6)),
        is_connected=draw(st.booleans()),
        max_score_change=draw(number),
        mean_se=draw(number),
        reliability=draw(st.none() | st.floats(0, 1)),
        n_affordable=draw(st.none() | st.integers(0, 50)),
        is_closed=draw(st.booleans()),
    )


@st.composite
def rules(draw: st.DrawFn) -> Rules:
    return Rules(
        max_comparisons=draw(st.integers(1, 200)),
        waves=draw(st.integers(1, 20)),
        is_single_wave=draw(st.booleans()),
        min_comparisons_for_stability_check=draw(st.integers(1, 300)),
        target_mean_se=draw(st.none() | st.floats(0.1, 2)),
        target_reliability=draw(st.none() | st.floats(0.1, 0.9)),
    )


@given(states(), rules())
def test_every_state_has_a_decision_that_keeps_to_the_caps_and_the_guard(state: WaveState, rule: Rules) -> None:
    made = decide(state, rule)
    assert (made.n_more > 0) == (made.decision is MORE)
    if made.decision is MORE:
        assert not rule.is_single_wave
        assert state.n_requests + made.n_more <= rule.max_comparisons
        assert state.n_affordable is None or made.n_more <= state.n_affordable
    if made.is_final:
        assert 0 < state.n_requests == state.n_outcomes
    if made.decision is SCORE:
        assert state.n_succeeded / state.n_requests >= rule.min_success_rate


@pytest.mark.parametrize(
    ("n_essays", "cap", "waves", "is_single_wave", "first", "most"),
    [
        (24, 288, 4, False, 72, 288),
        (24, 1000, 4, False, 250, 552),
        (24, 60, 4, False, 48, 60),
        (24, 60, 4, True, 60, 60),
        (24, 1000, 4, True, 276, 276),
        (5, 60, 4, False, 10, 20),
        (3, 60, 4, False, 3, 15),
        (2000, 20000, 4, False, 5000, 20000),
    ],
)
def test_how_much_is_asked_first_and_at_most(
    n_essays: int, cap: int, waves: int, is_single_wave: bool, first: int, most: int
) -> None:
    rule = Rules(max_comparisons=cap, waves=waves, is_single_wave=is_single_wave)
    assert (first_wave_size(rule, n_essays), most_comparisons(rule, n_essays)) == (first, most)
