"""The command about one pupil's data: `export-subject`."""

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    app.command()(export_subject)


def export_subject(
    output_dir: Annotated[Path, typer.Option(help="Folder to write; must not be there yet.")],
    student_id: Annotated[str | None, typer.Option(help="The pupil, by the id of the class lists: over all batches.")] = None,
    batch: Annotated[str | None, typer.Option(help="Or one batch, by its id, with --essay.")] = None,
    essay: Annotated[str | None, typer.Option(help="The essay's id in that batch.")] = None,
) -> None:
    """Write everything that is kept about one pupil: texts as read, original files, results, matches, verdicts.

    Of the other essays in a comparison there is nothing; a justification that quotes one is withheld. Essays whose match waits
    for a person are left out, and named, because they may be somebody else's.

    Example: huleedu export-subject --student-id qs1001 --output-dir pupil-qs1001
    """
    from huleedu_pipeline.cli.output import warn
    from huleedu_pipeline.content import ContentStore
    from huleedu_pipeline.lake import Lake
    from huleedu_pipeline.logs import events
    from huleedu_pipeline.settings import Settings
    from huleedu_pipeline.subjects import export, place_of, places_of

    settings = Settings.load()
    lake = Lake(settings.lake_dir)
    if student_id is not None and batch is None and essay is None:
        places, waiting = places_of(lake, student_id)
    elif student_id is None and batch is not None and essay is not None:
        places, waiting = [place_of(lake, batch, essay)], []
    else:
        raise typer.BadParameter("give --student-id, or both --batch and --essay")
    for place in waiting:
        warn(f"batch {place.batch_id}: essay {place.essay_id} is left out until somebody says whose it is (huleedu match)")
    if not places:
        raise typer.Exit(1)
    made = export(lake, ContentStore(settings.content_dir), settings.inbox_dir, places, output_dir)
    events.SUBJECT_EXPORTED.tell(n_essays=len(made.places))
    typer.echo(f"{len(made.places)} essays, {made.n_rows} rows of tables, {made.n_files} original files: {output_dir}")
