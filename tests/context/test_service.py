"""The assessment context: fixed fields stay fixed, no version is lost, every write has a name, and nothing is half written."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import ValidationError

from huleedu_pipeline.canonical import sha256_hex
from huleedu_pipeline.context import (
    AnchorInput,
    AssessmentContext,
    AssignmentInput,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    ScaleInput,
    TextInput,
    WholeAssignment,
)
from huleedu_pipeline.grading.scales import UnknownScaleError
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.settings import Settings
from tests.context.kit import INSTRUCTIONS, PROMPT, RUBRIC, SCALE, anchor, anchor_text, letter, whole

OWN = ScaleInput(scale_id="school_3_step", description="Our own", grades=("1", "2", "3"), below_lowest="0")
ANOTHER = TextInput(text="Judge nothing but the language.")


def test_an_assignment_is_read_as_it_was_written(context: AssessmentContext) -> None:
    before = datetime.now(UTC)
    made = context.put_all(whole(), by="ada")
    assert made == context.assignment("letter") == context.assignment("letter", version=1)
    assert (made.instructions, made.prompt, made.rubric) == (INSTRUCTIONS, PROMPT, RUBRIC)
    assert (made.version, made.is_current, made.grade_scale, made.context_origin) == (1, True, SCALE, "research_experiment")
    assert (made.created_by, before <= made.created_at <= datetime.now(UTC)) == ("ada", True)
    assert [(one.label, one.grade, one.grade_scale) for one in made.anchors] == [
        ("high", "A", SCALE),
        ("low", "F+", SCALE),
        ("middle", "C-", SCALE),
    ]
    assert [one.text_sha256 for one in made.anchors] == [sha256_hex(anchor_text(n).strip()) for n in (3, 1, 2)]


def test_every_version_stays_readable_as_it_was(context: AssessmentContext) -> None:
    seen = [context.put_all(whole(), by="ada")]
    seen.append(context.put_prompt("letter", TextInput(text="Write to your grandmother."), by="bo"))
    seen.append(context.put_rubric("letter", ANOTHER, by="bo"))
    seen.append(context.put_anchors("letter", [anchor("low", "E-", 4)], by="bo"))
    seen.append(context.delete_anchor("letter", "middle", by="bo"))
    seen.append(context.put_anchors("letter", [anchor("middle", "D+", 2)], by="bo"))
    seen.append(context.put_assignment(letter().model_copy(update={"instructions": "Assess a short letter."}), by="bo"))
    context.delete_assignment("letter", by="bo")
    assert [one.version for one in seen] == [1, 2, 3, 4, 5, 6, 7]
    for one in seen:
        then = {"is_current": False, "is_deleted": True}
        assert context.assignment("letter", one.version) == one.model_copy(update=then)
    assert [len(one.anchors) for one in seen] == [3, 3, 3, 3, 2, 3, 3]
    assert {one.label: one.grade for one in seen[3].anchors}["low"] == "E-"


def test_the_same_once_more_changes_nothing_and_is_no_write(context: AssessmentContext) -> None:
    context.put_all(whole(), by="ada")
    context.put_prompt("letter", TextInput(text=f"\r\n{PROMPT}  "), by="ada")
    context.put_anchors("letter", [anchor("low", "F+", 1)], by="ada")
    assert context.put_all(whole(), by="ada").version == 1
    assert len(context.events()) == 1


def test_scale_and_origin_can_not_change(context: AssessmentContext) -> None:
    context.put_all(whole(), by="ada")
    with pytest.raises(ConflictError, match="assignment letter: grade_scale is eng5_np_legacy_9_step and can not become cefr"):
        context.put_assignment(letter(scale="cefr_6_level"), by="ada")
    with pytest.raises(ConflictError, match="context_origin is research_experiment and can not become canonical_national"):
        context.put_assignment(letter("canonical_national"), by="ada")
    context.delete_assignment("letter", by="ada")
    with pytest.raises(ConflictError, match="register another assignment"):
        context.put_assignment(letter("canonical_national"), by="ada")


def test_a_national_rubric_is_registered_once_and_never_replaced(context: AssessmentContext) -> None:
    context.put_assignment(letter("canonical_national"), by="ada")
    context.put_rubric("letter", TextInput(text=RUBRIC), by="ada")
    assert context.put_rubric("letter", TextInput(text=RUBRIC), by="ada").version == 2
    with pytest.raises(ConflictError, match="is canonical_national, and its rubric can not be replaced"):
        context.put_rubric("letter", ANOTHER, by="ada")
    with pytest.raises(ConflictError, match="its rubric can not be replaced"):
        context.put_all(WholeAssignment(assignment=letter("canonical_national"), rubric=ANOTHER.text), by="ada")
    assert context.assignment("letter").rubric == RUBRIC
    assert context.put_prompt("letter", ANOTHER, by="ada").version == 3


def test_who_changed_what_is_on_record_without_any_text(context: AssessmentContext) -> None:
    context.put_all(whole().model_copy(update={"scales": (OWN,)}), by="ada")
    context.put_anchors(
        "letter", [anchor("low", "E-", 1), anchor("new", "B", 5), anchor("new", "2", 5, OWN.scale_id)], by=" bo "
    )
    context.delete_anchor("letter", "new", grade_scale=OWN.scale_id, by="bo")
    context.delete_assignment("letter", by="cy")
    context.put_assignment(letter(), by="di")
    on_scale = f" ({SCALE})"
    assert [(one.actor, one.action, one.subject_id, one.version, one.detail) for one in context.events("letter")] == [
        (
            "ada",
            "create",
            "letter",
            1,
            {
                "texts": ["instructions", "prompt", "rubric"],
                "anchors_added": [f"high{on_scale}", f"low{on_scale}", f"middle{on_scale}"],
            },
        ),
        (
            "bo",
            "change",
            "letter",
            2,
            {"anchors_added": [f"new{on_scale}", "new (school_3_step)"], "anchors_replaced": [f"low{on_scale}"]},
        ),
        ("bo", "change", "letter", 3, {"anchors_deleted": ["new (school_3_step)"]}),
        ("cy", "delete", "letter", 3, {}),
        ("di", "restore", "letter", 3, {}),
    ]
    first = context.events()[0]
    assert (first.action, first.subject, first.subject_id) == ("create", "scale", "school_3_step")
    instants = [one.at for one in context.events()]
    assert instants == sorted(instants)
    with pytest.raises(InvalidInputError, match="every write is recorded under a name"):
        context.delete_assignment("letter", by=" ")


def test_a_deleted_assignment_takes_no_writes_until_it_is_restored(context: AssessmentContext) -> None:
    context.put_all(whole(), by="ada")
    context.delete_assignment("letter", by="ada")
    assert context.assignments().n_total == 0
    for act in (
        lambda: context.assignment("letter"),
        lambda: context.put_prompt("letter", ANOTHER, by="ada"),
        lambda: context.delete_assignment("letter", by="ada"),
        lambda: context.assignment_for("letter", "b1"),
    ):
        with pytest.raises(NotFoundError, match="assignment letter: was deleted on .* restores it"):
            act()
    restored = context.put_assignment(letter(), by="ada")
    assert (restored.version, restored.is_deleted, len(restored.anchors)) == (1, False, 3)


def test_what_is_not_there_is_named(context: AssessmentContext) -> None:
    with pytest.raises(NotFoundError, match="assignment letter: is not registered"):
        context.put_rubric("letter", ANOTHER, by="ada")
    context.put_all(whole(), by="ada")
    with pytest.raises(NotFoundError, match=r"assignment letter: has no version 2 \(it has 1 to 1\)"):
        context.assignment("letter", 2)
    with pytest.raises(NotFoundError, match="has no anchor 'lower' on eng5_np_legacy_9_step"):
        context.delete_anchor("letter", "lower", by="ada")
    with pytest.raises(NotFoundError, match="has no anchor 'low' on cefr_6_level"):
        context.anchor("letter", "low", grade_scale="cefr_6_level")
    assert context.anchor("letter", "low").grade == "F+"


def test_a_write_that_is_refused_leaves_nothing_behind(context: AssessmentContext) -> None:
    bad_last = (anchor("one", "A", 1), anchor("two", "Z", 2))
    with pytest.raises(InvalidInputError, match=r"anchor two: grade 'Z' is not on eng5_np_legacy_9_step \(F\+ E- "):
        context.put_all(WholeAssignment(assignment=letter(), anchors=bad_last, scales=(OWN,)), by="ada")
    assert (context.assignments().n_total, context.events(), len(context.scales())) == (0, [], 4)


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ([anchor("new", "A", 1)], "anchors low and new have exactly the same text"),
        ([anchor("x", "A", 7), anchor("y", "B", 7)], "anchors x and y have exactly the same text"),
    ],
)
def test_a_text_is_an_anchor_only_once(context: AssessmentContext, wanted: list[AnchorInput], message: str) -> None:
    context.put_all(whole(), by="ada")
    with pytest.raises(ConflictError, match=message):
        context.put_anchors("letter", wanted, by="ada")
    swapped = context.put_anchors("letter", [anchor("low", "F+", 2), anchor("middle", "C-", 1)], by="ada")
    assert len(swapped.anchors) == 3, "two labels may change texts in one write"


def test_one_text_may_be_an_anchor_on_two_scales(context: AssessmentContext) -> None:
    context.put_all(whole(), by="ada")
    made = context.put_anchors("letter", [anchor("low", "A2", 1, "cefr_6_level")], by="ada")
    assert (len(made.anchors), len(made.scale_anchors)) == (4, 3)
    assert context.assignments().assignments[0].anchors_by_scale == {"cefr_6_level": 1, SCALE: 3}
    assert len(context.assignment_for("letter", "b1").anchors) == 3
    with pytest.raises(InvalidInputError, match="anchor x: is given twice"):
        context.put_anchors("letter", [anchor("x", "A", 8), anchor("x", "B", 9)], by="ada")


def test_lists_come_in_pages_by_name_and_by_scale(context: AssessmentContext) -> None:
    for number in range(5):
        fields = {"assignment_id": f"a{number}", "instructions": INSTRUCTIONS}
        scale = SCALE if number % 2 else "cefr_6_level"
        context.put_assignment(AssignmentInput(**fields, grade_scale=scale), by="ada")
    page = context.assignments(page=2, page_size=2)
    assert ([one.assignment_id for one in page.assignments], page.n_total) == (["a2", "a3"], 5)
    assert [one.assignment_id for one in context.assignments(grade_scale=SCALE).assignments] == ["a1", "a3"]
    assert not any(one.has_prompt or one.has_rubric for one in page.assignments)
    for page_number, size in ((0, 1), (1, 0), (1, 201)):
        with pytest.raises(InvalidInputError, match="is no page"):
            context.assignments(page=page_number, page_size=size)


def test_an_own_scale_is_found_and_never_changes(context: AssessmentContext) -> None:
    with pytest.raises(InvalidInputError, match="assignment letter: grade_scale: 'school_3_step' is not a known scale"):
        context.put_assignment(letter(scale="school_3_step"), by="ada")
    assert context.put_scales([OWN], by="ada") == [OWN.as_scale()]
    assert context.scale("school_3_step").ladder == ("0", "1", "2", "3")
    assert context.scales()[-1] == OWN.as_scale()
    context.put_scales([OWN], by="ada")
    with pytest.raises(ConflictError, match="a scale never changes"):
        context.put_scales([OWN.model_copy(update={"grades": ("1", "2")})], by="ada")
    with pytest.raises(UnknownScaleError, match="did you mean 'school_3_step'"):
        context.scale("school_3_steps")
    assert len(context.events("school_3_step")) == 1


def test_a_scale_goes_only_while_nothing_uses_it(context: AssessmentContext, book: Ledger) -> None:
    context.put_scales([OWN, OWN.model_copy(update={"scale_id": "school_3xstep"})], by="ada")
    context.delete_scale("school_3_step", by="ada")
    with pytest.raises(NotFoundError, match="scale school_3_step: is not registered"):
        context.delete_scale("school_3_step", by="ada")
    with pytest.raises(ConflictError, match="comes with the pipeline"):
        context.delete_scale(SCALE, by="ada")
    context.put_scales([OWN], by="ada")
    context.put_assignment(letter(scale="school_3_step"), by="ada")
    context.delete_assignment("letter", by="ada")
    with pytest.raises(ConflictError, match="is used by 1 assignments"):
        context.delete_scale("school_3_step", by="ada")
    request = '{"batch":{"batch_id":"b1","grade_scale":"school_3xstep"}}'
    book.register_batch(
        batch_id="b1",
        llm_batching_mode="per_request",
        judge_backend="emulator",
        content_sha256="c",
        original_request=request,
        n_essays=2,
        n_anchors=0,
    )
    with pytest.raises(ConflictError, match="is used by 1 batches"):
        context.delete_scale("school_3xstep", by="ada")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"scale_id": "cefr_6_level"}, "comes with the pipeline"),
        ({"scale_id": "School"}, "can not name a scale"),
        ({"scale_id": "3_step"}, "can not name a scale"),
        ({"grades": ("1",)}, "at least 2"),
        ({"grades": ("1", "2", "1")}, "the grade '1' stands there twice"),
        ({"below_lowest": "3"}, "the grade '3' stands there twice"),
        ({"grades": (1, 2)}, "the grade 1 is not text"),
        ({"grades": (True, "2")}, "the grade True is not text"),
        ({"grades": ("a b", "c")}, "the grade 'a b' can not be used"),
        ({"grades": ("", "c")}, "the grade '' can not be used"),
        ({"grades": ("a_b", "c")}, "the grade 'a_b' can not be used"),
        ({"description": ""}, "at least 1 character"),
        ({"grades_": ("1", "2")}, "Extra inputs"),
    ],
)
def test_a_scale_that_could_not_be_used_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ScaleInput.model_validate({**OWN.model_dump(), **changes})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("  Too short ", "has 9 characters, and 10 are the least"),
        ("...... ...... ......", "has no words"),
        ("A text\x00 with a NUL", "holds a NUL"),
        ("A text with \ud800 in it", "unable to parse"),
        ("word " * 25_000, "a judge can read 100,000"),
    ],
)
def test_a_text_that_could_not_be_judged_by_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TextInput(text=text)


def test_an_anchor_needs_a_hundred_characters_and_a_name() -> None:
    with pytest.raises(ValidationError, match="has 60 characters, and 100 are the least"):
        AnchorInput(label="a", grade="A", text="a" * 60)
    for label in ("", " ", "two\nlines", "x" * 101):
        with pytest.raises(ValidationError, match="can not name an anchor"):
            AnchorInput(label=label, grade="A", text=anchor_text(1))


Step = tuple[str, int]


@given(steps=st.lists(st.tuples(st.sampled_from(["prompt", "rubric", "put", "drop"]), st.integers(0, 3)), max_size=8))
@hypothesis_settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_written_older_versions_are_what_they_were(settings: Settings, steps: list[Step]) -> None:
    ledger = Ledger(settings.ledger_url)
    context = AssessmentContext(ledger)
    name = f"a{len(context.assignments().assignments)}"
    seen = [context.put_assignment(letter().model_copy(update={"assignment_id": name}), by="ada")]
    try:
        for kind, number in steps:
            if kind == "prompt":
                made = context.put_prompt(name, TextInput(text=f"Prompt number {number}"), by="ada")
            elif kind == "rubric":
                made = context.put_rubric(name, TextInput(text=f"Rubric number {number}"), by="ada")
            elif kind == "put":
                made = context.put_anchors(name, [anchor(f"x{number % 2}", "A" if number < 2 else "B", number)], by="ada")
            elif any(one.label == f"x{number % 2}" for one in seen[-1].anchors):
                made = context.delete_anchor(name, f"x{number % 2}", by="ada")
            else:
                continue
            if made.version != seen[-1].version:
                seen.append(made)
        assert [one.version for one in seen] == list(range(1, len(seen) + 1))
        for one in seen[:-1]:
            assert context.assignment(name, one.version) == one.model_copy(update={"is_current": False})
        assert len(context.events(name)) == len(seen)
    finally:
        ledger.close()
