"""Commands about an assignment's two texts: `admin prompts` and `admin rubrics`, each `register|list|get`."""

import typer

from huleedu_pipeline.cli.admin.instructions import list_assignments
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
    writer,
)
from huleedu_pipeline.cli.output import Output, OutputOption

PROMPTS_HELP = """Student prompts: what the pupils were asked to write.

Example: huleedu admin prompts register role-model prompt.md
"""
RUBRICS_HELP = """Judge rubrics: the criteria that the judge applies.

Example: huleedu admin rubrics register role-model rubric.md
"""


def register(admin: typer.Typer) -> None:
    """Add the two groups of this module's commands to ``admin``."""
    add_group(admin, "prompts", PROMPTS_HELP, {"register": register_prompt, "list": list_prompts, "get": get_prompt})
    add_group(admin, "rubrics", RUBRICS_HELP, {"register": register_rubric, "list": list_rubrics, "get": get_rubric})


def register_prompt(
    assignment_id: AssignmentArgument, file: FileArgument, by: ByOption = None, output: OutputOption = Output.TABLE
) -> None:
    """Register an assignment's student prompt, or replace it in a new version.

    Example: huleedu admin prompts register role-model prompt.md
    """
    from huleedu_pipeline.cli.opened import opened_context
    from huleedu_pipeline.context import TextInput
    from huleedu_pipeline.context.folders import read_text_input

    wanted = TextInput(text=read_text_input(file))
    with opened_context() as context:
        tell(context.put_prompt(assignment_id, wanted, by=writer(by)), output, what="student prompt is registered")


def register_rubric(
    assignment_id: AssignmentArgument, file: FileArgument, by: ByOption = None, output: OutputOption = Output.TABLE
) -> None:
    """Register an assignment's judge rubric, or replace it in a new version; that of a national test is never replaced.

    Example: huleedu admin rubrics register role-model rubric.md
    """
    from huleedu_pipeline.cli.opened import opened_context
    from huleedu_pipeline.context import TextInput
    from huleedu_pipeline.context.folders import read_text_input

    wanted = TextInput(text=read_text_input(file))
    with opened_context() as context:
        tell(context.put_rubric(assignment_id, wanted, by=writer(by)), output, what="rubric is registered")


def get_prompt(assignment_id: AssignmentArgument, version: VersionOption = None, output: OutputOption = Output.TABLE) -> None:
    """Print an assignment's student prompt.

    Example: huleedu admin prompts get role-model > prompt.md
    """
    _print_text(assignment_id, version, output, "prompt")


def get_rubric(assignment_id: AssignmentArgument, version: VersionOption = None, output: OutputOption = Output.TABLE) -> None:
    """Print an assignment's judge rubric.

    Example: huleedu admin rubrics get role-model --version 1
    """
    _print_text(assignment_id, version, output, "rubric")


def list_prompts(grade_scale: ScaleFilter = None, page: PageOption = 1, output: OutputOption = Output.TABLE) -> None:
    """List the assignments, and which of them have a student prompt.

    Example: huleedu admin prompts list
    """
    list_assignments(grade_scale, page, output)


def list_rubrics(grade_scale: ScaleFilter = None, page: PageOption = 1, output: OutputOption = Output.TABLE) -> None:
    """List the assignments, and which of them have a rubric.

    Example: huleedu admin rubrics list
    """
    list_assignments(grade_scale, page, output)


def _print_text(assignment_id: str, version: int | None, output: Output, name: str) -> None:
    from huleedu_pipeline.canonical import sha256_hex
    from huleedu_pipeline.cli.opened import opened_context
    from huleedu_pipeline.context import NotFoundError

    with opened_context() as context:
        found = context.assignment(assignment_id, version)
    text: str | None = getattr(found, name)
    if text is None:
        raise NotFoundError(
            f"assignment {assignment_id}: version {found.version} has no {name} "
            f"(register one: `huleedu admin {name}s register {assignment_id} FILE`)"
        )
    answer = {"assignment_id": assignment_id, "version": found.version, "text_sha256": sha256_hex(text), "text": text}
    show(output, answer, lambda: typer.echo(text))
