"""Checks of a batch for a person to look at before believing it, or paying for more. They warn or name an error; none blocks.

Each shows its evidence in a table, worst first, and numbers under the same names for every batch, so that the UI plots them.
A batch of which nothing was asked, or that was not ranked, has nothing to hold, and its checks say so. The blocking checks
stand beside their assets; those of the whole installation in :mod:`huleedu_pipeline.orchestration.health_checks`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from assets.common import cj_batch, explained, table_value
from huleedu_pipeline.comparisons.exposure import exposures
from huleedu_pipeline.judging.served import is_as_requested
from huleedu_pipeline.judging.spec import HUMAN
from huleedu_pipeline.lake import Lake
from huleedu_pipeline.lake.tables import COMPARISON_PAIRS, JUDGE_DIAGNOSTICS, JUDGE_REQUESTS, LLM_JUDGEMENTS, SCALING_SUMMARY
from huleedu_pipeline.ledger import BatchRecord
from huleedu_pipeline.providers.planning import planned_spec
from huleedu_pipeline.scaling.acceptance import position_effect_problem, reliability_problem
from resources import LakeResource, LedgerResource, PaidWorkResource

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
MOST_ROWS = 20


@dg.asset_check(asset="comparison_pairs", partitions_def=cj_batch)
def exposure_balanced(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> dg.AssetCheckResult:
    """Each essay is shown first about as often as second (a difference of 1, or a fifth of its comparisons, at most)."""
    with explained():
        rows = lake.open().read_rows(COMPARISON_PAIRS, context.partition_key)
    found = exposures((row["essay_a_id"], row["essay_b_id"]) for row in rows)
    uneven = [one for one in found if not one.is_balanced]
    problem = None
    if uneven:
        worst = uneven[0]
        problem = (
            f"{len(uneven)} of {len(found)} essays are shown unevenly, most of all {worst.essay_id}: first {worst.n_first} "
            f"times and second {worst.n_second} (for them a judge's favour for a place does not cancel out by itself; the "
            "ranking allows for it)"
        )
    return _result(
        problem,
        good=f"all {len(found)} essays are even" if found else "nothing is compared, so nothing has to be even",
        table=[
            {"essay": one.essay_id, "shown first": one.n_first, "shown second": one.n_second, "difference": one.difference}
            for one in found[:MOST_ROWS]
        ],
        n_uneven=len(uneven),
        largest_difference=max((one.difference for one in found), default=0),
        largest_skew=max((one.skew for one in found), default=0.0),
    )


@dg.asset_check(asset="provider_jobs", partitions_def=cj_batch)
def within_budget(
    context: dg.AssetCheckExecutionContext, ledger: LedgerResource, work: PaidWorkResource
) -> dg.AssetCheckResult:
    """What was asked and spent is within the batch's limits and the installation's; more than that is an error in a price."""
    batch_id = context.partition_key
    with explained(), ledger.open() as book:
        batch, tally, cost = book.batch(batch_id), book.tally(batch_id), book.cost(batch_id=batch_id)
        limits, spec = work.limits(book, batch_id), planned_spec(book, batch_id)
    cap = spec.n_comparisons(batch.n_essays + batch.n_anchors)
    over = [f"{one.spent:.4f} USD are spent, and {one.name} is {one.usd:g}" for one in limits if one.spent > one.usd]
    if tally.n_requests > cap and not batch.is_human:
        over.append(f"{tally.n_requests} comparisons are asked for, and max_comparisons is {cap}")
    perhaps = [
        f"{one.spent + one.ordered:.4f} USD are spent or on order, and {one.name} is {one.usd:g}"
        for one in limits
        if one.spent <= one.usd < one.spent + one.ordered
    ]
    if limits and tally.cost_usd is None:
        perhaps.append("the price of an answer is not known, so what was spent is more than is counted here")
    return _result(
        "; ".join([*over, *perhaps]) or None,
        good=_spent(batch, cost.spent, has_limit=bool(limits)),
        severity=ERROR if over else WARN,
        table=[
            {"limit": one.name, "usd": one.usd, "spent": round(one.spent, 6), "on order": round(one.ordered, 6)}
            for one in limits
        ],
        spent_usd=cost.spent,
        on_order_usd=cost.ordered,
        n_requests=tally.n_requests,
        max_comparisons=cap,
    )


@dg.asset_check(asset="llm_judgements", partitions_def=cj_batch)
def judge_model_as_requested(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> dg.AssetCheckResult:
    """Every verdict is by the model that was asked, or the dated snapshot its name stands for: another is another judge."""
    with explained():
        store, batch_id = lake.open(), context.partition_key
        asked = {row["custom_id"]: row["model"] for row in store.read_rows(JUDGE_REQUESTS, batch_id)}
        verdicts = [row for row in store.read_rows(LLM_JUDGEMENTS, batch_id) if row["outcome"] == "success"]
    counts = Counter((asked.get(row["custom_id"], "(not asked for)"), row["model"]) for row in verdicts)
    others = {pair: n for pair, n in counts.items() if not is_as_requested(*pair)}
    told = ", ".join(f"{n} verdicts asked of {requested} are by {answered}" for (requested, answered), n in others.items())
    return _result(
        f"{told}: another model is another judge (ask the provider why, and judge again in a new batch)" if others else None,
        good=", ".join(sorted({answered for _, answered in counts})) or "there are no verdicts",
        severity=ERROR,
        table=[
            {"requested": requested, "answered": answered, "verdicts": n, "as requested": (requested, answered) not in others}
            for (requested, answered), n in sorted(counts.items(), key=lambda item: (item[0] not in others, item[0]))
        ],
        n_verdicts=len(verdicts),
        n_by_other_models=sum(others.values()),
    )


@dg.asset_check(asset="scaling_summary", partitions_def=cj_batch)
def position_effect_within_bounds(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> dg.AssetCheckResult:
    """The judge does not favour the essay shown first, or second, by more than half a logit (62 wins of 100 among equals)."""
    with explained():
        store, batch_id = lake.open(), context.partition_key
        summary = _summary(store, batch_id)
        judges = store.read_rows(JUDGE_DIAGNOSTICS, batch_id)
    if summary is None:
        return _nothing_scaled()
    effect, se, p_value = (summary[name] for name in ("position_effect", "position_effect_se", "position_effect_p"))
    return _result(
        position_effect_problem(effect, p_value),
        good=f"{effect:+.2f} logits (standard error {se:.2f}, p {p_value:.2g})",
        table=[
            {
                "judge": f"person {n}" if judge["provider"] == HUMAN else judge["model"],
                "verdicts": judge["n_judgements"],
                "for the first": round(judge["first_share"], 3),
                "p": _rounded(judge["first_share_p"]),
                "pairs in both orders": judge["n_both_orders"],
                "agreement of these": _rounded(judge["both_orders_agreement"]),
            }
            for n, judge in enumerate(judges[:MOST_ROWS], start=1)
        ],
        is_simulated=summary["is_simulated"],
        position_effect=effect,
        position_effect_se=se,
        position_effect_p=p_value,
    )


@dg.asset_check(asset="scaling_summary", partitions_def=cj_batch)
def reliability_above_floor(
    context: dg.AssetCheckExecutionContext, lake: LakeResource, ledger: LedgerResource
) -> dg.AssetCheckResult:
    """Marginal reliability is above what tosses of a coin reach, and at least .70, or the batch's own target_reliability."""
    with explained(), ledger.open() as book:
        summary = _summary(lake.open(), context.partition_key)
        target = planned_spec(book, context.partition_key).target_reliability
    if summary is None:
        return _nothing_scaled()
    marginal, of_noise = summary["marginal_reliability"], summary["marginal_reliability_of_noise"]
    kinds = ("marginal_reliability", "marginal_reliability_of_noise", "separation_reliability", "split_half_reliability")
    return _result(
        reliability_problem(marginal, of_noise, target),
        good=f"{marginal:.2f}; tosses of a coin would read up to {of_noise:.2f}",
        is_simulated=summary["is_simulated"],
        table=[{"kind": kind, "value": _rounded(summary[kind])} for kind in kinds],
        marginal_reliability=marginal,
        marginal_reliability_of_noise=of_noise,
        mean_theta_se=summary["mean_theta_se"],
    )


