"""Decisions: a probability for each essay is a verdict, and anything less is none."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huleedu_pipeline.judging.outcome import ErrorCode, Usage
from huleedu_pipeline.judging.spec import DECISIONS_MODEL
from huleedu_pipeline.judging.verdict import Verdict
from huleedu_pipeline.providers import openai_decisions as decisions
from huleedu_pipeline.providers import openai_wire
from huleedu_pipeline.providers.emulator.decisions import MODEL, decision_body, read_decision
from huleedu_pipeline.providers.emulator.profiles import SurfaceProfile
from huleedu_pipeline.providers.result_files import read_received
from tests.providers.test_openai_wire import PROMPT, judge

USAGE = {
    "input_tokens": 900,
    "input_tokens_details": {"cached_tokens": 512, "cache_write_tokens": 128},
    "output_tokens": 0,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 900,
}


def chances(*values: Any, names: tuple[Any, ...] = ("Essay A", "Essay B")) -> list[dict[str, Any]]:
    return [{"value": name, "probability": value} for name, value in zip(names, values, strict=True)]


def answer(probabilities: Any, **changes: Any) -> dict[str, Any]:
    return {
        "type": "choice",
        "name": "winner",
        "choice": "Essay A",
        "confidence": 0.5,
        "probabilities": probabilities,
    } | changes


def reply(*answers: Any, **changes: Any) -> dict[str, Any]:
    return {"answers": list(answers), "model": "gpt-6-luna", "usage": USAGE, **changes}


def test_the_body_asks_one_question_about_the_prompt_and_nothing_else() -> None:
    body = decisions.build_body(judge(model="gpt-6-luna", api="decisions"), PROMPT)
    assert body["questions"] == [
        {
            "type": "choice",
            "name": "winner",
            "instructions": "Which essay is better?",
            "choices": [{"value": "Essay A"}, {"value": "Essay B"}],
        }
    ]
    assert [part["text"] for part in body["input"][1]["content"]] == list(PROMPT.blocks)
    assert body["input"][0] == {"role": "system", "content": "Judge."}
    assert sorted(body) == ["input", "model", "prompt_cache_key", "questions"]


def test_the_emulator_takes_the_body_and_its_answer_is_a_verdict() -> None:
    essays = tuple(f'<essay label="Essay {name}">\nA text, number {name}.\n</essay>' for name in "AB")
    asked = judge(model=MODEL, api="decisions")
    body = decisions.build_body(asked, type(PROMPT)("Judge.", ("Context.", *essays)))
    request = read_decision(body)
    assert request.system == "Judge."
    profile = SurfaceProfile()
    given = decision_body(body, request, profile, refuses=False)
    outcome = openai_wire.read_reply(given)
    assert outcome.verdict is not None
    assert outcome.verdict.p_a == given["answers"][0]["probabilities"][0]["probability"]
    refused = openai_wire.read_reply(decision_body(body, request, profile, refuses=True))
    assert refused.error_code is ErrorCode.REFUSAL
    assert MODEL.endswith(DECISIONS_MODEL)


@pytest.mark.parametrize(
    ("p_a", "p_b", "winner"),
    [
        (0.73, 0.27, "Essay A"),
        (0.27, 0.73, "Essay B"),
        (1, 0, "Essay A"),
        (0.0, 1.0, "Essay B"),
        (0.5, 0.5, None),
        (0.5001, 0.4999, "Essay A"),
        (0.3333, 0.6666, "Essay B"),
        (0.5, 0.4995, "Essay A"),
    ],
)
def test_the_likelier_essay_wins_and_an_even_chance_is_a_tie(p_a: float, p_b: float, winner: Any) -> None:
    outcome = decisions.read_reply(reply(answer(chances(p_a, p_b))))
    assert outcome.verdict == Verdict(winner, justification=None, confidence=None, p_a=p_a)
    turned = decisions.read_reply(reply(answer(chances(p_b, p_a, names=("Essay B", "Essay A")))))
    assert turned == outcome


@given(st.floats(0, 1))
def test_every_pair_of_chances_is_a_verdict_that_agrees_with_them(p_a: float) -> None:
    verdict = decisions.read_reply(reply(answer(chances(p_a, 1 - p_a)))).verdict
    assert verdict is not None
    assert verdict.p_a == p_a
    assert verdict.winner == (None if p_a == 1 - p_a else "Essay A" if p_a > 0.5 else "Essay B")


def test_a_decision_is_read_with_its_tokens_and_who_made_it() -> None:
    outcome = decisions.read_reply(reply(answer(chances(0.6, 0.4)), service_tier="default"))
    assert (outcome.model, outcome.service_tier) == ("gpt-6-luna", "default")
    assert outcome.usage == Usage(input_tokens=900, cached_input_tokens=512, cache_write_30m_tokens=128)


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ([{"type": "refusal", "name": "winner"}], ErrorCode.REFUSAL),
        ([{"type": "refusal", "name": None}], ErrorCode.REFUSAL),
        ([], ErrorCode.INVALID_VERDICT),
        ([answer(chances(0.6, 0.4)), answer(chances(0.6, 0.4))], ErrorCode.INVALID_VERDICT),
        ([{"type": "predicate", "probability": 0.6}], ErrorCode.INVALID_VERDICT),
        ([{}], ErrorCode.INVALID_VERDICT),
        ([{"type": "choice", "choice": "Essay A", "confidence": 0.9}], ErrorCode.INVALID_VERDICT),
        *(
            ([answer(probabilities)], ErrorCode.INVALID_VERDICT)
            for probabilities in (
                None,
                [],
                "0.6",
                chances(0.6, names=("Essay A",)),
                chances(0.6, 0.4, names=("Essay A", "Essay A")),
                chances(0.6, 0.4, names=("A", "B")),
                chances(0.6, 0.4, names=("Essay A", True)),
                chances(0.5, 0.3, 0.2, names=("Essay A", "Essay B", "tie")),
                chances(0.5, 0.3, 0.2, names=("Essay A", "Essay B", "Essay B")),
                chances(0.6, 0.6),
                chances(0.3, 0.3),
                chances(0.6, 0.398),
                chances(float("nan"), 0.4),
                chances(0.6, float("nan")),
                chances(float("inf"), float("-inf")),
                chances(1.5, -0.5),
                chances("0.6", "0.4"),
                chances(None, None),
                chances(True, False),
                chances(0.4998, 0.4998),  # even and not one half: neither a winner nor a tie
            )
        ),
    ],
)
def test_anything_less_is_no_verdict_and_still_costs(answers: list[Any], code: ErrorCode) -> None:
    outcome = decisions.read_reply(reply(*answers))
    assert outcome.error_code is code
    assert outcome.error_message
    assert outcome.usage.input_tokens == 900


@pytest.mark.parametrize("answers", [["text"], [None], {"a": 1}, [{"type": "choice", "probabilities": [{"value": []}]}]])
def test_an_odd_reply_is_unreadable(answers: Any) -> None:
    text = json.dumps({"answers": answers})
    assert read_received(openai_wire.read_reply, text).error_code is ErrorCode.UNREADABLE_REPLY
