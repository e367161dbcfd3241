"""Commands about prompts: `prompts list` and `prompts show` for templates, `prompts render` for what would be sent."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from huleedu_pipeline.cli.output import print_json


class Format(StrEnum):
    """How a request or a template is printed."""

    TEXT = "text"
    JSON = "json"


AsFormat = Annotated[Format, typer.Option("--format", help="text for eyes, json for machines.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    group = typer.Typer(no_args_is_help=True, help="What a judge is told.", rich_markup_mode=None)
    group.command(name="list")(list_templates)
    group.command(name="show")(show_template)
    group.command(name="render")(render_request)
    app.add_typer(group, name="prompts")


def list_templates(output: AsFormat = Format.TEXT) -> None:
    """Show the prompt templates: names with versions, what each is for, and the checksum that never changes.

    Example: huleedu prompts list
    """
    from huleedu_pipeline.judging.templates import DEFAULT_TEMPLATE, load_templates

    templates = list(load_templates())
    if output is Format.JSON:
        print_json(templates)
        return
    for template in templates:
        default = " (the default)" if template.name == DEFAULT_TEMPLATE else ""
        typer.echo(f"{template.name}{default}: {template.purpose}\n  sha256 {template.sha256}")


def show_template(
    name: Annotated[str, typer.Argument(help="The template's name, as in `huleedu prompts list`.")],
    output: AsFormat = Format.TEXT,
) -> None:
    """Show every word of a prompt template.

    Example: huleedu prompts show usage-guard-1
    """
    from huleedu_pipeline.judging.templates import load_template

    template = load_template(name)
    if output is Format.JSON:
        print_json(template)
        return
    headings = template.headings
    parts = {
        "system": template.system,
        "context": f"## {headings.assignment}\n\n(the assignment)\n\n## {headings.criteria}\n\n(the rubric)\n\n"
        f"## {headings.answer}\n\n(how to answer)",
        "how to answer, reason_length: short": template.answer.short,
        "how to answer, reason_length: long": template.answer.long,
    }
    typer.echo(f"{template.name}: {template.purpose}\nsha256 {template.sha256}")
    for part, words in parts.items():
        typer.echo(f"\n--- {part}\n{words}")


def render_request(
    batch: Annotated[str, typer.Argument(help="A batch folder, or the id of a batch that is planned.")],
    pair: Annotated[int, typer.Option(help="Which request, in the order of asking, from 1.", min=1)] = 1,
    output: AsFormat = Format.TEXT,
) -> None:
    """Show a request exactly as it is sent: of a planned batch as it is recorded, of a folder as it would be. Sends nothing.

    json is the body itself, byte for byte. It holds two pupils' texts: keep it as you keep them.

    Example: huleedu prompts render my-class --pair 3 --format json
    """
    from huleedu_pipeline.context import AssessmentContext
    from huleedu_pipeline.essays import read_batch
    from huleedu_pipeline.ledger import Ledger
    from huleedu_pipeline.providers.planning import mode_of
    from huleedu_pipeline.providers.rendering import as_text, render_folder, render_planned
    from huleedu_pipeline.providers.spelling import with_spelling
    from huleedu_pipeline.settings import Settings

    settings = Settings.load()
    ledger = Ledger(settings.ledger_url)
    try:
        if (folder := Path(batch)).is_dir():
            is_emulated = settings.judge_backend == "emulator"
            found_batch = with_spelling(read_batch(folder, AssessmentContext(ledger)), ledger)
            mode = mode_of(ledger, settings, found_batch)
            found = render_folder(found_batch, pair, mode, is_emulated=is_emulated)
        else:
            found = render_planned(ledger, batch, pair)
    finally:
        ledger.close()
    if output is Format.JSON:
        typer.echo(found.body)
        return
    typer.echo(f"batch {found.batch_id}: request {found.number} of {found.n_pairs}, to {found.provider}'s {found.path}\n")
    typer.echo(as_text(found.body))
