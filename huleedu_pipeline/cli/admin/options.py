"""What the groups of `huleedu admin` share: how a group is made, their options, how they show an answer, what a write tells."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from huleedu_pipeline.cli.output import Output, print_json

if TYPE_CHECKING:
    from huleedu_pipeline.context import Assignment


AssignmentArgument = Annotated[str, typer.Argument(help="The assignment's id.")]
FileArgument = Annotated[Path, typer.Argument(help="The file, .txt or .md in UTF-8.")]
VersionOption = Annotated[int | None, typer.Option("--version", help="An older version; default: the current one.", min=1)]
Command = Callable[..., None]
ScaleFilter = Annotated[str | None, typer.Option(help="Only those on this scale.")]
PageOption = Annotated[int, typer.Option(help="Page of 200 assignments.", min=1)]
ByOption = Annotated[
    str | None, typer.Option("--by", help="Who writes, for the record; default: the name you are logged in as.")
]


def add_group(admin: typer.Typer, name: str, teaching: str, commands: Mapping[str, Command]) -> None:
    """Add a group of commands to ``admin``; ``teaching`` is its help, with an example."""
    group = typer.Typer(help=teaching, no_args_is_help=True, rich_markup_mode=None)
    for command, function in commands.items():
        group.command(command)(function)
    admin.add_typer(group, name=name)


def show(output: Output, answer: Any, for_eyes: Callable[[], None]) -> None:
    """Print an answer as JSON, or for eyes as ``for_eyes`` does."""
    if output is Output.JSON:
        print_json(answer)
    else:
        for_eyes()


def tell_deleted(output: Output, kind: str, name: str, remark: str = "") -> None:
    """Say that ``kind`` (assignment, scale) ``name`` is deleted, and what is to be known of it."""
    answer = {f"{kind}_id": name, "is_deleted": True}
    show(output, answer, lambda: typer.echo(f"{kind} {name}: deleted{remark}"))


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
