"""Grade projection: from located essays and graded anchors to each essay's grade and the probability of every grade.

Grade probabilities are those of the grade that an examiner like the anchors' would give: they contain how far grades blur,
and integrate the uncertainty of the essay's location and of the boundaries together, because the anchors were scaled in
the same fit (Rudner 2005 for the classification itself). Not here: how boundaries are found (:mod:`.boundaries`), how
locations are estimated, or what a scale is.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from huleedu_pipeline.grading.boundaries import (
    LOGISTIC_AS_NORMAL,
    N_KEPT,
    BoundaryDraws,
    between_anchors,
    draw_boundaries,
    rise_per_grade,
)
from huleedu_pipeline.grading.certainty import (
    ConfidenceLabel,
    GradeAccuracy,
    confidence_label,
    grade_accuracy,
    sharing_neighbour,
)
from huleedu_pipeline.grading.order import ContradictedRegion, contradicted_regions, contradicted_width, find_inversions
from huleedu_pipeline.grading.scales import GradeScale

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LEAST_RISE_IN_SE = 2.0
LEAST_RELATIVE_VARIANCE = 1e-6
ESSAYS_AT_ONCE = 50
FEWEST_PUPILS = 8
HALVINGS = 50


@dataclass(frozen=True)
class Unavailable:
    """Why a batch has no grades."""

    reason: str


@dataclass(frozen=True)
class Boundary:
    """The boundary between two neighbouring grades.

    Attributes:
        lower: The grade below it.
        upper: The grade above it.
        theta: Where it lies, in logits.
        se: Its standard error in logits.
        n_lower: Anchors that carry the grade below.
        n_upper: Anchors that carry the grade above. Where either is 0 the boundary rests on its neighbours and on the
            assumption that grades are about equally wide.

    """

    lower: str
    upper: str
    theta: float
    se: float
    n_lower: int
    n_upper: int


@dataclass(frozen=True)
class GradeProjection:
    """Grades of ``n`` essays on a scale whose ladder has K grades.

    Attributes:
        scale: The grade scale.
        theta: Locations of the essays in logits, as given, shape (n,).
        is_anchor: Which of them are anchors, shape (n,).
        boundaries: Between neighbouring grades, from the lowest, K - 1 of them, increasing.
        probabilities: Probability of each grade of the ladder for each essay, shape (n, K); each row sums to 1.
        monte_carlo_error: The largest standard error that the draws leave in any of the probabilities.
        regions: Where the judge's order of the anchors contradicts their grades; boundaries there are wider.

    """

    scale: GradeScale
    theta: Floats
    is_anchor: NDArray[np.bool_]
    boundaries: tuple[Boundary, ...]
    probabilities: Floats
    monte_carlo_error: float
    regions: tuple[ContradictedRegion, ...]

    @cached_property
    def levels(self) -> Ints:
        """Place of each essay's grade on the ladder: of the grade whose boundaries enclose its theta, shape (n,)."""
        return np.searchsorted([boundary.theta for boundary in self.boundaries], self.theta).astype(np.int64)

    def grade(self, i: int) -> str:
        """Return the grade of essay ``i``: the one whose boundaries enclose its theta."""
        return self.scale.ladder[int(self.levels[i])]

    def grade_probability(self, i: int) -> float:
        """Return the probability of that grade."""
        return float(self.probabilities[i, self.levels[i]])

    def confidence_label(self, i: int) -> ConfidenceLabel:
        """Return the label of that probability."""
        return confidence_label(self.grade_probability(i))

    def split_grade(self, i: int) -> str:
        """Return the grade of essay ``i``, or two neighbours as in "C+/B", lower one first, when they share the mass.

        They do when together they have .70 and more, and neither is more than twice as probable as the other.
        """
        level = int(self.levels[i])
        other = sharing_neighbour(self.probabilities[i], level)
        pair = [level] if other is None else sorted((level, other))
        return "/".join(self.scale.ladder[k] for k in pair)

    @cached_property
    def accuracy(self) -> tuple[GradeAccuracy, ...]:
        """Expected accuracy and consistency of the pupils' grades: of all of them, then of each grade from the lowest."""
        pupils = ~self.is_anchor
        return grade_accuracy(self.probabilities[pupils], self.levels[pupils], self.scale.ladder)


