"""Commands about batches: `run`, `status`, `results`."""

import time
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

EXIT_NOT_READY = 3


class Mode(StrEnum):
    """How the judge is asked."""

    PER_REQUEST = "per_request"
    SERIAL_BUNDLE = "serial_bundle"
    PROVIDER_BATCH_API = "provider_batch_api"


class Format(StrEnum):
    """How results are printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    app.command()(run)
    app.command()(status)
    app.command()(results)


def run(
    batch_dir: Annotated[Path, typer.Argument(help="The batch folder.")],
    wait: Annotated[bool, typer.Option(help="Stay until the results are published, or end after submitting.")] = True,
    llm_batching_mode: Annotated[
        Mode | None, typer.Option(help="How the judge is asked, of a batch whose batch.yaml leaves that open.")
    ] = None,
) -> None:
    """Judge a batch: check it, submit it, collect the judgements, and publish ranking and grades.

    Interrupt it whenever you like: the same command goes on where it stopped, and nothing is paid for twice.

    Example: huleedu run my-class --no-wait; later: huleedu run my-class
    """
    from huleedu_pipeline.cli.output import warn
    from huleedu_pipeline.cli.progress import following
    from huleedu_pipeline.cli.runner import run_batch, take_in
    from huleedu_pipeline.settings import Settings

    settings = Settings.load()
    started = time.monotonic()
    batch_id = take_in(
        batch_dir,
        settings,
        mode_hint=llm_batching_mode.value if llm_batching_mode else None,
        on_warning=warn,
    )
    with following(settings, batch_id) as on_progress:
        end = run_batch(batch_id, settings, wait=wait, on_progress=on_progress)
    if not wait:
        typer.echo(f"batch {batch_id} is {end}. Collect it with the same command, or leave it to `huleedu ui`.")
        return
    show_results(batch_id, Format.TABLE)
    typer.echo(f"\n{time.monotonic() - started:.0f} s. Query everything: {settings.warehouse_path}")


def status(batch: Annotated[str | None, typer.Argument(help="A batch's id; default: all batches.")] = None) -> None:
    """Show where batches stand, straight from the ledger.

    Example: huleedu status; huleedu status my-class
    """
    from huleedu_pipeline.cli.show import print_batch, print_batches
    from huleedu_pipeline.ledger import Ledger
    from huleedu_pipeline.settings import Settings

    settings = Settings.load()
    ledger = Ledger(settings.ledger_url)
    try:
        if batch is None:
            print_batches(ledger, settings)
        else:
            print_batch(ledger, batch)
    finally:
        ledger.close()


def results(
    batch: Annotated[str, typer.Argument(help="The batch's id.")],
    output: Annotated[Format, typer.Option("--format", help="table for eyes, csv or json for machines.")] = Format.TABLE,
    by_pupil: Annotated[
        bool, typer.Option("--by-pupil", help="The class list of a regular batch, with names: for its teacher.")
    ] = False,
) -> None:
    """Show a batch's ranking with standard errors, grades and their certainty.

    By pupil there are only essays whose match is automatic or confirmed (huleedu match), and names as long as the class list is
    in the inbox.

    Example: huleedu results my-class --format csv > ranking.csv; huleedu results my-class --by-pupil
    """
    if by_pupil:
        show_class(batch, output)
    else:
        show_results(batch, output)


def show_class(batch_id: str, output: Format) -> None:
    """Print the published results of a batch by pupil, or end with the exit code for results that are not there yet."""
    from huleedu_pipeline import open_warehouse
    from huleedu_pipeline.cli.output import warn
    from huleedu_pipeline.cli.show import print_class
    from huleedu_pipeline.essays.class_list import names_of
    from huleedu_pipeline.settings import Settings

    with open_warehouse() as warehouse:
        found = warehouse.frame("results_by_pupil", batch_id)
        matches = warehouse.frame("student_matches", batch_id)
    if found.empty:
        typer.echo(
            f"batch {batch_id}: has no published results by pupil (`huleedu results {batch_id}` has those by file, `huleedu "
            "match` the matches)",
            err=True,
        )
        raise typer.Exit(EXIT_NOT_READY)
    names = names_of(Settings.load().inbox_dir / batch_id)
    found.insert(2, "name", [names.get(student_id) for student_id in found["student_id"]])
    n_open = int(matches["status"].isin(["review", "manual"]).sum())
    if n_open:
        warn(f"{n_open} essays are not here: whose they are is to be looked at (huleedu match)")
    if output is Format.CSV:
        typer.echo(found.to_csv(index=False), nl=False)
    elif output is Format.JSON:
        typer.echo(found.to_json(orient="records", force_ascii=False, indent=1))
    else:
        print_class(batch_id, found)


def show_results(batch_id: str, output: Format) -> None:
    """Print the published ranking of a batch, or end with the exit code for results that are not there yet."""
    from huleedu_pipeline import open_warehouse
    from huleedu_pipeline.cli.notes import notes_on
    from huleedu_pipeline.cli.show import print_ranking

    with open_warehouse() as warehouse:
        ranking = warehouse.frame("current_rankings", batch_id)
        cost = warehouse.frame("cost_by_batch", batch_id)
        notes = notes_on(warehouse, batch_id)
    if ranking.empty:
        typer.echo(
            f"batch {batch_id}: has no published results yet (`huleedu status {batch_id}` says where it stands)", err=True
        )
        raise typer.Exit(EXIT_NOT_READY)
    if output is Format.CSV:
        typer.echo(ranking.assign(flags=ranking["flags"].map(" ".join)).to_csv(index=False), nl=False)
    elif output is Format.JSON:
        typer.echo(ranking.to_json(orient="records", force_ascii=False, indent=1))
    else:
        print_ranking(batch_id, ranking, cost, notes)
