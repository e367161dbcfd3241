"""The commands `eng5 execute` and `eng5 dry-run`: preflight, submission, waiting, artefact. Not here: any of these steps."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from huleedu_pipeline.cli.batches import EXIT_NOT_READY, Mode

if TYPE_CHECKING:
    from huleedu_pipeline.settings import Settings

Folder = Annotated[Path, typer.Argument(help="The batch folder.")]
OutputDir = Annotated[Path | None, typer.Option(help="Folder of this run; default: HULEEDU_HOME/runs and the batch's id.")]
ModeOption = Annotated[Mode | None, typer.Option(help="How the judge is asked, of a batch whose batch.yaml leaves that open.")]
Timeout = Annotated[float, typer.Option(help="How long to wait at most, in seconds.", min=0)]


def execute(
    batch_dir: Folder,
    await_completion: Annotated[
        bool, typer.Option("--await-completion", help="Stay until the results are there, or end after submitting.")
    ] = False,
    completion_timeout: Timeout = 1800.0,
    llm_batching_mode: ModeOption = None,
    output_dir: OutputDir = None,
) -> None:
    """Run a batch: preflight, submit, wait if asked to, and write the artefact with a summary of cost and prompts.

    A run that is not through has a partial artefact that says so; the same command goes on from there and completes it, and
    nothing is paid for twice. The time-out is looked at between steps: a step that pays is never broken off.

    Exit codes: 0 done, or submitted without --await-completion; 1 refused or failed; 3 timed out, the artefact is partial.

    Example: huleedu eng5 execute my-class --await-completion --completion-timeout 3600
    """
    from huleedu_pipeline.settings import Settings

    most_seconds = completion_timeout if await_completion else None
    _run(batch_dir, Settings.load(), llm_batching_mode, output_dir, wait=await_completion, most_seconds=most_seconds)


def dry_run(
    batch_dir: Folder,
    completion_timeout: Timeout = 1800.0,
    llm_batching_mode: ModeOption = None,
    output_dir: OutputDir = None,
) -> None:
    """Run a batch whole against the local emulator, whatever is set: nothing is paid, and the artefact is marked dry-run.

    It has a home of its own, HULEEDU_HOME/dry-run, so that the same batch can be executed afterwards. Exit codes are those
    of `huleedu eng5 execute`.

    Example: huleedu eng5 dry-run my-class
    """
    from huleedu_pipeline.errors import HuleeduError
    from huleedu_pipeline.essays.batch_folder import read_spec
    from huleedu_pipeline.settings import Settings

    if (assignment_id := read_spec(batch_dir).assignment_id) is not None:
        raise HuleeduError(
            f"{batch_dir}: names the registered assignment {assignment_id}, which a dry run's own home does not know (use an "
            "installation for trials: set HULEEDU_HOME, register the assignment there, and eng5 execute with the emulator)"
        )
    own = Settings.load()
    changes = {"home": own.home / "dry-run", "judge_backend": "emulator", "ledger_server": None}
    _run(
        batch_dir,
        own.model_copy(update=changes),
        llm_batching_mode,
        output_dir,
        wait=True,
        most_seconds=completion_timeout,
    )


def _run(
    batch_dir: Path,
    settings: "Settings",
    mode: Mode | None,
    output_dir: Path | None,
    *,
    wait: bool,
    most_seconds: float | None,
) -> None:
    from datetime import UTC, datetime

    from huleedu_pipeline.cli.eng5_checks import preflight_of
    from huleedu_pipeline.cli.output import print_findings
    from huleedu_pipeline.cli.progress import following
    from huleedu_pipeline.cli.runner import run_batch, take_in
    from huleedu_pipeline.eng5.artefact import write_run
    from huleedu_pipeline.lake import Lake
    from huleedu_pipeline.ledger import Ledger
    from huleedu_pipeline.logs import events, lead_to

    lead_to(settings)
    print_findings(preflight_of(batch_dir, settings), err=True)
    batch_id = take_in(batch_dir, settings, mode_hint=None if mode is None else mode.value)
    with following(settings, batch_id) as on_progress:
        status = run_batch(batch_id, settings, wait=wait, most_seconds=most_seconds, on_progress=on_progress)
    has_timed_out = wait and not status.is_final
    folder = settings.home / "runs" / batch_id if output_dir is None else output_dir
    ledger = Ledger(settings.ledger_url)
    try:
        path = write_run(
            ledger,
            Lake(settings.lake_dir),
            batch_id,
            folder,
            at=datetime.now(UTC),
            timeout_seconds=most_seconds if has_timed_out else None,
        )
        tally = ledger.tally(batch_id)
        prompts = {request.prompt_sha256 for request in ledger.requests(batch_id)}
        about = ledger.batch(batch_id).log_fields
    finally:
        ledger.close()
    cost = "unknown cost" if tally.cost_usd is None else f"{tally.cost_usd:.4f} USD"
    paid = " (what the real model would cost: the judge was simulated, nothing was paid)"
    simulated = paid if settings.judge_backend == "emulator" else ""
    typer.echo(
        f"batch {batch_id} is {status}: {tally.n_succeeded} verdicts of {tally.n_requests} requests with {len(prompts)} "
        f"different prompts, {tally.input_tokens:,} tokens read and {tally.output_tokens:,} written, {cost}{simulated}"
    )
    typer.echo(f"wrote {path}. Check it: huleedu eng5 verify {folder}")
    if status.is_final:
        events.RUNNER_EXECUTION_COMPLETE.tell(**about, to_state=status)
    else:
        typer.echo("The run is partial: the same command goes on, and completes the artefact.")
    if has_timed_out:
        events.COLLECTOR_TIMEOUT.tell(**about, timeout_seconds=most_seconds)
        raise typer.Exit(EXIT_NOT_READY)
