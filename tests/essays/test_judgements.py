"""Judgements that people made, read from CSV: every way of writing one, and every way of getting it wrong."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from huleedu_pipeline.essays import Batch, IntakeError, read_batch
from huleedu_pipeline.essays.judgements import HumanJudgement, JudgementColumns, read_judgements
from huleedu_pipeline.judging.verdict import Verdict
from tests.human_kit import HEADER, human_batch, write_judgements

COLUMNS = JudgementColumns("left", "right", "better", "teacher", "why")
GOOD = ("anna", "bertil", "anna", "Ada", "")


@pytest.fixture
def batch(tmp_path: Path) -> Batch:
    return read_batch(human_batch(tmp_path / "b1"))


def read(
    folder: Path,
    batch: Batch,
    rows: Sequence[Sequence[str]],
    columns: JudgementColumns = COLUMNS,
    header: Sequence[str] = HEADER,
) -> list[HumanJudgement]:
    return read_judgements(write_judgements(folder / "judged.csv", rows, header), batch, columns)


def problems(
    folder: Path,
    batch: Batch,
    rows: Sequence[Sequence[str]],
    columns: JudgementColumns = COLUMNS,
    header: Sequence[str] = HEADER,
) -> tuple[str, ...]:
    with pytest.raises(IntakeError) as refused:
        read(folder, batch, rows, columns, header)
    return refused.value.problems


@pytest.mark.parametrize(
    ("cell", "winner"),
    [
        *((cell, "Essay A") for cell in ("anna", "anna.txt", " anna ", "first", "FIRST", "A", "a", "1", "Essay A")),
        *((cell, "Essay B") for cell in ("bertil", "bertil.txt", "second", "Second", "B", "2", "essay b")),
        *((cell, None) for cell in ("tie", "Tie", "equal", "draw", "=", "lika", "LIKA", "0")),
    ],
)
def test_a_winner_may_be_written_in_many_ways(tmp_path: Path, batch: Batch, cell: str, winner: str | None) -> None:
    columns = replace(COLUMNS, ties=("lika", "0"))
    (judgement,) = read(tmp_path, batch, [("anna", "bertil.txt", cell, "Ada", "")], columns)
    assert (judgement.first_id, judgement.second_id) == ("anna", "bertil")
    assert judgement.verdict.winner == winner
    assert judgement.verdict.p_a == (0.5 if winner is None else None)
    assert judgement.verdict.confidence is None


def test_a_row_is_kept_with_its_judge_reason_and_line(tmp_path: Path, batch: Batch) -> None:
    row = ("anchor_003_A.txt", "cilla", "cilla", " Ada  Svensson ", " It says more.")
    (judgement,) = read(tmp_path, batch, [row])
    assert judgement.judge_id == "human:Ada Svensson"
    assert judgement.verdict == Verdict("Essay B", "It says more.", None)
    assert judgement.line == 2
    assert dict(judgement.row) == dict(zip(HEADER, row, strict=True))


def test_without_a_judge_column_one_human_judges_and_without_reasons_there_are_none(tmp_path: Path, batch: Batch) -> None:
    columns = JudgementColumns("left", "right", "better")
    (judgement,) = read(tmp_path, batch, [("anna", "bertil", "2")], columns, HEADER[:3])
    assert (judgement.judge_id, judgement.verdict.justification) == ("human", None)


def test_a_judges_repeated_judgements_of_the_same_two_in_the_same_order_are_counted(tmp_path: Path, batch: Batch) -> None:
    rows = [
        ("anna", "bertil", "1", "Ada", ""),
        ("anna", "bertil", "2", "Bo", ""),
        ("anna", "bertil", "2", "Ada", ""),
        ("bertil", "anna", "2", "Ada", ""),
    ]
    assert [judgement.occurrence for judgement in read(tmp_path, batch, rows)] == [1, 1, 2, 1]


def test_every_problem_of_a_file_is_listed_with_its_line_and_a_remedy(tmp_path: Path, batch: Batch) -> None:
    rows = [
        GOOD,
        ("ana", "bertil", "first", "Ada", ""),
        ("anna", "", "first", "Ada", ""),
        ("anna", "anna.txt", "first", "Ada", ""),
        ("anna", "bertil", "cilla", "Ada", ""),
        ("anna", "bertil", "frist", "Ada", ""),
        ("anna", "bertil", "", "Ada", ""),
        ("anna", "bertil", "???", "Ada", ""),
        ("anna", "bertil", "tie", "", ""),
        ("anna", "bertil", "tie", "x" * 95, ""),
        ("anna", "bertil", "tie", "Ada", "y" * 501),
        ("zzz", "bertil", "tie", "", ""),
    ]
    assert problems(tmp_path, batch, rows) == (
        "line 3: left 'ana' is no essay of the batch (did you mean 'anna'?)",
        "line 4: right is empty (name the essay that was shown)",
        "line 5: essay 'anna' is compared with itself (correct one of the two, or remove the line)",
        "line 6: better 'cilla' is not one of the two that were compared (they are 'anna' and 'bertil')",
        "line 7: better 'frist' is neither an essay nor a word for one or for a tie (did you mean 'first'?)",
        "line 8: better is empty (name the better essay, or write tie)",
        "line 9: better '???' is neither an essay nor a word for one or for a tie (name the better essay, or write first, "
        "second or tie)",
        "line 10: teacher is empty (name who judged)",
        "line 11: teacher has 95 characters, and a judge's name at most 94 (shorten it)",
        "line 12: why has 501 characters, and a justification at most 500 (shorten it, or leave out "
        "--justification-column: the ledger keeps the whole row in any case)",
        "line 13: left 'zzz' is no essay of the batch (write an essay_id or a file name, for example 'anna')",
        "line 13: teacher is empty (name who judged)",
    )


def test_the_longest_name_of_a_judge_and_the_longest_reason_are_taken(tmp_path: Path, batch: Batch) -> None:
    (judgement,) = read(tmp_path, batch, [("anna", "bertil", "tie", "x" * 94, "y" * 500)])
    assert len(judgement.judge_id) == 100


def test_a_cell_that_can_be_read_in_two_ways_is_not_guessed_at(tmp_path: Path) -> None:
    folder = human_batch(tmp_path / "b1")
    for name, number in (("anna", "1"), ("bertil", "2"), ("cilla", "tie")):
        (folder / "essays" / f"{name}.txt").rename(folder / "essays" / f"{number}.txt")
    batch = read_batch(folder)
    rows = [
        ("1", "2", "1", "Ada", ""),  # the first either way
        ("2", "1", "1.txt", "Ada", ""),
        ("2", "1", "1", "Ada", ""),
        ("elin", "david", "2", "Ada", ""),
        ("elin", "david", "tie", "Ada", ""),
    ]
    assert [judgement.verdict.winner for judgement in read(tmp_path, batch, rows[:2])] == ["Essay A", "Essay B"]
    assert problems(tmp_path, batch, rows) == (
        "line 4: better '1' can mean the essay '1' or the first of the two (write first, second or tie, or a file name)",
        "line 5: better '2' can mean the essay '2' or the second of the two (write first, second or tie, or a file name)",
        "line 6: better 'tie' can mean the essay 'tie' or a tie (write first, second or tie, or a file name)",
    )


def test_a_file_name_of_two_essays_names_neither(tmp_path: Path) -> None:
    folder = human_batch(tmp_path / "b1")
    for path in (folder / "essays").iterdir():
        path.unlink()
    (folder / "essays").rmdir()
    lines = ["essay_id,file_name,text", "p,scan.txt,One text.", "q,scan.txt,Another text.", "r,q,A third text."]
    (folder / "essays.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    batch = read_batch(folder)
    assert problems(tmp_path, batch, [("scan.txt", "p", "p", "Ada", "")]) == (
        "line 2: left 'scan.txt' is no essay of the batch (write an essay_id or a file name, for example 'q')",
    )
    (judgement,) = read(tmp_path, batch, [("q", "r", "q", "Ada", "")])  # an id comes before a file name
    assert (judgement.first_id, judgement.verdict.winner) == ("q", "Essay A")


def test_columns_are_checked_before_rows(tmp_path: Path, batch: Batch) -> None:
    columns = replace(COLUMNS, winner="winner")
    assert problems(tmp_path, batch, [GOOD], columns) == ("has no column 'winner' (it has left, right, better, teacher, why)",)
    columns = replace(COLUMNS, second="left")
    assert problems(tmp_path, batch, [GOOD], columns) == ("column 'left': is to hold two things (name a column for each)",)


def test_a_file_without_judgements_or_that_is_no_table_is_refused(tmp_path: Path, batch: Batch) -> None:
    assert problems(tmp_path, batch, []) == ("holds no judgement (write one line for each)",)
    assert problems(tmp_path, batch, [GOOD[:3]]) == ("line 2: has fewer fields than the first line (complete it)",)
    with pytest.raises(IntakeError, match="nowhere.csv: can not be read: No such file or directory"):
        read_judgements(tmp_path / "nowhere.csv", batch, COLUMNS)
    (tmp_path / "latin.csv").write_bytes("left,right,better,teacher,why\nanna,bertil,1,Åsa,\n".encode("latin-1"))
    with pytest.raises(IntakeError, match="latin.csv: not UTF-8: byte 0xC5"):
        read_judgements(tmp_path / "latin.csv", batch, COLUMNS)


def test_a_message_quotes_no_text_of_a_pupil(tmp_path: Path, batch: Batch) -> None:
    text = "My best friend is a boy from my street. We play football every day and he is kind to me."
    found = problems(tmp_path, batch, [(text, "bertil", text, "Ada", "")])
    assert found[0].startswith(f"line 2: left with {len(text)} characters is no essay of the batch (")
    assert "football" not in "".join(found)
