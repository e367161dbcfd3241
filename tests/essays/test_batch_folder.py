"""A batch folder is read whole, or refused with everything that is wrong with it."""

import os
from pathlib import Path

import pytest

from huleedu_pipeline.essays import Essay, IntakeError, read_batch
from tests.essays.kit import Changes, problems_of, write_batch


def test_a_good_folder_becomes_a_batch(tmp_path: Path) -> None:
    batch = read_batch(write_batch(tmp_path))
    assert batch.spec.batch_id == "class-7b"
    assert batch.prompt == "Describe a place that you like."
    assert batch.rubric == "Judge content and language."
    assert [(essay.essay_id, essay.file_name, essay.anchor_grade) for essay in batch.essays] == [
        ("anna", "anna.txt", None),
        ("bo", "bo.txt", None),
        ("anchor_001_F+", "anchor_001_F+.txt", "F+"),
        ("anchor_002_B", "anchor_002_B.txt", "B"),
    ]
    assert [essay.is_anchor for essay in batch.essays] == [False, False, True, True]
    anna = batch.essays[0]
    assert (anna.text, anna.n_words) == ("I like the lake behind our school.", 7)


def test_reading_changes_nothing_on_disk(tmp_path: Path) -> None:
    folder = write_batch(tmp_path)

    def state() -> dict[Path, tuple[int, bool | bytes]]:
        return {path: (path.stat().st_mtime_ns, path.is_dir() or path.read_bytes()) for path in folder.rglob("*")}

    before = state()
    read_batch(folder)
    assert state() == before


def test_markdown_counts_as_text_and_hidden_files_do_not_count(tmp_path: Path) -> None:
    changes: Changes = {
        "essays/cilla.md": "# A text\n\nwith a heading",
        "essays/DAVID.TXT": "A loud name.",
        "essays/.DS_Store": b"\0\xff",
    }
    batch = read_batch(write_batch(tmp_path, changes))
    assert [essay.essay_id for essay in batch.essays if not essay.is_anchor] == ["DAVID", "anna", "bo", "cilla"]


def test_anchors_are_optional_and_so_is_the_scale_then(tmp_path: Path) -> None:
    changes: Changes = {"batch.yaml": "", "anchors/anchor_001_F+.txt": None, "anchors/anchor_002_B.txt": None}
    folder = write_batch(tmp_path / "class-8a", changes)
    (folder / "anchors").mkdir()
    batch = read_batch(folder)
    assert batch.spec.batch_id == "class-8a"
    assert not any(essay.is_anchor for essay in batch.essays)


def test_people_need_neither_prompt_nor_rubric_in_the_folder(tmp_path: Path) -> None:
    human = "judge: {provider: human}\ngrade_scale: eng5_np_legacy_9_step\n"
    batch = read_batch(write_batch(tmp_path / "b1", {"batch.yaml": human, "prompt.md": None, "rubric.md": None}))
    assert (batch.prompt, batch.rubric) == ("", "")
    kept = read_batch(write_batch(tmp_path / "b2", {"batch.yaml": human}))
    assert kept.prompt == "Describe a place that you like."
    assert problems_of(write_batch(tmp_path / "b3", {"batch.yaml": human, "prompt.md": ""})) == (
        "prompt.md: is empty (write the assignment the pupils answered into it, or remove it)",
    )


