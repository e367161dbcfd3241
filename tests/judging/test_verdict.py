"""The verdict contract: exactly what is asked for is a verdict, and anything else is refused and never repaired."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huleedu_pipeline.judging.verdict import InvalidVerdictError, Label, Verdict, VerdictReply, parse_verdict, verdict_schema


def reply(**changes: Any) -> str:
    return json.dumps({"justification": "A has the wider vocabulary.", "winner": "Essay A", "confidence": 4, **changes})


def without(field: str) -> str:
    return json.dumps({name: value for name, value in json.loads(reply()).items() if name != field})


def refusal(text: str) -> str:
    with pytest.raises(InvalidVerdictError) as refused:
        parse_verdict(text)
    return str(refused.value)


def test_a_reply_that_keeps_the_contract_is_a_verdict() -> None:
    assert parse_verdict(reply()) == Verdict(winner="Essay A", justification="A has the wider vocabulary.", confidence=4.0)
    assert parse_verdict(f"\n  {reply(winner='Essay B')}\n").winner == "Essay B"


@pytest.mark.parametrize("confidence", [1, 1.0, 2.5, 4.999, 5, 5.0])
def test_confidence_is_a_number_from_1_to_5(confidence: float) -> None:
    assert parse_verdict(reply(confidence=confidence)).confidence == confidence


@pytest.mark.parametrize("length", [1, 2, 499, 500])
def test_justifications_of_1_to_500_characters(length: int) -> None:
    assert parse_verdict(reply(justification="å" * length)).justification == "å" * length


def test_space_around_a_justification_is_not_part_of_it() -> None:
    assert parse_verdict(reply(justification=f" \n{'x' * 500}\t ")).justification == "x" * 500


@pytest.mark.parametrize(
    ("text", "part"),
    [
        pytest.param(reply(winner="essay a"), "winner", id="winner in lower case"),
        pytest.param(reply(winner="Essay A "), "winner", id="winner with a space"),
        pytest.param(reply(winner="A"), "winner", id="winner abbreviated"),
        pytest.param(reply(winner="Essay C"), "winner", id="another essay"),
        pytest.param(reply(winner="tie"), "winner", id="a tie"),
        pytest.param(reply(winner=None), "winner", id="null winner"),
        pytest.param(reply(winner=["Essay A"]), "winner", id="winner in a list"),
        pytest.param(without("winner"), "winner", id="no winner"),
        pytest.param(reply(confidence=0.9), "confidence", id="confidence below 1"),
        pytest.param(reply(confidence=0), "confidence", id="confidence 0"),
        pytest.param(reply(confidence=5.1), "confidence", id="confidence above 5"),
        pytest.param(reply(confidence=95), "confidence", id="confidence in per cent"),
        pytest.param(reply(confidence=float("nan")), "confidence", id="confidence NaN"),
        pytest.param(reply(confidence=float("inf")), "confidence", id="confidence infinite"),
        pytest.param(reply(confidence=10**400), "confidence", id="confidence beyond floats"),
        pytest.param(reply(confidence="4"), "confidence", id="confidence as text"),
        pytest.param(reply(confidence=True), "confidence", id="confidence true"),
        pytest.param(reply(confidence=None), "confidence", id="confidence null"),
        pytest.param(without("confidence"), "confidence", id="no confidence"),
        pytest.param(reply(justification=""), "justification", id="empty justification"),
        pytest.param(reply(justification=" \n\t"), "justification", id="justification of white space"),
        pytest.param(reply(justification="x" * 501), "justification", id="justification too long"),
        pytest.param(reply(justification=7), "justification", id="justification a number"),
        pytest.param(without("justification"), "justification", id="no justification"),
        pytest.param(reply(reasoning="because"), "reasoning", id="unknown field"),
        pytest.param(reply(Winner="Essay A"), "Winner", id="field in another case"),
        pytest.param(reply()[:-1] + ', "winner": "Essay B"}', "winner", id="two winners"),
        pytest.param(reply()[:-1] + ', "confidence": 1}', "confidence", id="two confidences"),
        pytest.param("", "reply", id="nothing"),
        pytest.param("Essay A is better.", "reply", id="prose"),
        pytest.param(f"My answer: {reply()}", "reply", id="prose before"),
        pytest.param(f"{reply()} I hope this helps.", "reply", id="prose after"),
        pytest.param(f"```json\n{reply()}\n```", "reply", id="fenced"),
        pytest.param(reply() + reply(), "reply", id="two objects"),
        pytest.param(f"{reply()}\n{reply()}", "reply", id="two lines"),
        pytest.param(f"[{reply()}]", "reply", id="a list"),
        pytest.param(json.dumps(reply()), "reply", id="an object in a string"),
        pytest.param(reply()[:-1], "reply", id="cut off"),
        pytest.param(reply().replace('"', "'"), "reply", id="single quotes"),
        pytest.param(reply()[:-1] + ",}", "reply", id="trailing comma"),
        pytest.param("null", "reply", id="null"),
        pytest.param(reply(justification="%").replace("%", "\\ud800"), "reply", id="half a character"),
    ],
)
def test_anything_else_is_refused_by_the_name_of_the_part(text: str, part: str) -> None:
    message = refusal(text)
    assert message.startswith(f"{part}: ")
    assert ";" not in message


def test_every_part_that_is_wrong_is_named() -> None:
    message = refusal(json.dumps({"winner": "B", "justification": "", "confidence": 9, "score": 1}))
    assert [line.split(":")[0] for line in message.split("; ")] == ["winner", "justification", "confidence", "score"]


def test_messages_do_not_quote_the_reply() -> None:
    secret = "Anna lives in Malmö"
    for text in (reply(winner=secret), reply(justification=secret * 50), secret, f"{reply()} {secret}"):
        assert "Anna" not in refusal(text)


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(), lambda inner: st.lists(inner, max_size=3), max_leaves=5
)


@given(
    st.dictionaries(st.sampled_from(["winner", "justification", "confidence", "other"]), json_values),
    st.sampled_from(["Essay A", "Essay B", "essay b"]),
    st.booleans(),
)
def test_what_is_read_always_keeps_the_limits(parts: dict[str, Any], winner: str, is_plausible: bool) -> None:
    content = {"justification": "x", "confidence": 3, **parts, "winner": winner} if is_plausible else parts
    try:
        verdict = parse_verdict(json.dumps(content))
    except InvalidVerdictError:
        return
    assert content.keys() == {"winner", "justification", "confidence"}
    assert verdict.winner == content["winner"] in ("Essay A", "Essay B")
    assert verdict.confidence == content["confidence"]
    assert verdict.confidence is not None
    assert 1 <= verdict.confidence <= 5
    assert verdict.justification is not None
    assert verdict.justification == content["justification"].strip()
    assert 1 <= len(verdict.justification) <= 500


@given(st.text())
def test_no_text_is_more_than_refused(text: str) -> None:
    with pytest.raises(InvalidVerdictError):
        parse_verdict(text)


@pytest.mark.parametrize(
    ("winner", "p_a"),
    [("Essay A", 0.5), ("Essay A", 1.0), ("Essay B", 0.0), ("Essay B", 0.5), ("Essay A", None), ("Essay B", None), (None, 0.5)],
)
def test_a_verdict_may_have_a_probability_and_need_not_have_reasons(winner: Label | None, p_a: float | None) -> None:
    verdict = Verdict(winner, justification=None, confidence=None, p_a=p_a)
    assert (verdict.winner, verdict.p_a, verdict.justification, verdict.confidence) == (winner, p_a, None, None)


@pytest.mark.parametrize(
    ("winner", "p_a", "part"),
    [
        ("Essay A", -0.1, "p_a"),
        ("Essay A", 1.1, "p_a"),
        ("Essay A", float("nan"), "p_a"),
        ("Essay A", float("inf"), "p_a"),
        ("Essay A", 0.49, "p_a"),
        ("Essay B", 0.51, "p_a"),
        (None, None, "winner"),
        (None, 0.4, "winner"),
        ("Essay C", None, "winner"),
        ("tie", 0.5, "winner"),
    ],
)
def test_a_verdict_that_contradicts_itself_is_none(winner: Any, p_a: float | None, part: str) -> None:
    with pytest.raises(ValueError, match=f"^{part}: "):
        Verdict(winner, justification=None, confidence=None, p_a=p_a)


def test_a_reply_in_words_gives_no_probability() -> None:
    assert parse_verdict(reply()).p_a is None


def test_the_schema_sent_to_providers_asks_for_the_same_contract() -> None:
    assert verdict_schema("short")["additionalProperties"] is False
    assert (
        sorted(verdict_schema("short")["required"])
        == sorted(verdict_schema("short")["properties"])
        == sorted(VerdictReply.model_fields)
    )
    assert verdict_schema("short")["properties"]["winner"]["enum"] == ["Essay A", "Essay B"]
    assert "1 to 500 characters" in verdict_schema("short")["properties"]["justification"]["description"]
    assert "1 (a guess) to 5 (certain)" in verdict_schema("short")["properties"]["confidence"]["description"]
    assert next(iter(verdict_schema("short")["properties"])) == "justification"