@dataclass(frozen=True)
class GradedAnchors:
    """The anchors of a batch as the ordinal model takes them; from :func:`graded_anchors`.

    Attributes:
        essays: Index of each anchor among the essays, shape (n_anchors,).
        theta: Their locations in logits, shape (n_anchors,).
        levels: Their grades' places on the ladder, shape (n_anchors,).
        step: Mean rise from grade to grade in logits.
        step_se: Its standard error.
        covariance: Of their locations, shape (n_anchors, n_anchors), up to a shift of the whole scale.
        with_essays: Covariance of each anchor with each essay on the same terms, shape (n_anchors, n).
        essay_variance: Variance of each essay on the same terms, shape (n,).
        population: Mean and standard deviation of all essays' locations, in logits.

    """

    essays: Ints
    theta: Floats
    levels: Ints
    step: float
    step_se: float
    covariance: Floats
    with_essays: Floats
    essay_variance: Floats
    population: tuple[float, float]

    @property
    def is_rising(self) -> bool:
        """Whether locations clearly rise with the grades: by two standard errors."""
        return self.step > LEAST_RISE_IN_SE * self.step_se


def graded_anchors(
    theta: ArrayLike, covariance: ArrayLike, anchor_grades: Sequence[str | None], scale: GradeScale
) -> GradedAnchors | Unavailable:
    """Return the anchors of a batch, unless they carry fewer than two grades; arguments as for :func:`project_grades`."""
    location, cov = np.asarray(theta, dtype=np.float64), np.asarray(covariance, dtype=np.float64)
    n = len(anchor_grades)
    if location.shape != (n,) or cov.shape != (n, n):
        raise ValueError(
            f"theta, covariance and anchor_grades differ in length: {location.shape}, {cov.shape} and {n} "
            "(give a location, a row and column, and a grade or None for every essay)"
        )
    essays = np.array([i for i, grade in enumerate(anchor_grades) if grade is not None], dtype=np.int64)
    levels = np.array([scale.index(grade) for grade in anchor_grades if grade is not None], dtype=np.int64)
    n_grades = len(set(levels.tolist()))
    if n_grades < 2:
        return Unavailable(f"{n_grades} different anchor grades; at least 2 are needed to place boundaries")
    # A shift of all essays moves the boundaries with them. The one under which the anchors' errors are uncorrelated on
    # average leaves most of each error to its anchor alone.
    block = cov[np.ix_(essays, essays)]
    shift = (block.sum() - np.trace(block)) / (len(essays) * (len(essays) - 1))
    step, step_se = rise_per_grade(location[essays], levels, block)
    # Locations that are known exactly, or to a common error, still need a covariance that can be inverted.
    least = LEAST_RELATIVE_VARIANCE * step**2
    return GradedAnchors(
        essays=essays,
        theta=location[essays],
        levels=levels,
        step=step,
        step_se=step_se,
        covariance=block - shift + least * np.eye(len(essays)),
        with_essays=cov[essays] - shift,
        essay_variance=np.diag(cov) - shift + least,
        population=_population(location, np.isin(np.arange(n), essays)),
    )


def _population(location: Floats, is_anchor: NDArray[np.bool_]) -> tuple[float, float]:
    """Return mean and SD of essays as the anchors were picked from: the pupils', since anchors are spread over the grades."""
    pupils = location[~is_anchor] if np.sum(~is_anchor) >= FEWEST_PUPILS else location
    return float(pupils.mean()), float(max(pupils.std(), 1e-3))


