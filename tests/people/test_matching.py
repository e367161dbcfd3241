"""Essays find their pupils, each at most once; what is close goes to a person."""

from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huleedu_pipeline.people import Clues, Decision, MatchStatus, Pupil, Roster, StudentMatch, match_essays
from tests.people.kit import CLASS

NOTHING = "The sea is cold.\nIt is grey as well.\n"


def match(file_name: str, text: str = NOTHING, **clues: str) -> StudentMatch:
    (found,) = match_essays([Clues("e", file_name, text, **clues)], CLASS)
    return found


@pytest.mark.parametrize(
    ("file_name", "student_id"),
    [
        ("Hope Larsson.docx", "s1002"),
        ("larsson_hope_eng5.docx", "s1002"),
        ("HopeLarsson.docx", "s1002"),
        ("uppsats-asa-ostlundh-v2.pdf", "s1004"),
        ("åsa östlundh.txt", "s1004"),
        ("s1003.txt", "s1003"),
        ("S1003 essay.txt", "s1003"),
        ("bosjöströmmer.txt", "s1005"),
        ("hope.larsson.txt", "s1002"),
        ("Zahra R.txt", "s1006"),
        ("annakarin.bergdal.odt", "s1001"),
    ],
)
def test_a_file_name_that_says_who_is_enough(file_name: str, student_id: str) -> None:
    found = match(file_name)
    assert (found.student_id, found.status, found.method) == (student_id, MatchStatus.AUTOMATIC, "file_name")
    assert found.confidence >= 85


@pytest.mark.parametrize(
    ("file_name", "student_id"),
    [
        ("hope.txt", "s1002"),
        ("hoppe_larson.txt", "s1002"),
        ("Ek.txt", "s1003"),
        ("essay 7.txt", "7"),
    ],
)
def test_what_says_half_of_it_is_for_a_person_with_the_candidate(file_name: str, student_id: str) -> None:
    found = match(file_name)
    assert (found.student_id, found.status) == (student_id, MatchStatus.REVIEW)
    assert 50 <= found.confidence < 85


def test_nothing_to_go_by_is_for_a_person_without_a_candidate() -> None:
    found = match("essay 12.txt")
    assert (found.student_id, found.status, found.confidence) == (None, MatchStatus.MANUAL, 0.0)


def test_a_given_name_of_two_pupils_decides_nothing() -> None:
    found = match("zahra.txt")
    assert found.status is MatchStatus.REVIEW
    assert "another pupil fits about as well" in found.evidence


def test_the_document_and_the_first_lines_count_and_agree() -> None:
    assert match("essay.docx", author="Hope Larsson").status is MatchStatus.AUTOMATIC
    signed = match("essay.docx", "Will Ek\n\n" + NOTHING)
    assert (signed.student_id, signed.status, signed.method) == ("s1003", MatchStatus.AUTOMATIC, "signature")
    both = match("will.docx", "By Will\n\n" + NOTHING)
    assert (both.status, both.confidence) == (MatchStatus.AUTOMATIC, 90.0)


def test_somebody_who_is_written_about_is_no_writer() -> None:
    told = "I want to write about my very best friend Hope Larsson and her dog.\n" + NOTHING
    assert match("essay.docx", told).status is MatchStatus.REVIEW
    assert match("Will Ek.docx", told).student_id == "s1003"


def test_the_evidence_tells_neither_name_nor_text() -> None:
    evidence = match("Hope Larsson.docx", "Hope Larsson\nThe sea", author="Hope").evidence.lower()
    assert not [word for word in ("hope", "larsson", "s1002", "sea") if word in evidence]


def test_two_essays_of_one_pupil_both_go_to_a_person() -> None:
    found = match_essays([Clues("1", "Will Ek.txt", NOTHING), Clues("2", "Will Ek (2).txt", NOTHING)], CLASS)
    assert [one.status for one in found] == [MatchStatus.REVIEW, MatchStatus.REVIEW]
    assert all("another essay fits this pupil" in one.evidence for one in found)


def test_the_whole_class_is_assigned_at_once() -> None:
    roster = Roster((Pupil("1", "Anna Bergdal"), Pupil("2", "Anna Lindqvister")))
    essays = [Clues("first", "anna.txt", NOTHING), Clues("second", "Anna Bergdal.txt", NOTHING)]
    for order in permutations(essays):
        found = {one.essay_id: one for one in match_essays(order, roster)}
        assert (found["second"].student_id, found["second"].status) == ("1", MatchStatus.AUTOMATIC)
        assert (found["first"].student_id, found["first"].status) == ("2", MatchStatus.REVIEW)


def test_what_a_person_decided_stands_and_takes_the_pupil_out() -> None:
    essays = [Clues("1", "Will Ek.txt", NOTHING), Clues("2", "x.txt", NOTHING), Clues("3", "Hope Larsson.txt", NOTHING)]
    found = match_essays(essays, CLASS, {"2": Decision("s1003"), "3": Decision(None)})
    assert [(one.student_id, one.status) for one in found] == [
        (None, MatchStatus.MANUAL),
        ("s1003", MatchStatus.CONFIRMED),
        (None, MatchStatus.UNMATCHED),
    ]


NAMES = st.sampled_from(
    ["Hope", "Larsson", "Will", "Ek", "Zahra", "Rashidi", "Lindqvister", "s1002", "s1003", "essay", "Åsa", "Bo", "anna", "7"]
)


@given(st.lists(st.lists(NAMES, min_size=1, max_size=3), max_size=8))
def test_no_pupil_has_two_essays_that_nobody_looks_at(stems: list[list[str]]) -> None:
    essays = [Clues(str(n), f"{' '.join(parts)}.txt", " ".join(parts[:1])) for n, parts in enumerate(stems)]
    found = match_essays(essays, CLASS)
    assert [one.essay_id for one in found] == [essay.essay_id for essay in essays]
    sure = [one.student_id for one in found if one.status is MatchStatus.AUTOMATIC]
    assert len(sure) == len(set(sure))
    for one in found:
        assert (one.student_id is None) == (one.status is MatchStatus.MANUAL)
        assert one.status is not MatchStatus.AUTOMATIC or one.confidence >= 85
