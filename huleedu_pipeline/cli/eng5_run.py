"""The commands `eng5 execute` and `eng5 dry-run`: preflight, submission, waiting, artefact. Not here: any of these steps."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from huleedu_pipeline.cli.batches import EXIT_NOT_READY
from huleedu_pipeline.cli.eng5_options import RequestOptions, with_request_options

if TYPE_CHECKING:
    from huleedu_pipeline.settings import Settings

Folder = Annotated[Path, typer.Argument(help="The batch folder.")]
OutputDir = Annotated[Path | None, typer.Option(help="Folder of this run; default: HULEEDU_HOME/runs and the batch's id.")]
Timeout = Annotated[float, typer.Option(help="How long to wait at most, in seconds.", min=0)]


@with_request_options
def execute(
    batch_dir: Folder,
    asked: RequestOptions,
    await_completion: Annotated[
        bool, typer.Option("--await-completion", help="Stay until the results are there, or end after submitting.")
    ] = False,
    completion_timeout: Timeout = 1800.0,
    output_dir: OutputDir = None,
) -> None:
    """Run a batch: preflight, submit, wait if asked to, and write the artefact with a summary of cost and prompts.

    Options stand in for what batch.yaml says, and are stored with the request. A run that is not through, has failed or is
    stuck has a partial artefact that says so; the same command goes on from there and completes it, and nothing is paid for
    twice. The time-out is looked at between steps: a step that pays is never broken off.

    Exit codes: 0 done, or submitted without --await-completion; 1 refused, failed or stuck; 3 timed out, the artefact is
    partial.

    Example: huleedu eng5 execute my-class --await-completion --completion-timeout 3600
    """
    from huleedu_pipeline.settings import Settings

    most_seconds = completion_timeout if await_completion else None
    _run(batch_dir, asked, Settings.load(), output_dir, wait=await_completion, most_seconds=most_seconds)


@with_request_options
def dry_run(
    batch_dir: Folder,
    asked: RequestOptions,
    completion_timeout: Timeout = 1800.0,
    output_dir: OutputDir = None,
) -> None:
    """Run a batch whole against the local emulator, whatever is set: nothing is paid, and the artefact is marked dry-run.

    It has a home of its own, HULEEDU_HOME/dry-run, so that the same batch can be executed afterwards; registered assignments
    and scales are those of the installation. Options and exit codes are those of `huleedu eng5 execute`.

    Example: huleedu eng5 dry-run my-class
    """
    from huleedu_pipeline.cli.opened import ledger_if_any
    from huleedu_pipeline.context.mirror import mirror_context
    from huleedu_pipeline.ledger import Ledger
    from huleedu_pipeline.settings import Settings

    own = Settings.load()
    rehearsal = own.model_copy(update={"home": own.home / "dry-run", "judge_backend": "emulator", "database_url": None})
    with ledger_if_any(own) as source:
        if source is not None:
            target = Ledger(rehearsal.ledger_url)
            try:
                mirror_context(source, target)
            finally:
                target.close()
    _run(batch_dir, asked, rehearsal, output_dir, wait=True, most_seconds=completion_timeout)


def _run(
    batch_dir: Path,
    asked: RequestOptions,
    settings: "Settings",
    output_dir: Path | None,
    *,
    wait: bool,
    most_seconds: float | None,
) -> None:
    from huleedu_pipeline.cli.eng5_checks import preflight_of
    from huleedu_pipeline.cli.eng5_summary import print_summary
    from huleedu_pipeline.cli.output import print_findings, warn
    from huleedu_pipeline.cli.progress import following
    from huleedu_pipeline.cli.runner import run_batch, take_in
    from huleedu_pipeline.errors import HuleeduError
    from huleedu_pipeline.logs import lead_to

    lead_to(settings)
    overrides = asked.overrides()
    print_findings(preflight_of(batch_dir, settings, asked), err=True)
    batch_id = take_in(batch_dir, settings, overrides=overrides)
    folder = settings.home / "runs" / batch_id if output_dir is None else output_dir
    try:
        with following(settings, batch_id) as on_progress:
            status = run_batch(batch_id, settings, wait=wait, most_seconds=most_seconds, on_progress=on_progress)
    except HuleeduError as stopped:
        try:
            path = _record(settings, batch_id, folder, stopped_because=str(stopped))
        except HuleeduError as error:
            warn(f"there is no artefact of this run: {error}")
        else:
            warn(f"the run has stopped; {path} holds how far it came, and the same command completes it")
        raise
    has_timed_out = wait and not status.is_final
    path = _record(settings, batch_id, folder, timeout_seconds=most_seconds if has_timed_out else None)
    print_summary(settings, batch_id, path)
    if has_timed_out:
        raise typer.Exit(EXIT_NOT_READY)


def _record(
    settings: "Settings",
    batch_id: str,
    folder: Path,
    *,
    timeout_seconds: float | None = None,
    stopped_because: str | None = None,
) -> Path:
    from datetime import UTC, datetime

    from huleedu_pipeline.eng5.artefact import write_run
    from huleedu_pipeline.lake import Lake
    from huleedu_pipeline.ledger import Ledger
    from huleedu_pipeline.logs import events

    ledger = Ledger(settings.ledger_url)
    try:
        path = write_run(
            ledger,
            Lake(settings.lake_dir),
            batch_id,
            folder,
            at=datetime.now(UTC),
            timeout_seconds=timeout_seconds,
            stopped_because=stopped_because,
        )
        batch = ledger.batch(batch_id)
    finally:
        ledger.close()
    if batch.status.is_final:
        events.RUNNER_EXECUTION_COMPLETE.tell(**batch.log_fields, to_state=batch.status)
    if timeout_seconds is not None:
        events.COLLECTOR_TIMEOUT.tell(**batch.log_fields, timeout_seconds=timeout_seconds)
    return path
