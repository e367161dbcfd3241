"""The command `eng5 plan`: what a run would ask, cost and tell, before anything is written or sent."""

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from huleedu_pipeline.cli.eng5_options import RequestOptions, with_request_options
from huleedu_pipeline.cli.output import Output, OutputOption

if TYPE_CHECKING:
    from huleedu_pipeline.eng5.plan import RunPlan


@with_request_options
def plan(
    batch_dir: Annotated[Path, typer.Argument(help="The batch folder.")],
    asked: RequestOptions,
    spread: Annotated[
        float, typer.Option(help="How far the essays spread, in logits: 1.5 a class, 3 very different ones.", min=0.1, max=20)
    ] = 1.5,
    output: OutputOption = Output.TABLE,
) -> None:
    """Plan a run: files with checksums, comparisons, tokens, USD live and by batch jobs, how long, and expected precision.

    Options stand in for what batch.yaml says. Nothing is written and nothing is sent. Costs are expectations; `huleedu
    estimate` says the most.

    Example: huleedu eng5 plan my-class --llm-model gpt-6-terra --max-comparisons 400
    """
    from huleedu_pipeline.cli.opened import ledger_if_any
    from huleedu_pipeline.context import AssessmentContext
    from huleedu_pipeline.eng5.plan import plan_run
    from huleedu_pipeline.eng5.reply_size import measured_reply
    from huleedu_pipeline.errors import HuleeduError
    from huleedu_pipeline.essays import read_batch
    from huleedu_pipeline.essays.registered import NOTHING_REGISTERED
    from huleedu_pipeline.providers.planning import make_judge, resolve_mode
    from huleedu_pipeline.providers.spelling import with_spelling
    from huleedu_pipeline.settings import Settings

    settings = Settings.load()
    with ledger_if_any(settings) as ledger:
        registry = NOTHING_REGISTERED if ledger is None else AssessmentContext(ledger)
        batch = with_spelling(read_batch(batch_dir, registry, asked.overrides()), ledger)
        if other := asked.other_scale(batch.spec):
            raise HuleeduError(other)
        judge = make_judge(batch, is_emulated=settings.judge_backend == "emulator")
        measured = None if ledger is None else measured_reply(ledger, judge)
    mode = resolve_mode(settings, batch.spec).mode
    found = plan_run(batch_dir, batch, mode, spread=spread, call_concurrency=settings.live_concurrency, measured=measured)
    if output is Output.JSON:
        typer.echo(json.dumps(asdict(found), default=str, ensure_ascii=False, indent=1))
    else:
        _print(found, batch.spec.max_cost_usd)


def _print(found: "RunPlan", most_usd: float | None) -> None:
    from rich.table import Table

    from huleedu_pipeline.cli.show import console

    out = console()
    files = Table(title=f"Batch {found.batch_id}: {len(found.files)} files")
    for heading in ("file", "bytes", "words", "grade", "sha256"):
        files.add_column(heading, justify="right" if heading in ("bytes", "words") else "left")
    for file in found.files:
        words = "" if file.n_words is None else str(file.n_words)
        files.add_row(file.path, str(file.n_bytes), words, file.grade or "", file.sha256[:12])
    out.print(files)
    for line in _lines(found, most_usd):
        out.print(line, markup=False)
    prices = Table(title=f"Expected cost in USD by the prices of {found.prices_as_of}")
    for heading in ("asked", "nothing cached", "cached prefix"):
        prices.add_column(heading, justify="left" if heading == "asked" else "right")
    usd = {(price.is_batch, price.has_cached_prefix): price.usd for price in found.prices}
    for is_batch, name in ((False, "live"), (True, "by batch jobs")):
        prices.add_row(name, *(_usd(usd[is_batch, is_cached]) for is_cached in (False, True)))
    out.print(prices)
    savings = Table(title=f"What each saving is worth, from {_usd(found.savings.dearest_usd)} USD down")
    for heading in ("saving", "used", "comparisons", "USD so far", "alone"):
        savings.add_column(heading, justify="left" if heading in ("saving", "used") else "right")
    for step in found.savings.steps:
        alone = "unknown" if step.share_alone is None else f"{step.share_alone:.0%}"
        used = "yes" if step.is_used else "no"
        savings.add_row(step.name.replace("_", " "), used, f"{step.n_comparisons:.0f}", _usd(step.usd), alone)
    out.print(savings)


def _lines(found: "RunPlan", most_usd: float | None) -> Iterator[str]:
    yield f"{found.n_pupils} pupils' essays and {found.n_anchors} anchors, {found.n_words} words in all."
    if found.anchors_by_grade:
        yield "Anchors by grade: " + ", ".join(f"{grade} {n}" for grade, n in found.anchors_by_grade.items()) + "."
    yield (
        f"{found.n_comparisons} comparisons by {found.model} ({found.llm_batching_mode}): about {found.input_tokens:,} tokens "
        f"read and {found.output_tokens:,} written."
    )
    measured = found.measured_replies
    if measured is None:
        yield "Replies: their length is derived from what the judge is told (no reply of this judge is in the ledger)."
    else:
        yield f"Replies: measured on {measured.n_replies:,} of {measured.model}, {measured.tokens:.0f} tokens each."
    if found.llm_batching_mode == "provider_batch_api":
        yield f"Time: at most {found.most_seconds / 3600:.0f} h, usually much less."
    else:
        yield f"Time: about {max(found.most_seconds / 60, 1):.0f} min."
    yield (
        f"Expected if the essays spread by {found.spread:g} logits: standard error {found.expected_se:.2f} logits, reliability "
        f"{found.expected_reliability:.2f}."
    )
    is_batch = found.llm_batching_mode == "provider_batch_api"
    dearest = next(price.usd for price in found.prices if price.is_batch is is_batch and not price.has_cached_prefix)
    if most_usd is not None and (dearest is None or dearest > most_usd):
        yield f"WARNING: max_cost_usd is {most_usd:g} USD, and {_usd(dearest)} USD is expected with nothing cached."
    yield from (f"WARNING: {warning}" for warning in found.warnings)


def _usd(value: float | None) -> str:
    if value is None:
        return "unknown"
    return f"{value:,.2f}" if value >= 1 else f"{value:.4f}"
