"""Options that the `huleedu admin` commands share, and what a write tells."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from huleedu_pipeline.cli.output import Output, print_json

if TYPE_CHECKING:
    from huleedu_pipeline.context import Assignment


AssignmentArgument = Annotated[str, typer.Argument(help="The assignment's id.")]
FileArgument = Annotated[Path, typer.Argument(help="The file, .txt or .md in UTF-8.")]
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
