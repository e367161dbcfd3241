"""The command that shows whose essays are: `match`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from huleedu_pipeline.cli.output import Output, OutputOption, print_json

if TYPE_CHECKING:
    from huleedu_pipeline.essays import Batch
    from huleedu_pipeline.people import StudentMatch


def register(app: typer.Typer) -> None:
    """Add the commands of this module to ``app``."""
    app.command()(match)


def match(
    batch_dir: Annotated[Path, typer.Argument(help="The batch folder, with roster.csv.")],
    write: Annotated[bool, typer.Option("--write", help="Write what needs a look into matches.csv, to be filled in.")] = False,
    publish: Annotated[
        bool, typer.Option("--publish", help="Bring class list and matches.csv to a batch that has been run, and publish them.")
    ] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show whose each essay is, how sure that is and why. Judges nothing: nothing of it is seen by a judge.

    From 85 points on, where nobody else comes near, a match is automatic; from 50 on it needs a look, below that a person. Go
    through matches.csv: write confirmed where the pupil is right, put the right student_id, or write none. Names are shown
    here and nowhere else.

    Example: huleedu match my-class --write; then: huleedu match my-class --publish
    """
    from huleedu_pipeline.cli.opened import opened_context
    from huleedu_pipeline.essays import IntakeError, read_batch
    from huleedu_pipeline.essays.class_list import MATCHES, ROSTER, matches_of, write_matches

    with opened_context() as context:
        batch = read_batch(batch_dir, context)
    batch_id = batch.spec.batch_id
    if batch.roster is None:
        raise IntakeError(f"batch {batch_id}", [f"{ROSTER}: is missing: a guest batch has nobody to match (add a class list)"])
    found = matches_of(batch)
    if output is Output.JSON:
        print_json(_records(batch, found))
    else:
        _print(batch, found)
    if write:
        n_open = write_matches(batch_dir, batch, found)
        typer.echo(f"wrote {batch_dir / MATCHES}: {n_open} lines to go through", err=True)
    if publish:
        from huleedu_pipeline.cli.runner import publish_matches
        from huleedu_pipeline.settings import Settings

        publish_matches(batch_dir, batch_id, Settings.load())
        typer.echo(f"batch {batch_id}: matches published (table student_matches, view results_by_pupil)", err=True)


def _records(batch: "Batch", found: "tuple[StudentMatch, ...]") -> list[dict[str, Any]]:
    names = {} if batch.roster is None else {pupil.student_id: pupil.name for pupil in batch.roster.pupils}
    files = {essay.essay_id: essay.file_name for essay in batch.essays}
    return [
        {
            "essay_id": match.essay_id,
            "file_name": files[match.essay_id],
            "student_id": match.student_id,
            "name": names.get(match.student_id or ""),
            "status": str(match.status),
            "confidence": match.confidence,
            "method": match.method,
            "evidence": match.evidence,
        }
        for match in found
    ]


def _print(batch: "Batch", found: "tuple[StudentMatch, ...]") -> None:
    from collections import Counter

    from rich.markup import escape
    from rich.table import Table

    from huleedu_pipeline.cli.show import console
    from huleedu_pipeline.people import MatchStatus

    table = Table(caption="confidence in points by rule, no probability; ? stands before a pupil whom nobody has confirmed")
    for heading in ("file", "pupil", "student_id", "confidence", "status", "why"):
        table.add_column(heading, justify="right" if heading == "confidence" else "left")
    for row in _records(batch, found):
        is_open = row["status"] == MatchStatus.REVIEW
        pupil = ("? " if is_open else "") + (row["name"] or "")
        cells = (row["file_name"], pupil, row["student_id"] or "", f"{row['confidence']:.0f}", row["status"], row["evidence"])
        table.add_row(*map(escape, cells), style="yellow" if is_open or row["status"] == MatchStatus.MANUAL else None)
    console().print(table)
    counts = Counter(match.status for match in found)
    typer.echo(", ".join(f"{counts[status]} {status}" for status in MatchStatus))
    given = {match.student_id for match in found if match.status.is_settled}
    pupils = batch.roster.pupils if batch.roster else ()
    without = [pupil for pupil in pupils if pupil.student_id not in given]
    if without:
        typer.echo(f"{len(without)} of {len(pupils)} pupils have no essay that is automatic or confirmed")