def _result(
    problem: str | None,
    *,
    good: str,
    table: Sequence[Mapping[str, Any]],
    severity: dg.AssetCheckSeverity = WARN,
    is_simulated: bool = False,
    **numbers: float,
) -> dg.AssetCheckResult:
    """Return a check's result: it passes when there is no problem, and shows its numbers and its table either way."""
    return dg.AssetCheckResult(
        passed=problem is None,
        severity=severity,
        description=("SIMULATED: " if is_simulated else "") + (problem or good),
        metadata={
            **({"evidence": table_value(table)} if table else {}),
            **{name: float(f"{value:.4g}") if isinstance(value, float) else value for name, value in numbers.items()},
        },
    )


def _summary(store: Lake, batch_id: str) -> dict[str, Any] | None:
    rows = store.read_rows(SCALING_SUMMARY, batch_id)
    return rows[0] if rows else None


def _nothing_scaled() -> dg.AssetCheckResult:
    return dg.AssetCheckResult(passed=True, description="nothing was scaled, so nothing has to hold (batch_results says why)")


def _spent(batch: BatchRecord, usd: float, *, has_limit: bool) -> str:
    if batch.is_human:
        return "people judge, and nothing is paid for"
    if batch.judge_backend == "emulator":
        return f"SIMULATED: nothing was paid; the real model would have cost {usd:.4f} USD"
    return f"{usd:.4f} USD are spent, " + ("within the limits" if has_limit else "and no limit is set")


def _rounded(value: float | None) -> float | str:
    return "" if value is None else round(value, 4)


checks = [
    exposure_balanced,
    within_budget,
    judge_model_as_requested,
    position_effect_within_bounds,
    reliability_above_floor,
]
