"""Grade projection: boundaries on the theta scale from graded anchors, and the probability of each grade for each essay.

Boundaries come from an ordinal (cumulative logit) model of the anchors' grades given their locations,
``P(grade <= k) = logistic((b_k - theta) / s)``, with a weak prior that is free of scale: neighbouring boundaries are about
equally far apart, and grades blur over about a third of a step. Grade probabilities are those of the grade that an examiner
like the anchors' would give: they contain that blur, and integrate the uncertainty of the essay's location and of the
boundaries together, because the anchors were scaled in the same fit (Rudner 2005 for the classification itself). Not here:
how locations are estimated, or what a scale is.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, ndtr

from huleedu_pipeline.grading.scales import GradeScale

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
ConfidenceLabel = Literal["HIGH", "MID", "LOW"]

GAP_PRIOR_SD = 1.0
BLUR_PRIOR_MEAN, BLUR_PRIOR_SD = float(np.log(1 / 3)), 1.0
MIDDLE_PRIOR_SD = 3.0
N_DRAWS, N_ITERATIONS = 2000, 100
LEAST_STEP_IN_SE = 2.0
LOGISTIC_AS_NORMAL = 1.702
HIGH_PROBABILITY, MID_PROBABILITY = 0.70, 0.40


@dataclass(frozen=True)
class Unavailable:
    """Why a batch has no grades."""

    reason: str


@dataclass(frozen=True)
class GradeProjection:
    """Grades of ``n`` essays on a scale with K grades.

    Attributes:
        scale: The grade scale.
        boundaries: Between neighbouring grades on the theta scale, in logits, shape (K - 1,), increasing.
        boundaries_se: Their standard errors in logits, shape (K - 1,).
        probabilities: Probability of each grade for each essay, shape (n, K); each row sums to 1.

    """

    scale: GradeScale
    boundaries: Floats
    boundaries_se: Floats
    probabilities: Floats

    def grade(self, i: int) -> str:
        """Return the grade of essay ``i``: the middle of its distribution, which is the grade whose boundaries enclose it.

        On an ordered scale the median is the choice with the least expected error in steps.
        """
        return self.scale.grades[self._level(i)]

    def grade_probability(self, i: int) -> float:
        """Return the probability of that grade."""
        return float(self.probabilities[i, self._level(i)])

    def _level(self, i: int) -> int:
        return int(np.searchsorted(np.cumsum(self.probabilities[i])[:-1], 0.5))


def confidence_label(probability: float) -> ConfidenceLabel:
    """Return the label of a grade that has this probability: HIGH from .70 on, MID from .40 on, else LOW."""
    if probability >= HIGH_PROBABILITY:
        return "HIGH"
    return "MID" if probability >= MID_PROBABILITY else "LOW"


def project_grades(
    theta: ArrayLike, covariance: ArrayLike, anchor_grades: list[str | None], scale: GradeScale, *, seed: int = 1
) -> GradeProjection | Unavailable:
    """Project grades onto all essays of a batch.

    Args:
        theta: Locations in logits, shape (n,).
        covariance: Their covariance, shape (n, n).
        anchor_grades: Known grade of each essay, ``None`` for a pupil's essay, length n.
        scale: Scale of the grades.
        seed: Seed of the draws that integrate over the boundaries.

    Returns:
        Grades of all n essays, anchors included, or the reason why there are none: fewer than two different anchor
        grades, or anchors whose locations do not clearly rise with their grades.

    """
    location, cov = np.asarray(theta, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    anchors = np.array([i for i, grade in enumerate(anchor_grades) if grade is not None], dtype=np.int64)
    levels = np.array([scale.index(grade) for grade in anchor_grades if grade is not None], dtype=np.int64)
    if len(set(levels.tolist())) < 2:
        return Unavailable(f"{len(set(levels.tolist()))} different anchor grades; at least 2 are needed to place boundaries")
    anchor_cov = cov[np.ix_(anchors, anchors)]
    step, step_se = _step(location[anchors], levels, anchor_cov)
    if step <= LEAST_STEP_IN_SE * step_se:
        return Unavailable(
            f"the anchors' locations do not clearly rise with their grades ({step:+.2f} logits a grade, SE {step_se:.2f}); "
            "this judge does not follow this scale, or there are too few comparisons"
        )
    model = _Boundaries(location[anchors] / step, levels, len(scale.grades), step)
    bounds, blur, shifts = model.sample(anchor_cov, np.random.default_rng(seed))
    gain = np.linalg.pinv(anchor_cov, hermitian=True, rcond=1e-10) @ cov[anchors, :]
    mean = location[:, None] + gain.T @ shifts
    residual = np.maximum(np.diag(cov) - np.einsum("ki,ki->i", cov[anchors, :], gain), 1e-12)
    # A logistic blur s is nearly a normal one of 1.702 s (Haley 1952: within .01), which adds up with the normal residual.
    width = np.sqrt(residual[:, None] + (LOGISTIC_AS_NORMAL * blur) ** 2)
    cumulative = np.array([ndtr((bound - mean) / width).mean(axis=1) for bound in bounds])
    n = len(location)
    return GradeProjection(
        scale=scale,
        boundaries=np.median(bounds, axis=1),
        boundaries_se=bounds.std(axis=1),
        probabilities=np.diff(np.vstack([np.zeros(n), cumulative, np.ones(n)]), axis=0).T,
    )


def _step(anchors: Floats, levels: Ints, covariance: Floats) -> tuple[float, float]:
    """Return by how much the anchors' locations rise from grade to grade, in logits, and the standard error of that.

    Least squares of location on grade; the error is the larger of what the scatter around the line and what the anchors'
    own uncertainty give.
    """
    centred = levels - levels.mean()
    weights = centred / (centred @ centred)
    step = float(weights @ anchors)
    scatter = anchors - anchors.mean() - step * centred
    degrees = len(anchors) - 2
    from_scatter = float(scatter @ scatter) / degrees * float(weights @ weights) if degrees > 0 else 0.0
    return step, float(np.sqrt(max(from_scatter, float(weights @ covariance @ weights))))


@dataclass(frozen=True)
class _Boundaries:
    """The ordinal model, in units of one grade ``step`` (logits).

    Parameters phi, shape (n_grades, d) for d draws: middle of the boundaries, log gaps (n_grades - 2), log blur.
    """

    anchors: Floats
    levels: Ints
    n_grades: int
    step: float

    def boundaries(self, phi: Floats) -> Floats:
        """Return the boundaries in steps, shape (n_grades - 1, d)."""
        below = np.concatenate([np.zeros((1, phi.shape[1])), np.cumsum(np.exp(phi[1:-1]), axis=0)])
        return np.asarray(phi[0] + below - below.mean(axis=0), dtype=np.float64)

    def log_likelihood(self, phi: Floats, anchors: Floats) -> Floats:
        """Return the log probability of the anchors' grades if they lie at ``anchors`` (steps), shape (d,)."""
        infinite = np.full((1, phi.shape[1]), np.inf)
        edges, blur = np.concatenate([-infinite, self.boundaries(phi), infinite]), np.exp(phi[-1])
        upper, lower = (edges[self.levels + 1] - anchors) / blur, (edges[self.levels] - anchors) / blur
        # Of the two equal forms of logistic(upper) - logistic(lower), the one that does not cancel.
        is_above = lower > 0
        mass = expit(np.where(is_above, -lower, upper)) - expit(np.where(is_above, -upper, lower))
        return np.asarray(np.log(np.maximum(mass, np.finfo(float).tiny)).sum(axis=0), dtype=np.float64)

    def sample(self, anchor_covariance: Floats, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
        """Draw boundaries together with the anchors' locations that they are drawn for.

        Each draw first moves the anchors within their uncertainty and then draws the boundaries given those places, so
        the anchors' grades inform the boundaries and never the locations. The prior of phi is normal, so the elliptical
        slice sampler of Murray, Adams & MacKay (2010) applies as it is and has nothing to tune; draws run side by side.

        Returns:
            Boundaries, shape (n_grades - 1, N_DRAWS), the blur s, shape (N_DRAWS,), and shifts of the anchors from their
            estimates, shape (n_anchors, N_DRAWS), all in logits.

        """
        prior_mean, prior_sd = np.zeros((self.n_grades, 1)), np.full((self.n_grades, 1), GAP_PRIOR_SD)
        prior_mean[0], prior_sd[0] = self.anchors.mean() - (self.levels.mean() - (self.n_grades - 1) / 2), MIDDLE_PRIOR_SD
        prior_mean[-1], prior_sd[-1] = BLUR_PRIOR_MEAN, BLUR_PRIOR_SD
        values, vectors = np.linalg.eigh(anchor_covariance)
        root = vectors * np.sqrt(np.maximum(values, 0.0))
        shifts = root @ rng.standard_normal((len(root), N_DRAWS))
        places = self.anchors[:, None] + shifts / self.step

        def log_likelihood(deviation: Floats, chains: Ints) -> Floats:
            return self.log_likelihood(prior_mean + deviation, places[:, chains])

        deviation = np.zeros((self.n_grades, N_DRAWS))
        for _ in range(N_ITERATIONS):
            prior_draw = prior_sd * rng.standard_normal(deviation.shape)
            deviation = _slice_step(deviation, prior_draw, log_likelihood, rng)
        phi = prior_mean + deviation
        return self.step * self.boundaries(phi), self.step * np.exp(phi[-1]), shifts


def _slice_step(x: Floats, other: Floats, log_likelihood: Callable[[Floats, Ints], Floats], rng: np.random.Generator) -> Floats:
    """Move each chain (column) of ``x`` along the ellipse through ``other``, a draw from the zero-mean prior."""
    n = x.shape[1]
    moved, waiting = x.copy(), np.arange(n)
    level = log_likelihood(x, waiting) + np.log(rng.random(n))
    angle = np.asarray(2 * np.pi * rng.random(n), dtype=np.float64)
    low, high = angle - 2 * np.pi, angle
    while True:
        proposal = x[:, waiting] * np.cos(angle) + other[:, waiting] * np.sin(angle)
        outside = log_likelihood(proposal, waiting) < level[waiting]
        moved[:, waiting[~outside]] = proposal[:, ~outside]
        waiting, angle, low, high = waiting[outside], angle[outside], low[outside], high[outside]
        if not waiting.size:
            return moved
        low, high = np.where(angle < 0, angle, low), np.where(angle >= 0, angle, high)
        angle = low + (high - low) * np.asarray(rng.random(n))[waiting]
