"""An assignment's folder: read whole, or refused with everything that is wrong with it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from huleedu_pipeline.context import AssessmentContext, InvalidInputError
from huleedu_pipeline.context.folders import read_anchor_folder, read_assignment, read_scales
from huleedu_pipeline.essays import read_batch
from huleedu_pipeline.essays.strict_yaml import YamlError
from huleedu_pipeline.project_files import project_file
from tests.context.kit import INSTRUCTIONS, OWN_SCALE, PROMPT, SCALE, anchor_text, write_assignment


def refusal(folder: Path, changes: Mapping[str, str | None]) -> list[str]:
    with pytest.raises(InvalidInputError) as refused:
        read_assignment(write_assignment(folder, changes))
    return str(refused.value).splitlines()


def test_a_folder_becomes_an_assignment(tmp_path: Path, context: AssessmentContext) -> None:
    made = context.put_all(read_assignment(write_assignment(tmp_path / "letter")), by="ada")
    assert (made.assignment_id, made.grade_scale, made.instructions, made.prompt) == ("letter", SCALE, INSTRUCTIONS, PROMPT)
    assert {one.label: one.grade for one in made.anchors} == {"low_F+": "F+", "high_A": "A"}


def test_most_of_it_may_be_missing_and_an_own_scale_may_come_with_it(tmp_path: Path, context: AssessmentContext) -> None:
    changes = dict.fromkeys(("prompt.md", "rubric.md", "anchors/low_F+.txt"))
    own = {
        "assignment.yaml": "assignment_id: other\ngrade_scale: school_3_step\n",
        "scales.yaml": OWN_SCALE,
        "anchors/high_A.txt": anchor_text(1),
        "anchors/anchors.csv": "file_name,grade\nhigh_A.txt,3\n",
    }
    made = context.put_all(read_assignment(write_assignment(tmp_path / "letter", {**changes, **own})), by="ada")
    assert (made.assignment_id, made.prompt, made.rubric, made.context_origin) == ("other", None, None, "research_experiment")
    assert [(one.label, one.grade) for one in made.anchors] == [("high_A", "3")]


def test_the_example_is_registered_as_its_batch_reads_it(context: AssessmentContext) -> None:
    folder = project_file("examples/eng5-role-model")
    made = context.put_all(read_assignment(folder), by="ada")
    batch = read_batch(folder)
    assert (made.prompt, made.rubric, made.grade_scale) == (batch.prompt, batch.rubric, batch.spec.grade_scale)
    anchors = {essay.essay_id: (essay.anchor_grade, essay.text) for essay in batch.essays if essay.is_anchor}
    assert {one.label: (one.grade, one.text) for one in made.anchors} == anchors


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"assignment.yaml": "context_origin: research_experiment"}, "assignment.yaml: grade_scale: Field required"),
        (
            {"assignment.yaml": f"grade_scale: {SCALE}\nsource: x"},
            "assignment.yaml: unknown field 'source' (known: assignment_id, grade_scale, context_origin)",
        ),
        (
            {"assignment.yaml": f"grade_scale: {SCALE}\ncontext_orign: x"},
            "assignment.yaml: unknown field 'context_orign' (did you mean 'context_origin'?)",
        ),
        (
            {"assignment.yaml": f"grade_scale: {SCALE}\nassignment_id: A B"},
            "assignment.yaml: assignment_id: 'A B' can not name",
        ),
        ({"assignment.yaml": "a: [1"}, "assignment.yaml: not valid YAML"),
        ({"assignment.yaml": "a: 1\na: 2"}, "assignment.yaml: not valid YAML: key 'a' stands there twice"),
        ({"instructions.md": None}, "instructions.md: is missing"),
        ({"instructions.md": "Short."}, "instructions.md: has 6 characters, and 10 are the least"),
        ({"rubric.md": "\n"}, "rubric.md: has no words"),
        ({"anchors/low_F+.txt": "Short."}, "anchors/low_F+.txt: has 6 characters, and 100 are the least"),
        ({"anchors/nameless.txt": "A text."}, "anchors/nameless.txt: has no grade: the file name does not end in _GRADE"),
        ({"anchors/scan.pages": "x"}, "anchors/scan.pages: is not a .txt, .md, .docx, .odt, .rtf or .pdf file"),
        ({"anchors/scan_A.docx": "x"}, "anchors/scan_A.docx: is not a .docx file inside"),
        ({"scales.yaml": ""}, "scales.yaml: holds no list 'scales'"),
        ({"scales.yaml": OWN_SCALE + "more: 1"}, "scales.yaml: holds no list 'scales', or something beside it"),
        ({"scales.yaml": OWN_SCALE.replace("'1'", "1")}, "scales.yaml: scale school_3_step: grades.0: the grade 1 is not text"),
        ({"scales.yaml": OWN_SCALE + OWN_SCALE.partition("\n")[2]}, "scales.yaml: scale school_3_step: stands there twice"),
        ({"scales.yaml": "scales: [a]"}, "scales.yaml: scale 1: Input should be a valid dictionary"),
    ],
)
def test_one_thing_wrong_is_one_line_with_the_file(tmp_path: Path, changes: Mapping[str, str | None], problem: str) -> None:
    (line,) = refusal(tmp_path / "letter", changes)
    assert line.startswith(f"letter: {problem}")


def test_everything_wrong_is_told_at_once(tmp_path: Path) -> None:
    changes = {
        "assignment.yaml": "",
        "instructions.md": None,
        "prompt.md": "...",
        "anchors/low_F+.txt": "",
        "scales.yaml": "x: 1",
    }
    lines = refusal(tmp_path / "letter", changes)
    assert [line.split(": ")[1] for line in lines] == [
        "assignment.yaml",
        "prompt.md",
        "instructions.md",
        "scales.yaml",
        "anchors/low_F+.txt",
    ]


def test_a_folder_that_is_no_assignment_says_what_is_missing(tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(InvalidInputError, match="has no assignment.yaml"):
            read_assignment(folder)


def test_a_folder_of_anchors_alone(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="holds no text"):
        read_anchor_folder(tmp_path)
    with pytest.raises(InvalidInputError, match="is not a folder"):
        read_anchor_folder(tmp_path / "nowhere")
    (tmp_path / "one_B.txt").write_text(anchor_text(1), encoding="utf-8")
    (tmp_path / "two_C+.md").write_text(anchor_text(2), encoding="utf-8")
    assert [(one.label, one.grade) for one in read_anchor_folder(tmp_path)] == [("one_B", "B"), ("two_C+", "C+")]


def test_a_file_of_scales_that_is_not_there_or_no_yaml(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match=r"scales\.yaml: can not be read: No such file"):
        read_scales(tmp_path / "scales.yaml")
    (tmp_path / "scales.yaml").write_text("- a", encoding="utf-8")
    with pytest.raises(YamlError, match=r"scales\.yaml: holds a list, not fields"):
        read_scales(tmp_path / "scales.yaml")
