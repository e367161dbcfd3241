"""OpenAI's Decisions API as text: one question with two choices, answered with probabilities instead of reasons. Pure.

The probability of Essay A is kept as it is given; the winner is the likelier essay, and an even chance is a tie. An answer
whose probabilities are not those of exactly the two essays is no verdict.
"""

from math import isclose
from typing import Any

from huleedu_pipeline.judging.outcome import ErrorCode, Outcome, success
from huleedu_pipeline.judging.prompts import Prompt
from huleedu_pipeline.judging.spec import Judge
from huleedu_pipeline.judging.verdict import Label, Verdict
from huleedu_pipeline.providers.openai_shared import cache_key_of, read_served

PATH = "/v1/decisions"
FIRST: Label = "Essay A"
SECOND: Label = "Essay B"
# How far the two may be from 1 together: providers round.
_ROUNDING = 0.001


def build_body(judge: Judge, prompt: Prompt) -> dict[str, Any]:
    """Return the body of ``POST /v1/decisions``; it takes none of a judge's other parameters."""
    question = {
        "type": "choice",
        "name": "winner",
        "instructions": "Which essay is better?",
        "choices": [{"value": FIRST}, {"value": SECOND}],
    }
    return {
        "model": judge.model,
        "input": [
            {"role": "system", "content": prompt.system},
            {"role": "user", "content": [{"type": "input_text", "text": block} for block in prompt.blocks]},
        ],
        "questions": [question],
        **cache_key_of(judge),
    }


def read_reply(reply: dict[str, Any]) -> Outcome:
    """Return what a decision comes to."""
    served = read_served(reply)
    answers = reply.get("answers") or []
    if len(answers) != 1:
        return served.failure(ErrorCode.INVALID_VERDICT, f"answers: one question has {len(answers)} of them")
    kind = answers[0].get("type")
    if kind == "refusal":
        return served.failure(ErrorCode.REFUSAL, "the model refused to judge")
    if kind != "choice":
        return served.failure(ErrorCode.INVALID_VERDICT, f"answers: {kind!r} is no choice between the essays")
    try:
        verdict = _verdict(answers[0].get("probabilities"))
    except ValueError as error:
        return served.failure(ErrorCode.INVALID_VERDICT, str(error))
    return success(verdict, served.usage, served.model, served.service_tier)


def _verdict(probabilities: object) -> Verdict:
    given = [(item.get("value"), item.get("probability")) for item in _objects(probabilities)]
    by_essay: dict[Any, Any] = dict(given)
    if len(given) != 2 or by_essay.keys() != {FIRST, SECOND}:
        raise ValueError(f"probabilities: not one for each of {FIRST} and {SECOND}")
    p_a, p_b = by_essay[FIRST], by_essay[SECOND]
    for value in (p_a, p_b):
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:  # false for NaN, too
            raise ValueError("probabilities: not numbers from 0 to 1")
    if not isclose(p_a + p_b, 1, abs_tol=_ROUNDING):
        raise ValueError(f"probabilities: add up to {p_a + p_b:g}, not 1")
    winner = None if p_a == p_b else FIRST if p_a > p_b else SECOND
    return Verdict(winner, justification=None, confidence=None, p_a=float(p_a))


def _objects(items: object) -> list[dict[str, Any]]:
    return [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
