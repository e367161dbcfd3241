"""Group grading: from located essays and graded anchors to grades with their certainty, and whether the anchors bear them."""

from collections.abc import Iterator
from typing import Any

import dagster as dg

from assets.common import explained, one_materialised, schema_contract, table_value, tables_asset
from assets.plots import grade_bands_plot
from huleedu_pipeline.batch_scaling import AnchorDrift, BatchScaling, scale_batch
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.grading import GradeProjection, Unavailable, project_grades
from huleedu_pipeline.grading.anchors import AnchorReport, check_anchors
from huleedu_pipeline.lake import Lake
from huleedu_pipeline.lake.schema import Table
from huleedu_pipeline.lake.tables import (
    ANCHOR_DIAGNOSTICS,
    CJ_RANKINGS,
    ESSAYS,
    GRADE_BOUNDARIES,
    GRADE_PROJECTIONS,
    GRADING_SUMMARY,
    LLM_JUDGEMENTS,
    SPELLCHECKED_ESSAYS,
)
from huleedu_pipeline.ledger import BatchRecord
from huleedu_pipeline.providers.planning import planned_scale, planned_spec
from huleedu_pipeline.scaling import ScalingError
from resources import LakeResource, LedgerResource

Rows = list[dict[str, Any]]
_NO_DRIFT = dict.fromkeys(("compared_with", "n_common_anchors", "link_slope", "link_slope_p"))


@tables_asset(
    "grading",
    {
        GRADE_PROJECTIONS: (
            "A grade for each essay, with the probability of every grade of the scale. Boundaries are fitted to the graded "
            "anchors on the theta scale; probabilities integrate the uncertainty of the essay and of the boundaries. A batch "
            "without enough anchors gets no grades, and the reason."
        ),
        GRADE_BOUNDARIES: "Where neighbouring grades meet on the theta scale, with standard errors.",
        ANCHOR_DIAGNOSTICS: "Whether each anchor is to be believed: what the others say of it, and what earlier batches do.",
        GRADING_SUMMARY: "Whether the batch has grades, why not, and how good they are expected to be.",
    },
    deps=["cj_rankings"],
    kinds=frozenset({"scipy"}),
)
def grading(
    context: dg.AssetExecutionContext, lake: LakeResource, ledger: LedgerResource
) -> Iterator[dg.MaterializeResult[None]]:
    """Grade the batch once and write everything that comes of it."""
    batch_id, store = context.partition_key, lake.open()
    with explained(), ledger.open() as book:
        spec, record = planned_spec(book, batch_id), book.batch(batch_id)
        if record.unranked_because is not None:
            yield from _ungraded(store, record, spec.grade_scale, record.unranked_because)
            return
        scale, batch = planned_scale(book, batch_id), _scaled(store, batch_id)
        ranking = store.read_rows(CJ_RANKINGS, batch_id)
        is_provisional = any(row["is_provisional"] for row in ranking)
        drift, no_drift_because = _drift(store, batch, spec.compare_anchors_with)
        anchor_grades = [essay["anchor_grade"] for essay in batch.essays]
        n_anchors = sum(grade is not None for grade in anchor_grades)
        unnamed = Unavailable("batch.yaml names no grade_scale")
        projection: GradeProjection | Unavailable = unnamed
        report: AnchorReport | Unavailable = unnamed
        anchors: Rows = []
        if scale is not None:
            theta, covariance = batch.fit.theta, batch.fit.covariance()
            projection = project_grades(theta, covariance, anchor_grades, scale)
            lines = _lines(batch, ranking)
            infit, outfit = ([_or_nan(line[name]) for line in lines] for name in ("infit", "outfit"))
            report = check_anchors(
                theta,
                covariance,
                anchor_grades,
                scale,
                projection,
                displacement_z=drift.displacement_z if drift else None,
                drift_z=drift.drift_z if drift else None,
                infit=infit,
                outfit=outfit,
            )
            anchors = _anchor_rows(batch_id, batch, lines, report)
        written = {
            GRADE_PROJECTIONS: store.write_rows(
                GRADE_PROJECTIONS, batch_id, _grade_rows(batch_id, batch, projection, is_provisional=is_provisional)
            ),
            GRADE_BOUNDARIES: store.write_rows(GRADE_BOUNDARIES, batch_id, _boundary_rows(batch_id, projection)),
            ANCHOR_DIAGNOSTICS: store.write_rows(ANCHOR_DIAGNOSTICS, batch_id, anchors),
        }
        scale_id = None if scale is None else scale.scale_id
        summary = _summary_row(batch_id, scale_id, n_anchors, projection, report, anchors) | {
            "compared_with": spec.compare_anchors_with,
            "n_common_anchors": drift.n_common if drift else None,
            "link_slope": drift.slope if drift else None,
            "link_slope_p": drift.slope_p if drift else None,
        }
        written[GRADING_SUMMARY] = store.write_rows(GRADING_SUMMARY, batch_id, [summary])
    shown: dict[str, Any] = {
        "is_simulated": batch.is_simulated,
        "is_provisional": is_provisional,
        "grade_scale": scale_id or "(none)",
    }
    if no_drift_because:
        shown["no_drift_because"] = no_drift_because
    if isinstance(projection, Unavailable):
        shown["no_grades_because"] = projection.reason
        bands: dict[str, Any] = {}
    else:
        title = f"{batch_id}, judged by {', '.join(batch.models)}"
        bands = {"grade_bands": dg.MetadataValue.md(grade_bands_plot(projection, anchor_grades, title, batch.is_simulated))}
        bands["accuracy_by_grade"] = _accuracy_table(projection)
        labels = [projection.confidence_label(i) for i in range(len(batch.essays))]
        shown |= {f"n_{label.lower()}": labels.count(label) for label in ("HIGH", "MID", "LOW")}
    own = {
        GRADE_PROJECTIONS: bands,
        GRADING_SUMMARY: {name: round(value, 4) for name, value in summary.items() if _is_number(value)},
    }
    for table, data in written.items():
        yield one_materialised(table, data, **shown, **own.get(table, {}))


