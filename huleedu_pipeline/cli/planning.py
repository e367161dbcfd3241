"""Commands before there is a batch: `plan`."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

    from huleedu_pipeline.assessment_plan import AssessmentPlan

N_CHEAPEST = 6


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    app.command()(plan)


def plan(
    n_essays: Annotated[int, typer.Option(help="Essays to judge, anchors included.", min=2)],
    target_reliability: Annotated[
        float | None,
        typer.Option(help="Reliability to reach: .7 a rough order, .8 usual, .9 for decisions. Default: .8."),
    ] = None,
    comparisons_per_essay: Annotated[
        float | None, typer.Option(help="Comparisons of each essay, in place of a target: what would they tell?", min=0.1)
    ] = None,
    spread: Annotated[
        float,
        typer.Option(help="How far the essays spread, in logits (sigma): .7 alike, 1.5 a class, 3 very different ones."),
    ] = 1.5,
    model: Annotated[str | None, typer.Option(help="Price this model only; default: the cheapest.")] = None,
    essay_words: Annotated[int, typer.Option(help="Words of an essay, for the cost.", min=1)] = 300,
    tokens_per_word: Annotated[float, typer.Option(help="About 1.3 in English and 1.6 in Swedish.", min=0.1)] = 1.5,
    prompt_tokens: Annotated[int, typer.Option(help="Tokens of assignment, rubric and instructions.", min=0)] = 1000,
    reply_tokens: Annotated[int, typer.Option(help="Tokens of a reply; a thinking model writes many more.", min=0)] = 150,
    replications: Annotated[int, typer.Option(help="Simulated assessments that back the plan; 0 for none.", min=0)] = 20,
    seed: Annotated[int, typer.Option(help="Seed of the simulation.", min=0)] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="JSON for machines, every model and mode.")] = False,
) -> None:
    """Plan an assessment: how many comparisons for which reliability, and what they cost. Needs no essays, sends nothing.

    Reliability is the share of the differences between essays that is real. How many comparisons it takes depends most on how
    far the essays spread, which is a guess until the first verdicts are in: the plan says what other spreads would take.
    It is worked out for one wave of random pairs, and then simulated.

    Example: huleedu plan --n-essays 100 --target-reliability .8
    """
    from huleedu_pipeline.assessment_plan import AssessmentPlanError, RequestSize, plan_assessment, priced_models

    if model is not None and model not in priced_models():
        raise AssessmentPlanError(
            f"--model {model}: has no price, or is to be shut down (there are: {', '.join(priced_models())})"
        )
    with _progress(replications) as on_replication:
        found = plan_assessment(
            n_essays,
            target_reliability,
            comparisons_per_essay=comparisons_per_essay,
            spread=spread,
            request=RequestSize(essay_words, tokens_per_word, prompt_tokens, reply_tokens),
            n_replications=replications,
            seed=seed,
            on_replication=on_replication,
        )
    if as_json:
        typer.echo(json.dumps(_record(found, model), indent=1))
    else:
        _print(found, model)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """Show a bar for the simulation on a terminal, and nothing elsewhere."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal or not total) as bar:
        task = bar.add_task("simulating", total=total)
        yield lambda: bar.advance(task)


def _record(found: "AssessmentPlan", model: str | None) -> dict[str, Any]:
    record = asdict(found)
    record["comparisons_per_essay"] = found.comparisons_per_essay
    record["n_comparisons_by_simulation"] = found.n_comparisons_by_simulation
    record["prices_as_of"] = found.prices_as_of.isoformat()
    record["costs"] = [asdict(cost) for cost in found.costs if model in (None, cost.model)]
    record["request"]["input_tokens"] = found.request.input_tokens
    return record


def _print(found: "AssessmentPlan", model: str | None) -> None:
    from rich.table import Table

    from huleedu_pipeline.cli.show import console

    out = console()
    table = Table(title=f"Plan for {found.n_essays} essays that spread by {found.spread:g} logits, in one wave of random pairs")
    table.add_column("")
    table.add_column("expected", justify="right")
    simulated = found.simulation
    if simulated is not None:
        table.add_column("simulated", justify="right")
    for name, expected, seen in _rows(found):
        table.add_row(name, expected, *([seen] if simulated is not None else []))
    out.print(table)
    for note in _notes(found):
        out.print(note, markup=False)
    out.print(_cost_table(found, model))
    size = found.request
    out.print(
        f"A comparison reads {size.input_tokens} tokens (two essays of {size.essay_words} words at {size.tokens_per_word:g} "
        f"tokens, and {size.prompt_tokens} of prompt) and writes {size.reply_tokens}; nothing cached, nothing asked again.",
        markup=False,
    )


def _rows(found: "AssessmentPlan") -> Iterator[tuple[str, str, str]]:
    seen = found.simulation
    yield "comparisons", f"{found.n_comparisons}", ""
    yield "for each essay", f"{found.comparisons_per_essay:.1f}", ""
    true = f"{seen.true_reliability:.2f} ± {1.96 * seen.true_reliability_se:.2f}" if seen else ""
    yield "reliability", f"{found.expected_reliability:.2f}", true
    yield "standard error (logits)", f"{found.expected_se:.2f}", f"{seen.se:.2f}" if seen else ""
    yield "verdicts for the better essay", f"{found.agreement_ceiling:.0%}", ""
    if seen:
        yield "reliability that will be printed", "", f"{seen.printed_reliability:.2f}"
        yield "rank correlation with the truth (tau)", "", f"{seen.rank_correlation:.2f}"
        yield "95 % intervals that hold the truth", "", f"{seen.coverage:.0%}"


def _notes(found: "AssessmentPlan") -> Iterator[str]:
    from huleedu_pipeline.scaling import FEW_COMPARISONS

    seen, target, enough = found.simulation, found.target_reliability, found.n_comparisons_by_simulation
    if seen is not None:
        essays = f"{seen.n_replications} assessments of {seen.n_essays} invented essays"
        yield f"Simulated: {essays} by a simulated judge, seed {seen.seed}."
        if enough is not None and target is not None and seen.true_reliability + 1.96 * seen.true_reliability_se < target:
            yield f"By the simulation, a reliability of {target:g} takes about {enough} comparisons."
    if found.comparisons_per_essay < FEW_COMPARISONS:
        yield f"Few comparisons: with fewer than {FEW_COMPARISONS} for each essay, printed intervals are a little too narrow."
    others = (f"{'more than all pairs' if n is None else n} at {spread:g}" for spread, n in found.n_comparisons_at.items())
    yield f"The spread is a guess until verdicts are in. The same reliability takes, by spread: {', '.join(others)}."


def _cost_table(found: "AssessmentPlan", model: str | None) -> "Table":
    from rich.table import Table

    modes = list(dict.fromkeys(cost.mode for cost in found.costs))
    models = list(dict.fromkeys(cost.model for cost in found.costs if model in (None, cost.model)))
    usd = {(cost.model, cost.mode): cost.usd for cost in found.costs}
    shown = models[:N_CHEAPEST]
    left_out = f"; {len(models) - len(shown)} dearer models left out" if len(models) > len(shown) else ""
    table = Table(title=f"Cost in USD by the prices of {found.prices_as_of}{left_out}")
    table.add_column("model")
    for mode in modes:
        table.add_column(mode, justify="right")
    for name in shown:
        cells = [("" if (name, mode) not in usd else _usd(usd[name, mode])) for mode in modes]
        table.add_row(name, *cells)
    return table


def _usd(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:,.2f}" if value >= 1 else f"{value:.4f}"
