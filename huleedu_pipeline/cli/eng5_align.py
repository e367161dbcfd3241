"""The command `eng5 anchor-align`: anchors are judged blind, through the same ledger, gates and jobs as every batch."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from huleedu_pipeline.cli.eng5_options import (
    EffortOption,
    MaxCostOption,
    MaxTokensOption,
    ModelOption,
    ModeOption,
    ProviderOption,
    RubricOption,
    SystemPromptOption,
    TemperatureOption,
    VerbosityOption,
    given,
    text_of,
)

if TYPE_CHECKING:
    from huleedu_pipeline.context import AssessmentContext
    from huleedu_pipeline.eng5.alignment_batch import AnchorSource
    from huleedu_pipeline.eng5.alignment_design import OrderedPair
    from huleedu_pipeline.eng5.alignment_models import AlignmentReport


def register(group: typer.Typer) -> None:
    """Add the command to the group ``eng5``."""
    group.command(name="anchor-align")(anchor_align)


def anchor_align(
    folders: Annotated[
        list[Path] | None, typer.Argument(help="The batch folder with the anchors; with --compare, the folders of runs.")
    ] = None,
    assignment_id: Annotated[
        str | None, typer.Option(help="A registered assignment, whose anchors are judged, in place of a folder.")
    ] = None,
    batch_id: Annotated[
        str | None,
        typer.Option(help="Name of the run. Default: made of what is asked, so that the same question costs nothing again."),
    ] = None,
    both_orders: Annotated[bool, typer.Option("--both-orders", help="Ask each pair in both orders.")] = False,
    pairs: Annotated[
        Path | None,
        typer.Option(help="CSV file with the columns first, second (anchors) and perhaps times, in place of all pairs."),
    ] = None,
    boundary_pairs: Annotated[
        str | None, typer.Option(help="Grades against grades in place of all pairs, the one shown first in front: E+:E-,D-:E+")
    ] = None,
    iterations: Annotated[int, typer.Option(help="Ask each pair so many times in each of its orders.", min=1, max=1000)] = 1,
    llm_provider: ProviderOption = None,
    llm_model: ModelOption = None,
    llm_temperature: TemperatureOption = None,
    llm_max_tokens: MaxTokensOption = None,
    reasoning_effort: EffortOption = None,
    output_verbosity: VerbosityOption = None,
    reason_length: Annotated[Literal["short", "long"] | None, typer.Option(help="How long a reason the judge gives.")] = None,
    prompt_template: Annotated[str | None, typer.Option(help="The words around the texts (`huleedu prompts list`).")] = None,
    system_prompt: SystemPromptOption = None,
    rubric: RubricOption = None,
    llm_batching_mode: ModeOption = None,
    max_cost_usd: MaxCostOption = None,
    seed: Annotated[int, typer.Option(help="Seed of the numbers that the anchors get, and of orders.", min=0)] = 1,
    output_dir: Annotated[Path, typer.Option(help="Where the run's folder is made.")] = Path("eng5-runs"),
    compare: Annotated[
        bool, typer.Option("--compare", help="Compare the reports of two or more runs; nothing is asked.")
    ] = False,
) -> None:
    """Judge graded anchors blind, and report how far the judge agrees with their grades.

    All pairs of anchors are compared, or those that --pairs or --boundary-pairs names. The report is written as Markdown,
    HTML and JSON into a folder for each run. Interrupted, the same command goes on, and nothing is paid for twice.

    Example: huleedu eng5 anchor-align examples/eng5-role-model --both-orders;
      huleedu eng5 anchor-align --compare eng5-runs/align-one eng5-runs/align-two
    """
    if compare:
        _compare(folders or [], output_dir)
        return
    if (assignment_id is None) == (not folders) or len(folders or []) > 1:
        raise typer.BadParameter("give one batch folder, or --assignment-id, or --compare with the folders of runs")
    if pairs is not None and boundary_pairs is not None:
        raise typer.BadParameter("give the pairs either as --pairs or as --boundary-pairs")
    judge = {
        "provider": llm_provider,
        "model": llm_model,
        "temperature": llm_temperature,
        "max_output_tokens": llm_max_tokens,
        "reasoning_effort": reasoning_effort,
        "output_verbosity": output_verbosity,
        "reason_length": reason_length,
        "prompt_template": prompt_template,
        "system_prompt": None if system_prompt is None else text_of(system_prompt, "--system-prompt"),
    }
    from huleedu_pipeline.cli.opened import opened_context
    from huleedu_pipeline.eng5.alignment_batch import batch_fields, blind_names, default_batch_id

    with opened_context() as context:
        source = _source(folders[0] if folders else None, assignment_id, rubric, context).with_judge(llm_provider)
    asked, design = _design(source, pairs, boundary_pairs, iterations, both_orders=both_orders, seed=seed)
    source = source.only(sorted({label for pair in asked for label in pair}))
    names = blind_names(source, seed)
    fields = batch_fields(
        source,
        asked,
        names,
        judge=given(judge),
        mode=llm_batching_mode.value if llm_batching_mode else None,
        max_cost_usd=max_cost_usd,
        seed=seed,
    )
    fields = {"batch_id": batch_id or default_batch_id(source, fields), **fields}
    report = _judge(source, names, fields, design)
    _show(report, output_dir / report.run.batch_id)


def _source(
    folder: Path | None, assignment_id: str | None, rubric: Path | None, context: "AssessmentContext"
) -> "AnchorSource":
    from dataclasses import replace

    from huleedu_pipeline.eng5.alignment_batch import read_assignment, read_folder
    from huleedu_pipeline.essays.batch import IntakeError

    with TemporaryDirectory(prefix="huleedu-") as empty:
        source = read_folder(folder, context) if folder else read_assignment(assignment_id or "", Path(empty), context)
    if rubric is None:
        return source
    if source.assignment_id and context.assignment(source.assignment_id).context_origin == "canonical_national":
        own = (
            f"assignment {source.assignment_id} is a national test's, which is judged by its own criteria (leave --rubric out)"
        )
        raise IntakeError("--rubric", [own])
    judge = {name: value for name, value in source.judge.items() if name != "rubric"}
    return replace(source, rubric=text_of(rubric, "--rubric"), judge=judge)


def _design(
    source: "AnchorSource", pairs: Path | None, boundary_pairs: str | None, iterations: int, *, both_orders: bool, seed: int
) -> tuple[list["OrderedPair"], str]:
    """Return the comparisons to ask for, and what they are in words."""
    from huleedu_pipeline.eng5 import alignment_design as designs

    labels = [anchor.essay_id for anchor in source.anchors]
    if pairs is not None:
        once, what = designs.read_pairs(pairs, labels), "given pairs"
    elif boundary_pairs is not None:
        once, what = designs.boundary_pairs(boundary_pairs, source.grades, source.scale), f"boundary pairs {boundary_pairs}"
    else:
        once, what = designs.round_robin(labels, seed), "full round robin"
    orders = "in both orders" if both_orders else "in one order"
    times = "" if iterations == 1 else f", {iterations} times each"
    texts = "" if source.judge_text == "raw" else f", {source.judge_text} texts"
    return designs.repeated(once, iterations=iterations, both_orders=both_orders), f"{what}, {orders}{times}{texts}"


def _judge(source: "AnchorSource", names: dict[str, str], fields: dict[str, Any], design: str) -> "AlignmentReport":
    """Have the batch judged as every batch is, wait for it, and return its report."""
    from huleedu_pipeline.cli.progress import following
    from huleedu_pipeline.cli.runner import run_batch, take_in
    from huleedu_pipeline.eng5.alignment_batch import write_batch_folder
    from huleedu_pipeline.eng5.alignment_run import make_report
    from huleedu_pipeline.lake import Lake
    from huleedu_pipeline.ledger import Ledger
    from huleedu_pipeline.logs import events
    from huleedu_pipeline.settings import Settings

    settings = Settings.load()
    with TemporaryDirectory(prefix="huleedu-") as temporary:
        folder = Path(temporary) / fields["batch_id"]
        write_batch_folder(folder, source, names, fields)
        batch_id = take_in(folder, settings, on_warning=lambda text: typer.echo(f"WARNING: {text}", err=True))
    with following(settings, batch_id) as on_progress:
        run_batch(batch_id, settings, wait=True, on_progress=on_progress)
    ledger = Ledger(settings.ledger_url)
    try:
        report = make_report(ledger, Lake(settings.lake_dir), batch_id, source, names, design)
        counts = {"n_requests": report.run.n_requests, "n_succeeded": report.run.n_succeeded}
        n_anchors = len(report.alignment.anchors)
        events.ANCHOR_ALIGN_COMPLETE.tell(**ledger.batch(batch_id).log_fields, n_anchors=n_anchors, **counts)
        return report
    finally:
        ledger.close()


def _show(report: "AlignmentReport", folder: Path) -> None:
    from huleedu_pipeline.eng5.alignment_report import write_report

    found, run = report.alignment, report.run
    if report.notice is not None:
        typer.echo(report.notice)
    tau = "not defined" if found.agreement.tau_b is None else f"{found.agreement.tau_b:.3f}"
    typer.echo(
        f"{run.batch_id}: {len(found.anchors)} anchors, {run.n_succeeded} of {run.n_requests} verdicts, tau-b {tau}, "
        f"direct inversions: {len(found.inversions)}, anchors without a win: {len(found.zero_wins)}"
    )
    for path in write_report(folder, report):
        typer.echo(f"wrote {path}")


def _compare(folders: list[Path], output_dir: Path) -> None:
    from huleedu_pipeline.canonical import short_hash
    from huleedu_pipeline.eng5.alignment_compare import compare_runs
    from huleedu_pipeline.eng5.alignment_report import read_report, write_comparison

    if len(folders) < 2:
        raise typer.BadParameter("--compare takes the folders of two or more runs")
    comparison = compare_runs([read_report(folder) for folder in folders])
    if comparison.notice is not None:
        typer.echo(comparison.notice)
    name = "compare-" + short_hash([run.run.batch_id for run in comparison.runs], 12)
    for path in write_comparison(output_dir / name, comparison):
        typer.echo(f"wrote {path}")
