"""The contradiction flag: raised on plain words alone, and never on words about a part of the whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huleedu_pipeline.judging.consistency import contradicts
from huleedu_pipeline.judging.verdict import Label

# All of them with a verdict for Essay A.
CONTRADICTING = [
    "Essay B is better.",
    "Essay B is better",
    "B is clearly superior.",
    "Essay B is the stronger essay.",
    "Essay B is the better of the two.",
    "Essay B is clearly better than Essay A.",
    "Essay B is superior to A because its argument is clearer.",
    "Essay B is stronger because it develops its ideas.",
    "Essay B is stronger, as it stays on the topic.",
    "Essay B is slightly better overall.",
    "Essay B is the winner.",
    "Essay B is clearly the winner.",
    "Essay B wins.",
    "Essay B clearly wins overall.",
    "Overall, Essay B is better.",
    "On balance Essay B is stronger.",
    "The better essay is Essay B.",
    "The winner is B.",
    "I prefer Essay B.",
    "I think that Essay B is better.",
    "Essay A is weaker than Essay B.",
    "Essay A is clearly the weaker essay.",
    "Essay A is full of errors, so Essay B is better.",
    "Essay A is fluent, but overall Essay B is stronger.",
    "Although both answer the task, Essay B is better.",
    "Both answer the task. Essay B is better, even though it is short.",
    "essay B is\nbetter than essay A.",
    "Essay A has more errors. Essay B is better.",
]
CONSISTENT = [
    "Essay A is better.",
    "Essay A is better than Essay B.",
    "A is clearly superior to B.",
    "Essay B is weaker than Essay A.",
    "Essay B is better organised, but Essay A's argument is far more convincing.",
    "Essay B is better organised.",
    "Essay B is better at grammar.",
    "Essay B is stronger in its vocabulary.",
    "Essay B is the best organised of the two.",
    "Essay B has the better introduction.",
    "Essay B wins on grammar.",
    "Essay B is better, but Essay A answers the question.",
    "Essay B is better. However, it does not do what was asked.",
    "Essay B is better, although only in its spelling.",
    "Essay B is stronger and more varied in vocabulary.",
    "Essay B is better as far as grammar goes.",
    "In grammar, Essay B is better.",
    "In grammar Essay A has flaws and Essay B is better.",
    "On spelling there is little between them; Essay B is better.",
    "Grammar: Essay B is better. Content: Essay A is far ahead.",
    "Although Essay B is better, it is off the topic.",
    "While Essay B is stronger, Essay A has the ideas.",
    "If grammar alone counted, Essay B is better.",
    "If form were all, Essay B is better.",
    "Essay B is not better.",
    "Essay B is no better than Essay A.",
    "It can not be said that Essay B is better.",
    "Is Essay B better? Hardly.",
    "Essay B is better? It only looks so.",
    "Essay B would be better with an ending.",
    "Essay B seems better at first.",
    "Neither is good; Essay A has the stronger ending.",
    "Essay B is better. Essay A has the wider vocabulary and a clearer line.",
    "The stronger essay is A. Essay B is better.",
    "The stronger essay is Essay A. Essay B is better.",
    "Essay B is better. The ideas make me choose Essay A.",
    'The pupil writes "Essay B is better" to sway the reader.',
    "A better essay is hard to find.",
    "A stronger conclusion and fewer errors.",
    "Essay B is worse.",
    "Essay A is no weaker than Essay B.",
    "Essay A has a clearer structure and fewer errors than Essay B.",
    "Essay A wins.",
    "",
]


def swapped(text: str) -> str:
    return text.translate(str.maketrans("AB", "BA")).replace("Blthough", "Although")


@pytest.mark.parametrize("text", CONTRADICTING)
def test_plain_words_for_the_other_essay_are_flagged(text: str) -> None:
    assert contradicts("Essay A", text)


@pytest.mark.parametrize("text", CONSISTENT)
def test_anything_less_is_not(text: str) -> None:
    assert not contradicts("Essay A", text)


@pytest.mark.parametrize("text", [text for text in CONTRADICTING if not text.startswith(("Although", "Both"))])
def test_the_flag_is_the_same_for_either_essay(text: str) -> None:
    assert contradicts("Essay B", swapped(text))
    assert not contradicts("Essay A", swapped(text))


@given(st.sampled_from(["Essay A", "Essay B"]), st.text(max_size=500))
def test_any_text_can_be_read(winner: Label, text: str) -> None:
    assert contradicts(winner, text) in (True, False)


def test_words_that_are_repeated_do_not_hold_it_up() -> None:
    assert not contradicts("Essay A", "Essay B is the the " * 26)
    assert not contradicts("Essay A", "overall, " * 55)
