"""Commands about the whole context: `admin import-dir`, `admin history`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from huleedu_pipeline.cli.admin.options import ByOption, show, tell, writer
from huleedu_pipeline.cli.instants import SINCE_HELP, instant_of
from huleedu_pipeline.cli.output import Output, OutputOption, warn

IMPORT_HELP = """Register everything in an assignment's folder as one version, or nothing if something in it can not be used.

\b
  assignment.yaml    assignment_id (default: the folder's name), grade_scale, context_origin
  instructions.md    what is assessed; the judge reads it before the rubric
  prompt.md          what the pupils were asked to write
  rubric.md          the criteria that the judge applies
  anchors/           graded essays; anchors.csv or the file names hold the grades
  scales.yaml        grade scales of your own

Only the first two must be there. The same folder again changes nothing; texts that it lacks and anchors under other labels
stay.

Example: huleedu admin import-dir examples/eng5-role-model
"""


class Action(StrEnum):
    """Kinds of writes."""

    CREATE = "create"
    CHANGE = "change"
    DELETE = "delete"
    RESTORE = "restore"


def register(admin: typer.Typer) -> None:
    """Add the commands of this module to ``admin``."""
    admin.command("import-dir", help=IMPORT_HELP)(import_dir)
    admin.command("history")(history)


def import_dir(
    folder: Annotated[Path, typer.Argument(help="The assignment's folder.")],
    by: ByOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Register everything in an assignment's folder as one version; see :data:`IMPORT_HELP`."""
    from huleedu_pipeline.cli.opened import opened_context
    from huleedu_pipeline.context.folders import read_assignment

    wanted = read_assignment(folder, on_warning=warn)
    with opened_context() as context:
        made = context.put_all(wanted, by=writer(by))
    tell(made, output, what=f"{folder} is registered")


def history(
    name: Annotated[str | None, typer.Argument(help="An assignment or a scale; default: everything.")] = None,
    by: Annotated[str | None, typer.Option("--by", help="Only what this person wrote.")] = None,
    action: Annotated[Action | None, typer.Option(help="Only writes of this kind.")] = None,
    since: Annotated[str | None, typer.Option(help=SINCE_HELP)] = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show who changed what, and when. Names and labels only, no texts.

    Example: huleedu admin history role-model --since 7d
    """
    from huleedu_pipeline.cli.admin.tables import print_events
    from huleedu_pipeline.cli.opened import opened_context

    from_on = None if since is None else instant_of(since)
    with opened_context() as context:
        found = context.events(name, by=by, action=None if action is None else action.value, since=from_on)
    show(output, found, lambda: print_events(found))
