"""Commands about traces of how a judge behaved: `traces capture`."""

from pathlib import Path
from typing import Annotated

import typer

HELP = """Keep how a judge behaved over a batch, in numbers.

Example: huleedu traces capture my-class --scenario-id gpt6-luna-ht26
"""


def register(app: typer.Typer) -> None:
    """Add the group of this module's commands to ``app``."""
    group = typer.Typer(help=HELP, no_args_is_help=True, rich_markup_mode=None)
    group.command("capture")(capture)
    app.add_typer(group, name="traces")


def capture(
    batch: Annotated[str, typer.Argument(help="The batch's id.")],
    scenario_id: Annotated[str, typer.Option(help="Name of the trace, and of its folder.")],
    output_dir: Annotated[Path, typer.Option(help="Where the folder is made.")] = Path("llm_traces"),
) -> None:
    """Write a trace of a judged batch: summary.json and llm_callbacks.jsonl, from the ledger.

    Winners, errors, tokens, costs and response times; no text, reason or essay's name. docs/emulator.md has the fields.

    Example: huleedu traces capture my-class --scenario-id gpt6-luna-ht26 --output-dir traces
    """
    from huleedu_pipeline.ledger import Ledger
    from huleedu_pipeline.providers.traces import capture as capture_trace
    from huleedu_pipeline.providers.traces import write_trace
    from huleedu_pipeline.settings import Settings

    ledger = Ledger(Settings.load().ledger_url)
    try:
        summary, events = capture_trace(ledger, batch, scenario_id)
    finally:
        ledger.close()
    folder = write_trace(output_dir, summary, events)
    winners = ", ".join(f"{winner} {n}" for winner, n in sorted(summary.winner_counts.items())) or "none"
    mark = "SIMULATED; " if summary.is_simulated else ""
    typer.echo(f"{folder}: {mark}{summary.total_events} requests, {summary.error_count} without a verdict; winners: {winners}")
