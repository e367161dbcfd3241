"""Commands of the ENG5 runner: the group `eng5`, and `eng5 preflight`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from huleedu_pipeline.cli import eng5_plan
from huleedu_pipeline.cli.output import EXIT_FAILED, Output, OutputOption, print_findings, print_json

Folder = Annotated[Path, typer.Argument(help="The batch folder.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    group = typer.Typer(no_args_is_help=True, help="Run a national test reproducibly.", rich_markup_mode=None)
    group.command()(preflight)
    group.command()(eng5_plan.plan)
    app.add_typer(group, name="eng5")


def preflight(batch_dir: Folder, output: OutputOption = Output.TABLE) -> None:
    """Check all that a batch needs before it is sent: home, ledger, provider and key, model, assignment, anchors, texts, names.

    Spends nothing. Each line is ok, warn or fail, with the remedy; a fail ends with exit code 1.

    Example: huleedu eng5 preflight my-class
    """
    from huleedu_pipeline.cli.eng5_checks import preflight_of
    from huleedu_pipeline.findings import has_failed
    from huleedu_pipeline.settings import Settings

    findings = preflight_of(batch_dir, Settings.load())
    if output is Output.TABLE:
        print_findings(findings)
        return
    print_json([asdict(finding) for finding in findings])
    if has_failed(findings):
        raise typer.Exit(EXIT_FAILED)