ONE_PROBLEM: dict[str, tuple[Changes, str]] = {
    "empty essay": ({"essays/cilla.txt": ""}, "essays/cilla.txt: file is empty (remove it, or add text)"),
    "essay of white space": ({"essays/cilla.txt": " \r\n\t\n"}, "essays/cilla.txt: file is empty (remove it, or add text)"),
    "essay of a byte-order mark": (
        {"essays/cilla.txt": b"\xef\xbb\xbf"},
        "essays/cilla.txt: file is empty (remove it, or add text)",
    ),
    "empty anchor": ({"anchors/x_A.txt": "\n"}, "anchors/x_A.txt: file is empty (remove it, or add text)"),
    "essay in no encoding": (
        {"essays/cilla.txt": b"Hello\nJag heter \xff\xfe"},
        "essays/cilla.txt: not UTF-8: byte 0xFF at offset 16 (line 2); save the file as UTF-8",
    ),
    "latin-1 after a byte-order mark": (
        {"essays/cilla.txt": b"\xef\xbb\xbfab\xff"},
        "essays/cilla.txt: not UTF-8: byte 0xFF at offset 5 (line 1); save the file as UTF-8",
    ),
    "utf-16 essay cut off": (
        {"essays/cilla.txt": "Hello".encode("utf-16-le").join([b"\xff\xfe", b"x"])},
        "essays/cilla.txt: not UTF-16 from offset 12 on; save the file as UTF-8",
    ),
    "anchor in no encoding": (
        {"anchors/x_A.txt": b"caf\xfe"},
        "anchors/x_A.txt: not UTF-8: byte 0xFE at offset 3 (line 1); save the file as UTF-8",
    ),
    "latin-1 prompt": ({"prompt.md": b"\xe5"}, "prompt.md: not UTF-8: byte 0xE5 at offset 0 (line 1); save the file as UTF-8"),
    "NUL": (
        {"essays/cilla.txt": "é\0".encode()},
        "essays/cilla.txt: NUL character at offset 2; this is not a text file (save it as plain text)",
    ),
    "not a text file": (
        {"essays/cilla.pages": b"PK"},
        "essays/cilla.pages: is not a .txt, .md, .docx, .odt, .rtf or .pdf file (convert it, or move it away)",
    ),
    "a folder among the essays": (
        {"essays/more/cilla.txt": "Text."},
        "essays/more: is not a .txt, .md, .docx, .odt, .rtf or .pdf file (convert it, or move it away)",
    ),
    "id used by a pupil and an anchor": (
        {"essays/anchor_002_B.txt": "Another text."},
        "anchors/anchor_002_B.txt and essays/anchor_002_B.txt: have the id 'anchor_002_B' "
        "(rename one; ids come from file names without the ending)",
    ),
    "id used with two endings": (
        {"essays/anna.md": "Another text."},
        "essays/anna.txt and essays/anna.md: have the id 'anna' (rename one; ids come from file names without the ending)",
    ),
    "id too long": (
        {f"essays/{'x' * 101}.txt": "Text."},
        f"essays/{'x' * 101}.txt: id is longer than 100 characters (shorten it)",
    ),
    "the same text twice": (
        {"essays/cilla.txt": "I like the lake behind our school."},
        "essays/cilla.txt and essays/anna.txt: have exactly the same text (remove one; a text can not be compared with itself)",
    ),
    "the same text as an anchor": (
        {"essays/cilla.txt": "i like home it is good"},
        "anchors/anchor_001_F+.txt and essays/cilla.txt: have exactly the same text "
        "(remove one; a text can not be compared with itself)",
    ),
    "one essay": (
        {"essays/bo.txt": None, "batch.yaml": "grade_scale: eng5_np_legacy_9_step\njudge: {provider: human}\n"},
        "essays/: holds 1 pupils' essays; a comparison needs at least two (add essays)",
    ),
    "no essays folder": (
        {"essays/anna.txt": None, "essays/bo.txt": None},
        "essays/: is missing (put the pupils' texts there as .txt, .md, .docx, .odt, .rtf or .pdf files, or write essays.csv)",
    ),
    "essays twice": (
        {"essays.csv": "essay_id,text\na,b\n"},
        "essays/ and essays.csv: both are there, and only one can be meant (remove one)",
    ),
    "no prompt": (
        {"prompt.md": None},
        "prompt.md: is missing; a judge needs it (write the assignment the pupils answered into it)",
    ),
    "empty prompt": ({"prompt.md": "\n"}, "prompt.md: is empty (write the assignment the pupils answered into it)"),
    "no rubric": (
        {"rubric.md": None},
        "rubric.md: is missing; a judge needs it (write the criteria the judge applies into it)",
    ),
    "empty rubric": ({"rubric.md": ""}, "rubric.md: is empty (write the criteria the judge applies into it)"),
    "no batch.yaml": ({"batch.yaml": None}, "batch.yaml: is missing (run `huleedu init DIR` for a commented template)"),
    "latin-1 batch.yaml": (
        {"batch.yaml": b"assignment: \xe5"},
        "batch.yaml: not UTF-8: byte 0xE5 at offset 12 (line 1); save the file as UTF-8",
    ),
    "too few comparisons": (
        {"batch.yaml": "grade_scale: eng5_np_legacy_9_step\nmax_comparisons: 2"},
        "batch.yaml: max_comparisons: 2 can not connect 4 essays (use at least 3; about 40 give a usable ranking)",
    ),
}


@pytest.mark.parametrize(("changes", "problem"), ONE_PROBLEM.values(), ids=ONE_PROBLEM.keys())
def test_one_thing_wrong_is_one_problem_with_place_and_remedy(tmp_path: Path, changes: Changes, problem: str) -> None:
    assert problems_of(write_batch(tmp_path, changes)) == (problem,)


@pytest.mark.parametrize(
    "twin",
    [
        pytest.param("Caf\u00e9\r\nat the lake\r\n".encode(), id="other line ends"),
        pytest.param("Cafe\u0301\nat the lake".encode(), id="decomposed letters"),
        pytest.param("\ufeff  Café\nat the lake\n\n".encode(), id="byte-order mark and space around"),
    ],
)
def test_texts_that_differ_only_in_encoding_are_the_same_text(tmp_path: Path, twin: bytes) -> None:
    (problem,) = problems_of(write_batch(tmp_path, {"essays/cilla.txt": "Café\nat the lake", "essays/david.txt": twin}))
    assert problem.startswith("essays/david.txt and essays/cilla.txt: have exactly the same text")


def test_texts_that_differ_in_a_space_are_two_texts(tmp_path: Path) -> None:
    batch = read_batch(write_batch(tmp_path, {"essays/cilla.txt": "a b", "essays/david.txt": "a  b"}))
    assert len(batch.essays) == 6


