"""Pupils' essays from essays.csv: one row, one essay, and no text cut short by a stray comma or quote."""

from pathlib import Path

import pytest

from huleedu_pipeline.essays import Batch, read_batch
from tests.essays.kit import Changes, problems_of, write_batch

NO_FOLDER: Changes = {"essays/anna.txt": None, "essays/bo.txt": None}


def with_csv(folder: Path, table: str | bytes) -> Path:
    return write_batch(folder, {**NO_FOLDER, "essays.csv": table})


def pupils(batch: Batch) -> list[tuple[str, str, str]]:
    return [(essay.essay_id, essay.file_name, essay.text) for essay in batch.essays if not essay.is_anchor]


def test_each_row_is_an_essay_by_id(tmp_path: Path) -> None:
    table = 'essay_id,text\nbo,Second text.\nanna,"First, with a comma.\n\nAnd a ""quoted"" word."\n'
    assert pupils(read_batch(with_csv(tmp_path, table))) == [
        ("anna", "anna", 'First, with a comma.\n\nAnd a "quoted" word.'),
        ("bo", "bo", "Second text."),
    ]


def test_file_names_and_other_columns_may_be_there(tmp_path: Path) -> None:
    table = "file_name,class,text,essay_id\nscan 1.pdf,7b,First text., a \n,7b,Second text.,b\n"
    assert pupils(read_batch(with_csv(tmp_path, table))) == [("a", "scan 1.pdf", "First text."), ("b", "b", "Second text.")]


def test_what_a_spreadsheet_writes_is_read(tmp_path: Path) -> None:
    table = b"\xef\xbb\xbf" + 'essay_id,text\r\na,"Två\r\nrader"\r\n\r\nb,Cafe\u0301\r\n'.encode()
    assert pupils(read_batch(with_csv(tmp_path, table))) == [("a", "a", "Två\nrader"), ("b", "b", "Caf\u00e9")]


@pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
def test_only_line_ends_end_a_row(tmp_path: Path, separator: str) -> None:
    batch = read_batch(with_csv(tmp_path, f"essay_id,text\na,one{separator}two\nb,three\n"))
    assert pupils(batch)[0] == ("a", "a", f"one{separator}two")


ONE_PROBLEM = {
    "no text column": (
        "essay_id,essay\na,x\nb,y\n",
        "essays.csv: has no column 'text' (it has essay_id, essay)",
    ),
    "a row cut short": (
        "essay_id,text\na,x\nb\nc,z\n",
        "essays.csv: line 3: has fewer fields than the first line (complete it)",
    ),
    "a comma that nobody quoted": (
        "essay_id,text\na,Hello, world.\nb,y\nc,z\n",
        "essays.csv: line 2: has more fields than the first line (quote a text with commas)",
    ),
    "a quote that is never closed": (
        'essay_id,text\na,x\nb,y\nc,"z\nd,w\n',
        "essays.csv: line 4: unexpected end of data (close every quote, and double the quotes inside a text)",
    ),
    "no id": ("essay_id,text\na,x\n ,y\nc,z\n", "essays.csv: line 3: essay_id is empty (give every essay an id)"),
    "no text": ('essay_id,text\na,x\nb," "\nc,z\n', "essays.csv: line 3: essay 'b' has no text (remove the line, or add text)"),
    "an id twice": (
        "essay_id,text\na,x\nb,y\na,z\n",
        "essays.csv: line 4 and essays.csv: line 2: have the id 'a' (rename one; ids come from file names without the ending)",
    ),
    "a text twice": (
        "essay_id,text\na,x\nb,y\nc,x\n",
        "essays.csv: line 4 and essays.csv: line 2: have exactly the same text "
        "(remove one; a text can not be compared with itself)",
    ),
    "not UTF-8": (
        b"essay_id,text\na,\xe5\nb,y\n",
        "essays.csv: not UTF-8: byte 0xE5 at offset 16 (line 2); save the file as UTF-8",
    ),
}


@pytest.mark.parametrize(("table", "problem"), ONE_PROBLEM.values(), ids=ONE_PROBLEM.keys())
def test_one_thing_wrong_is_one_problem_with_place_and_remedy(tmp_path: Path, table: str | bytes, problem: str) -> None:
    assert problems_of(with_csv(tmp_path, table)) == (problem,)


def test_a_table_of_another_kind_lacks_both_columns(tmp_path: Path) -> None:
    assert problems_of(with_csv(tmp_path, "essay_id;text\na;x\n")) == (
        "essays.csv: has no column 'essay_id' (it has essay_id;text; separate columns by commas)",
        "essays.csv: has no column 'text' (it has essay_id;text; separate columns by commas)",
    )


def test_an_absurdly_long_cell_is_a_problem_and_no_crash(tmp_path: Path) -> None:
    (problem,) = problems_of(with_csv(tmp_path, f"essay_id,text\na,{'x' * 200_000}\nb,y\nc,z\n"))
    assert problem.startswith("essays.csv: line 2: field larger than field limit")
