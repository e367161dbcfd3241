"""The group `huleedu admin`: assignments, their texts and anchors, and grade scales, as they are registered."""

import typer

from huleedu_pipeline.cli.admin import anchors, instructions, scales, texts, whole

HELP = """Register assignments: what pupils were asked, what the judge judges by, graded anchors, and grade scales.

A batch whose batch.yaml names one (assignment_id: eng5-role-model) takes prompt, rubric, scale and anchors from it, and
keeps the version that it was first submitted with. Every write makes a new version; old ones stay readable (--version).

\b
  huleedu admin import-dir examples/eng5-role-model      register everything in a folder
  huleedu admin instructions list                        what is registered
  huleedu admin instructions get eng5-role-model         one assignment, whole
  huleedu admin history eng5-role-model                  who changed what, and when
  huleedu init my-class --assignment-id eng5-role-model  a batch folder that takes everything from it

Example: huleedu admin instructions list
"""


def register(app: typer.Typer) -> None:
    """Add the group of these commands to ``app``."""
    group = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)
    for module in (instructions, texts, anchors, scales, whole):
        module.register(group)
    app.add_typer(group, name="admin")
