"""Group ranking: from verdicts to locations with standard errors, ranks, and grades with their certainty."""

from typing import Any

import dagster as dg
import numpy as np

from assets.common import explained, materialised, schema_contract, table_asset
from assets.plots import ranking_plot
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.grading import Unavailable, get_scale, project_grades
from huleedu_pipeline.judging.spec import is_simulated
from huleedu_pipeline.lake import Lake
from huleedu_pipeline.lake.tables import CJ_RANKINGS, ESSAYS, GRADE_PROJECTIONS, LLM_JUDGEMENTS
from huleedu_pipeline.ledger import BatchStatus, Ledger
from huleedu_pipeline.providers.planning import planned_spec
from huleedu_pipeline.scaling import BradleyTerryFit, fit_bradley_terry, reliability
from resources import LakeResource, LedgerResource


class StaleJudgementsError(HuleeduError):
    """Judgements were recorded after the table of judgements was written."""


@table_asset(CJ_RANKINGS, deps=["llm_judgements"], kinds=frozenset({"scipy"}))
def cj_rankings(context: dg.AssetExecutionContext, lake: LakeResource, ledger: LedgerResource) -> dg.MaterializeResult[None]:
    """Each essay's location theta (logits) with its standard error, and its rank.

    Bradley-Terry with a position effect and an estimated normal prior, at the exact optimum; standard errors come from the
    full covariance, so no essay serves as a reference with an error of 0.
    """
    batch_id = context.partition_key
    with explained(), ledger.open() as book:
        book.move_batch(batch_id, BatchStatus.SCORING)  # from here on no judgement can be added
        if book.batch(batch_id).is_human:
            _ensure_current(lake.open(), book, batch_id)
        essays, fit, models = _scale(lake.open(), batch_id)
        order = np.argsort(-fit.theta, kind="stable")
        overall = {int(index): rank for rank, index in enumerate(order, start=1)}
        pupils = [int(index) for index in order if not essays[index]["is_anchor"]]
        rank = {index: place for place, index in enumerate(pupils, start=1)}
        rows = [
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
            }
            for i, essay in enumerate(essays)
        ]
        data = lake.open().write_rows(CJ_RANKINGS, batch_id, rows)
    quality = reliability(fit)
    simulated = any(is_simulated(model) for model in models)
    plot = ranking_plot(
        fit.theta, fit.se, [essay["anchor_grade"] for essay in essays], f"{batch_id}, judged by {', '.join(models)}", simulated
    )
    return materialised(
        data,
        ranking=dg.MetadataValue.md(plot),
        is_simulated=simulated,
        marginal_reliability=round(quality.marginal, 4),
        separation_reliability=round(quality.separation, 4) if quality.separation is not None else "(no spread)",
        mean_theta_se=round(float(fit.se.mean()), 4),
        prior_sd=round(fit.prior_sd, 4),
        position_effect=round(fit.position_effect, 4),
        position_effect_se=round(fit.position_effect_se or 0.0, 4),
        n_one_sided=len(fit.separated_items),
        gradient_norm=fit.gradient_norm,
    )


@table_asset(GRADE_PROJECTIONS, deps=["cj_rankings"], kinds=frozenset({"scipy"}))
def grade_projections(
    context: dg.AssetExecutionContext, lake: LakeResource, ledger: LedgerResource
) -> dg.MaterializeResult[None]:
    """A grade for each essay, with the probability of every grade of the scale.

    Boundaries are fitted to the graded anchors on the theta scale; probabilities integrate the uncertainty of the essay and
    of the boundaries. A batch without enough anchors gets no grades, and the reason.
    """
    batch_id = context.partition_key
    with explained(), ledger.open() as book:
        spec = planned_spec(book, batch_id)
        rows, metadata = _grades(lake.open(), batch_id, spec.grade_scale)
        data = lake.open().write_rows(GRADE_PROJECTIONS, batch_id, rows)
    return materialised(data, grade_scale=spec.grade_scale or "(none)", **metadata)


def _grades(lake: Lake, batch_id: str, scale_id: str | None) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    if scale_id is None:
        return [], {"no_grades_because": "the batch names no grade scale"}
    scale = get_scale(scale_id)
    essays, fit, models = _scale(lake, batch_id)
    anchor_grades = [essay["anchor_grade"] for essay in essays]
    projection = project_grades(fit.theta, fit.covariance(), anchor_grades, scale)
    if isinstance(projection, Unavailable):
        return [], {"no_grades_because": projection.reason}
    rows = [
        {
            "batch_id": batch_id,
            "essay_id": essay["essay_id"],
            "grade_scale": scale.scale_id,
            "grade": projection.grade(i),
            "grade_probability": projection.grade_probability(i),
            "confidence_label": projection.confidence_label(i),
            "grade_probabilities": dict(zip(scale.ladder, projection.probabilities[i].tolist(), strict=True)),
        }
        for i, essay in enumerate(essays)
    ]
    boundaries = dg.MetadataValue.table(
        [
            dg.TableRecord({"between": f"{one.lower} | {one.upper}", "theta": round(one.theta, 3), "se": round(one.se, 3)})
            for one in projection.boundaries
        ]
    )
    graded = [i for i, grade in enumerate(anchor_grades) if grade is not None]
    return rows, {
        "boundaries": boundaries,
        "anchors_given_their_own_grade": sum(projection.grade(i) == anchor_grades[i] for i in graded),
        "n_anchors": len(graded),
        "is_simulated": any(is_simulated(model) for model in models),
        **{f"n_{label.lower()}": sum(row["confidence_label"] == label for row in rows) for label in ("HIGH", "MID", "LOW")},
    }


def _ensure_current(lake: Lake, ledger: Ledger, batch_id: str) -> None:
    """Refuse to rank by fewer judgements than are recorded: more were imported since the table was written."""
    n_recorded, n_written = ledger.tally(batch_id).n_outcomes, lake.read(LLM_JUDGEMENTS, batch_id).num_rows
    if n_recorded != n_written:
        raise StaleJudgementsError(
            f"batch {batch_id}: llm_judgements holds {n_written} judgements and the ledger {n_recorded} (materialise "
            "comparison_pairs and everything after it again, or: huleedu run)"
        )


def _scale(lake: Lake, batch_id: str) -> tuple[list[dict[str, Any]], BradleyTerryFit, list[str]]:
    """Return the batch's essays, the fit in their order, and the models whose verdicts were scaled."""
    essays = lake.read_rows(ESSAYS, batch_id)
    place = {essay["essay_id"]: index for index, essay in enumerate(essays)}
    verdicts = [row for row in lake.read_rows(LLM_JUDGEMENTS, batch_id) if row["outcome"] == "success"]
    fit = fit_bradley_terry(
        [place[row["essay_a_id"]] for row in verdicts],
        [place[row["essay_b_id"]] for row in verdicts],
        # A judge that gives a probability is taken at its word; a tie is one half.
        [row["winner_essay_id"] == row["essay_a_id"] if row["p_a"] is None else row["p_a"] for row in verdicts],
        n_items=len(essays),
    )
    return essays, fit, sorted({row["model"] for row in verdicts})


checks = [schema_contract(CJ_RANKINGS), schema_contract(GRADE_PROJECTIONS)]