def _ungraded(store: Lake, record: BatchRecord, scale_id: str | None, why: str) -> Iterator[dg.MaterializeResult[None]]:
    """Write the tables of a batch that was not ranked: no grades, and the reason."""
    batch_id, reason = record.batch_id, Unavailable(why)
    summary = _summary_row(batch_id, scale_id, record.n_anchors, reason, reason, []) | _NO_DRIFT
    rows: dict[Table, Rows] = {GRADE_PROJECTIONS: [], GRADE_BOUNDARIES: [], ANCHOR_DIAGNOSTICS: [], GRADING_SUMMARY: [summary]}
    for table, some in rows.items():
        yield one_materialised(table, store.write_rows(table, batch_id, some), no_grades_because=why)


def _scaled(lake: Lake, batch_id: str) -> BatchScaling:
    return scale_batch(_as_judged(lake, batch_id), lake.read_rows(LLM_JUDGEMENTS, batch_id))


def _as_judged(lake: Lake, batch_id: str) -> Rows:
    """Return the essays with the identity of what judges saw: an anchor that was corrected is another text than it was."""
    essays = lake.read_rows(ESSAYS, batch_id)
    if not lake.path(SPELLCHECKED_ESSAYS, batch_id).exists():  # from before there was a spell check
        return essays
    judged = {row["essay_id"]: row["text_sha256"] for row in lake.read_rows(SPELLCHECKED_ESSAYS, batch_id)}
    return [{**row, "text_sha256": judged[row["essay_id"]]} for row in essays]


def _drift(lake: Lake, batch: BatchScaling, earlier_id: str | None) -> tuple[AnchorDrift | None, str | None]:
    """Return how the anchors have moved since the earlier batch, or why that can not be told: grades do not wait for it."""
    if earlier_id is None:
        return None, None
    try:
        return batch.drift_from(_scaled(lake, earlier_id)), None
    except (HuleeduError, ScalingError) as error:
        return None, str(error)


def _lines(batch: BatchScaling, ranking: Rows) -> Rows:
    """Return the lines of the ranking in the order of the fit's items."""
    by_essay = {row["essay_id"]: row for row in ranking}
    return [by_essay[essay["essay_id"]] for essay in batch.essays]


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _grade_rows(batch_id: str, batch: BatchScaling, projection: GradeProjection | Unavailable, *, is_provisional: bool) -> Rows:
    if isinstance(projection, Unavailable):
        return []
    return [
        {
            "batch_id": batch_id,
            "essay_id": essay["essay_id"],
            "grade_scale": projection.scale.scale_id,
            "grade": projection.grade(i),
            "grade_probability": projection.grade_probability(i),
            "confidence_label": projection.confidence_label(i),
            "grade_probabilities": dict(zip(projection.scale.ladder, projection.probabilities[i].tolist(), strict=True)),
            "split_grade": projection.split_grade(i),
            "is_provisional": is_provisional,
            "file_name": essay["file_name"],
        }
        for i, essay in enumerate(batch.essays)
    ]


