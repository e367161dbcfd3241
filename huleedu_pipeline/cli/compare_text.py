"""The command `compare-text`: the same batch judged by its texts as written and by its corrected texts.

The other variant is a batch of its own, with its own id, which follows from the batch's: so the same command goes on where it
stopped, and asks nothing twice. Not here: what the difference is (:mod:`huleedu_pipeline.text_comparison`).
"""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from huleedu_pipeline.cli.output import Output, OutputOption

if TYPE_CHECKING:
    from huleedu_pipeline.essays import Batch
    from huleedu_pipeline.ledger import Ledger
    from huleedu_pipeline.settings import Settings
    from huleedu_pipeline.text_comparison import TextComparison

MOST_ID = 60
OTHER = {"raw": "corrected", "corrected": "raw"}


def register(app: typer.Typer) -> None:
    """Add the command of this module to ``app``."""
    app.command("compare-text")(compare_text)


def compare_text(
    batch: Annotated[str, typer.Argument(help="A batch folder, or the id of a batch that was run.")],
    yes: Annotated[bool, typer.Option("--yes", help="Pay what the estimate says without asking.")] = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Judge a batch by its texts as written and by its corrected texts, and show what difference that makes.

    What is not judged yet is estimated first, and asked for after you agree; the other variant is a batch of its own,
    BATCH-corrected or BATCH-raw. Interrupted, the same command goes on, and nothing is paid for twice.

    Two assessments differ by chance even of the same texts: the table shows how much they would.

    Example: huleedu compare-text my-class
    """
    from huleedu_pipeline.essays.inbox import find
    from huleedu_pipeline.ledger import Ledger
    from huleedu_pipeline.settings import Settings

    settings = Settings.load()
    folder = Path(batch) if Path(batch).is_dir() else find(settings.inbox_dir, batch)
    ledger = Ledger(settings.ledger_url)
    try:
        with _variants(folder, settings, ledger) as folders:
            _confirm(folders, settings, ledger, yes=yes)
            _judge([place for place, _ in folders], settings)
        ids = {one.spec.judge_text: one.spec.batch_id for _, one in folders}
        _show(ids["raw"], ids["corrected"], settings, output)
    finally:
        ledger.close()


@contextmanager
def _variants(folder: Path, settings: "Settings", ledger: "Ledger") -> "Iterator[list[tuple[Path, Batch]]]":
    """Give the batch and its other variant, each with its folder; that of the variant goes with the block."""
    from huleedu_pipeline.essays import IntakeError
    from huleedu_pipeline.judging.spec import HUMAN
    from huleedu_pipeline.providers.admission import admit

    own = admit(ledger, folder)
    if own.spec.judge.provider == HUMAN:
        why = "people judge it, and nobody is asked (give them the corrected texts as a batch of its own, and compare the two)"
        raise IntakeError(f"batch {own.spec.batch_id}", [why])
    with TemporaryDirectory(prefix="huleedu-") as temporary:
        place = Path(temporary) / "variant"
        _write_variant(folder, place, own, settings, ledger)
        other = admit(ledger, place)
        if replace(other, spec=own.spec, assignment_version=own.assignment_version) != own:
            why = (
                f"assignment {own.spec.assignment_id} has changed since it was judged, and both variants must be judged by the "
                f"same (register the texts of version {own.assignment_version} again, or put them into the folder)"
            )
            raise IntakeError(f"batch {own.spec.batch_id}", [why])
        yield [(folder, own), (place, other)]


def _write_variant(folder: Path, place: Path, own: "Batch", settings: "Settings", ledger: "Ledger") -> None:
    """Copy a batch folder with the other text to judge, and with whatever was settled when the batch was first planned."""
    import yaml

    from huleedu_pipeline.judging.manifest import EMULATED_PREFIX
    from huleedu_pipeline.ledger import UnknownBatchError
    from huleedu_pipeline.providers.planning import make_judge, mode_of, planned_judge

    shutil.copytree(folder, place, ignore=shutil.ignore_patterns(".*"))
    judge = make_judge(own, is_emulated=False)
    try:
        planned = planned_judge(ledger, own.spec.batch_id)
    except UnknownBatchError:
        planned = judge
    # The model that a provider's default was when the batch was planned.
    model = (planned if planned.provider == judge.provider else judge).model.removeprefix(EMULATED_PREFIX)
    judge_text = OTHER[own.spec.judge_text]
    values = own.spec.model_dump(mode="json", exclude_defaults=True) | {
        "batch_id": variant_id(own.spec.batch_id, judge_text),
        "judge_text": judge_text,
        "spellcheck": True,
        "llm_batching_mode": mode_of(ledger, settings, own),
    }
    values["judge"] = {"model": model, **values.get("judge", {})}
    if own.spec.assignment_id is not None:
        values.pop("grade_scale", None)  # the assignment's own
    (place / "batch.yaml").write_text(yaml.safe_dump(values, allow_unicode=True, sort_keys=False), encoding="utf-8")


def variant_id(batch_id: str, judge_text: str) -> str:
    """Return the id of a batch's variant: its own with the text that is judged, kept within what an id may be."""
    from huleedu_pipeline.canonical import short_hash

    wanted = f"{batch_id}-{judge_text}"
    if len(wanted) <= MOST_ID:
        return wanted
    end = f"-{short_hash(batch_id, 8)}-{judge_text}"
    return batch_id[: MOST_ID - len(end)].rstrip("-_.") + end


def _confirm(folders: "list[tuple[Path, Batch]]", settings: "Settings", ledger: "Ledger", *, yes: bool) -> None:
    """Tell what is still to be judged and what it costs at most, and ask whether to go on where it is paid for."""
    from huleedu_pipeline.ledger import BatchStatus, Tally, UnknownBatchError
    from huleedu_pipeline.providers.estimates import estimate_batch
    from huleedu_pipeline.providers.planning import in_mode, mode_of
    from huleedu_pipeline.providers.spelling import with_spelling

    is_paid = False
    for _, one in folders:
        batch_id = one.spec.batch_id
        try:
            status, tally = ledger.batch(batch_id).status, ledger.tally(batch_id)
        except UnknownBatchError:
            status, tally = BatchStatus.PENDING, Tally()
        if status.is_final:
            _tell(f"{batch_id} ({one.spec.judge_text}): is {status}, and nothing more is asked")
            continue
        mode = in_mode(one.spec, mode_of(ledger, settings, one)).effective_mode
        found = estimate_batch(with_spelling(one, ledger), mode)
        cost = "at an unknown price" if found.cost_usd is None else f"at most {found.cost_usd:.4f} USD"
        there = f", of which {tally.n_outcomes} are there" if tally.n_outcomes else ""
        _tell(f"{batch_id} ({one.spec.judge_text}): {found.n_requests} comparisons by {found.model}, {cost} in all{there}")
        is_paid = True
    if not is_paid:
        return
    if settings.judge_backend == "emulator":
        _tell("The emulator judges: nothing is paid.")
    elif not yes:
        typer.confirm("Have this judged and pay for it?", abort=True, err=True)


def _judge(folders: list[Path], settings: "Settings") -> None:
    """Have both judged, side by side where a provider's jobs carry them."""
    from huleedu_pipeline.cli.output import warn
    from huleedu_pipeline.cli.progress import following
    from huleedu_pipeline.cli.runner import run_batch, take_in

    warnings: dict[str, None] = {}  # mostly the same of both, because only the text to judge differs
    ids = [take_in(folder, settings, on_warning=warnings.setdefault) for folder in folders]
    for warning in warnings:
        warn(warning)
    for wait in (False, True):
        for batch_id in ids:
            with following(settings, batch_id) as on_progress:
                run_batch(batch_id, settings, wait=wait, on_progress=on_progress)


def _show(raw: str, corrected: str, settings: "Settings", output: Output) -> None:
    from huleedu_pipeline.errors import HuleeduError
    from huleedu_pipeline.lake import Lake
    from huleedu_pipeline.lake.tables import CJ_RANKINGS, ESSAYS, SCALING_SUMMARY, SPELLCHECKED_ESSAYS
    from huleedu_pipeline.text_comparison import compare_texts

    lake = Lake(settings.lake_dir)
    summaries = [row for batch_id in (raw, corrected) for row in lake.read_rows(SCALING_SUMMARY, batch_id)]
    if len(summaries) < len((raw, corrected)):
        raise HuleeduError(f"batch {raw}: has no ranking, because there is nothing to compare (add pupils' essays)")
    found = compare_texts(
        lake.read_rows(CJ_RANKINGS, raw),
        lake.read_rows(CJ_RANKINGS, corrected),
        lake.read_rows(SPELLCHECKED_ESSAYS, corrected),
        reliabilities=(summaries[0]["marginal_reliability"], summaries[1]["marginal_reliability"]),
        file_names={row["essay_id"]: row["file_name"] for row in lake.read_rows(ESSAYS, raw)},
    )
    is_simulated = any(summary["is_simulated"] for summary in summaries)
    if output is Output.JSON:
        typer.echo(json.dumps(_record(found, raw, corrected, is_simulated=is_simulated), ensure_ascii=False, indent=1))
    else:
        _print(found, raw, corrected, is_simulated=is_simulated)


def _record(found: "TextComparison", raw: str, corrected: str, *, is_simulated: bool) -> dict[str, Any]:
    essays = [
        {
            **asdict(one),
            "difference": one.difference,
            "difference_se": one.difference_se,
            "is_clear": one.is_clear,
            "rank_change": one.rank_change,
        }
        for one in found.essays
    ]
    return {"is_simulated": is_simulated, "batch_raw": raw, "batch_corrected": corrected, **asdict(found), "essays": essays}


def _print(found: "TextComparison", raw: str, corrected: str, *, is_simulated: bool) -> None:
    from rich.markup import escape
    from rich.table import Table

    from huleedu_pipeline.cli.show import SIMULATED, console

    out = console()
    title = f"{raw}: texts as written against {corrected}: corrected texts" + (f"\n{SIMULATED}" if is_simulated else "")
    table = Table(
        title=escape(title), caption="theta and SE in logits; corrections in 100 words; * more than chance makes of 19 in 20"
    )
    for heading in ("file", "corrections", "raw", "SE", "corrected", "SE", "difference", "SE", "rank", "places"):
        table.add_column(heading, justify="left" if heading == "file" else "right")
    for one in found.essays:
        table.add_row(
            escape(one.file_name),
            f"{one.correction_density:.1f}",
            f"{one.theta_raw:+.2f}",
            f"{one.theta_raw_se:.2f}",
            f"{one.theta_corrected:+.2f}",
            f"{one.theta_corrected_se:.2f}",
            f"{one.difference:+.2f}{'*' if one.is_clear else ' '}",
            f"{one.difference_se:.2f}",
            f"{one.rank_raw} > {one.rank_corrected}",
            f"{one.rank_change:+d}" if one.rank_change else "0",
            style="yellow" if one.is_anchor else None,
        )
    out.print(table)
    for line in _lines(found):
        out.print(line, markup=False)


def _lines(found: "TextComparison") -> Iterator[str]:
    n = len(found.essays)
    correlation = "none" if found.correlation is None else f"{found.correlation:.2f}"
    tau = "none" if found.tau_b is None else f"{found.tau_b:.2f}"
    yield (
        f"correlation of the two {correlation} (Kendall's tau-b {tau}); the same texts judged twice as precisely as these "
        f"would read about {found.correlation_of_repetition:.2f}"
    )
    yield f"{found.n_clear} of {n} essays differ clearly; by chance at most about {0.05 * n:.1f} would"
    if found.slope is None:
        yield "too few essays, or all spelt alike: how the difference goes with misspellings can not be told"
        return
    slope = found.slope
    told = "" if slope.low <= 0 <= slope.high else ": the more misspelt, the more is " + ("gained" if slope.low > 0 else "lost")
    yield (
        f"each correction in 100 words goes with {slope.estimate:+.3f} logits (95 % interval {slope.low:+.3f} to "
        f"{slope.high:+.3f}){told or ': no clear relation'}"
    )


def _tell(line: str) -> None:
    """Say what does not belong to the answer, where it does not mix with it."""
    typer.echo(line, err=True)
