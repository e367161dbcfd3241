"""roster.csv and matches.csv: regular batches, whose names no judge sees, and what keeps a class list from being used."""

from pathlib import Path

import pytest

from huleedu_pipeline.essays import Batch, read_batch
from huleedu_pipeline.essays.class_list import matches_of, write_matches
from huleedu_pipeline.essays.inbox import stage
from huleedu_pipeline.people import MatchStatus
from tests.essays.kit import GOOD_BATCH, Changes, problems_of, write_batch

ROSTER = "student_id,name,email,class\ns1001,Anna Lindqvister,,7B\ns1002,Bo Bergdal,bo.bergdal@skola.example,7B\n"
NAMED: Changes = {
    "roster.csv": ROSTER,
    "essays/anna.txt": "Anna Lindqvister\n\nI like the lake, and Bergdal likes it with annas dog.\n",
}


def regular(folder: Path, changes: Changes | None = None) -> Batch:
    return read_batch(write_batch(folder, {**NAMED, **(changes or {})}))


def test_names_are_out_of_every_text_and_can_be_put_back(tmp_path: Path) -> None:
    batch = regular(tmp_path)
    texts = {essay.essay_id: essay for essay in batch.essays}
    assert texts["anna"].text == "[name]\n\nI like the lake, and [name] likes it with [name]s dog."
    assert texts["anna"].text_as_read == str(NAMED["essays/anna.txt"]).strip()
    assert [edit.original for edit in texts["anna"].redactions] == ["Anna Lindqvister", "Bergdal", "anna"]
    assert texts["bo"].text == texts["bo"].text_as_read == GOOD_BATCH["essays/bo.txt"].strip()
    assert all(not essay.redactions for essay in batch.essays if essay.is_anchor)


def test_an_anchor_stays_as_it_is(tmp_path: Path) -> None:
    batch = regular(tmp_path, {"anchors/anchor_002_B.txt": "Lindqvister is a name in this anchor."})
    assert "Lindqvister" in next(essay.text for essay in batch.essays if essay.anchor_grade == "B")


def test_a_class_list_that_names_nobody_in_the_texts_changes_nothing_that_is_asked(tmp_path: Path) -> None:
    guest = read_batch(write_batch(tmp_path / "guest"))
    listed = read_batch(write_batch(tmp_path / "listed", {"roster.csv": ROSTER}))
    assert guest.content_sha256 == listed.content_sha256
    assert (guest.roster, matches_of(guest)) == (None, ())


def test_what_is_decided_of_matches_is_no_part_of_the_batch_and_names_are(tmp_path: Path) -> None:
    before = regular(tmp_path / "1")
    decided = regular(tmp_path / "2", {"matches.csv": "file_name,student_id\nanna.txt,s1002\nbo.txt,s1001\n"})
    fewer = regular(tmp_path / "3", {"roster.csv": ROSTER.replace("Lindqvister", "Sandelius")})
    assert before.content_sha256 == decided.content_sha256 != fewer.content_sha256
    assert {one.essay_id: (one.student_id, one.status) for one in matches_of(decided)} == {
        "anna": ("s1002", MatchStatus.CONFIRMED),
        "bo": ("s1001", MatchStatus.CONFIRMED),
    }


def test_texts_that_differ_only_by_a_name_can_not_be_told_apart(tmp_path: Path) -> None:
    twins: Changes = {"essays/anna.txt": "I am Anna Lindqvister.", "essays/bo.txt": "I am Bo Bergdal."}
    (problem,) = problems_of(write_batch(tmp_path, {**NAMED, **twins}))
    assert "exactly the same text" in problem


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("s1,Anna\ns1,Bo", "roster.csv: lines 2 and 3: have the same student_id (correct one, or remove it)"),
        (
            "s1,Anna,a@b.example\ns2,Bo,A@B.example",
            "roster.csv: lines 2 and 3: have the same email (correct one, or remove it)",
        ),
        (",Anna", "roster.csv: line 2: student_id is empty (give every pupil an id)"),
        ("s1,?", "roster.csv: line 2: name is empty, or has no letters (write it as 'Given Surname' or 'Surname, Given')"),
        ("s1,Anna,anna at skola", "roster.csv: line 2: email is no e-mail address (correct it, or leave it empty)"),
        ("", "roster.csv: has no pupils (add them, or remove the file: a batch without it is a guest batch)"),
        ('s1,"Anna', "roster.csv: line 2: unexpected end of data (close every quote, and double the quotes inside a text)"),
    ],
)
def test_a_class_list_that_can_not_be_used_is_refused_by_its_lines(tmp_path: Path, rows: str, problem: str) -> None:
    head = "student_id,name,email\n" if "@" in rows or "skola" in rows else "student_id,name\n"
    assert problems_of(write_batch(tmp_path, {"roster.csv": f"{head}{rows}\n"})) == (problem,)


