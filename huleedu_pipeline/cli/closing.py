"""Commands about a batch's end: `cancel`, `retry`, `recover`."""

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    app.command()(cancel)
    app.command()(retry)
    app.command()(recover)


def cancel(
    batch: Annotated[str, typer.Argument(help="The batch's id.")],
    because: Annotated[str, typer.Option(help="Why; stands in the batch's history.")] = "cancelled by hand",
) -> None:
    """Stop a batch: nothing more is asked, its jobs at the provider are cancelled, and what was answered is kept.

    Works while a run is asking for the batch, too. What a job had answered when it was cancelled is collected when the job has
    ended: start the same command again, or leave it to the daemon.

    Example: huleedu cancel my-class --because "wrong prompt"
    """
    from huleedu_pipeline.cli.runner import publish_closed
    from huleedu_pipeline.ledger import BatchStatus, Ledger
    from huleedu_pipeline.orchestration.decisions import Due
    from huleedu_pipeline.providers.advance import close_batch
    from huleedu_pipeline.settings import Settings

    settings = Settings.load()
    ledger = Ledger(settings.ledger_url)
    try:
        waits_for = close_batch(ledger, settings, batch, BatchStatus.CANCELLED, because)
        tally = ledger.tally(batch)
    finally:
        ledger.close()
    typer.echo(f"batch {batch}: cancelled; {tally.n_succeeded} verdicts of {tally.n_requests} requests are kept")
    if waits_for is None:
        decision = publish_closed(batch, settings)
        waits_for = "It is published as that" if decision.due is Due.NOTHING else decision.reason
    typer.echo(f"{waits_for}. To go on after all: huleedu retry {batch}")


def retry(
    batch: Annotated[str, typer.Argument(help="The batch's id.")],
    because: Annotated[str, typer.Option(help="Why; stands in the batch's history.")] = "brought back by hand",
) -> None:
    """Bring a failed or cancelled batch back: what has no verdict is asked again, and nothing that has one.

    A request that the model refused, or whose answer was lost, is asked, and paid for, once more.

    Example: huleedu retry my-class; then huleedu run my-class, or leave it to the daemon
    """
    from huleedu_pipeline.ledger import Ledger
    from huleedu_pipeline.providers.backend import check_backend
    from huleedu_pipeline.settings import Settings

    settings = Settings.load()
    ledger = Ledger(settings.ledger_url)
    try:
        check_backend(settings, batch, ledger.batch(batch).judge_backend)
        with ledger.lease(f"batch {batch}"):
            n_left = ledger.reopen_batch(batch, because)
        status = ledger.batch(batch).status
    finally:
        ledger.close()
    typer.echo(f"batch {batch}: is {status} again; {n_left} requests have no verdict and are asked (again)")
    typer.echo("Go on with: huleedu run, or leave it to the daemon")


def recover() -> None:
    """End the batches with which nothing happens any more, as the daemon does every five minutes.

    Live batches after 4 hours without activity, batch jobs after 26. With 80 % of the outcomes a batch is ranked by them
    (completed_forced_recovery), with less it fails, and keeps everything for `huleedu retry`.

    Example: huleedu recover
    """
    from datetime import UTC, datetime

    from huleedu_pipeline.cli.runner import publish_closed
    from huleedu_pipeline.ledger import BatchStatus, Ledger
    from huleedu_pipeline.providers.recovery import recover_batch, stalled_batches
    from huleedu_pipeline.settings import Settings

    settings = Settings.load()
    ledger = Ledger(settings.ledger_url)
    try:
        done = [recover_batch(ledger, settings, b.batch_id) for b in stalled_batches(ledger, datetime.now(UTC))]
    finally:
        ledger.close()
    if not done:
        typer.echo("no batch is past its deadline")
    for one in done:
        typer.echo(f"batch {one.batch_id}: {one.ends_as or 'left as it is'}: {one.reason}")
        if one.ends_as is BatchStatus.FAILED:
            publish_closed(one.batch_id, settings)
        elif one.ends_as is not None:
            typer.echo("Rank it with: huleedu run, or leave it to the daemon")
