"""What a batch's essays are judged by: prompt, rubric, grade scale and anchors, from one source.

The source is the batch folder, or the registered assignment that ``batch.yaml`` names; a batch never mixes the two, because
then nobody could say what it was judged by.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.essays.anchors import TABLE, anchor_files, read_anchors
from huleedu_pipeline.essays.batch import Essay, PromptFailure
from huleedu_pipeline.essays.folder_files import read_text_file
from huleedu_pipeline.essays.registered import RegisteredAssignment, Registry
from huleedu_pipeline.essays.spec import BatchSpec
from huleedu_pipeline.essays.text import TextError, has_words, read_text
from huleedu_pipeline.grading.scales import GradeScale
from huleedu_pipeline.judging.spec import HUMAN

INSTRUCTIONS = {"prompt.md": "the assignment the pupils answered", "rubric.md": "the criteria the judge applies"}


@dataclass(frozen=True)
class Basis:
    """What essays are judged by; each anchor with the place that messages about it name.

    ``is_blocked`` is set where a judge would have to judge without the assignment; ``failures`` say why prompt or rubric could
    not be fetched.
    """

    prompt: str = ""
    rubric: str = ""
    scale: GradeScale | None = None
    anchors: tuple[tuple[str, Essay], ...] = ()
    assignment_version: int | None = None
    is_blocked: bool = False
    warnings: tuple[str, ...] = ()
    failures: tuple[PromptFailure, ...] = ()


def read_basis(folder: Path, spec: BatchSpec | None, registry: Registry, problems: list[str]) -> Basis:
    """Return what the essays in ``folder`` are judged by.

    Args:
        folder: The batch folder.
        spec: Its specification; ``None`` where that can not be read, which is a problem already.
        registry: Where registered assignments and scales are looked up.
        problems: Receives one sentence for each thing to mend.

    """
    # People were told elsewhere what to judge by, so their batches may leave it out.
    is_needed = spec is None or spec.judge.provider != HUMAN
    if spec is not None and spec.assignment_id is not None:
        problems.extend(_second_sources(folder, spec, spec.assignment_id))
        return _of_assignment(spec, spec.assignment_id, registry, problems, is_needed=is_needed)
    prompt, rubric = (_read_instruction(folder, name, problems, is_needed=is_needed) for name in INSTRUCTIONS)
    scale = None
    if spec is not None and spec.grade_scale is not None:
        try:
            scale = registry.scale(spec.grade_scale)
        except HuleeduError as error:
            problems.append(f"batch.yaml: {error}")
    elif spec is not None and anchor_files(folder / "anchors", []):
        problems.append("batch.yaml: grade_scale: is missing although anchors/ has graded essays (name their scale)")
    warnings: list[str] = []
    anchors = tuple(read_anchors(folder / "anchors", scale, problems, warnings))
    is_blocked = is_needed and _is_without_words(folder / "prompt.md")
    failures = tuple(_failures(folder))
    return Basis(prompt, rubric, scale, anchors, is_blocked=is_blocked, warnings=tuple(warnings), failures=failures)


def _read_instruction(folder: Path, name: str, problems: list[str], *, is_needed: bool) -> str:
    path, what = folder / name, INSTRUCTIONS[name]
    if not path.exists():
        if is_needed:
            problems.append(f"{name}: is missing; a judge needs it (write {what} into it)")
        return ""
    return read_text_file(path, name, problems, f"is empty (write {what} into it{'' if is_needed else ', or remove it'})")


def _failures(folder: Path) -> Iterator[PromptFailure]:
    for path in (folder / name for name in INSTRUCTIONS):
        if path.exists() and _is_without_words(path):
            yield PromptFailure.EMPTY_CONTENT
        elif path.exists() and not _is_readable(path):
            yield PromptFailure.UNREADABLE_CONTENT


def _is_readable(path: Path) -> bool:
    try:
        read_text(path)
    except TextError:
        return False
    return True


def _is_without_words(path: Path) -> bool:
    """Whether a text is not there at all; one that can not be read is there, and is another problem."""
    try:
        return not path.exists() or not has_words(read_text(path))
    except TextError:
        return False


def _second_sources(folder: Path, spec: BatchSpec, assignment_id: str) -> Iterator[str]:
    """Yield what the batch brings along although its assignment says it."""
    why = f"the registered assignment {assignment_id} says it, and nothing else may"
    for name in (*INSTRUCTIONS, TABLE):
        if (folder / name).exists():
            yield f"{name}: {why} (remove the file, or leave assignment_id out of batch.yaml)"
    anchors_dir = folder / "anchors"
    if anchors_dir.is_dir() and any(not path.name.startswith(".") for path in anchors_dir.iterdir()):
        yield f"anchors/: {why} (move the folder away, or leave assignment_id out of batch.yaml)"
    if spec.grade_scale is not None:
        yield f"batch.yaml: grade_scale: {why} (remove the line, or the one with assignment_id)"


def _of_assignment(spec: BatchSpec, assignment_id: str, registry: Registry, problems: list[str], *, is_needed: bool) -> Basis:
    try:
        found = registry.assignment_for(assignment_id, spec.batch_id)
    except HuleeduError as error:
        problems.append(f"batch.yaml: assignment_id: {error}")
        return Basis(failures=(PromptFailure.MISSING_ENTRY,))
    has_own_rubric = spec.judge.rubric is not None
    if has_own_rubric and found.is_national:
        problems.append(
            f"batch.yaml: judge.rubric: assignment {assignment_id} is a national test's, which is judged by its own criteria "
            "(leave judge.rubric, or --rubric, out)"
        )
    if is_needed:
        problems.extend(_what_is_missing(found, has_rubric=found.has_rubric or has_own_rubric))
    anchors = tuple(
        (f"assignment {assignment_id}: anchor {anchor.label}", Essay(anchor.label, anchor.label, anchor.text, anchor.grade))
        for anchor in found.anchors
    )
    is_blocked = is_needed and not found.prompt
    return Basis(found.prompt, found.criteria, found.scale, anchors, found.version, is_blocked)


def _what_is_missing(found: RegisteredAssignment, *, has_rubric: bool) -> Iterator[str]:
    for is_there, what, group in ((found.prompt, "student prompt", "prompts"), (has_rubric, "rubric", "rubrics")):
        if not is_there:
            command = f"`huleedu admin {group} register {found.assignment_id} FILE`"
            yield f"assignment {found.assignment_id}: has no {what}, which a judge needs (register it: {command})"
