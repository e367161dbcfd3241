"""Are the anchors to be believed? One row of diagnostics for each anchor, and where the judge contradicts the grades.

Each anchor is judged by the others: the grade that it would get without its own say, its distance from the ladder on which
the others stand, and the anchors with which it has changed places. Displacement and drift against earlier locations
(``huleedu_pipeline.scaling.linking``) and fit are worked out elsewhere and join the rows here. Nothing is removed: a flag
asks a person to look at the anchor's text and grade.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from huleedu_pipeline.grading.boundaries import LOGISTIC_AS_NORMAL, between_anchors, draw_boundaries, rise_per_grade
from huleedu_pipeline.grading.ladder import ladder_residuals
from huleedu_pipeline.grading.order import ContradictedRegion, Inversion, contradicted_regions, find_inversions
from huleedu_pipeline.grading.projection import (
    LEAST_RISE_IN_SE,
    GradedAnchors,
    GradeProjection,
    Unavailable,
    average_over_draws,
    even_places,
    graded_anchors,
)
from huleedu_pipeline.grading.scales import GradeScale

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DISPLACEMENT_Z = 2.7
LEAVE_ONE_OUT_CHAINS = 30


@dataclass(frozen=True)
class AnchorDiagnostics:
    """One anchor.

    Attributes:
        essay: Its index among the essays.
        grade: The grade that it carries.
        theta: Its location in logits.
        theta_se: The standard error of that, as given.
        projected_grade: The grade that the projection gives it, with its own say in the boundaries; ``None`` without one.
        grade_probability: Probability of the grade that it carries, by that projection.
        leave_one_out_grade: The grade that it gets from boundaries fitted without it; ``None`` when the others can place none.
        leave_one_out_probability: Probability of the grade that it carries, by those boundaries.
        ladder_residual: How far it lies above where the others' ladder puts its grade, in logits; ``None`` with fewer than
            four anchors.
        ladder_z: That in standard errors.
        ladder_limit: Where that is flagged.
        detectable: How many logits off an anchor in its place must be to be flagged 95 times of 100.
        n_inversions: Anchors with which it has changed places.
        n_contradictions: Those of them for which chance is no explanation.
        displacement_z: Free against banked location, in standard errors; ``None`` without a bank.
        drift_z: Distance from the line that links an earlier batch, in standard errors; ``None`` without one.
        infit: Mean square of its residuals, weighted by information; ``None`` when not given.
        outfit: Unweighted mean square of its residuals; ``None`` when not given.
        flags: What to look at, of ``order``, ``ladder``, ``displacement``, ``drift``, ``infit``, ``outfit``.

    """

    essay: int
    grade: str
    theta: float
    theta_se: float
    projected_grade: str | None
    grade_probability: float | None
    leave_one_out_grade: str | None
    leave_one_out_probability: float | None
    ladder_residual: float | None
    ladder_z: float | None
    ladder_limit: float | None
    detectable: float | None
    n_inversions: int
    n_contradictions: int
    displacement_z: float | None
    drift_z: float | None
    infit: float | None
    outfit: float | None
    flags: tuple[str, ...]


@dataclass(frozen=True)
class AnchorReport:
    """Diagnostics of all anchors of a batch.

    Attributes:
        anchors: One row for each anchor, in the order of the essays.
        inversions: Pairs in the wrong order, the most certain ones first, by their places in ``anchors``.
        regions: Where the judge's order contradicts the grades.
        rise_per_grade: By how many logits the anchors rise from grade to grade.
        n_own_grade: Anchors that get their own grade.
        n_own_grade_left_out: Anchors that get their own grade from boundaries fitted without them.
        n_left_out: Anchors for which there are such boundaries.

    """

    anchors: tuple[AnchorDiagnostics, ...]
    inversions: tuple[Inversion, ...]
    regions: tuple[ContradictedRegion, ...]
    rise_per_grade: float
    n_own_grade: int
    n_own_grade_left_out: int
    n_left_out: int

    def can_find(self, logits: float) -> bool:
        """Whether an anchor that lies ``logits`` off is flagged 95 times of 100, wherever on the ladder it stands."""
        return all(one.detectable is not None and one.detectable <= logits for one in self.anchors)


def check_anchors(
    theta: ArrayLike,
    covariance: ArrayLike,
    anchor_grades: Sequence[str | None],
    scale: GradeScale,
    projection: GradeProjection | Unavailable,
    *,
    displacement_z: ArrayLike | None = None,
    drift_z: ArrayLike | None = None,
    infit: ArrayLike | None = None,
    outfit: ArrayLike | None = None,
    infit_limits: tuple[float, float] | None = None,
    outfit_limits: tuple[float, float] | None = None,
    seed: int = 1,
) -> AnchorReport | Unavailable:
    """Check the anchors of a batch, whether they allow grades or not.

    Args:
        theta: Locations of all essays in logits, shape (n,).
        covariance: Their covariance, shape (n, n).
        anchor_grades: Grade of each anchor, ``None`` for a pupil's essay, length n.
        scale: Scale of the grades.
        projection: What :func:`.project_grades` made of the same.
        displacement_z: Free against banked location of each essay, shape (n,); not a number where there is none.
        drift_z: Distance of each essay from the line that links an earlier batch, shape (n,); not a number where none.
        infit: Infit of each essay, shape (n,).
        outfit: Outfit of each essay, shape (n,).
        infit_limits: Lowest and highest infit that is not flagged.
        outfit_limits: The same for outfit.
        seed: Seed of the draws.

    Returns:
        The diagnostics, or why there are none: fewer than two different anchor grades.

    Raises:
        ValueError: arguments that differ in length, or a grade that no anchor of this scale can carry.

    """
    anchors = graded_anchors(theta, covariance, anchor_grades, scale)
    if isinstance(anchors, Unavailable):
        return anchors
    ladder = scale.ladder
    graded = projection if isinstance(projection, GradeProjection) else None
    inversions = find_inversions(anchors.theta, anchors.levels, anchors.covariance)
    left_out = _leave_one_out(anchors, len(ladder), np.random.default_rng(seed))
    residuals = ladder_residuals(anchors.theta, anchors.levels, anchors.covariance)
    given_se = np.sqrt(np.diag(np.asarray(covariance, dtype=np.float64)))

    def of_essay(values: ArrayLike | None, essay: int) -> float | None:
        value = np.nan if values is None else float(np.asarray(values, dtype=np.float64)[essay])
        return None if np.isnan(value) else value

    rows = []
    for a, essay in enumerate(anchors.essays.tolist()):
        level = int(anchors.levels[a])
        involved = [one for one in inversions if a in (one.lower, one.higher)]
        n_contradictions = sum(one.is_contradiction for one in involved)
        out, rest = left_out[a], residuals[a]
        displaced, drifted = of_essay(displacement_z, essay), of_essay(drift_z, essay)
        fit_in, fit_out = of_essay(infit, essay), of_essay(outfit, essay)
        raised = {
            "order": n_contradictions > 0,
            "ladder": rest is not None and rest.is_off,
            "displacement": displaced is not None and abs(displaced) > DISPLACEMENT_Z,
            "drift": drifted is not None and abs(drifted) > DISPLACEMENT_Z,
            "infit": _is_outside(fit_in, infit_limits),
            "outfit": _is_outside(fit_out, outfit_limits),
        }
        rows.append(
            AnchorDiagnostics(
                essay=essay,
                grade=ladder[level],
                theta=float(anchors.theta[a]),
                theta_se=float(given_se[essay]),
                projected_grade=graded.grade(essay) if graded else None,
                grade_probability=float(graded.probabilities[essay, level]) if graded else None,
                leave_one_out_grade=None if out is None else ladder[out[0]],
                leave_one_out_probability=None if out is None else out[1],
                ladder_residual=None if rest is None else rest.logits,
                ladder_z=None if rest is None else rest.z,
                ladder_limit=None if rest is None else rest.limit,
                detectable=None if rest is None else rest.detectable,
                n_inversions=len(involved),
                n_contradictions=n_contradictions,
                displacement_z=displaced,
                drift_z=drifted,
                infit=fit_in,
                outfit=fit_out,
                flags=tuple(name for name, is_raised in raised.items() if is_raised),
            )
        )
    return AnchorReport(
        anchors=tuple(rows),
        inversions=inversions,
        regions=contradicted_regions(inversions, anchors.levels, ladder),
        rise_per_grade=anchors.step,
        n_own_grade=sum(row.projected_grade == row.grade for row in rows),
        n_own_grade_left_out=sum(row.leave_one_out_grade == row.grade for row in rows),
        n_left_out=sum(row.leave_one_out_grade is not None for row in rows),
    )


def _is_outside(value: float | None, limits: tuple[float, float] | None) -> bool:
    return value is not None and limits is not None and not limits[0] <= value <= limits[1]


def _leave_one_out(anchors: GradedAnchors, n_grades: int, rng: np.random.Generator) -> list[tuple[int, float] | None]:
    """Return for each anchor its level by boundaries fitted without it, and the probability of its own; ``None`` if none."""
    n = len(anchors.theta)
    found: list[tuple[int, float] | None] = [None] * n
    others = ~np.eye(n, dtype=np.bool_)
    possible = []
    for a in range(n):
        if len(set(anchors.levels[others[a]].tolist())) >= 2:
            kept = np.ix_(others[a], others[a])
            step, step_se = rise_per_grade(anchors.theta[others[a]], anchors.levels[others[a]], anchors.covariance[kept])
            if step > LEAST_RISE_IN_SE * step_se:
                possible.append((a, step))
    if not possible:
        return found
    draws = draw_boundaries(
        anchors.theta,
        anchors.levels,
        n_grades,
        anchors.covariance,
        anchors.population,
        rng,
        used=others[[a for a, _ in possible]],
        n_chains=LEAVE_ONE_OUT_CHAINS,
    )
    own = np.diag(anchors.covariance) - np.diag(draws.shared_covariance)
    per_fit = draws.blur.size // len(possible)
    for fit, (a, step) in enumerate(possible):
        some = slice(fit * per_fit, (fit + 1) * per_fit)
        bounds = draws.boundaries[:, some]
        even = even_places(bounds, draws.blur[some])
        place = between_anchors(even, anchors.theta[others[a]], anchors.levels[others[a]], step)
        mean = (anchors.theta[a] + draws.shared[a, some])[None, :]
        variance = (own[a] + (LOGISTIC_AS_NORMAL * draws.blur[some]) ** 2)[None, :]
        probabilities, _ = average_over_draws(mean, variance, bounds, np.zeros(n_grades - 1))
        found[a] = int(np.searchsorted(place, anchors.theta[a])), float(probabilities[0, anchors.levels[a]])
    return found
