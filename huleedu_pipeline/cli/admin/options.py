"""Options that the `huleedu admin` commands share, and how an answer is printed as JSON."""

import json
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from pydantic import BaseModel

    from huleedu_pipeline.context import Assignment


class Output(StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    JSON = "json"


AssignmentArgument = Annotated[str, typer.Argument(help="The assignment's id.")]
FileArgument = Annotated[Path, typer.Argument(help="The file, .txt or .md in UTF-8.")]
OutputOption = Annotated[Output, typer.Option("--format", help="table for eyes, json for machines.")]
VersionOption = Annotated[int | None, typer.Option("--version", help="An older version; default: the current one.", min=1)]
ByOption = Annotated[
    str | None, typer.Option("--by", help="Who writes, for the record; default: the name you are logged in as.")
]


def writer(by: str | None) -> str:
    """Return who writes: the given name, or that of the login."""
    from getpass import getuser

    from huleedu_pipeline.context import InvalidInputError

    if by is not None:
        return by
    try:
        return getuser()
    except (KeyError, OSError):
        raise InvalidInputError("--by: is not given, and the system does not know who is logged in (give your name)") from None


def print_json(answer: "BaseModel | Sequence[BaseModel] | dict[str, Any] | list[dict[str, Any]]") -> None:
    """Print models, or plain fields, as JSON."""
    from pydantic import BaseModel

    def plain(value: Any) -> Any:
        return value.model_dump(mode="json") if isinstance(value, BaseModel) else value

    found = [plain(one) for one in answer] if isinstance(answer, list | tuple) else plain(answer)
    typer.echo(json.dumps(found, ensure_ascii=False, indent=1))


def tell(assignment: "Assignment", output: Output, *, what: str) -> None:
    """Say which version a write has led to, and what a batch would still miss."""
    if output is Output.JSON:
        print_json(assignment)
        return
    typer.echo(f"assignment {assignment.assignment_id}: {what}; it stands at version {assignment.version}")
    for is_there, name, group in ((assignment.prompt, "student prompt", "prompts"), (assignment.rubric, "rubric", "rubrics")):
        if not is_there:
            typer.echo(f"  no {name} yet: huleedu admin {group} register {assignment.assignment_id} FILE")
    if not assignment.scale_anchors:
        typer.echo(f"  no anchors on {assignment.grade_scale} yet; a batch is ranked without them, and gets no grades")
