"""A batch that names a registered assignment: everything is taken from it, and the version that was planned is kept."""

from pathlib import Path

import pytest

from huleedu_pipeline.context import AnchorInput, AssessmentContext, ScaleInput, TextInput
from huleedu_pipeline.essays import IntakeError, read_batch
from huleedu_pipeline.essays.inbox import stage
from huleedu_pipeline.ledger import BatchStatus, Ledger
from huleedu_pipeline.providers.planning import (
    StaleEssaysError,
    ensure_same_essays,
    planned_judge,
    planned_scale,
    planned_spec,
    register,
)
from huleedu_pipeline.settings import Settings
from tests.context.kit import INSTRUCTIONS, PROMPT, RUBRIC, SCALE, anchor, anchor_text, letter, plan, whole, write
from tests.kit import PUPILS, write_batch
from tests.ledger.test_migrations import old_ledger


def test_everything_is_taken_from_the_assignment(tmp_path: Path, context: AssessmentContext) -> None:
    context.put_all(whole(), by="ada")
    context.put_anchors("letter", [anchor("other", "A2", 9, "cefr_6_level")], by="ada")
    batch = read_batch(write(tmp_path / "b1"), context)
    assert (batch.prompt, batch.rubric) == (PROMPT, f"{INSTRUCTIONS}\n\n{RUBRIC}")
    assert (batch.spec.grade_scale, batch.scale, batch.assignment_version) == (SCALE, context.scale(SCALE), 2)
    anchors = [(essay.essay_id, essay.anchor_grade, essay.text) for essay in batch.essays if essay.is_anchor]
    assert anchors == [
        (name, grade, anchor_text(n).strip()) for name, grade, n in (("high", "A", 3), ("low", "F+", 1), ("middle", "C-", 2))
    ]
    assert [essay.essay_id for essay in batch.essays if not essay.is_anchor] == sorted(PUPILS)


def test_a_second_source_is_refused_by_name(tmp_path: Path, context: AssessmentContext) -> None:
    context.put_all(whole(), by="ada")
    folder = write_batch(tmp_path / "b1", assignment_id="letter")
    (folder / "anchors.csv").write_text("file_name,grade\n", encoding="utf-8")
    with pytest.raises(IntakeError) as refused:
        read_batch(folder, context)
    places = [problem.split(": the registered assignment letter says it")[0] for problem in refused.value.problems]
    assert places == ["prompt.md", "rubric.md", "anchors.csv", "anchors/", "batch.yaml: grade_scale"]
    assert all("assignment_id" in problem and problem.endswith(")") for problem in refused.value.problems)


def test_hidden_files_and_an_empty_folder_are_no_second_source(tmp_path: Path, context: AssessmentContext) -> None:
    context.put_all(whole(), by="ada")
    folder = write(tmp_path / "b1")
    (folder / "anchors").mkdir()
    (folder / "anchors" / ".gitkeep").write_text("")
    assert read_batch(folder, context).assignment_version == 1


def test_an_assignment_that_is_not_complete_is_refused_with_the_command_that_completes_it(
    tmp_path: Path, context: AssessmentContext
) -> None:
    folder = write(tmp_path / "b1")
    with pytest.raises(IntakeError, match="batch b1: batch.yaml: assignment_id: assignment letter: is not registered"):
        read_batch(folder, context)
    context.put_assignment(letter(), by="ada")
    with pytest.raises(IntakeError) as refused:
        read_batch(folder, context)
    assert [problem.split("register it: ")[1] for problem in refused.value.problems] == [
        "`huleedu admin prompts register letter FILE`)",
        "`huleedu admin rubrics register letter FILE`)",
    ]
    human = write(tmp_path / "b2", judge={"provider": "human"})
    assert read_batch(human, context).rubric == INSTRUCTIONS, "people were told elsewhere what to judge by"
    with pytest.raises(IntakeError, match="is not known here, because the folder is read without an assessment context"):
        read_batch(folder)


def test_an_anchor_and_a_pupil_of_one_name_or_text_are_refused(tmp_path: Path, context: AssessmentContext) -> None:
    context.put_all(whole(), by="ada")
    folder = write(tmp_path / "b1")
    (folder / "essays" / "low.txt").write_text(anchor_text(3), encoding="utf-8")
    with pytest.raises(IntakeError) as refused:
        read_batch(folder, context)
    named, same = refused.value.problems
    assert named.startswith("assignment letter: anchor low and essays/low.txt: have the id 'low'")
    assert same.startswith("assignment letter: anchor high and essays/low.txt: have exactly the same text")


