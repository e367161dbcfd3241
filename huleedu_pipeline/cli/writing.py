"""Commands that make batch folders: `init` and `import-csv`."""

import shlex
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    app.command()(init)
    app.command("import-csv")(import_csv)


def init(
    folder: Annotated[Path, typer.Argument(help="Folder to make; its name becomes the batch's id.")],
    assignment_id: Annotated[
        str | None,
        typer.Option(help="A registered assignment, whose prompt, rubric, scale and anchors are used (huleedu admin --help)."),
    ] = None,
) -> None:
    """Make a batch folder with a commented template.

    Example: huleedu init my-class
    """
    from huleedu_pipeline.cli.opened import opened_context
    from huleedu_pipeline.essays.template import write_template

    if assignment_id is not None:
        with opened_context() as context:
            context.assignment(assignment_id)
    for path in write_template(folder, assignment_id):
        typer.echo(f"wrote {path}")
    hint = f"huleedu run {shlex.quote(str(folder))}"
    fill_in = "batch.yaml" if assignment_id is not None else "prompt.md and batch.yaml"
    typer.echo(f"Now put the essays into {folder / 'essays'}, fill in {fill_in}, and: {hint}")


def import_csv(
    file: Annotated[Path, typer.Argument(help="CSV file in UTF-8 with a line of column names.")],
    folder: Annotated[Path, typer.Option("--to", help="Batch folder to make; its name becomes the batch's id.")],
    id_column: Annotated[str, typer.Option(help="Column with a unique id for each essay.")],
    text_column: Annotated[str, typer.Option(help="Column with the essay.")],
    prompt: Annotated[str | None, typer.Option(help="The assignment, as text.")] = None,
    prompt_file: Annotated[Path | None, typer.Option(help="File with the assignment.")] = None,
    rubric_file: Annotated[Path | None, typer.Option(help="File with the criteria; default: a general rubric.")] = None,
    where: Annotated[list[str] | None, typer.Option(help="Take only rows with COLUMN=VALUE; may be repeated.")] = None,
    grade_column: Annotated[str | None, typer.Option(help="Column with known grades, for anchors.")] = None,
    grade_scale: Annotated[str | None, typer.Option(help="Scale of those grades, for example cefr_6_level.")] = None,
    anchors: Annotated[int, typer.Option(help="How many graded essays become anchors, spread over the grades.", min=0)] = 0,
    seed: Annotated[int, typer.Option(help="Seed of the choice of anchors.")] = 1,
    provider: Annotated[str, typer.Option(help="Who judges: openai, anthropic or human.")] = "openai",
    mode: Annotated[str, typer.Option(help="provider_batch_api, per_request or serial_bundle.")] = "provider_batch_api",
) -> None:
    """Turn any CSV file into a batch folder.

    Example: huleedu import-csv answers.csv --to batches/answers --id-column id --text-column answer
      --prompt "Describe your town." --grade-column level --grade-scale cefr_6_level --anchors 6
    """
    from huleedu_pipeline.cli.opened import opened_context
    from huleedu_pipeline.essays.csv_import import CsvImport
    from huleedu_pipeline.essays.csv_import import import_csv as convert
    from huleedu_pipeline.essays.template import RUBRIC

    if (prompt is None) == (prompt_file is None):
        raise typer.BadParameter("give the assignment either as --prompt or as --prompt-file")
    conditions = [condition.partition("=") for condition in where or []]
    if not all(separator for _, separator, _ in conditions):
        raise typer.BadParameter("--where takes COLUMN=VALUE")
    wanted = CsvImport(
        id_column=id_column,
        text_column=text_column,
        prompt=prompt if prompt is not None else _text(prompt_file),
        rubric=_text(rubric_file) + "\n" if rubric_file else RUBRIC,
        only={column: value for column, _, value in conditions},
        grade_column=grade_column,
        grade_scale=grade_scale,
        n_anchors=anchors,
        seed=seed,
        batch={"llm_batching_mode": mode, "judge": {"provider": provider}},
    )
    with opened_context() as context:
        n_essays, n_anchors = convert(file, folder, wanted, context)
    typer.echo(f"wrote {folder}: {n_essays} essays and {n_anchors} anchors. Next: huleedu run {shlex.quote(str(folder))}")


def _text(path: Path | None) -> str:
    from huleedu_pipeline.essays.text import TextError, decode

    if path is None or not path.is_file():
        raise typer.BadParameter(f"{path}: is not a file")
    try:
        return decode(path.read_bytes())
    except TextError as error:
        raise TextError(f"{path}: {error}") from None
