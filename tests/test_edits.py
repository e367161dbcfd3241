"""Edits and taking them back: for any text, and any edits that do not overlap."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from huleedu_pipeline.edits import Edit, EditError, apply_edits, undo_edits


@st.composite
def texts_and_edits(draw: st.DrawFn) -> tuple[str, list[Edit]]:
    text = draw(st.text(max_size=60))
    cuts = sorted(draw(st.lists(st.integers(0, len(text)), max_size=12)))
    places = zip(cuts[::2], cuts[1::2], strict=False)
    edits = [Edit(start, end, text[start:end], draw(st.text(max_size=8))) for start, end in places]
    return text, draw(st.permutations(edits))


@given(texts_and_edits())
@example(("teh teh", [Edit(4, 7, "teh", "the"), Edit(0, 3, "teh", "the")]))
@example(("alot", [Edit(0, 1, "a", "a "), Edit(1, 4, "lot", "lot")]))
@example(("", [Edit(0, 0, "", "x"), Edit(0, 0, "", "")]))
def test_taking_edits_back_restores_the_text(case: tuple[str, list[Edit]]) -> None:
    text, edits = case
    assert undo_edits(apply_edits(text, edits), edits) == text


def test_edits_count_from_the_text_as_it_was() -> None:
    edits = [Edit(0, 4, "Recv", "Received"), Edit(5, 8, "teh", "the"), Edit(9, 12, "teh", "the")]
    assert apply_edits("Recv teh teh end", edits) == "Received the the end"


@pytest.mark.parametrize(
    ("edits", "why"),
    [
        ([Edit(0, 3, "the", "a")], "not what the edit replaces"),
        ([Edit(0, 3, "teh cat", "a")], "not what the edit replaces"),
        ([Edit(2, 6, "h ca", ""), Edit(4, 7, "cat", "")], "overlap"),
        ([Edit(4, 9, "cat", "")], "not what the edit replaces"),
        ([Edit(-3, 0, "cat", "")], "overlap|not what"),
    ],
)
def test_edits_of_another_text_are_refused(edits: list[Edit], why: str) -> None:
    with pytest.raises(EditError, match=why):
        apply_edits("teh cat", edits)


def test_a_text_that_was_changed_since_is_not_taken_back() -> None:
    with pytest.raises(EditError, match="not what the edit replaces"):
        undo_edits("a cat", [Edit(0, 3, "teh", "the")])
