"""Commands about paid work: `estimate` before it, `limit` during it, `reconcile` where a person decides what it came to."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    app.command()(estimate)
    app.command()(limit)
    app.command()(reconcile)


def estimate(batch_dir: Annotated[Path, typer.Argument(help="The batch folder.")]) -> None:
    """Say what judging a batch would cost at most, by the dated price list. Sends nothing.

    Example: huleedu estimate my-class
    """
    from huleedu_pipeline.context import AssessmentContext
    from huleedu_pipeline.essays import read_batch
    from huleedu_pipeline.essays.injection import injection_warnings
    from huleedu_pipeline.essays.language import language_warnings
    from huleedu_pipeline.judging.manifest import manifest
    from huleedu_pipeline.ledger import Ledger
    from huleedu_pipeline.providers.estimates import estimate_batch
    from huleedu_pipeline.providers.planning import resolve_mode
    from huleedu_pipeline.providers.spelling import with_spelling
    from huleedu_pipeline.settings import Settings

    settings = Settings.load()
    ledger = Ledger(settings.ledger_url)
    try:
        batch = with_spelling(read_batch(batch_dir, AssessmentContext(ledger)), ledger)
    finally:
        ledger.close()
    for warning in (*batch.warnings, *language_warnings(batch), *injection_warnings(batch)):
        typer.echo(f"WARNING: {warning}")
    if batch.spec.judge.provider == "human":
        typer.echo(f"batch {batch.spec.batch_id}: people judge it, and nothing is asked or paid")
        return
    mode = resolve_mode(settings, batch.spec).mode
    found = estimate_batch(batch, mode)
    typer.echo(
        f"batch {batch.spec.batch_id}: {found.n_requests} comparisons by {found.model} ({mode}), about "
        f"{found.input_tokens:,} tokens read and at most {found.output_tokens:,} written"
    )
    if found.cost_usd is None:
        typer.echo(f"cost: unknown, the manifest of {manifest().as_of} has no price of {found.model}")
    else:
        typer.echo(f"cost: at most {found.cost_usd:.4f} USD by the prices of {manifest().as_of}, if nothing is asked again")
    for warning in found.warnings:
        typer.echo(f"WARNING: {warning}")


def limit(
    batch: Annotated[str, typer.Argument(help="The batch's id.")],
    max_cost_usd: Annotated[float, typer.Argument(help="What it may cost in all, in USD, with what is spent already.", min=0)],
    because: Annotated[str, typer.Option(help="Why; stands in the batch's history.")] = "set by hand",
) -> None:
    """Set what a batch may cost while it is under way, in place of max_cost_usd in its batch.yaml.

    For a batch that its limit has stopped: its content is fixed once something was planned, and this is no part of it. A
    lower limit stops what is not ordered yet.

    Example: huleedu limit my-class 25 --because "agreed with the school"
    """
    from huleedu_pipeline.cli.opened import opened_ledger

    with opened_ledger() as ledger:
        ledger.set_cost_limit(batch, max_cost_usd, because)
        tally = ledger.tally(batch)
    spent = "an unknown amount" if tally.cost_usd is None else f"{tally.cost_usd:.4f} USD"
    typer.echo(f"batch {batch}: may cost {max_cost_usd:g} USD; {spent} of it is spent")
    typer.echo("Go on with: huleedu run, or leave it to the daemon")


def reconcile(
    batch: Annotated[str | None, typer.Argument(help="A batch's id; default: all batches.")] = None,
    job: Annotated[str | None, typer.Option(help="The job to decide about, by its token (hj_...).")] = None,
    adopt: Annotated[str | None, typer.Option(help="It is this job at the provider: watch and collect that one.")] = None,
    ask_again: Annotated[
        bool, typer.Option("--ask-again", help="It never was, or its results are lost: ask its requests again, and pay again.")
    ] = False,
    give_up: Annotated[bool, typer.Option("--give-up", help="End its requests as failures; nothing is asked again.")] = False,
) -> None:
    """List the jobs of which only a person can say what became of them, and settle one.

    A job is quarantined when guessing could pay twice or lose what was paid for. Look at the provider's own list of batch jobs,
    then decide. What was decided stands in the job's history.

    Example: huleedu reconcile; huleedu reconcile my-class --job hj_1a2b --adopt msgbatch_01
    """
    from huleedu_pipeline.cli.show import print_cases
    from huleedu_pipeline.ledger import JobState, Ledger
    from huleedu_pipeline.providers import reconcile as settle
    from huleedu_pipeline.providers.backend import check_backend, open_provider
    from huleedu_pipeline.settings import Settings

    decisions = [bool(adopt), ask_again, give_up]
    if sum(decisions) > 1 or (job is None) == any(decisions):
        raise typer.BadParameter("a decision needs --job and exactly one of --adopt, --ask-again and --give-up")
    settings = Settings.load()
    ledger = Ledger(settings.ledger_url)
    try:
        if batch is not None:
            ledger.batch(batch)
        if job is None:
            waiting = ledger.jobs(batch, [JobState.QUARANTINED])
            cases = []
            for name in sorted({one.provider for one in waiting}):
                theirs = [one for one in waiting if one.provider == name]
                cases += settle.open_cases(ledger, open_provider(settings, name), theirs)
            print_cases(cases)
            return
        chosen = ledger.job(job)
        check_backend(settings, chosen.batch_id, ledger.batch(chosen.batch_id).judge_backend)
        with ledger.lease(f"batch {chosen.batch_id}"):
            if adopt is not None:
                settle.adopt(ledger, open_provider(settings, chosen.provider), chosen, adopt)
            elif ask_again:
                settle.ask_again(ledger, chosen)
            else:
                settle.give_up(ledger, chosen)
        typer.echo(f"job {job}: settled. Go on with: huleedu run, or leave batch {chosen.batch_id} to the daemon")
    finally:
        ledger.close()
