"""An assignment in a folder, ready to be registered: what ``huleedu admin import-dir`` reads.

``assignment.yaml`` (assignment_id, grade_scale, context_origin), ``instructions.md``, and as far as there are such
``prompt.md``, ``rubric.md``, graded essays in ``anchors/`` and grade scales of one's own in ``scales.yaml``. All problems
are collected before anything is refused. Not here: whether the context takes it (:mod:`.service`).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from huleedu_pipeline.context.errors import InvalidInputError, explained
from huleedu_pipeline.context.models import (
    AnchorInput,
    AssignmentFields,
    AssignmentInput,
    ScaleInput,
    TextInput,
    WholeAssignment,
)
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.essays.anchors import read_anchors
from huleedu_pipeline.essays.strict_yaml import load_fields
from huleedu_pipeline.essays.text import TextError, read_text

Model = TypeVar("Model", bound=BaseModel)


def read_assignment(folder: Path, *, on_warning: Callable[[str], None] = lambda _: None) -> WholeAssignment:
    """Read all of an assignment from ``folder``; its name is the assignment's where ``assignment.yaml`` gives none.

    ``on_warning`` is called with each thing that was left out of an anchor's document.

    Raises:
        InvalidInputError: anything in it can not be used; each line names the file and the remedy.

    """
    if not (folder / "assignment.yaml").is_file():
        raise InvalidInputError(
            f"{folder}: has no assignment.yaml (write one with grade_scale and context_origin; "
            "`huleedu admin import-dir --help` shows the whole folder)"
        )
    problems: list[str] = []
    fields: AssignmentFields | None = None
    with _collecting(problems):
        values = {"assignment_id": folder.resolve().name} | load_fields(_text(folder, "assignment.yaml"), "assignment.yaml")
        fields = validated(AssignmentFields, values, "assignment.yaml")
    texts = {name: _file(folder, f"{name}.md", problems) for name in ("instructions", "prompt", "rubric")}
    if not (folder / "instructions.md").exists():
        problems.append("instructions.md: is missing (write into it what the assignment assesses)")
    scales: tuple[ScaleInput, ...] = ()
    if (folder / "scales.yaml").exists():
        with _collecting(problems):
            scales = read_scales(folder / "scales.yaml")
    anchors = _anchors(folder / "anchors", problems, on_warning)
    if problems or fields is None:
        raise InvalidInputError("\n".join(f"{folder.name}: {problem}" for problem in problems))
    assignment = AssignmentInput(**fields.model_dump(), instructions=texts.pop("instructions"))
    return WholeAssignment(assignment=assignment, anchors=anchors, scales=scales, **texts)


def read_anchor_folder(folder: Path, *, on_warning: Callable[[str], None] = lambda _: None) -> tuple[AnchorInput, ...]:
    """Read graded essays from ``folder``; grades are in ``anchors.csv`` or at the end of the file names.

    ``on_warning`` is called with each thing that was left out of a document.

    Raises:
        InvalidInputError: there is none, or one can not be used.

    """
    problems: list[str] = [] if folder.is_dir() else [f"{folder}: is not a folder (give the one that holds the texts)"]
    anchors = _anchors(folder, problems, on_warning)
    if not problems and not anchors:
        problems.append(f"{folder}: holds no text (put anchors there as documents, .txt or .docx for example)")
    if problems:
        raise InvalidInputError("\n".join(problems))
    return anchors


def read_scales(path: Path) -> tuple[ScaleInput, ...]:
    """Read grade scales from a YAML file with a list ``scales``.

    Raises:
        InvalidInputError: the file or a scale in it can not be used.
        YamlError: it is not valid YAML.

    """
    fields = load_fields(_text(path.parent, path.name), path.name)
    found = fields.pop("scales", None)
    if fields or not isinstance(found, list) or not found:
        raise InvalidInputError(
            f"{path.name}: holds no list 'scales', or something beside it (write 'scales:' and under it, for each scale, "
            "scale_id, description and grades from the lowest to the highest)"
        )
    problems: list[str] = []
    scales: list[ScaleInput] = []
    for number, one in enumerate(found, start=1):
        name = one.get("scale_id") if isinstance(one, dict) else None
        place = f"{path.name}: scale {name or number}"
        if name is not None and any(name == other.scale_id for other in scales):
            problems.append(f"{place}: stands there twice (remove one)")
        with _collecting(problems):
            scales.append(validated(ScaleInput, one, place))
    if problems:
        raise InvalidInputError("\n".join(problems))
    return tuple(scales)


def read_text_input(path: Path) -> str:
    """Return the text of one file that is to be registered.

    Raises:
        InvalidInputError: it can not be read, or is no text.

    """
    return validated(TextInput, {"text": _text(path.parent, path.name)}, path.name).text


def validated(model: type[Model], values: Any, place: str) -> Model:
    """Return ``values`` as a model; raises InvalidInputError with one line, beginning with ``place``, for each problem."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise explained(error, place, model) from None


def _anchors(folder: Path, problems: list[str], on_warning: Callable[[str], None]) -> tuple[AnchorInput, ...]:
    # Whether a grade is on its scale is seen when the anchors are registered: the scale may be registered with them.
    found: list[AnchorInput] = []
    warnings: list[str] = []
    for place, essay in read_anchors(folder, None, problems, warnings):
        with _collecting(problems):
            values = {"label": essay.essay_id, "grade": essay.anchor_grade, "text": essay.text}
            found.append(validated(AnchorInput, values, place))
    for warning in warnings:
        on_warning(warning)
    return tuple(found)


def _file(folder: Path, name: str, problems: list[str]) -> str | None:
    if (folder / name).exists():
        with _collecting(problems):
            return read_text_input(folder / name)
    return None


def _text(folder: Path, name: str) -> str:
    try:
        return read_text(folder / name)
    except TextError as error:
        raise InvalidInputError(f"{name}: {error}") from None


@contextmanager
def _collecting(problems: list[str]) -> Iterator[None]:
    """Add the lines of an error to ``problems`` and go on behind the block."""
    try:
        yield
    except HuleeduError as error:
        problems.extend(str(error).splitlines())
