"""What is said at the end of a run: where it stands, what it cost, by which words it was judged, and what to ask next.

Everything is read from the artefact that was just written, so that nothing can be said that it does not hold.
"""

import json
from pathlib import Path
from typing import Any

import typer
from rich.table import Table

from huleedu_pipeline.canonical import sha256_hex
from huleedu_pipeline.cli.show import console
from huleedu_pipeline.eng5.queries import queries_about
from huleedu_pipeline.judging.templates import load_template
from huleedu_pipeline.metrics import hints
from huleedu_pipeline.settings import Settings

DIGITS = 12


def print_summary(settings: Settings, batch_id: str, path: Path) -> None:
    """Print the summary of the run whose artefact is ``path``."""
    document: dict[str, Any] = json.loads(path.read_bytes())
    comparisons, status = document["llm_comparisons"], document["validation"]["runner_status"]
    costs = document["costs"]
    read, written = (sum(row[name] for row in costs["token_counts"]) for name in ("prompt_tokens", "completion_tokens"))
    cost = "unknown cost" if costs["total_usd"] is None else f"{costs['total_usd']:.4f} USD"
    paid = " (what the real model would cost: the judge was simulated, nothing was paid)"
    n_prompts = len({row["prompt_hash"] for row in comparisons})
    typer.echo(
        f"batch {batch_id} is {status['batch_status']}: {status['n_succeeded']} verdicts of {status['n_requests']} requests "
        f"with {n_prompts} different prompts, {read:,} tokens read and {written:,} written, {cost}"
        f"{paid if document['metadata']['is_simulated'] else ''}"
    )
    _print_costs(document)
    _print_words(document)
    typer.echo(f"wrote {path}. Check it: huleedu eng5 verify {path.parent}")
    if status["partial_data"]:
        typer.echo("The run is partial: the same command goes on, and completes the artefact.")
    elif settings.warehouse_path.is_file():
        typer.echo(f"\nTo ask of {settings.warehouse_path}, with any DuckDB client:")
        for query in queries_about(batch_id):
            typer.echo(f"-- {query.question}\n{query.sql}")
    typer.echo(f"\nTo watch in Prometheus, which `HULEEDU_HOME={settings.home} huleedu metrics serve` answers:")
    for hint in hints(document["metadata"]["llm_batching_mode"]):
        typer.echo(f"# {hint.shows}\n{' '.join(hint.expr.split())}")


def _print_costs(document: dict[str, Any]) -> None:
    table = Table(title="Cost by model")
    for heading in ("provider", "model", "verdicts", "failed", "expired", "tokens read", "written", "USD"):
        table.add_column(heading, justify="left" if heading in ("provider", "model") else "right")
    for row in document["costs"]["token_counts"]:
        mine = [
            one for one in document["llm_comparisons"] if (one["provider"], one["model"]) == (row["provider"], row["model"])
        ]
        n = [str(sum(one["status"] == kind for one in mine)) for kind in ("succeeded", "failed", "expired")]
        usd = "unknown" if row["usd"] is None else f"{row['usd']:.4f}"
        table.add_row(row["provider"], row["model"], *n, f"{row['prompt_tokens']:,}", f"{row['completion_tokens']:,}", usd)
    if table.row_count:
        console().print(table)


def _print_words(document: dict[str, Any]) -> None:
    judge, inputs = document["metadata"]["judge"], document["inputs"]
    hashes = {
        f"template {judge['prompt_template']}": load_template(judge["prompt_template"]).sha256,
        "system prompt": sha256_hex(judge["system_prompt"]),
        "assignment": inputs["prompt_reference"]["checksum"],
        "criteria": inputs["instructions"]["checksum"],
    }
    shown = ", ".join(f"{what} {digest[:DIGITS]}" for what, digest in hashes.items())
    typer.echo(f"Judged by {judge['judge_id']}; sha256 of its words: {shown}.")
