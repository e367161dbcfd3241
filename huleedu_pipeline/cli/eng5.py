"""Commands of the ENG5 runner: the group `eng5`, and `eng5 preflight`, `record` and `verify`."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from huleedu_pipeline.cli import eng5_align, eng5_plan, eng5_run
from huleedu_pipeline.cli.eng5_options import RequestOptions, with_request_options
from huleedu_pipeline.cli.output import EXIT_FAILED, Output, OutputOption, print_findings, print_json

Folder = Annotated[Path, typer.Argument(help="The batch folder.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Run a national test reproducibly, and see how far a judge agrees with known grades.",
        rich_markup_mode=None,
    )
    group.command()(preflight)
    group.command()(eng5_plan.plan)
    group.command("dry-run")(eng5_run.dry_run)
    group.command()(eng5_run.execute)
    group.command()(record)
    group.command()(verify)
    eng5_align.register(group)
    app.add_typer(group, name="eng5")


@with_request_options
def preflight(batch_dir: Folder, asked: RequestOptions, output: OutputOption = Output.TABLE) -> None:
    """Check all that a batch needs before it is sent: home, ledger, provider and key, model, assignment, anchors, texts, names.

    Spends nothing. Each line is ok, warn or fail, with the remedy; a fail ends with exit code 1. Options stand in for what
    batch.yaml says, as for `huleedu eng5 execute`.

    Example: huleedu eng5 preflight my-class
    """
    from huleedu_pipeline.cli.eng5_checks import preflight_of
    from huleedu_pipeline.findings import has_failed
    from huleedu_pipeline.settings import Settings

    findings = preflight_of(batch_dir, Settings.load(), asked)
    if output is Output.TABLE:
        print_findings(findings)
        return
    print_json([asdict(finding) for finding in findings])
    if has_failed(findings):
        raise typer.Exit(EXIT_FAILED)


def record(
    batch: Annotated[str, typer.Argument(help="The id of a batch that was run.")],
    output_dir: Annotated[Path, typer.Option(help="Folder of this run; made if need be.")],
) -> None:
    """Write the artefact of a run: inputs, every comparison, ranking, grades, costs, raw requests and replies, environment.

    A batch that is not through is written as far as it has come and marked as partial; the same command completes it later.
    Runs judged by the emulator are marked dry-run. The folder holds pupils' texts: keep it as you keep them.

    Example: huleedu eng5 record my-class --output-dir runs/my-class
    """
    from datetime import UTC, datetime

    from huleedu_pipeline.eng5.artefact import write_run
    from huleedu_pipeline.lake import Lake
    from huleedu_pipeline.ledger import Ledger
    from huleedu_pipeline.settings import Settings

    settings = Settings.load()
    ledger = Ledger(settings.ledger_url)
    try:
        path = write_run(ledger, Lake(settings.lake_dir), batch, output_dir, at=datetime.now(UTC))
    finally:
        ledger.close()
    typer.echo(f"wrote {path}. Check it: huleedu eng5 verify {output_dir}")


def verify(run_dir: Annotated[Path, typer.Argument(help="The folder of a run.")]) -> None:
    """Check a run's artefact: schema, checksums of every file, prompts, and that ranking and grades follow from the judgements.

    Needs nothing but the folder. Exit code 1 when anything fails.

    Example: huleedu eng5 verify runs/my-class
    """
    from huleedu_pipeline.eng5.verify import verify_run

    print_findings(verify_run(run_dir))
