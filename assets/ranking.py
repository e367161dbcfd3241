"""Group ranking: from verdicts to locations with standard errors and ranks, and what is to be known before believing them."""

import time
from collections.abc import Iterator
from typing import Any

import dagster as dg
import numpy as np
from numpy.typing import NDArray

from assets.common import explained, one_materialised, schema_contract, tables_asset
from assets.plots import convergence_plot, misfit_plot, ranking_plot
from huleedu_pipeline.batch_scaling import BatchScaling, scale_batch
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.judging.spec import is_simulated
from huleedu_pipeline.lake import Lake
from huleedu_pipeline.lake.schema import Table
from huleedu_pipeline.lake.tables import CJ_RANKINGS, ESSAYS, JUDGE_DIAGNOSTICS, LLM_JUDGEMENTS, SCALING_SUMMARY
from huleedu_pipeline.ledger import BatchRecord, BatchStatus, Ledger, ScalingRecord
from huleedu_pipeline.logs.spans import span
from huleedu_pipeline.providers.continuation import is_judged
from resources import LakeResource, LedgerResource

# By these, in logits and in comparisons of an essay, a ranking counts as imprecise, or as resting on too little. No gate.
INFLATED_MEAN_SE, INFLATED_MAX_SE = 0.4, 0.8
SPARSE_COMPARISONS = 1.0


class StaleJudgementsError(HuleeduError):
    """Judgements were recorded after the table of judgements was written."""