def test_a_class_list_without_its_columns_is_refused(tmp_path: Path) -> None:
    (problem,) = problems_of(write_batch(tmp_path, {"roster.csv": "id,name\n1,Anna\n"}))
    assert problem.startswith("roster.csv: has no column 'student_id'")


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ("cilla.txt,s1001,", "line 2: there is no essay of that file_name (correct it, or remove the line)"),
        ("bo.txt,s9,", "line 2: student_id is not in roster.csv (correct it; for nobody write the decision none)"),
        ("bo.txt,,confirmed", "line 2: student_id is not in roster.csv (correct it; for nobody write the decision none)"),
        ("bo.txt,s1001,\nbo.txt,s1002,", "line 3: has the same file_name as line 2 (remove one)"),
        ("bo.txt,s1001,\nanna,s1001,", "line 3: gives the pupil of line 2 a second essay (a pupil has one; remove one line)"),
        ("bo.txt,s1001,yes", "line 2: decision is none of confirmed, none, review (correct it, or leave it empty)"),
    ],
)
def test_decisions_that_can_not_be_meant_are_refused_by_their_lines(tmp_path: Path, rows: str, problem: str) -> None:
    changes: Changes = {**NAMED, "matches.csv": f"file_name,student_id,decision\n{rows}\n"}
    assert problems_of(write_batch(tmp_path, changes)) == (f"matches.csv: {problem}",)


def test_decisions_without_a_class_list_are_said_to_be_unread(tmp_path: Path) -> None:
    batch = read_batch(write_batch(tmp_path, {"matches.csv": "anything"}))
    assert batch.warnings == ("matches.csv: is not read, because there is no roster.csv",)


def test_what_is_written_for_review_decides_nothing_until_it_is_filled_in(tmp_path: Path) -> None:
    changes: Changes = {"essays/bo.txt": None, "essays/one.txt": "A kitchen.", "essays/two.txt": "A garden."}
    batch = regular(tmp_path, {**changes, "matches.csv": "file_name,student_id,decision\ntwo.txt,,none\n"})
    assert write_matches(tmp_path, batch, matches_of(batch)) == 1
    written = tmp_path / "matches.csv"
    assert written.read_text() == "file_name,student_id,decision\none.txt,,review\ntwo.txt,,none\n"
    again = read_batch(tmp_path)
    assert matches_of(again) == matches_of(batch)
    written.write_text(written.read_text().replace("one.txt,,review", "one.txt,s1002,confirmed"))
    statuses = {one.essay_id: one.status for one in matches_of(read_batch(tmp_path))}
    assert statuses == {
        "anna": MatchStatus.AUTOMATIC,
        "one": MatchStatus.CONFIRMED,
        "two": MatchStatus.UNMATCHED,
    }


def test_the_inbox_gets_decisions_of_a_batch_that_it_has(tmp_path: Path) -> None:
    folder, inbox = write_batch(tmp_path / "batch", NAMED), tmp_path / "inbox"
    place = stage(folder, inbox)
    inode = place.stat().st_ino
    (folder / "matches.csv").write_text("file_name,student_id\nbo.txt,s1002\n")
    assert stage(folder, inbox).stat().st_ino == inode
    assert read_batch(place).decisions == read_batch(folder).decisions != {}
    (folder / "matches.csv").unlink()
    stage(folder, inbox)
    assert read_batch(place).decisions == {}