def project_grades(
    theta: ArrayLike, covariance: ArrayLike, anchor_grades: Sequence[str | None], scale: GradeScale, *, seed: int = 1
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

    Raises:
        ValueError: arguments that differ in length, or a grade that no anchor of this scale can carry.

    """
    anchors = graded_anchors(theta, covariance, anchor_grades, scale)
    if isinstance(anchors, Unavailable):
        return anchors
    if not anchors.is_rising:
        return Unavailable(
            f"the anchors' locations do not clearly rise with their grades ({anchors.step:+.2f} logits a grade, "
            f"SE {anchors.step_se:.2f}); this judge does not follow this scale, or there are too few comparisons"
        )
    location, ladder = np.asarray(theta, dtype=np.float64), scale.ladder
    rng = np.random.default_rng(seed)
    draws = draw_boundaries(anchors.theta, anchors.levels, len(ladder), anchors.covariance, anchors.population, rng)
    place = between_anchors(even_places(draws.boundaries, draws.blur), anchors.theta, anchors.levels, anchors.step)
    inversions = find_inversions(anchors.theta, anchors.levels, anchors.covariance)
    extra = contradicted_width(inversions, anchors.levels, len(ladder), anchors.step)
    probabilities, error = _probabilities(location, anchors, draws, extra)
    counts = np.bincount(anchors.levels, minlength=len(ladder))
    se = np.sqrt(draws.boundaries.var(axis=1) + extra**2)
    return GradeProjection(
        scale=scale,
        theta=location,
        is_anchor=np.isin(np.arange(len(location)), anchors.essays),
        boundaries=tuple(
            Boundary(ladder[k], ladder[k + 1], float(place[k]), float(se[k]), int(counts[k]), int(counts[k + 1]))
            for k in range(len(ladder) - 1)
        ),
        probabilities=probabilities,
        monte_carlo_error=error,
        regions=contradicted_regions(inversions, anchors.levels, ladder),
    )


def even_places(boundaries: Floats, blur: Floats) -> Floats:
    """Return where the grades on both sides of each boundary are equally probable, in logits, shape (K - 1,).

    Args:
        boundaries: Draws in logits, shape (K - 1, n_draws).
        blur: Draws in logits, shape (n_draws,).

    """
    from scipy.special import ndtr  # half a second, which only those who grade should pay

    low, high = boundaries.min(axis=1), boundaries.max(axis=1)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        at_most = ndtr((boundaries - middle[:, None]) / (LOGISTIC_AS_NORMAL * blur)).mean(axis=1)
        low, high = np.where(at_most > 0.5, middle, low), np.where(at_most > 0.5, high, middle)
    return np.asarray((low + high) / 2, dtype=np.float64)


def _probabilities(location: Floats, anchors: GradedAnchors, draws: BoundaryDraws, extra: Floats) -> tuple[Floats, float]:
    """Return the probabilities of the grades, shape (n, K), and the largest of their Monte-Carlo errors."""
    # What an essay shares with the anchors moves with the draws; an anchor's own error, and a pupil's, is integrated.
    shared = anchors.with_essays.copy()
    shared[:, anchors.essays] = draws.shared_covariance
    gain = np.linalg.solve(draws.shared_covariance, shared)
    variance = anchors.essay_variance - np.einsum("ai,ai->i", shared, gain)
    variance = np.maximum(variance, LEAST_RELATIVE_VARIANCE * anchors.step**2)
    blur = (LOGISTIC_AS_NORMAL * draws.blur) ** 2
    parts, errors = [], []
    for start in range(0, len(location), ESSAYS_AT_ONCE):
        some = slice(start, start + ESSAYS_AT_ONCE)
        mean = location[some, None] + gain[:, some].T @ draws.shared
        part, error = average_over_draws(mean, variance[some, None] + blur, draws.boundaries, extra)
        parts.append(part)
        errors.append(error)
    return np.concatenate(parts), max(errors)


def average_over_draws(mean: Floats, variance: Floats, boundaries: Floats, extra: Floats) -> tuple[Floats, float]:
    """Return the probabilities of the grades, shape (n, K), and the largest of their Monte-Carlo errors.

    Args:
        mean: Locations of the essays in each draw, shape (n, n_draws).
        variance: How much the location and the grade may differ from that, in square logits, shape (n, n_draws).
        boundaries: In logits, shape (K - 1, n_draws).
        extra: Standard deviation that each boundary has beyond its draws, shape (K - 1,).

    """
    from scipy.special import ndtr  # half a second, which only those who grade should pay

    n, n_draws = mean.shape
    below, averages, largest = np.zeros((n, n_draws)), [], 0.0
    for k in range(len(boundaries) + 1):
        at_most = np.ones((n, n_draws))
        if k < len(boundaries):
            # Wider boundaries may cross where they hardly matter: a cumulative probability never falls.
            at_most = np.maximum(ndtr((boundaries[k] - mean) / np.sqrt(variance + extra[k] ** 2)), below)
        probability = at_most - below
        by_chain = probability.reshape(n, -1, N_KEPT).mean(axis=2)
        averages.append(by_chain.mean(axis=1))
        largest = max(largest, float(by_chain.std(axis=1).max()) / by_chain.shape[1] ** 0.5)
        below = at_most
    return np.stack(averages, axis=1), largest
