"""Commands about judgements that people made: `judgements import`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

MOST_NAMED = 5

HELP = """Bring in judgements that people made.

Example: huleedu judgements import judged.csv my-class --first-column left --second-column right --winner-column better
"""


def register(app: typer.Typer) -> None:
    """Add the group of this module's commands to ``app``."""
    group = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)
    group.command("import")(import_judgements)
    app.add_typer(group, name="judgements")


def import_judgements(
    file: Annotated[Path, typer.Argument(help="CSV file in UTF-8 with a line of column names and a line for each judgement.")],
    folder: Annotated[Path, typer.Argument(help="Batch folder whose batch.yaml says judge: {provider: human}.")],
    first_column: Annotated[str, typer.Option(help="Column with the essay shown first: its essay_id or file name.")],
    second_column: Annotated[str, typer.Option(help="Column with the essay shown second.")],
    winner_column: Annotated[
        str, typer.Option(help="Column with the better essay: its essay_id or file name, or first/second, A/B, 1/2; or a tie.")
    ],
    judge_column: Annotated[
        str | None,
        typer.Option(help="Column with who judged; the name becomes part of the results. Default: one judge, 'human'."),
    ] = None,
    justification_column: Annotated[str | None, typer.Option(help="Column with the judge's reasons.")] = None,
    tie: Annotated[
        list[str] | None, typer.Option(help="Another word for a tie, besides tie, equal, draw and =; may be repeated.")
    ] = None,
) -> None:
    """Record judgements that people made, for `huleedu run` to rank by. A file with a mistake in it is refused whole.

    Import the same file again, or with more lines, whenever you like: only what is new is added, until the batch is ranked.

    Example: huleedu judgements import judged.csv my-class --first-column left --second-column right
      --winner-column better --judge-column teacher --tie undecided
    """
    from huleedu_pipeline.cli.opened import opened_context
    from huleedu_pipeline.cli.runner import take_in
    from huleedu_pipeline.essays import read_batch
    from huleedu_pipeline.essays.judgements import JudgementColumns, read_judgements
    from huleedu_pipeline.ledger import Ledger
    from huleedu_pipeline.providers.human import ensure_human, record_judgements
    from huleedu_pipeline.settings import Settings

    settings = Settings.load()
    with opened_context() as context:
        batch = read_batch(folder, context)
    ensure_human(batch)
    columns = JudgementColumns(first_column, second_column, winner_column, judge_column, justification_column, tuple(tie or ()))
    judgements = read_judgements(file, batch, columns)
    batch_id = take_in(folder, settings)
    ledger = Ledger(settings.ledger_url)
    try:
        imported = record_judgements(ledger, batch, judgements, file.name)
        judged = {essay for r in ledger.requests(batch_id) for essay in (r.essay_a_id, r.essay_b_id)}
    finally:
        ledger.close()
    typer.echo(
        f"batch {batch_id}: {imported.n_new} judgements recorded"
        + (f", {imported.n_known} were there already" if imported.n_known else "")
    )
    left_out = [essay.essay_id for essay in batch.essays if essay.essay_id not in judged]
    if left_out:
        names = ", ".join(left_out[:MOST_NAMED]) + (", ..." if len(left_out) > MOST_NAMED else "")
        typer.echo(f"No judgement yet of {len(left_out)} essays ({names}); a ranking needs judgements that connect them all.")
    else:
        typer.echo(f"Next: huleedu run {shlex.quote(str(folder))}")
