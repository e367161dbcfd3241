"""Commands about the content store: `content verify` and `content gc`."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from huleedu_pipeline.settings import Settings

EXIT_DAMAGED = 1


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    group = typer.Typer(no_args_is_help=True, help="Texts and original files, each kept once.", rich_markup_mode=None)
    group.command()(verify)
    group.command()(gc)
    app.add_typer(group, name="content")


def verify() -> None:
    """Check that everything kept has its checksum, and that everything a batch refers to is there; else exit code 1.

    Example: huleedu content verify
    """
    from huleedu_pipeline.content import ContentStore
    from huleedu_pipeline.settings import Settings

    store = ContentStore(Settings.load().content_dir)
    problems = list(store.verify())
    for problem in problems:
        typer.echo(f"PROBLEM: {problem}")
    typer.echo(f"{len(store.batches())} batches; {len(problems)} problems")
    if problems:
        raise typer.Exit(EXIT_DAMAGED)


def gc(
    delete: Annotated[bool, typer.Option("--delete", help="Remove it; else it is only counted.")] = False,
) -> None:
    """Count, or remove, what no batch in ledger, lake or inbox refers to any more.

    Example: huleedu content gc; then: huleedu content gc --delete
    """
    from huleedu_pipeline.content import ContentStore
    from huleedu_pipeline.settings import Settings

    settings = Settings.load()
    found = ContentStore(settings.content_dir).collect_garbage(lambda: _living(settings), remove=delete)
    did = "removed" if found.is_removed else "would be removed (--delete removes them)"
    typer.echo(f"{found.n_files} files, {found.n_bytes:,} bytes, of {len(found.batches)} batches that are gone: {did}")


def _living(settings: "Settings") -> Collection[str]:
    from huleedu_pipeline.essays.inbox import arrivals
    from huleedu_pipeline.lake import Lake
    from huleedu_pipeline.lake.tables import ESSAYS
    from huleedu_pipeline.ledger import Ledger

    ledger = Ledger(settings.ledger_url)
    try:
        known = {batch.batch_id for batch in ledger.batches()}
    finally:
        ledger.close()
    written = {path.parent.name.removeprefix("batch=") for path in Lake(settings.lake_dir).files(ESSAYS)}
    # A folder whose batch.yaml can not be read now is somebody's batch all the same.
    waiting = {arrival.batch_id or arrival.folder.name for arrival in arrivals(settings.inbox_dir)}
    return known | written | waiting
