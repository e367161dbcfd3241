"""The command that shows what would be read of documents: `inspect`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from huleedu_pipeline.cli.output import Output, OutputOption, print_json

if TYPE_CHECKING:
    from huleedu_pipeline.essays.inspection import Inspection

EXIT_PROBLEMS = 1


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    app.command()(inspect)


def inspect(
    path: Annotated[Path, typer.Argument(help="A document, a table of essays (.csv, .xlsx), a batch folder, or any folder.")],
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what would be read of documents: words, paragraphs and language, what is left out, and what can not be read.

    Documents are .txt, .md, .docx, .odt, .rtf and .pdf files. One that can not be read is one line, and the rest is read; the
    exit code is then 1. Nothing is sent or kept.

    Example: huleedu inspect my-class
    """
    from dataclasses import asdict

    from huleedu_pipeline.essays.inspection import inspect_path

    found = inspect_path(path)
    if output is Output.JSON:
        print_json(asdict(found))
    else:
        _print(found)
    if found.problems:
        raise typer.Exit(EXIT_PROBLEMS)


def _print(found: "Inspection") -> None:
    from rich.table import Table

    from huleedu_pipeline.cli.show import console

    if found.texts:
        table = Table()
        table.add_column("text")
        table.add_column("kind")
        table.add_column("words", justify="right")
        table.add_column("paragraphs", justify="right")
        table.add_column("language")
        for text in found.texts:
            table.add_row(text.place, text.kind, f"{text.n_words}", f"{text.n_paragraphs}", text.language)
        console().print(table)
    for warning in found.warnings:
        typer.echo(f"WARNING: {warning}")
    for problem in found.problems:
        typer.echo(f"PROBLEM: {problem}")
    typer.echo(
        f"{len(found.texts)} texts can be read, {sum(text.n_words for text in found.texts)} words; "
        f"{len(found.warnings)} warnings, {len(found.problems)} problems"
    )
