"""What goes into the context and what comes out of it, as pydantic models: the contract of the command line and of an API.

Texts come in as anybody writes them and are normalised like pupils' essays (:mod:`huleedu_pipeline.essays.text`), so that
one text has one hash wherever it stands.
"""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from huleedu_pipeline.essays.folder_files import MAX_CHARACTERS
from huleedu_pipeline.essays.spec import check_key
from huleedu_pipeline.essays.text import has_words, normalise
from huleedu_pipeline.grading.scales import BUILT_IN, GradeScale

LEAST_TEXT_CHARACTERS = 10
LEAST_ANCHOR_CHARACTERS = 100
MAX_LABEL_CHARACTERS = 100
MAX_GRADE_CHARACTERS = 20
MAX_GRADES = 40

ContextOrigin = Literal["research_experiment", "canonical_national"]


def _text(value: str, least: int) -> str:
    text = normalise(value)
    if "\x00" in text:
        raise ValueError("holds a NUL character, which no text has (save it as plain text)")
    if not has_words(text):
        raise ValueError("has no words (write the text)")
    if len(text) < least:
        raise ValueError(f"has {len(text)} characters, and {least} are the least that can be meant (give the whole text)")
    if len(text) > MAX_CHARACTERS:
        raise ValueError(f"has {len(text):,} characters, and a judge can read {MAX_CHARACTERS:,} (shorten it)")
    return text


def _label(value: str) -> str:
    label = normalise(value)
    if not label or len(label) > MAX_LABEL_CHARACTERS or not label.isprintable() or "\x00" in label:
        raise ValueError(f"can not name an anchor (use 1-{MAX_LABEL_CHARACTERS} printable characters in one line)")
    return label


def _grade(value: Any) -> Any:
    # YAML reads 5 as a number and No as a truth value; guessing which word was meant could rename a grade.
    if not isinstance(value, str):
        raise ValueError(f"the grade {value!r} is not text (put it in quotes)")  # noqa: TRY004 - pydantic takes ValueError
    grade = normalise(value)
    if not grade or len(grade) > MAX_GRADE_CHARACTERS or not grade.isprintable() or set(grade) & set(" _,;/\\"):
        raise ValueError(
            f"the grade '{value}' can not be used (use 1-{MAX_GRADE_CHARACTERS} characters without spaces, '_', ',', ';' "
            "and slashes, as it must stand in file names and tables)"
        )
    return grade


def _scale_id(value: str) -> str:
    if not value.replace("_", "").isalnum() or not value.isascii() or not value[0].isalpha() or value != value.lower():
        raise ValueError(f"'{value}' can not name a scale (use lower-case letters, digits and '_', beginning with a letter)")
    if value in BUILT_IN:
        raise ValueError(f"'{value}' comes with the pipeline (give your scale another scale_id)")
    return value


Text = Annotated[str, AfterValidator(lambda value: _text(value, LEAST_TEXT_CHARACTERS))]
AnchorText = Annotated[str, AfterValidator(lambda value: _text(value, LEAST_ANCHOR_CHARACTERS))]
Label = Annotated[str, AfterValidator(_label)]
Grade = Annotated[str, BeforeValidator(_grade)]
AssignmentId = Annotated[str, AfterValidator(lambda value: check_key(value, "an assignment"))]


class _Input(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, str_max_length=10 * MAX_CHARACTERS)


class AssignmentFields(_Input):
    """What names an assignment and is fixed from its registration on."""

    assignment_id: AssignmentId
    grade_scale: str = Field(description="Scale of its anchors' grades.")
    context_origin: ContextOrigin = Field(
        default="research_experiment",
        description="canonical_national: a national test's own assignment, whose rubric is registered once and never replaced.",
    )


class AssignmentInput(AssignmentFields):
    """An assignment as it is registered, or its instructions as they change."""

    instructions: Text = Field(description="What this assignment assesses; the judge reads it before the rubric.")


class TextInput(_Input):
    """A student prompt or a judge rubric."""

    text: Text


class AnchorInput(_Input):
    """A graded essay; the same label again replaces it."""

    label: Label = Field(description="Its name; the anchor's essay_id in every batch.")
    grade: Grade
    text: AnchorText
    grade_scale: str | None = Field(default=None, description="Scale of the grade; default: the assignment's.")


class ScaleInput(_Input):
    """A grade scale of one's own."""

    scale_id: Annotated[str, Field(min_length=1, max_length=60), AfterValidator(_scale_id)]
    description: str = Field(min_length=1, max_length=200, description="What it is, in a line.")
    grades: tuple[Grade, ...] = Field(
        min_length=2, max_length=MAX_GRADES, description="Grades that anchors carry, from the lowest to the highest."
    )
    below_lowest: Grade | None = Field(
        default=None, description="A grade below them that an essay may be given and no anchor carries."
    )

    @model_validator(mode="after")
    def _each_grade_once(self) -> "ScaleInput":
        ladder = [*([] if self.below_lowest is None else [self.below_lowest]), *self.grades]
        for grade in ladder:
            if ladder.count(grade) > 1:
                raise ValueError(f"the grade '{grade}' stands there twice (remove one)")
        return self

    def as_scale(self) -> GradeScale:
        """Return the scale itself."""
        return GradeScale(self.scale_id, self.grades, self.description, self.below_lowest)


class WholeAssignment(_Input):
    """All of an assignment, to be registered in one transaction: what is left out stays as it is."""

    assignment: AssignmentInput
    prompt: Text | None = None
    rubric: Text | None = None
    anchors: tuple[AnchorInput, ...] = ()
    scales: tuple[ScaleInput, ...] = ()


class _Output(BaseModel):
    model_config = ConfigDict(frozen=True)


class Anchor(_Output):
    """A registered anchor with its text."""

    label: str
    grade: str
    grade_scale: str
    text: str
    text_sha256: str
    n_words: int


class Assignment(_Output):
    """An assignment as it stands in one version; ``is_current`` says whether a new batch would take this one."""

    assignment_id: str
    version: int
    is_current: bool
    is_deleted: bool
    grade_scale: str
    context_origin: ContextOrigin
    instructions: str
    prompt: str | None
    rubric: str | None
    anchors: tuple[Anchor, ...]
    created_at: datetime
    created_by: str

    @property
    def scale_anchors(self) -> tuple[Anchor, ...]:
        """The anchors that batches take: those on the assignment's own scale."""
        return tuple(anchor for anchor in self.anchors if anchor.grade_scale == self.grade_scale)


class AssignmentSummary(_Output):
    """An assignment in a list; anchors are counted by scale."""

    assignment_id: str
    version: int
    grade_scale: str
    context_origin: ContextOrigin
    has_prompt: bool
    has_rubric: bool
    anchors_by_scale: dict[str, int]
    created_at: datetime
    updated_at: datetime


class AssignmentPage(_Output):
    """One page of the list of assignments, by name; ``n_total`` counts all pages."""

    n_total: int
    page: int
    page_size: int
    assignments: tuple[AssignmentSummary, ...]


class ContextEvent(_Output):
    """One write: who changed what, and when; ``detail`` names the parts and holds no text."""

    event_id: int
    at: datetime
    actor: str
    action: Literal["create", "change", "delete", "restore"]
    subject: Literal["assignment", "scale"]
    subject_id: str
    version: int | None
    detail: dict[str, Any]
