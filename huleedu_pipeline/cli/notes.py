"""What to know before believing a ranking: said in a few lines under it, worked out from what was published."""

from huleedu_pipeline.grading import Unavailable, get_scale, project_grades
from huleedu_pipeline.lake import Warehouse
from huleedu_pipeline.ledger import Ledger, UnknownBatchError
from huleedu_pipeline.providers.planning import planned_spec
from huleedu_pipeline.scaling import FEW_COMPARISONS, fit_bradley_terry, reliability
from huleedu_pipeline.settings import Settings

LOW_RELIABILITY = 0.7


def notes_on(warehouse: Warehouse, batch_id: str) -> list[str]:
    """Return the notes on a batch's ranking, or none when it has no ranking."""
    essays = warehouse.frame("essays", batch_id)
    judgements = warehouse.frame("llm_judgements", batch_id)
    verdicts = judgements[judgements["outcome"] == "success"]
    if verdicts.empty:
        return []
    place = {essay_id: index for index, essay_id in enumerate(essays["essay_id"])}
    fit = fit_bradley_terry(
        verdicts["essay_a_id"].map(place).to_numpy(),
        verdicts["essay_b_id"].map(place).to_numpy(),
        verdicts["p_a"].fillna((verdicts["winner_essay_id"] == verdicts["essay_a_id"]).astype(float)).to_numpy(),
        n_items=len(place),
    )
    quality = reliability(fit).marginal
    notes = [
        f"reliability {max(quality, 0.0):.2f} (marginal)"
        + ("" if quality >= LOW_RELIABILITY else ": low, the order is not settled")
    ]
    per_essay = 2 * len(verdicts) / len(place)
    if per_essay < FEW_COMPARISONS:
        notes.append(f"few comparisons: {per_essay:.1f} for each essay; about 20 give a usable ranking")
    n_failed = len(judgements) - len(verdicts)
    if n_failed:
        codes = ", ".join(f"{n} {code}" for code, n in judgements["error_code"].value_counts().items())
        notes.append(f"WARNING: {n_failed} of {len(judgements)} requests have no verdict ({codes})")
    if not warehouse.frame("grade_projections", batch_id).empty:
        return notes
    grades = [grade if isinstance(grade, str) else None for grade in essays["anchor_grade"]]
    reason = _no_grades_because(batch_id, grades, fit.theta, fit.covariance())
    return [*notes, f"no grades: {reason}"] if reason else notes


def _no_grades_because(batch_id: str, anchor_grades: list[str | None], theta: object, covariance: object) -> str | None:
    ledger = Ledger(Settings.load().ledger_url)
    try:
        scale_id = planned_spec(ledger, batch_id).grade_scale
    except UnknownBatchError:
        return None  # a warehouse from elsewhere: its ledger is not here to ask
    finally:
        ledger.close()
    if scale_id is None:
        return "batch.yaml names no grade_scale"
    projection = project_grades(theta, covariance, anchor_grades, get_scale(scale_id))  # type: ignore[arg-type]
    return projection.reason if isinstance(projection, Unavailable) else None
