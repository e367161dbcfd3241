"""What follows from a run's essays and comparisons: ranking and grades, in the artefact's form.

One function makes them when an artefact is written and again when it is verified, from the stored comparisons alone. Not here:
where the comparisons come from, or the statistics.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from huleedu_pipeline.batch_scaling import BatchScaling, scale_batch
from huleedu_pipeline.grading import GradeProjection, project_grades
from huleedu_pipeline.grading.scales import GradeScale, scale_of

Rows = list[dict[str, Any]]


def results_of(document: Mapping[str, Any]) -> tuple[Rows, Rows]:
    """Return ``bt_summary`` and ``grade_projections`` of an artefact, worked out from its inputs and comparisons.

    Both are empty when the run is partial, or nothing was decided.
    """
    comparisons = document["llm_comparisons"]
    is_partial = document["validation"]["runner_status"]["partial_data"]
    if is_partial or not any(row["status"] == "succeeded" for row in comparisons):
        return [], []
    inputs = document["inputs"]
    essays = [_essay(row["essay_id"], row, None) for row in inputs["students"]]
    essays += [_essay(row["anchor_id"], row, row["grade"]) for row in inputs["anchors"]]
    batch = scale_batch(essays, [_judgement(row) for row in comparisons])
    grades = [essay["anchor_grade"] for essay in essays]
    scale = document["metadata"]["grade_scale_definition"]
    projection = None if scale is None else _projection(batch, grades, scale_of(scale))
    return _ranking(batch, grades, projection), _projections(batch, grades, projection)


def _essay(essay_id: str, row: Mapping[str, Any], grade: str | None) -> dict[str, Any]:
    return {"essay_id": essay_id, "is_anchor": grade is not None, "anchor_grade": grade, "n_words": row["n_words"]}


def _judgement(row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "outcome": "success" if row["status"] == "succeeded" else row["status"],
        "winner_essay_id": row["winner_id"],
        **{name: row[name] for name in ("essay_a_id", "essay_b_id", "p_a", "judge_id", "model", "provider", "wave")},
    }


def _projection(batch: BatchScaling, grades: Sequence[str | None], scale: GradeScale) -> GradeProjection | None:
    found = project_grades(batch.fit.theta, batch.fit.covariance(), grades, scale)
    return found if isinstance(found, GradeProjection) else None


def _ranking(batch: BatchScaling, grades: Sequence[str | None], projection: GradeProjection | None) -> Rows:
    fit = batch.fit
    rank = {int(index): place for place, index in enumerate(np.argsort(-fit.theta, kind="stable"), start=1)}
    return [
        {
            "essay_id": essay["essay_id"],
            "theta": float(fit.theta[i]),
            "standard_error": float(fit.se[i]),
            "rank": rank[i],
            "comparison_count": int(fit.n_comparisons[i]),
            "is_anchor": essay["is_anchor"],
            "anchor_grade": grades[i],
            "grade_projection": None if projection is None else projection.grade(i),
        }
        for i, essay in enumerate(batch.essays)
    ]


def _projections(batch: BatchScaling, grades: Sequence[str | None], projection: GradeProjection | None) -> Rows:
    if projection is None:
        return []
    theta = batch.fit.theta
    anchors = [i for i, grade in enumerate(grades) if grade is not None]
    nearest = [anchors[int(np.argmin(np.abs(theta[anchors] - here)))] for here in theta]
    return [
        {
            "essay_id": essay["essay_id"],
            "grade_scale": projection.scale.scale_id,
            "grade": projection.grade(i),
            "probabilities": dict(zip(projection.scale.ladder, projection.probabilities[i].tolist(), strict=True)),
            "primary_anchor_id": batch.essays[nearest[i]]["essay_id"],
            "anchor_alignment": float(theta[i] - theta[nearest[i]]),
        }
        for i, essay in enumerate(batch.essays)
    ]
