"""Commands about grade scales: `admin scales register|list|get|delete`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from huleedu_pipeline.cli.admin.options import ByOption, add_group, show, tell_deleted, writer
from huleedu_pipeline.cli.output import Output, OutputOption

HELP = """Grade scales: those that come with the pipeline, and your own.

\b
A file of your own scales:
  scales:
    - scale_id: school_5_step
      description: Our school's own five steps
      grades: ["1", "2", "3", "4", "5"]    # from the lowest to the highest
      below_lowest: "0"                    # optional: a grade that no anchor carries

A scale never changes: grades rest on it. A new one gets another scale_id.

Example: huleedu admin scales register scales.yaml
"""

ScaleArgument = Annotated[str, typer.Argument(help="The scale's id.")]


def register(admin: typer.Typer) -> None:
    """Add the group of this module's commands to ``admin``."""
    add_group(admin, "scales", HELP, {"register": register_scales, "list": list_all, "get": get, "delete": delete})


def register_scales(
    file: Annotated[Path, typer.Argument(help="YAML file with a list 'scales'.")],
    by: ByOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Register the grade scales of a YAML file, or none if one of them can not be used.

    Example: huleedu admin scales register scales.yaml
    """
    from huleedu_pipeline.cli.admin.tables import print_scales
    from huleedu_pipeline.cli.opened import opened_context
    from huleedu_pipeline.context.folders import read_scales

    wanted = read_scales(file)
    with opened_context() as context:
        made = context.put_scales(wanted, by=writer(by))
    show(output, [asdict(scale) for scale in made], lambda: print_scales(made, "Registered"))


def list_all(output: OutputOption = Output.TABLE) -> None:
    """List all grade scales.

    Example: huleedu admin scales list --format json
    """
    from huleedu_pipeline.cli.admin.tables import print_scales
    from huleedu_pipeline.cli.opened import opened_context

    with opened_context() as context:
        found = context.scales()
    show(output, [asdict(scale) for scale in found], lambda: print_scales(found, "Grade scales"))


def get(scale_id: ScaleArgument, output: OutputOption = Output.TABLE) -> None:
    """Show one grade scale.

    Example: huleedu admin scales get eng5_np_legacy_9_step
    """
    from huleedu_pipeline.cli.admin.tables import print_scales
    from huleedu_pipeline.cli.opened import opened_context

    with opened_context() as context:
        found = context.scale(scale_id)
    show(output, asdict(found), lambda: print_scales([found], "Grade scale"))


def delete(scale_id: ScaleArgument, by: ByOption = None, output: OutputOption = Output.TABLE) -> None:
    """Delete a scale of your own that no assignment, anchor or batch uses.

    Example: huleedu admin scales delete school_5_step
    """
    from huleedu_pipeline.cli.opened import opened_context

    with opened_context() as context:
        context.delete_scale(scale_id, by=writer(by))
    tell_deleted(output, "scale", scale_id)