def test_any_new_version_is_other_content(tmp_path: Path, context: AssessmentContext) -> None:
    folder = write(tmp_path / "b1")
    context.put_all(whole(), by="ada")
    seen = {read_batch(folder, context).content_sha256}
    context.put_rubric("letter", TextInput(text="Judge the language alone."), by="ada")
    seen.add(read_batch(folder, context).content_sha256)
    context.put_anchors("letter", [anchor("low", "E-", 1)], by="ada")
    seen.add(read_batch(folder, context).content_sha256)
    context.put_rubric("letter", TextInput(text=RUBRIC), by="ada")
    context.put_anchors("letter", [anchor("low", "F+", 1)], by="ada")
    seen.add(read_batch(folder, context).content_sha256)
    assert len(seen) == 4, "the first version's texts in the fifth version are still another version"


def test_a_batch_keeps_the_version_that_its_requests_were_planned_with(
    tmp_path: Path, book: Ledger, context: AssessmentContext, settings: Settings
) -> None:
    folder = write(tmp_path / "b1")
    context.put_all(whole(), by="ada")
    register(book, settings, read_batch(folder, context))
    context.put_rubric("letter", TextInput(text="Judge the language alone."), by="ada")
    first = read_batch(folder, context)
    assert first.assignment_version == 2, "nothing was planned yet: the rubric could still be mended"
    plan(book, settings, first)
    context.put_rubric("letter", TextInput(text=RUBRIC), by="ada")
    context.put_anchors("letter", [anchor("low", "E-", 1)], by="ada")
    context.delete_assignment("letter", by="ada")
    again = read_batch(folder, context)
    assert again == first
    register(book, settings, again)
    record = book.batch("b1")
    assert (record.assignment_id, record.assignment_version) == ("letter", 2)
    assert planned_judge(book, "b1").rubric == f"{INSTRUCTIONS}\n\nJudge the language alone."
    assert stage(folder, tmp_path / "inbox", context) == tmp_path / "inbox" / "b1"
    with pytest.raises(IntakeError, match="was deleted"):
        read_batch(write(tmp_path / "b2"), context)


def test_a_batch_that_ended_without_a_request_keeps_its_version_too(
    tmp_path: Path, book: Ledger, context: AssessmentContext, settings: Settings
) -> None:
    folder = write(tmp_path / "b1", max_comparisons=None)
    for path in sorted((folder / "essays").iterdir())[1:]:
        path.unlink()
    context.put_all(whole(), by="ada")
    register(book, settings, read_batch(folder, context))
    book.move_batch("b1", BatchStatus.CANCELLED)
    context.put_rubric("letter", TextInput(text="Judge the language alone."), by="ada")
    assert read_batch(folder, context).assignment_version == 1


def test_essays_that_were_read_before_the_anchors_changed_are_not_judged(
    tmp_path: Path, book: Ledger, context: AssessmentContext, settings: Settings
) -> None:
    folder = write(tmp_path / "b1")
    context.put_all(whole(), by="ada")
    before = read_batch(folder, context)
    register(book, settings, before)
    ensure_same_essays(book, "b1", reversed(before.essays))
    context.put_anchors("letter", [anchor("low", "E-", 1)], by="ada")
    after = read_batch(folder, context)
    register(book, settings, after)
    ensure_same_essays(book, "b1", reversed(after.essays))
    with pytest.raises(StaleEssaysError, match="batch b1: its essays or anchors were registered anew while this run"):
        ensure_same_essays(book, "b1", reversed(before.essays))


def test_an_own_scale_is_found_wherever_a_scale_is_used(
    tmp_path: Path, book: Ledger, context: AssessmentContext, settings: Settings
) -> None:
    own = ScaleInput(scale_id="school_3_step", description="Our own", grades=("1", "2", "3"), below_lowest="0")
    folder = write_batch(tmp_path / "b1", anchors={"x_1": "A text.", "y_3": "Another text."}, grade_scale="school_3_step")
    with pytest.raises(IntakeError, match="'school_3_step' is not a known scale"):
        read_batch(folder, context)
    context.put_scales([own], by="ada")
    batch = read_batch(folder, context)
    assert (batch.scale, [essay.anchor_grade for essay in batch.essays if essay.is_anchor]) == (own.as_scale(), ["1", "3"])
    plan(book, settings, batch)
    assert (planned_scale(book, "b1"), planned_spec(book, "b1").grade_scale) == (own.as_scale(), "school_3_step")
    wider = AnchorInput(label="z", grade="2", text=anchor_text(1))
    fields = {"assignment_id": "essay", "instructions": INSTRUCTIONS, "grade_scale": "school_3_step"}
    context.put_assignment(letter().model_copy(update=fields), by="ada")
    assert context.put_anchors("essay", [wider], by="ada").anchors[0].grade == "2"


def test_a_ledger_from_before_the_context_keeps_its_batches_and_takes_assignments(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}"
    old_ledger(url)
    ledger = Ledger(url)
    try:
        context = AssessmentContext(ledger)
        assert (ledger.batch("b1").assignment_id, ledger.batch("b1").assignment_version) == (None, None)
        assert context.put_all(whole(), by="ada") == context.assignment("letter", 1)
        assert len(ledger.requests("b1")) == 3
    finally:
        ledger.close()
