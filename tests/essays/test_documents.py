"""Documents of every kind in a batch folder: read, named by their files, and what was left out is said."""

from pathlib import Path

from huleedu_pipeline.essays import read_batch
from huleedu_pipeline.essays.inspection import inspect_path
from tests.documents.kit import LOCKED, PNG, docx, docx_of, pdf, pdf_of, run, xlsx, zip_bomb
from tests.essays.kit import Changes, problems_of, write_batch

COMMENTED = docx(f"<w:p>{run('Sjön är ')}{run('min plats.')}<w:r><w:commentReference/></w:r></w:p>")
NO_FOLDER: Changes = {"essays/anna.txt": None, "essays/bo.txt": None}


def test_documents_are_essays_and_anchors_under_their_own_names(tmp_path: Path) -> None:
    changes: Changes = {
        "essays/cilla.docx": COMMENTED,
        "essays/~$cilla.docx": b"who has it open",
        "essays/david.pdf": pdf_of(["The forest is quiet."]),
        "essays/elin.txt": "Köket är varmt.".encode("cp1252"),
        "anchors/anchor_003_A.docx": docx_of("Harbours at dawn.", "And at dusk."),
    }
    batch = read_batch(write_batch(tmp_path, changes))
    texts = {essay.file_name: (essay.essay_id, essay.text, essay.anchor_grade) for essay in batch.essays}
    assert texts["cilla.docx"] == ("cilla", "Sjön är min plats.", None)
    assert texts["david.pdf"] == ("david", "The forest is quiet.", None)
    assert texts["elin.txt"] == ("elin", "Köket är varmt.", None)
    assert texts["anchor_003_A.docx"] == ("anchor_003_A", "Harbours at dawn.\n\nAnd at dusk.", "A")
    assert [warning.partition(";")[0] for warning in batch.warnings] == [
        "essays/cilla.docx: 1 comment left out",
        "essays/elin.txt: not UTF-8: byte 0xF6 at offset 1 (line 1)",
    ]


def test_what_is_said_of_documents_does_not_change_what_the_batch_is(tmp_path: Path) -> None:
    plain = read_batch(write_batch(tmp_path / "class-1", {"essays/cilla.docx": docx_of("Sjön är min plats.")}))
    commented = read_batch(write_batch(tmp_path / "class-2", {"essays/cilla.docx": COMMENTED}))
    assert plain.warnings != commented.warnings
    assert plain.content_sha256 == commented.content_sha256


def test_a_workbook_holds_many_essays(tmp_path: Path) -> None:
    table = xlsx([["essay_id", "text", "file_name"], ["bo", "Second text.", "scan 2.pdf"], ["anna", "First text.", ""]])
    batch = read_batch(write_batch(tmp_path, {**NO_FOLDER, "essays.xlsx": table}))
    pupils = [(essay.essay_id, essay.file_name, essay.text) for essay in batch.essays if not essay.is_anchor]
    assert pupils == [("anna", "anna", "First text."), ("bo", "scan 2.pdf", "Second text.")]


def test_problems_of_a_workbook_name_its_rows(tmp_path: Path) -> None:
    table = xlsx([["essay_id", "text"], ["bo", ""], ["", "First text."], ["anna", "Text."], ["elin", "Another."]])
    assert problems_of(write_batch(tmp_path / "b1", {**NO_FOLDER, "essays.xlsx": table})) == (
        "essays.xlsx: row 2: essay 'bo' has no text (remove the line, or add text)",
        "essays.xlsx: row 3: essay_id is empty (give every essay an id)",
    )
    assert problems_of(write_batch(tmp_path / "b2", {**NO_FOLDER, "essays.xlsx": xlsx([["id", "text"]])})) == (
        "essays.xlsx: has no column 'essay_id' (it has id, text)",
    )
    assert problems_of(write_batch(tmp_path / "b3", {"essays.xlsx": xlsx([["id", "text"]])})) == (
        "essays/ and essays.xlsx: both are there, and only one can be meant (remove one)",
    )


def test_a_hostile_file_is_one_line_and_the_rest_is_read(tmp_path: Path) -> None:
    changes: Changes = {
        "essays/bomb.docx": zip_bomb(),
        "essays/locked.docx": LOCKED,
        "essays/picture.docx": PNG,
        "essays/scan.pdf": pdf([[]]),
    }
    folder = write_batch(tmp_path, changes)
    problems = problems_of(folder)
    assert [problem.partition(":")[0] for problem in problems] == sorted(changes)
    found = inspect_path(folder)
    assert tuple(found.problems) == problems
    assert [text.place for text in found.texts] == [
        "essays/anna.txt",
        "essays/bo.txt",
        "anchors/anchor_001_F+.txt",
        "anchors/anchor_002_B.txt",
    ]


def test_inspect_says_that_only_one_place_of_essays_can_be_meant(tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1", {"essays.xlsx": xlsx([["essay_id", "text"], ["nils", "A text."]])})
    assert inspect_path(folder).problems == ["essays/ and essays.xlsx: both are there, and only one can be meant (remove one)"]


def test_one_document_and_any_folder_can_be_inspected(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(docx_of("One two.", "Three."))
    (tmp_path / "b.exe").write_bytes(b"MZ\x90")
    (text,) = inspect_path(tmp_path / "a.docx").texts
    assert (text.place, text.essay_id, text.kind, text.n_words, text.n_paragraphs) == ("a.docx", "a", "docx", 3, 2)
    found = inspect_path(tmp_path)
    assert [one.essay_id for one in found.texts] == ["a"]
    assert [problem.partition(": is not a ")[2] for problem in found.problems] == [
        ".txt, .md, .docx, .odt, .rtf or .pdf file (convert it, or move it away)"
    ]
