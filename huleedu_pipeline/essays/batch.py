"""A validated batch and its essays, whether its judge may be asked, and the error that refuses one.

Not here: where essays are read from.
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any

from huleedu_pipeline.canonical import sha256_hex, short_hash
from huleedu_pipeline.edits import Edit, undo_edits
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.essays.judged_texts import judged_texts
from huleedu_pipeline.essays.spec import BatchSpec
from huleedu_pipeline.essays.text import count_words
from huleedu_pipeline.grading.scales import BUILT_IN, GradeScale
from huleedu_pipeline.judging.overrides import validate_judge
from huleedu_pipeline.people import Decision, Roster
from huleedu_pipeline.spelling import SpellCheck


class PromptFailure(StrEnum):
    """Why what a judge is told could not be fetched, although something names it or is there."""

    MISSING_ENTRY = "missing_entry"
    EMPTY_CONTENT = "empty_content"
    UNREADABLE_CONTENT = "unreadable_content"


class IntakeError(HuleeduError):
    """A batch folder that can not be used; ``problems`` holds one line for each thing to mend.

    ``prompt_failures`` say why prompt or rubric could not be fetched; ``content_sha256`` is then the identity of what there
    is besides, so that the same batch is known when it is seen again.
    """

    def __init__(
        self,
        place: str,
        problems: list[str],
        *,
        prompt_failures: Iterable[PromptFailure] = (),
        batch_id: str = "",
        content_sha256: str = "",
    ) -> None:
        self.problems = tuple(problems)
        self.prompt_failures = tuple(sorted(set(prompt_failures)))
        self.batch_id = batch_id
        self.content_sha256 = content_sha256
        super().__init__("\n".join(f"{place}: {problem}" for problem in problems))


class PromptNotAttachedError(IntakeError):
    """A batch for a judge without the assignment: ``prompt.md`` is missing or has not a word, or no prompt is registered."""

    code = "prompt_not_attached"

    def __init__(
        self,
        place: str,
        problems: list[str],
        *,
        prompt_failures: Iterable[PromptFailure] = (),
        batch_id: str,
        content_sha256: str,
    ) -> None:
        super().__init__(place, problems, prompt_failures=prompt_failures, batch_id=batch_id, content_sha256=content_sha256)
        self.args = (f"{self}\n{place}: blocked: {self.code}; no judge is asked without the assignment",)


@dataclass(frozen=True)
class Essay:
    """One text of a batch; ``anchor_grade`` is set for anchors and only for them.

    ``text`` is what is judged; ``redactions`` are the names that were taken out of the text as it was read. ``original_sha256``
    is of the bytes of the file that it came from, ``None`` where there was no file; ``author`` and ``title`` are what the
    document says of itself, and no judge sees them.
    """

    essay_id: str
    file_name: str
    text: str
    anchor_grade: str | None = None
    original_sha256: str | None = None
    author: str | None = field(default=None, repr=False)
    title: str | None = field(default=None, repr=False)
    redactions: tuple[Edit, ...] = field(default=(), repr=False)

    @property
    def is_anchor(self) -> bool:
        """Whether the essay carries a known grade."""
        return self.anchor_grade is not None

    @property
    def text_as_read(self) -> str:
        """The text with the names that were taken out of it."""
        return undo_edits(self.text, self.redactions)

    @property
    def text_sha256(self) -> str:
        """Identity of the text."""
        return sha256_hex(self.text)

    @property
    def n_words(self) -> int:
        """Number of words, separated by white space."""
        return count_words(self.text)


@dataclass(frozen=True)
class Batch:
    """A validated batch: its specification, what the judge is told, pupils' essays first and then anchors, by id.

    ``scale`` is the grade scale that the specification names, or the registered assignment; ``assignment_version`` is set
    where prompt, rubric, scale and anchors are those of a registered assignment. ``warnings`` say what was left out of the
    documents, or guessed. A regular batch has a ``roster``, and ``decisions`` by essay_id about whose an essay is; neither is
    part of its identity, but what names they take out of texts is. ``spelling`` is the spell check of each essay, by id, where
    it has been made or looked up.
    """

    spec: BatchSpec
    prompt: str
    rubric: str
    essays: tuple[Essay, ...]
    scale: GradeScale | None = None
    assignment_version: int | None = None
    warnings: tuple[str, ...] = ()
    roster: Roster | None = None
    decisions: Mapping[str, Decision] = field(default_factory=dict)
    spelling: Mapping[str, SpellCheck] | None = None

    @property
    def judged_texts(self) -> dict[str, str]:
        """What judges see of each essay, by id; raises ValueError where that follows from a spell check not made yet."""
        return judged_texts({essay.essay_id: essay.text for essay in self.essays}, self.spec.judge_text, self.spelling)

    @property
    def content_sha256(self) -> str:
        """Identity of everything that determines the batch's requests; equal content means the same batch."""
        essays = [(e.essay_id, e.file_name, e.text_sha256, e.anchor_grade) for e in self.essays]
        parts: list[Any] = [self.spec.model_dump(mode="json", exclude_defaults=True), self.prompt, self.rubric, essays]
        # Added only where there is something: a batch from before there was a context is still the same batch.
        if self.assignment_version is not None:
            parts.append({"assignment_version": self.assignment_version})
        if self.scale is not None and self.scale != BUILT_IN.get(self.scale.scale_id):
            parts.append({"scale": asdict(self.scale)})
        return short_hash(parts, 64)


def check_judge(batch: Batch, *, on: date | None = None) -> tuple[str, ...]:
    """Hold a batch's judge against the manifest of models, and return what is to be known of it before it is paid.

    For batches of which nothing was asked yet: what was paid for is collected whatever the manifest says now.

    Args:
        batch: The batch.
        on: The day of asking, for models that are shut down; default: today in UTC.

    Raises:
        IntakeError: provider or model is unknown (the nearest is suggested), is gone, or does not take a parameter.

    """
    found = validate_judge(batch.spec.judge, on=on or datetime.now(UTC).date())
    if found.errors:
        raise IntakeError(f"batch {batch.spec.batch_id}", [f"batch.yaml: judge: {line}" for line in found.errors])
    return found.warnings
