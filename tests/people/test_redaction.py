"""Names are taken out of texts, in every way in which they are written, and words that are names as well stay."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huleedu_pipeline.edits import Edit, apply_edits, undo_edits
from huleedu_pipeline.people import PLACEHOLDER, NameFinder
from tests.people.kit import CLASS, judged


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zahra is my friend.", "[name] is my friend."),
        ("zahra and ZAHRA", "[name] and [name]"),
        ("Zahra's dog and Zahras hund and Zahra’s cat", "[name]'s dog and [name]s hund and [name]’s cat"),
        ("Zahra al-Rashidi came.", "[name] came."),
        ("Al-Rashidi came.", "Al-[name] came."),
        ("Anna-Karin von Bergdal and Karin and Annakarin", "[name] and [name] and [name]"),
        ("Bergdal, Anna-Karin", "[name], [name]"),
        ("Åsa, ÅSA, åsa, Asa, Aasa, asa", ", ".join(["[name]"] * 6)),
        ("Ostlundh and Oestlundh", "[name] and [name]"),
        ("Bo Sjostrommer and bo sjöströmmer", "[name] and [name]"),
        ("Zahra R. and Zahra L went.", "[name]. and [name] went."),
        ("Grace O'Brienne", "[name]"),
        ("annakarin.bergdal@skola.example or S1002, not s10021", "[name] or [name], not s10021"),
        ("hope.larsson@elsewhere.example", "[name]@elsewhere.example"),
        ("my_Zahra_file", "my_[name]_file"),
        ("Zahrala and Asab are others.", "Zahrala and Asab are others."),
        ("We have 7 days.", "We have 7 days."),
    ],
)
def test_names_are_taken_out_however_they_are_written(text: str, shown: str) -> None:
    assert judged(text) == shown


def test_letters_put_together_from_parts_are_the_same_letters() -> None:
    assert judged(unicodedata.normalize("NFD", "Åsa Östlundh är här.")) == unicodedata.normalize("NFD", "[name] är här.")


@pytest.mark.parametrize(
    "text",
    [
        "I hope you will come. Hope is what we need, and grace. Will you?",
        "Will she, or may she? May I? In May we went to the sea.",
        'He asked: "Will you come?" and she said, "Hope so."',
        "The Hope Of Spring",
        "WILL AND GRACE",
        "- Hope\n- Grace and fear\n* Will it rain?",
    ],
)
def test_words_that_are_names_as_well_stay_words(text: str) -> None:
    before = "This is a long line about the sea, so that nothing here is a signature.\n" * 5
    assert judged(before + text + "\n" + before) == before + text + "\n" + before


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("We saw Hope and Will there.", "We saw [name] and [name] there."),
        ("Hope Larsson is here. hope larsson too.", "[name] is here. [name] too."),
        ("It was Will Ek, not May Berg.", "It was [name], not [name]."),
        ("May Berg is here. We met in May.", "[name] is here. We met in May."),
        ("Mrs. Grace and Mr Will told us.", "Mrs. [name] and Mr [name] told us."),
        ("Will is my friend. I asked Will to come.", "[name] is my friend. I asked [name] to come."),
        ("Will is my friend. I asked Will if he will.", "Will is my friend. I asked [name] if he will."),
    ],
)
def test_such_words_are_names_where_something_says_so(text: str, shown: str) -> None:
    assert judged(text + "\nThat is all.") == shown + "\nThat is all."


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("Will", "[name]"),
        ("By Will", "By [name]"),
        ("Name: Hope L. 9B", "Name: [name]. 9B"),
        ("Grace, 7", "[name], [name]"),
        ("May", "May"),
        ("by May", "by [name]"),
        ("Bo", "[name]"),
    ],
)
@pytest.mark.parametrize("is_last", [True, False])
def test_texts_are_signed_on_their_first_and_last_lines(line: str, shown: str, is_last: bool) -> None:
    middle = ["This is a line about the sea.", "And this is one about the land."] * 3
    lines = [*middle, line] if is_last else [line, *middle]
    assert shown in judged("\n".join(lines)).split("\n")


def test_what_the_assignment_says_is_no_name_of_a_pupil() -> None:
    asked = "Write about hope. Read the story of Zahra first."
    assert judged("Hope\nZahra had hope, and Hope had Zahra.", assignment=asked) == "Hope\nZahra had hope, and Hope had Zahra."
    assert judged("Zahra al-Rashidi wrote of Zahra.", assignment=asked) == "[name] wrote of Zahra."


def test_the_language_of_the_batch_says_what_is_a_word() -> None:
    text = "Vi gick till ett berg. Berg är höga, och en ek är stor."
    assert judged(text, "sv") == text
    assert judged("I saw a berg and an ek.", "en") == "I saw a [name] and an ek."
    assert judged("Sedan kom Berg hem till oss.", "sv") == "Sedan kom [name] hem till oss."


def test_what_several_texts_write_in_lower_case_is_a_word() -> None:
    texts = ("the zahra is a drum", "a zahra again", "one more zahra")
    assert judged("A zahra is a drum. Then I met Zahra here.", texts=texts) == "A zahra is a drum. Then I met [name] here."
    assert judged("A zahra is a drum.", texts=texts[:1]) == "A [name] is a drum."


WORDS = st.sampled_from(
    [
        "Zahra",
        "zahra",
        "Hope",
        "hope",
        "Will",
        "will",
        "Ek",
        "Larsson",
        "Åsa",
        "asa",
        "Åsas",
        "von",
        "Bergdal",
        "Anna",
        "Karin",
        "May",
        "Berg",
        "O",
        "Brienne",
        "s1002",
        "7",
        "I",
        "the",
        "A",
        "S",
        "9B",
        "hope.larsson@skola.example",
        "[name]",
        "Bo",
        "al",
        "Rashidi",
        "Östlundh",
        "R",
    ]
)
GAPS = st.sampled_from([" ", "  ", "\n", ", ", ". ", "-", "'", "’s ", ' "', "! ", "", ".", "_", "\u0301 ", "@"])


@given(st.lists(st.tuples(WORDS, GAPS), max_size=14), st.sampled_from(["", "Tell of Zahra and hope."]))
def test_whatever_the_text_no_name_is_left_and_every_letter_comes_back(parts: list[tuple[str, str]], assignment: str) -> None:
    judged("".join(word + gap for word, gap in parts), assignment=assignment)


@given(st.text())
def test_any_text_comes_back(text: str) -> None:
    judged(text)


def test_edits_stand_in_order_on_the_text_as_it_was_read() -> None:
    text = "Zahra met Åsa."
    edits = NameFinder(CLASS, "en").edits(text)
    assert edits == [Edit(0, 5, "Zahra", PLACEHOLDER), Edit(10, 13, "Åsa", PLACEHOLDER)]
    assert undo_edits(apply_edits(text, edits), edits) == text


def test_what_is_left_in_is_found() -> None:
    finder = NameFinder(CLASS, "en", "Read about Åsa.")
    for told in ("zahra", "Hope Larsson", "s1003", "hope.larsson", "Sjöströmmers", "will larsson hope larsson"):
        assert finder.left(f"It says {told} here."), told
    assert finder.told("It says Hope Larsson here.") == [(8, 20)]
    assert finder.left("I hope that Åsa will.") == finder.told("I saw Zahra.") == []
