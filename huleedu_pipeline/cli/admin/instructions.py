"""Commands about assignments: `admin instructions create|list|get|delete`."""

from typing import Annotated, Literal

import typer

from huleedu_pipeline.cli.admin.options import (
    AssignmentArgument,
    ByOption,
    FileArgument,
    PageOption,
    ScaleFilter,
    VersionOption,
    add_group,
    show,
    tell,
    tell_deleted,
    writer,
)
from huleedu_pipeline.cli.output import Output, OutputOption

HELP = """Assignments and their instructions: what is assessed, on which scale, and where the assignment comes from.

Example: huleedu admin instructions list
"""


def register(admin: typer.Typer) -> None:
    """Add the group of this module's commands to ``admin``."""
    add_group(admin, "instructions", HELP, {"create": create, "list": list_assignments, "get": get, "delete": delete})


def create(
    assignment_id: AssignmentArgument,
    file: FileArgument,
    grade_scale: Annotated[
        str, typer.Option(help="Scale of the anchors' grades (huleedu admin scales list); fixed from now on.")
    ],
    origin: Annotated[
        Literal["research_experiment", "canonical_national"],
        typer.Option(help="canonical_national: a national test's own, whose rubric is never replaced. Fixed from now on."),
    ] = "research_experiment",
    by: ByOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Register an assignment with its instructions, or give one that is there new instructions.

    The judge reads the instructions before the rubric. An assignment that was deleted is restored with all that it had.

    Example: huleedu admin instructions create role-model instructions.md --grade-scale eng5_np_legacy_9_step
    """
    from huleedu_pipeline.cli.opened import opened_context
    from huleedu_pipeline.context import AssignmentInput
    from huleedu_pipeline.context.folders import read_text_input, validated

    values = {"assignment_id": assignment_id, "instructions": read_text_input(file)}
    values |= {"grade_scale": grade_scale, "context_origin": origin}
    with opened_context() as context:
        made = context.put_assignment(validated(AssignmentInput, values, f"assignment {assignment_id}"), by=writer(by))
    tell(made, output, what="instructions are registered")


def list_assignments(grade_scale: ScaleFilter = None, page: PageOption = 1, output: OutputOption = Output.TABLE) -> None:
    """List the assignments that batches can name, and what each of them has.

    Example: huleedu admin instructions list --grade-scale eng5_np_legacy_9_step --format json
    """
    from huleedu_pipeline.cli.admin.tables import print_assignments
    from huleedu_pipeline.cli.opened import opened_context

    with opened_context() as context:
        found = context.assignments(grade_scale=grade_scale, page=page)
    show(output, found, lambda: print_assignments(found))


def get(assignment_id: AssignmentArgument, version: VersionOption = None, output: OutputOption = Output.TABLE) -> None:
    """Show an assignment whole: instructions, prompt, rubric, and its anchors without their texts.

    Example: huleedu admin instructions get role-model --version 1
    """
    from huleedu_pipeline.cli.admin.tables import print_assignment
    from huleedu_pipeline.cli.opened import opened_context

    with opened_context() as context:
        found = context.assignment(assignment_id, version)
    show(output, found, lambda: print_assignment(found))


def delete(assignment_id: AssignmentArgument, by: ByOption = None, output: OutputOption = Output.TABLE) -> None:
    """Delete an assignment: new batches can not name it. Its versions stay readable, and batches that used it are as they were.

    Example: huleedu admin instructions delete role-model
    """
    from huleedu_pipeline.cli.opened import opened_context

    with opened_context() as context:
        context.delete_assignment(assignment_id, by=writer(by))
    tell_deleted(output, "assignment", assignment_id, ". `huleedu admin instructions create` restores it")