def test_a_file_name_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    folder = write_batch(tmp_path)
    (folder / "essays" / os.fsdecode(b"\xc5sa.txt")).write_text("Text.")
    assert problems_of(folder) == (r"essays/\udcc5sa.txt: the file name is not UTF-8 (rename it)",)


def test_exactly_enough_comparisons_are_enough(tmp_path: Path) -> None:
    folder = write_batch(tmp_path, {"batch.yaml": "grade_scale: eng5_np_legacy_9_step\nmax_comparisons: 3"})
    assert read_batch(folder).spec.max_comparisons == 3


def test_all_problems_are_listed_at_once(tmp_path: Path) -> None:
    folder = write_batch(
        tmp_path / "class-9c",
        {
            "batch.yaml": "sead: 3\nlanguage: english",
            "prompt.md": None,
            "rubric.md": "",
            "essays/anna.txt": "",
            "essays/cilla.txt": b"\xff",
            "essays/david.docx": b"PK",
            "anchors/anchor_001_F+.txt": "",
            "anchors/mystery.txt": "A text without a grade.",
        },
    )
    with pytest.raises(IntakeError) as refused:
        read_batch(folder)
    starts = [
        "batch.yaml: language: ",
        "batch.yaml: unknown key 'sead'",
        "prompt.md: is missing",
        "rubric.md: is empty",
        "essays/david.docx: is not a .docx file inside",
        "essays/anna.txt: file is empty",
        "essays/cilla.txt: not UTF-8",
        "anchors/anchor_001_F+.txt: file is empty",
        "anchors/mystery.txt: has no grade",
    ]
    assert len(refused.value.problems) == len(starts)
    for start in starts:
        assert any(problem.startswith(start) for problem in refused.value.problems), start
    lines = str(refused.value).splitlines()
    assert lines == [f"batch folder class-9c: {problem}" for problem in refused.value.problems]


def test_no_essay_and_a_missing_prompt_are_both_named(tmp_path: Path) -> None:
    none = {"essays/anna.txt": None, "essays/bo.txt": None, "prompt.md": None}
    (tmp_path / "essays").mkdir()
    problems = problems_of(write_batch(tmp_path, none))
    assert [problem.partition(":")[0] for problem in problems] == ["prompt.md", "essays/"]


def test_a_single_essay_is_taken_in_where_a_model_judges(tmp_path: Path) -> None:
    batch = read_batch(write_batch(tmp_path, {"essays/bo.txt": None}))
    assert [essay.essay_id for essay in batch.essays if not essay.is_anchor] == ["anna"]


def test_messages_begin_with_the_batch(tmp_path: Path) -> None:
    with pytest.raises(IntakeError, match=r"^batch class-7b: prompt\.md: is missing"):
        read_batch(write_batch(tmp_path, {"prompt.md": None}))


def test_something_that_is_no_folder(tmp_path: Path) -> None:
    with pytest.raises(IntakeError) as refused:
        read_batch(tmp_path / "nowhere")
    assert str(refused.value) == (
        f"{tmp_path / 'nowhere'}: is not a folder (give the folder that holds batch.yaml; `huleedu init` makes one)"
    )


def test_words_are_counted_at_white_space() -> None:
    assert Essay("a", "a.txt", "one  two\nthree-four\t5").n_words == 4


def test_named_pairs_are_of_essays_that_there_are_and_leave_none_out(tmp_path: Path) -> None:
    named = "batch_id: class-7b\ngrade_scale: eng5_np_legacy_9_step\npairs: [[anna, bo], [bo, ana], [bo, anchor_002_B]]\n"
    assert problems_of(write_batch(tmp_path, {"batch.yaml": named})) == (
        "batch.yaml: pairs: there is no essay 'ana' (did you mean 'anna'?)",
        "batch.yaml: pairs: nothing compares essay 'anchor_001_F+' (add a pair, or take the essay out)",
    )


def test_named_pairs_that_fall_apart_are_refused_where_grades_would_rest_on_them(tmp_path: Path) -> None:
    named = "batch_id: class-7b\ngrade_scale: eng5_np_legacy_9_step\npairs: [[anna, bo], [anchor_001_F+, anchor_002_B]]\n"
    assert problems_of(write_batch(tmp_path / "graded", {"batch.yaml": named})) == (
        "batch.yaml: pairs: nothing connects essay 'anchor_001_F+' with 'anna', and grades need one scale (add pairs "
        "that connect all essays, or leave grade_scale out)",
    )
    whole = named.replace("]]", "], [bo, anchor_002_B]]")
    assert read_batch(write_batch(tmp_path / "whole", {"batch.yaml": whole})).spec.pairs is not None
    anchors = {"anchors/anchor_001_F+.txt": None, "anchors/anchor_002_B.txt": None}
    texts = {"essays/cilla.txt": "A third text.", "essays/david.txt": "A fourth one."}
    parts = "pairs: [[anna, bo], [cilla, david]]"
    assert len(read_batch(write_batch(tmp_path / "parts", {"batch.yaml": parts, **anchors, **texts})).essays) == 4
