"""Any CSV file becomes a batch: rows chosen, anchors spread over the grades, every text as it was."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huleedu_pipeline.essays import Batch, IntakeError, read_batch
from huleedu_pipeline.essays.csv_import import CsvImport, import_csv
from huleedu_pipeline.essays.template import RUBRIC, TemplateError
from huleedu_pipeline.essays.text import normalise

HEADER = ("id", "question", "answer", "level")
LEVELS = ("A1", "A2", "B1", "B2", "C1", "C2")
ROWS = [(f"learner {n}", f"q{n % 2}", f"Answer number {n}.", LEVELS[n // 4 % 6]) for n in range(48)]


def write_csv(path: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> Path:
    table = io.StringIO(newline="")
    csv.writer(table).writerows([header, *rows])
    path.write_bytes(table.getvalue().encode())
    return path


def wanted(**changes: Any) -> CsvImport:
    return CsvImport(**{"id_column": "id", "text_column": "answer", "prompt": "Describe your day.", **changes})


def graded(**changes: Any) -> CsvImport:
    return wanted(**{"grade_column": "level", "grade_scale": "cefr_6_level", "n_anchors": 6, **changes})


def anchors(batch: Batch) -> dict[str, str]:
    return {essay.essay_id: essay.anchor_grade for essay in batch.essays if essay.anchor_grade is not None}


def refusal(source: Path, folder: Path, what: CsvImport) -> tuple[str, ...]:
    """Return why the import is refused, and check that it left nothing behind."""
    with pytest.raises(IntakeError) as refused:
        import_csv(source, folder, what)
    assert not folder.exists()
    return refused.value.problems


def test_each_row_becomes_an_essay(tmp_path: Path) -> None:
    folder = tmp_path / "Klass 7B, våren"
    counts = import_csv(write_csv(tmp_path / "answers.csv", ROWS[:3]), folder, wanted(batch={"seed": 4, "language": "en"}))
    batch = read_batch(folder)
    assert counts == (3, 0)
    assert [(essay.essay_id, essay.text) for essay in batch.essays] == [
        ("learner-0", "Answer number 0."),
        ("learner-1", "Answer number 1."),
        ("learner-2", "Answer number 2."),
    ]
    assert (batch.prompt, batch.rubric) == ("Describe your day.", RUBRIC.strip())
    assert (batch.spec.batch_id, batch.spec.seed) == ("klass-7b-v-ren", 4)


def test_only_the_rows_that_fit_are_taken(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    source = write_csv(tmp_path / "answers.csv", ROWS)
    assert import_csv(source, folder, wanted(only={"question": "q1", "level": "B1"})) == (4, 0)
    expected = {row[2] for row in ROWS if row[1] == "q1" and row[3] == "B1"}
    assert {essay.text for essay in read_batch(folder).essays} == expected


def test_a_filter_that_nothing_fits_is_refused(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "answers.csv", ROWS)
    assert refusal(source, tmp_path / "out", wanted(only={"question": "q7"})) == (
        "0 rows fit; a batch needs at least two essays (check --where)",
    )


@pytest.mark.parametrize("n_anchors", [1, 6, 12, 20])
def test_anchors_are_spread_over_the_grades(tmp_path: Path, n_anchors: int) -> None:
    folder = tmp_path / "out"
    source = write_csv(tmp_path / "answers.csv", ROWS)
    assert import_csv(source, folder, graded(n_anchors=n_anchors)) == (48 - n_anchors, n_anchors)
    chosen = anchors(read_batch(folder))
    level = {row[0].replace(" ", "-"): row[3] for row in ROWS}
    assert all(level[essay_id] == grade for essay_id, grade in chosen.items())
    per_grade = [Counter(chosen.values())[grade] for grade in LEVELS]
    assert sum(per_grade) == n_anchors
    assert max(per_grade) - min(per_grade) <= 1


def test_a_rare_grade_gives_what_it_has(tmp_path: Path) -> None:
    rows = [(str(n), "q", f"Text {n}", "C2" if n == 0 else "B1" if n < 20 else "") for n in range(30)]
    folder = tmp_path / "out"
    import_csv(write_csv(tmp_path / "answers.csv", rows), folder, graded(n_anchors=5))
    assert Counter(anchors(read_batch(folder)).values()) == {"C2": 1, "B1": 4}


def test_the_choice_of_anchors_follows_the_seed(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "answers.csv", ROWS)
    chosen = []
    for place, seed in enumerate((1, 1, 2)):
        import_csv(source, tmp_path / str(place), graded(seed=seed))
        chosen.append(anchors(read_batch(tmp_path / str(place))))
    assert chosen[0] == chosen[1] != chosen[2]


@settings(deadline=None, max_examples=40)
@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff")), min_size=2, max_size=6))
def test_every_cell_arrives_as_the_text_that_it_is(tmp_path_factory: pytest.TempPathFactory, cells: list[str]) -> None:
    texts = [f"{n}: {cell} ." for n, cell in enumerate(cells)]
    folder = tmp_path_factory.mktemp("import")
    rows = [(f"e{n}", text) for n, text in enumerate(texts)]
    import_csv(write_csv(folder / "answers.csv", rows, ("id", "answer")), folder / "out", wanted())
    assert [essay.text for essay in read_batch(folder / "out").essays] == [normalise(text) for text in texts]


def test_a_cell_of_many_lines_survives_byte_for_byte(tmp_path: Path) -> None:
    text = 'Dear Sam,\n\n  "How are you?", she wrote; I\tsaid:\u2028fine\x0c.\n\n\n   Bye, Åsa 🙂'
    source = write_csv(tmp_path / "answers.csv", [("a", text), ("b", "Other.")], ("id", "answer"))
    import_csv(source, tmp_path / "out", wanted())
    assert (tmp_path / "out" / "essays" / "a.txt").read_bytes() == text.encode() + b"\n"


@pytest.mark.parametrize(
    ("rows", "problems"),
    [
        ([("1", "x"), ("1", "y"), ("2", "z")], ("row '1': has the same id as another row, '1' (ids must differ)",)),
        ([("a b", "x"), ("a-b", "y")], ("row 'a-b': has the same id as another row, 'a b' (ids must differ)",)),
        ([("long id", "x"), ("long id", "y")], ("row 'long id': has the same id as another row, 'long id' (ids must differ)",)),
        ([("?!", "x"), ("b", "y")], ("row '?!': the id gives no file name (ids need letters or digits)",)),
        ([("a", "x"), ("b",), ("c", "z")], ("line 3: has fewer fields than the first line (complete it)",)),
        ([("a", "x"), ("b", "y", "z")], ("line 3: has more fields than the first line (quote a text with commas)",)),
        ([("a", "x")], ("1 rows fit; a batch needs at least two essays (check --where)",)),
    ],
)
def test_rows_that_can_not_be_essays_are_refused(
    tmp_path: Path, rows: list[tuple[str, ...]], problems: tuple[str, ...]
) -> None:
    source = write_csv(tmp_path / "answers.csv", rows, ("id", "answer"))
    assert refusal(source, tmp_path / "out", wanted()) == problems


def test_an_empty_text_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "answers.csv", [("a", "x"), ("b", " "), ("c", "z")], ("id", "answer"))
    assert refusal(source, tmp_path / "out", wanted()) == ("essays/b.txt: file is empty (remove it, or add text)",)


def test_missing_columns_are_named_with_those_that_are_there(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "answers.csv", ROWS)
    what = wanted(id_column="learner", grade_column="cefr", only={"task": "1"})
    assert refusal(source, tmp_path / "out", what) == tuple(
        f"has no column '{name}' (it has id, question, answer, level)" for name in ("learner", "task", "cefr")
    )


def test_a_grade_that_is_not_on_the_scale_is_refused(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "answers.csv", [*ROWS, ("x", "q0", "Text.", "A3")])
    assert refusal(source, tmp_path / "out", graded()) == ("row 'x': grade 'A3' is not on cefr_6_level (A1 A2 B1 B2 C1 C2)",)


@pytest.mark.parametrize("what", [graded(grade_column=None), graded(grade_scale=None)])
def test_anchors_need_grades_and_a_scale(tmp_path: Path, what: CsvImport) -> None:
    source = write_csv(tmp_path / "answers.csv", ROWS)
    assert refusal(source, tmp_path / "out", what) == ("anchors need --grade-column and --grade-scale",)


def test_two_essays_must_be_left(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "answers.csv", ROWS[:8])
    assert refusal(source, tmp_path / "out", graded(n_anchors=7)) == (
        "7 anchors are too many: 8 of 8 rows are graded, and 2 must stay",
    )
    assert import_csv(source, tmp_path / "out", graded(n_anchors=6)) == (2, 6)


def test_a_file_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.csv", tmp_path / "out", wanted()) == (
        "can not be read: No such file or directory (check the path)",
    )
    (tmp_path / "excel.csv").write_bytes("id,answer\na,å\n".encode("latin-1"))
    assert refusal(tmp_path / "excel.csv", tmp_path / "out", wanted()) == (
        "not UTF-8: byte 0xE5 at offset 12 (line 2); save the file as UTF-8",
    )


def test_a_batch_that_is_there_is_not_overwritten(tmp_path: Path) -> None:
    source = write_csv(tmp_path / "answers.csv", ROWS)
    import_csv(source, tmp_path / "out", wanted())
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")}
    with pytest.raises(TemplateError, match=r"batch\.yaml: exists already"):
        import_csv(source, tmp_path / "out", wanted(prompt="Another one."))
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.*")} == before


def test_messages_begin_with_the_file(tmp_path: Path) -> None:
    with pytest.raises(IntakeError, match=r"^answers\.csv: 0 rows fit"):
        import_csv(write_csv(tmp_path / "answers.csv", []), tmp_path / "out", wanted())
