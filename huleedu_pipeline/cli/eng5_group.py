"""The group `eng5`: research runs on graded essays. Each command is in a module of its own."""

import typer

from huleedu_pipeline.cli import eng5_align


def register(app: typer.Typer) -> None:
    """Add the group to ``app``."""
    group = typer.Typer(
        no_args_is_help=True, help="Research runs: how far a judge agrees with known grades.", rich_markup_mode=None
    )
    eng5_align.register(group)
    app.add_typer(group, name="eng5")