@tables_asset(
    "scaling",
    {
        CJ_RANKINGS: (
            "Each essay's location theta (logits) with its standard error, and its rank. Bradley-Terry with a position effect "
            "and an estimated normal prior, at the exact optimum; standard errors come from the full covariance, so no essay "
            "serves as a reference with an error of 0."
        ),
        SCALING_SUMMARY: "How well the ranking is known: spread, position effect, reliability of each kind, fit, exactness.",
        JUDGE_DIAGNOSTICS: "How each judge judged: fit, favour for the first place, agreement with itself.",
    },
    deps=["llm_judgements", "wave_decisions"],
    kinds=frozenset({"scipy"}),
)
def scaling(
    context: dg.AssetExecutionContext, lake: LakeResource, ledger: LedgerResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Scale the batch once and write everything that comes of it."""
    batch_id, store = context.partition_key, lake.open()
    with explained(), ledger.open() as book:
        record = book.batch(batch_id)
        if record.unranked_because is not None:
            yield from _unranked(store, record)
            return
        is_provisional = not record.is_human and not _is_judged(store, book, batch_id)
        if not is_provisional:
            book.move_batch(batch_id, BatchStatus.SCORING)  # from here on no judgement can be added
        elif record.status is not BatchStatus.AWAITING_JUDGEMENTS:
            raise _stale(store, book, batch_id)
        if record.is_human:
            _ensure_current(store, book, batch_id)
        started = time.perf_counter()
        with span("score", **record.log_fields):
            batch = scale_batch(store.read_rows(ESSAYS, batch_id), store.read_rows(LLM_JUDGEMENTS, batch_id))
        ranking = store.write_rows(CJ_RANKINGS, batch_id, _ranking_rows(batch_id, batch, is_provisional=is_provisional))
        judges = store.write_rows(JUDGE_DIAGNOSTICS, batch_id, _judge_rows(batch_id, batch))
        summary = _summary_row(batch_id, batch)
        summary["seconds"] = time.perf_counter() - started
        summaries = store.write_rows(SCALING_SUMMARY, batch_id, [summary])
        if not is_provisional:
            book.record_scaling(batch_id, _precision(batch))
    fit, title = batch.fit, f"{batch_id}, judged by {', '.join(batch.models)}"
    grades = [essay["anchor_grade"] for essay in batch.essays]
    yield one_materialised(
        CJ_RANKINGS,
        ranking,
        ranking=dg.MetadataValue.md(ranking_plot(fit.theta, batch.intervals, grades, title, batch.is_simulated)),
        misfit=dg.MetadataValue.md(misfit_plot(fit.theta, batch.misfit.essays, title, batch.is_simulated)),
        is_simulated=batch.is_simulated,
        is_provisional=is_provisional,
        marginal_reliability=round(batch.quality.marginal, 4),
        mean_theta_se=round(summary["mean_theta_se"], 4),
        n_one_sided=len(fit.separated_items),
        n_misfit=summary["n_misfit"],
    )
    yield one_materialised(
        SCALING_SUMMARY,
        summaries,
        convergence=dg.MetadataValue.md(convergence_plot(batch.convergence(), title, batch.is_simulated)),
        **{name: _round(value) for name, value in summary.items() if name != "batch_id" and value is not None},
    )
    yield one_materialised(JUDGE_DIAGNOSTICS, judges, n_judges=len(batch.judge_ids), is_simulated=batch.is_simulated)


def _precision(batch: BatchScaling) -> ScalingRecord:
    """Return what the ledger keeps of a final ranking."""
    fit = batch.fit
    mean_se, max_se = float(fit.se.mean()), float(fit.se.max())
    return ScalingRecord(
        n_essays=len(fit.theta),
        n_comparisons=len(batch.verdicts),
        mean_theta_se=mean_se,
        max_theta_se=max_se,
        is_se_inflated=mean_se > INFLATED_MEAN_SE or max_se > INFLATED_MAX_SE,
        is_coverage_sparse=float(fit.n_comparisons.mean()) < SPARSE_COMPARISONS,
    )


def _unranked(store: Lake, record: BatchRecord) -> Iterator[dg.MaterializeResult[None]]:
    """Write the tables of a batch that is not ranked: empty, but for a pupil's essay that there was nothing to compare with."""
    alone: list[dict[str, Any]] = []
    if not record.status.is_closed:
        alone = [_alone(row) for row in store.read_rows(ESSAYS, record.batch_id) if not row["is_anchor"]]
    rows: dict[Table, list[dict[str, Any]]] = {CJ_RANKINGS: alone, SCALING_SUMMARY: [], JUDGE_DIAGNOSTICS: []}
    for table, some in rows.items():
        data = store.write_rows(table, record.batch_id, some)
        yield one_materialised(table, data, not_ranked_because=record.unranked_because)


def _alone(essay: dict[str, Any]) -> dict[str, Any]:
    """Return the line of an essay of which no verdict says anything: its place is a convention, and has no error to state."""
    unknown = dict.fromkeys(("theta_se", "theta_low", "theta_high", "infit", "outfit"))
    known = {name: essay[name] for name in ("batch_id", "essay_id", "file_name")}
    line = {**known, "is_anchor": False, "theta": 0.0, "rank": 1, "overall_rank": 1}
    return {**line, **unknown, "n_comparisons": 0, "n_wins": 0, "flags": ["no_comparisons"], "is_provisional": False}


def _ranking_rows(batch_id: str, batch: BatchScaling, *, is_provisional: bool) -> list[dict[str, Any]]:
    fit, squares = batch.fit, batch.misfit.essays
    order = np.argsort(-fit.theta, kind="stable")
    overall = {int(index): rank for rank, index in enumerate(order, start=1)}
    pupils = [int(index) for index in order if not batch.essays[index]["is_anchor"]]
    rank = {index: place for place, index in enumerate(pupils, start=1)}
    return [
        {
            "batch_id": batch_id,
            "essay_id": essay["essay_id"],
            "is_anchor": essay["is_anchor"],
            "theta": float(fit.theta[i]),
            "theta_se": float(fit.se[i]),
            "rank": rank.get(i),
            "overall_rank": overall[i],
            "n_comparisons": int(fit.n_comparisons[i]),
            "n_wins": int(fit.n_wins[i]),
            "infit": _number(squares.infit, i),
            "outfit": _number(squares.outfit, i),
            "theta_low": float(batch.intervals.lower[i]),
            "theta_high": float(batch.intervals.upper[i]),
            "flags": batch.flags[i],
            "is_provisional": is_provisional,
            "file_name": essay["file_name"],
        }
        for i, essay in enumerate(batch.essays)
    ]


def _summary_row(batch_id: str, batch: BatchScaling) -> dict[str, Any]:
    fit, quality, length = batch.fit, batch.quality, batch.length_effect
    return {
        "batch_id": batch_id,
        "n_essays": len(fit.theta),
        "n_comparisons": len(batch.verdicts),
        "n_components": int(fit.components.max()) + 1,
        "n_one_sided": len(fit.separated_items),
        "prior_sd": fit.prior_sd,
        "position_effect": fit.position_effect,
        "position_effect_se": fit.position_effect_se,
        "position_effect_p": fit.test("position_effect").p_value,
        "length_effect": length.effect if length else None,
        "length_effect_se": length.se if length else None,
        "length_effect_p": length.test.p_value if length else None,
        "marginal_reliability": quality.marginal,
        "marginal_reliability_of_noise": quality.null.marginal.upper,
        "separation_reliability": quality.separation,
        "separation_g_reliability": quality.separation_g,
        "strata": quality.strata,
        "split_half_reliability": quality.split_half,
        "split_half_by": quality.split_half_by,
        "mean_theta_se": float(fit.se.mean()),
        "n_misfit": int(batch.misfit.essays.is_misfit.sum()),
        "pair_heterogeneity_p": batch.misfit.pairs.p_value,
        "circular_share": batch.circles.share,
        "log_likelihood": fit.log_likelihood,
        "gradient_norm": fit.gradient_norm,
        "is_simulated": batch.is_simulated,
    }


def _judge_rows(batch_id: str, batch: BatchScaling) -> list[dict[str, Any]]:
    squares, fit = batch.misfit.judges, batch.fit
    if squares is None:
        raise AssertionError("judges were named, so they have mean squares")
    has_own = len(fit.judge_discrimination) > 1
    return [
        {
            "batch_id": batch_id,
            "judge_id": judge.judge_id,
            "provider": judge.provider,
            "model": judge.model,
            "n_judgements": judge.n_judgements,
            "discrimination": float(fit.judge_discrimination[k]) if has_own else None,
            "infit": float(squares.infit[k]),
            "infit_low": float(squares.infit_limits[k, 0]),
            "infit_high": float(squares.infit_limits[k, 1]),
            "outfit": float(squares.outfit[k]),
            "first_share": judge.orders.first_share if judge.orders.first_share is not None else 0.5,
            "first_share_p": judge.orders.first_share_p_value,
            "n_both_orders": judge.orders.n_pairs,
            "both_orders_agreement": judge.orders.agreement,
            "n_repeats": judge.repeats.n_compared,
            "repeat_agreement": judge.repeats.share,
            "n_contradictory": judge.n_contradictory,
            "is_simulated": is_simulated(judge.model),
        }
        for k, judge in enumerate(batch.judges)
    ]


def _ensure_current(lake: Lake, ledger: Ledger, batch_id: str) -> None:
    """Refuse to rank by fewer judgements than are recorded: more were imported since the table was written."""
    if ledger.tally(batch_id).n_outcomes != lake.read(LLM_JUDGEMENTS, batch_id).num_rows:
        raise _stale(lake, ledger, batch_id)


def _stale(lake: Lake, ledger: Ledger, batch_id: str) -> StaleJudgementsError:
    n_recorded, n_written = ledger.tally(batch_id).n_outcomes, lake.read(LLM_JUDGEMENTS, batch_id).num_rows
    return StaleJudgementsError(
        f"batch {batch_id}: llm_judgements holds {n_written} judgements and the ledger {n_recorded} (materialise "
        "comparison_pairs and everything after it again, or: huleedu run)"
    )


def _is_judged(lake: Lake, ledger: Ledger, batch_id: str) -> bool:
    """Whether the judgements that were written are all that there will be; a ranking by fewer is provisional."""
    return lake.read(LLM_JUDGEMENTS, batch_id).num_rows == ledger.tally(batch_id).n_requests and is_judged(ledger, batch_id)


def _number(values: NDArray[np.float64], i: int) -> float | None:
    return None if np.isnan(values[i]) else float(values[i])


def _round(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) else value


checks = [schema_contract(table) for table in (CJ_RANKINGS, SCALING_SUMMARY, JUDGE_DIAGNOSTICS)]
