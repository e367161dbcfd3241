"""A new batch folder: a commented ``batch.yaml`` made from the field descriptions, and the texts that every batch needs."""

import re
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.essays.spec import BatchSpec
from huleedu_pipeline.judging.spec import JudgeSettings

PROMPT = "Write here the assignment exactly as the pupils got it.\n"
RUBRIC = """# Assessment criteria

Judge each text as a whole, by these criteria together:

- Content: does it do what the assignment asks, and does it develop its ideas so that a reader learns something?
- Structure: is it easy to follow, with a beginning, connected parts and an end?
- Language: how wide and how precise are vocabulary and grammar, and do errors get in the reader's way?
- Reader and genre: does it suit the kind of text that was asked for?

Length, opinions and choice of topic are not criteria.
"""
_WIDTH = 116


class TemplateError(HuleeduError):
    """A folder can not be made because something is already there."""


def write_template(folder: Path, assignment_id: str | None = None) -> list[Path]:
    """Make a batch folder with a commented template and return the files made.

    Args:
        folder: The folder to make.
        assignment_id: A registered assignment, from which the batch takes all but the essays.

    Raises:
        TemplateError: one of the files exists already; nothing is overwritten, and nothing else is written either.

    """
    name = folder.resolve().name
    values = {} if as_batch_id(name) == name else {"batch_id": as_batch_id(name)}
    files = {folder / "essays" / ".gitkeep": ""}
    if assignment_id is None:
        files |= {folder / "prompt.md": PROMPT, folder / "rubric.md": RUBRIC, folder / "anchors" / ".gitkeep": ""}
    else:
        values["assignment_id"] = assignment_id
    files = {folder / "batch.yaml": batch_yaml(values), **files}
    write_new(files)
    return [path for path in files if path.name != ".gitkeep"]


def as_batch_id(name: str) -> str:
    """Return the batch id that is nearest to a folder's name."""
    return re.sub(r"[^a-z0-9._-]+|[.]{2,}", "-", name.lower()).strip("-_.")[:60] or "batch"


def write_new(files: dict[Path, str]) -> None:
    """Write files that must not exist yet.

    Raises:
        TemplateError: one does; none is then written.

    """
    taken = [path for path in files if path.exists()]
    if taken:
        raise TemplateError(f"{taken[0]}: exists already (choose another folder, or move it away)")
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def batch_yaml(values: dict[str, Any]) -> str:
    """Return the text of a ``batch.yaml`` in which ``values`` are set and all other fields stand commented out."""
    lines = ["# What this batch is and how it is judged. Every line that is commented out shows its default."]
    for name, field in BatchSpec.model_fields.items():
        if name == "judge":
            lines += ["", *_comment(field.description), "judge:" if "judge" in values else "# judge:"]
            chosen = values.get("judge", {})
            for key, part in JudgeSettings.model_fields.items():
                lines += [f"  {line}" for line in _field(key, part.description, _default(part), chosen)]
        else:
            lines += ["", *_field(name, field.description, _default(field), values)]
    return "\n".join(lines) + "\n"


def _field(name: str, description: str | None, default: Any, values: dict[str, Any]) -> list[str]:
    if name in values:
        return [*_comment(description), _line(name, values[name])]
    return [*_comment(description), f"# {_line(name, default)}"]


def _default(field: Any) -> Any:
    return None if field.default is PydanticUndefined or isinstance(field.default, BaseModel) else field.default


def _line(name: str, value: Any) -> str:
    return yaml.safe_dump({name: value}, allow_unicode=True, width=1000).strip()


def _comment(text: str | None) -> list[str]:
    lines, line = [], "#"
    for word in (text or "").split():
        if len(line) + 1 + len(word) > _WIDTH:
            lines.append(line)
            line = "#"
        line += f" {word}"
    return [*lines, line]
