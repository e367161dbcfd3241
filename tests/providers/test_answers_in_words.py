"""The three ways to a verdict in words: one schema, one contract, one set of codes, whatever the reply is wrapped in."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from huleedu_pipeline.judging.consistency import contradicts
from huleedu_pipeline.judging.outcome import ErrorCode, Outcome
from huleedu_pipeline.judging.prompts import Prompt
from huleedu_pipeline.judging.spec import Judge
from huleedu_pipeline.judging.verdict import Verdict, verdict_schema
from huleedu_pipeline.providers import anthropic_wire, openai_chat, openai_responses
from huleedu_pipeline.providers.payloads import as_sent
from tests.providers import test_anthropic_wire as anthropic
from tests.providers import test_openai_chat as chat
from tests.providers import test_openai_wire as openai
from tests.providers.test_openai_wire import PROMPT, VERDICT, judge


@dataclass(frozen=True)
class Way:
    """One API: how it is asked, and replies of it that end in one way each."""

    build_body: Callable[[Judge, Prompt], dict[str, Any]]
    schema_in: Callable[[dict[str, Any]], Any]
    read: Callable[[dict[str, Any]], Outcome]
    with_text: Callable[[str], dict[str, Any]]
    refused: dict[str, Any]
    truncated: dict[str, Any]
    filtered: dict[str, Any] | None


REFUSED_PART = [{"type": "message", "content": [{"type": "refusal", "refusal": "I can not."}]}]
WAYS = {
    "responses": Way(
        openai_responses.build_body,
        lambda body: body["text"]["format"]["schema"],
        openai_responses.read_reply,
        openai.reply,
        openai.reply(output=REFUSED_PART),
        openai.reply(status="incomplete", incomplete_details={"reason": "max_output_tokens"}),
        openai.reply(status="incomplete", incomplete_details={"reason": "content_filter"}),
    ),
    "chat": Way(
        openai_chat.build_body,
        lambda body: body["response_format"]["json_schema"]["schema"],
        openai_chat.read_reply,
        chat.reply,
        chat.reply(message={"content": None, "refusal": "I can not."}),
        chat.reply(finish_reason="length"),
        chat.reply(finish_reason="content_filter"),
    ),
    "messages": Way(
        anthropic_wire.build_body,
        lambda body: body["output_config"]["format"]["schema"],
        anthropic_wire.read_reply,
        anthropic.message,
        anthropic.message(stop_reason="refusal"),
        anthropic.message(stop_reason="max_tokens"),
        None,  # Anthropic has no filter of its own and refuses
    ),
}


def text(**changes: Any) -> str:
    return json.dumps({**json.loads(VERDICT), **changes})


@pytest.fixture(params=list(WAYS))
def way(request: pytest.FixtureRequest) -> Way:
    return WAYS[request.param]


def test_the_schema_is_the_same_for_all(way: Way) -> None:
    body = way.build_body(judge(), PROMPT)
    assert way.schema_in(body) == verdict_schema("short")
    assert list(way.schema_in(json.loads(as_sent(body)))["properties"]) == ["justification", "winner", "confidence"]


def test_a_verdict_in_words_has_its_reasons_and_no_probability(way: Way) -> None:
    assert way.read(way.with_text(VERDICT)).verdict == Verdict("Essay A", "It is clearer.", 4.0)


@pytest.mark.parametrize(
    "answer",
    [
        text(winner="A"),
        text(winner="essay a"),
        text(winner="Essay C"),
        text(winner="tie"),
        text(winner=None),
        text(justification=""),
        text(justification="   "),
        text(justification="x" * 501),
        text(confidence=0),
        text(confidence=5.01),
        text(confidence=float("nan")),
        text(confidence="4"),
        text(confidence=None),
        json.dumps({"winner": "Essay A"}),
        "",
        f"```json\n{VERDICT}\n```",
        VERDICT + VERDICT,
        VERDICT[:-1],
    ],
)
def test_a_verdict_that_breaks_the_contract_is_none(way: Way, answer: str) -> None:
    outcome = way.read(way.with_text(answer))
    assert outcome.error_code is ErrorCode.INVALID_VERDICT
    assert outcome.usage.input_tokens > 0  # it was answered, so it is paid


def test_refusals_cuts_and_filters_have_their_codes_and_still_cost(way: Way) -> None:
    ends = {ErrorCode.REFUSAL: way.refused, ErrorCode.TRUNCATED: way.truncated, ErrorCode.CONTENT_FILTER: way.filtered}
    for code, reply in ends.items():
        if reply is not None:
            outcome = way.read(reply)
            assert outcome.error_code is code
            assert outcome.usage.output_tokens > 0


def test_reasons_for_the_other_essay_are_flagged_and_the_verdict_stands(way: Way) -> None:
    verdict = way.read(way.with_text(text(justification="Essay B is clearly better."))).verdict
    assert verdict is not None
    assert verdict.winner == "Essay A"
    assert verdict.justification is not None
    assert contradicts(verdict.winner, verdict.justification)
