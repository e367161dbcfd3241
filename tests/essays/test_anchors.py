"""Graded anchors: grades from file names or from anchors.csv, and never a grade that is guessed."""

from pathlib import Path

import pytest

from huleedu_pipeline.essays import read_batch
from tests.essays.kit import Changes, problems_of, write_batch

BY_TABLE: Changes = {
    "anchors/anchor_001_F+.txt": None,
    "anchors/anchor_002_B.txt": None,
    "anchors/first.txt": "A first anchor.",
    "anchors/second.txt": "A second anchor.",
}
SCALE = "eng5_np_legacy_9_step (F+ E- E+ D- D+ C- C+ B A)"


def grades(folder: Path) -> dict[str, str]:
    return {essay.essay_id: essay.anchor_grade for essay in read_batch(folder).essays if essay.anchor_grade is not None}


@pytest.mark.parametrize(
    ("file_name", "grade"),
    [("anchor_003_D+.txt", "D+"), ("a_b_c_E-.md", "E-"), ("x_A.txt", "A"), ("with space_C+.txt", "C+")],
)
def test_the_grade_is_the_last_part_of_the_file_name(tmp_path: Path, file_name: str, grade: str) -> None:
    folder = write_batch(tmp_path, {f"anchors/{file_name}": "One more anchor."})
    assert grades(folder)[file_name.rpartition(".")[0]] == grade


@pytest.mark.parametrize("place", ["anchors/anchors.csv", "anchors.csv"])
def test_grades_come_from_anchors_csv(tmp_path: Path, place: str) -> None:
    table = "\ufefffile_name,grade,comment\r\n second.txt , A ,good\r\nfirst.txt,F+,\r\n"
    assert grades(write_batch(tmp_path, {**BY_TABLE, place: table})) == {"first": "F+", "second": "A"}


def test_anchors_csv_overrules_file_names(tmp_path: Path) -> None:
    table = "file_name,grade\nanchor_001_F+.txt,E-\nanchor_002_B.txt,A\n"
    assert grades(write_batch(tmp_path, {"anchors/anchors.csv": table})) == {"anchor_001_F+": "E-", "anchor_002_B": "A"}


ONE_PROBLEM: dict[str, tuple[Changes, str]] = {
    "grade of another scale": (
        {"anchors/x_D.txt": "Text."},
        f"anchors/x_D.txt: grade 'D' is not on {SCALE}; correct it",
    ),
    "grade in lower case": (
        {"anchors/x_b.txt": "Text."},
        f"anchors/x_b.txt: grade 'b' is not on {SCALE}; correct it",
    ),
    "grade not on the scale, from the table": (
        {**BY_TABLE, "anchors/anchors.csv": "file_name,grade\nfirst.txt,MVG\nsecond.txt,A\n"},
        f"anchors/first.txt: grade 'MVG' is not on {SCALE}; correct it",
    ),
    "no grade in the file name": (
        {"anchors/mystery.txt": "Text."},
        "anchors/mystery.txt: has no grade: the file name does not end in _GRADE "
        "(add a line 'file_name,grade' to anchors.csv, or rename it)",
    ),
    "nothing after the underscore": (
        {"anchors/mystery_.txt": "Text."},
        "anchors/mystery_.txt: has no grade: the file name does not end in _GRADE "
        "(add a line 'file_name,grade' to anchors.csv, or rename it)",
    ),
    "no line in the table": (
        {**BY_TABLE, "anchors/anchors.csv": "file_name,grade\nfirst.txt,A\n"},
        "anchors/second.txt: has no grade: anchors.csv has no line for it "
        "(add a line 'file_name,grade' to anchors.csv, or rename it)",
    ),
    "a line without a file": (
        {**BY_TABLE, "anchors/anchors.csv": "file_name,grade\nfirst.txt,A\nsecond.txt,B\nthird.txt,B\n"},
        "anchors.csv: names 'third.txt', which is not in anchors/ (add it, or remove the line)",
    ),
    "two grades for one file": (
        {**BY_TABLE, "anchors/anchors.csv": "file_name,grade\nfirst.txt,A\nsecond.txt,B\nfirst.txt,F+\n"},
        "anchors.csv: line 4: names 'first.txt' a second time (remove one of the lines)",
    ),
    "an unknown scale": (
        {"batch.yaml": "grade_scale: eng5_np_legacy_9_steps"},
        "batch.yaml: grade_scale: 'eng5_np_legacy_9_steps' is not a known scale (did you mean 'eng5_np_legacy_9_step'?)",
    ),
    "no scale": (
        {"batch.yaml": ""},
        "batch.yaml: grade_scale: is missing although anchors/ has graded essays (name their scale)",
    ),
}


@pytest.mark.parametrize(("changes", "problem"), ONE_PROBLEM.values(), ids=ONE_PROBLEM.keys())
def test_one_thing_wrong_is_one_problem_with_place_and_remedy(tmp_path: Path, changes: Changes, problem: str) -> None:
    assert problems_of(write_batch(tmp_path, changes)) == (problem,)


@pytest.mark.parametrize("table", ["file,grade\nfirst.txt,A\n", "file_name;grade\nfirst.txt;A\n", ""])
def test_anchors_csv_without_its_columns_is_refused(tmp_path: Path, table: str) -> None:
    problems = problems_of(write_batch(tmp_path, {**BY_TABLE, "anchors/anchors.csv": table}))
    assert problems[0].startswith("anchors.csv: has no column 'file_name' (it has ")
