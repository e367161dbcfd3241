"""Workbooks: the first sheet as rows of text, where they stand."""

import pytest

from huleedu_pipeline.documents import DocumentError, read_xlsx
from tests.documents.kit import LOCKED, PNG, archive, xlsx


def test_rows_keep_their_numbers_and_cells_their_columns() -> None:
    data = xlsx([["essay_id", "text"], ["anna", "Sjön är blå."]])
    assert read_xlsx(data) == [(1, {0: "essay_id", 1: "text"}), (2, {0: "anna", 1: "Sjön är blå."})]


def test_a_lonely_cell_far_down_costs_nothing_and_numbers_and_formulas_are_what_was_saved() -> None:
    sheet = '<s><row r="1048576"><c r="B1048576"><f>1+1</f><v>2</v></c><c r="D1048576" t="str"><v>x</v></c></row><row/></s>'
    assert read_xlsx(archive({"xl/worksheets/sheet1.xml": sheet})) == [(1048576, {1: "2", 3: "x"})]


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (PNG, "is damaged"),
        (LOCKED, "is locked with a password"),
        (archive({"x": "x"}), "is damaged"),
        (archive({"xl/worksheets/sheet1.xml": '<s><row><c r="XFD1"><v>1</v></c></row></s>'}), "more than 200 columns"),
        (archive({"xl/worksheets/sheet1.xml": '<s><row><c t="s"><v>3</v></c></row></s>'}), "is damaged"),
        (archive({"xl/worksheets/sheet1.xml": " " * 11_000_000}), "unpacks to more"),
    ],
    ids=["png", "locked", "no sheet", "wide", "shared string that is not there", "bomb"],
)
def test_what_can_not_be_read_says_why(data: bytes, problem: str) -> None:
    with pytest.raises(DocumentError, match=problem):
        read_xlsx(data)