def _boundary_rows(batch_id: str, projection: GradeProjection | Unavailable) -> Rows:
    if isinstance(projection, Unavailable):
        return []
    return [
        {
            "batch_id": batch_id,
            "grade_scale": projection.scale.scale_id,
            "lower_grade": boundary.lower,
            "upper_grade": boundary.upper,
            "theta": boundary.theta,
            "theta_se": boundary.se,
            "n_anchors_lower": boundary.n_lower,
            "n_anchors_upper": boundary.n_upper,
        }
        for boundary in projection.boundaries
    ]


def _anchor_rows(batch_id: str, batch: BatchScaling, lines: Rows, report: AnchorReport | Unavailable) -> Rows:
    if isinstance(report, Unavailable):
        return []
    return [
        {
            "batch_id": batch_id,
            "essay_id": batch.essays[anchor.essay]["essay_id"],
            "grade": anchor.grade,
            "theta": anchor.theta,
            "theta_se": anchor.theta_se,
            "projected_grade": anchor.projected_grade,
            "grade_probability": anchor.grade_probability,
            "leave_one_out_grade": anchor.leave_one_out_grade,
            "leave_one_out_probability": anchor.leave_one_out_probability,
            "ladder_residual": anchor.ladder_residual,
            "ladder_z": anchor.ladder_z,
            "detectable": anchor.detectable,
            "n_inversions": anchor.n_inversions,
            "n_contradictions": anchor.n_contradictions,
            "displacement_z": anchor.displacement_z,
            "drift_z": anchor.drift_z,
            "infit": anchor.infit,
            "outfit": anchor.outfit,
            "flags": [*anchor.flags, *(["infit"] if "misfit" in lines[anchor.essay]["flags"] else [])],
            "file_name": batch.essays[anchor.essay]["file_name"],
        }
        for anchor in report.anchors
    ]


def _summary_row(
    batch_id: str,
    scale_id: str | None,
    n_anchors: int,
    projection: GradeProjection | Unavailable,
    report: AnchorReport | Unavailable,
    anchors: Rows,
) -> dict[str, Any]:
    is_available = isinstance(projection, GradeProjection)
    overall = projection.accuracy[0] if isinstance(projection, GradeProjection) else None
    checked = report if isinstance(report, AnchorReport) else None
    regions = [f"{region.from_grade}..{region.to_grade}" for region in checked.regions] if checked else []
    return {
        "batch_id": batch_id,
        "grade_scale": scale_id,
        "is_available": is_available,
        "unavailable_because": projection.reason if isinstance(projection, Unavailable) else None,
        "n_anchors": n_anchors,
        "n_own_grade": checked.n_own_grade if checked else 0,
        "n_own_grade_left_out": checked.n_own_grade_left_out if checked else 0,
        "n_flagged_anchors": sum(bool(row["flags"]) for row in anchors),
        "rise_per_grade": checked.rise_per_grade if checked else None,
        "contradicted_regions": regions,
        "expected_accuracy": overall.accuracy if overall else None,
        "expected_consistency": overall.consistency if overall else None,
        "monte_carlo_error": projection.monte_carlo_error if isinstance(projection, GradeProjection) else None,
    }


def _accuracy_table(projection: GradeProjection) -> dg.TableMetadataValue:
    def shown(value: float | None) -> str:
        return "" if value is None else f"{value:.2f}"

    return table_value(
        {
            "grade": one.grade or "all",
            "pupils": one.n_essays,
            "expected accuracy": shown(one.accuracy),
            "expected consistency": shown(one.consistency),
        }
        for one in projection.accuracy
    )


checks = [schema_contract(table) for table in (GRADE_PROJECTIONS, GRADE_BOUNDARIES, ANCHOR_DIAGNOSTICS, GRADING_SUMMARY)]
