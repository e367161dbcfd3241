"""The language of a text, as shares of its words; a mismatch with what is declared is said with its evidence."""

from pathlib import Path

import pytest

from huleedu_pipeline.essays import read_batch
from huleedu_pipeline.essays.inspection import inspect_path
from huleedu_pipeline.essays.language import described, language_warnings, mismatch
from huleedu_pipeline.languages import FEWEST_WORDS, detect_language
from tests.essays.kit import Changes, write_batch

ENGLISH = (
    "My favourite place is the kitchen of my grandmother. She bakes bread every Saturday, and the whole house smells of it. "
    "When I was small I sat on the floor and listened to the radio with her. I think that is why I like to cook now."
)
LEARNER = (
    "i like my mum she is nice. she make food and she is kind alot for me and my brother becouse she want it. yesterday we was "
    "go to the shop and she buyed a game for us, it was realy fun and we played hole the day."
)
SWEDISH = (
    "Min mormor bor vid en sjö och jag brukar hälsa på henne varje sommar. Vi fiskar från bryggan och ibland får vi en gädda. "
    "På kvällen sitter vi i köket och hon berättar om hur det var när hon var liten och gick i skolan på landet."
)
GERMAN = (
    "Mein bester Freund wohnt in derselben Straße wie ich. Wir gehen jeden Tag zusammen zur Schule und spielen danach oft "
    "Fußball im Park. Am Wochenende fahren wir manchmal mit dem Fahrrad an den See."
)


@pytest.mark.parametrize(
    ("text", "language"), [(ENGLISH, "en"), (LEARNER, "en"), (SWEDISH, "sv"), (GERMAN, "de"), (ENGLISH.upper(), "en")]
)
def test_whole_texts_are_told_with_their_share(text: str, language: str) -> None:
    found = detect_language(text)
    assert (found.language, found.share(language)) == (language, 1.0)
    assert found.n_words == len(text.split())
    assert detect_language(text) == found


def test_american_and_british_english_are_one_language() -> None:
    american = (
        "The color of my favorite neighbor's gray truck is what I realized I liked when we traveled to the theater center."
    )
    assert detect_language(american).language == detect_language(american.replace("color", "colour")).language == "en"


def test_a_text_in_two_languages_shows_as_shares() -> None:
    found = detect_language(f"{ENGLISH} {SWEDISH}")
    assert {language for language, _ in found.shares} == {"en", "sv"}
    assert sum(share for _, share in found.shares) == pytest.approx(1.0)
    assert min(found.share("en"), found.share("sv")) > 0.3


def test_short_texts_are_too_short_to_tell_and_no_mismatch() -> None:
    for text in ("", "Jag heter Karl.", " ".join(SWEDISH.split()[: FEWEST_WORDS - 1])):
        found = detect_language(text)
        assert (found.language, described(found), mismatch(found, "en")) == (None, "too short to tell", None)
    assert detect_language(" ".join(SWEDISH.split()[:FEWEST_WORDS])).language == "sv"


def test_a_mismatch_is_said_with_its_evidence_and_without_a_word_of_the_text(tmp_path: Path) -> None:
    changes: Changes = {"essays/anna.txt": SWEDISH, "essays/bo.txt": ENGLISH}
    folder = write_batch(tmp_path, changes)
    (warning,) = language_warnings(read_batch(folder))
    assert warning == (
        f"anna.txt: 100% of its {len(SWEDISH.split())} words read as Swedish, and the batch says English (correct language in "
        "batch.yaml, or look at the file)"
    )
    inspected = inspect_path(folder)
    assert inspected.warnings == [f"essays/{warning}"]
    assert [text.language for text in inspected.texts][:2] == ["Swedish", "English"]


def test_a_quotation_is_no_mismatch_and_a_third_is() -> None:
    quoted = f"{ENGLISH} {LEARNER} {' '.join(SWEDISH.split()[:20])}"
    assert mismatch(detect_language(quoted), "en") is None
    assert "read as Swedish" in (mismatch(detect_language(f"{ENGLISH} {SWEDISH}"), "en") or "")
    assert "read as English" in (mismatch(detect_language(ENGLISH), "sv") or "")


def test_a_folder_without_a_batch_declares_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text(GERMAN)
    found = inspect_path(tmp_path)
    assert (found.warnings, found.texts[0].language) == ([], "German")
