"""Linking: several batches on one scale, through essays that they have in common.

Three ways. Late essays join a finished batch whose locations stay as they are (:func:`add_late_items`). Batches with common
items are scaled in one fit (:func:`scale_together`). Two finished scales are joined by a line (:func:`link_scales`), which
also shows items that have moved: against banked locations (displacement) or an earlier batch (drift). Not here: which
items are anchors, or what becomes of one that has moved.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from math import erfc, sqrt
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar
from scipy.sparse import coo_array, csr_array
from scipy.sparse.csgraph import connected_components

from huleedu_pipeline.scaling.bradley_terry import BradleyTerryFit, PriorSd, fit_bradley_terry
from huleedu_pipeline.scaling.comparisons import Floats, Ints, ScalingError

LinkMethod = Literal["mean_sigma", "precision", "shift"]

# Slopes between scales are looked for within this factor of the ratio of their standard deviations.
SLOPE_RANGE = 4.0
ROUNDING = 1e-9


@dataclass(frozen=True)
class ExtendedScale:
    """A finished batch with late items; from :func:`add_late_items`.

    Attributes:
        theta: Locations in logits, the finished items' first and exactly as they were, shape (n,).
        covariance: Their covariance, shape (n, n); the finished items' block is what was given.
        n_finished: How many of them were finished.
        fit: The fit of the late items, given the finished ones.

    """

    theta: Floats
    covariance: Floats
    n_finished: int
    fit: BradleyTerryFit

    @property
    def se(self) -> Floats:
        """Standard errors of theta in logits, shape (n,)."""
        return np.asarray(np.sqrt(np.diag(self.covariance)), dtype=np.float64)


def add_late_items(
    finished_theta: ArrayLike,
    finished_uncertainty: ArrayLike | None,
    first: ArrayLike,
    second: ArrayLike,
    first_won: ArrayLike,
    *,
    weight: ArrayLike | None = None,
    prior_sd: PriorSd = "estimate",
    position_effect: bool = True,
    n_items: int | None = None,
) -> ExtendedScale:
    """Scale late items on the scale of finished ones, which do not move (fixed item parameter calibration; Kim 2006).

    New verdicts tell of the late items alone, even where they are about finished ones too. What is not known of the finished
    locations passes on to the late ones, to first order: how much these would move with them is part of the result.

    Args:
        finished_theta: Locations of the finished items in logits, shape (n_finished,).
        finished_uncertainty: Their covariance, shape (n_finished, n_finished), or standard errors, shape (n_finished,), or
            ``None`` for locations that are taken as exact.
        first: Index of the item shown first in each new comparison; late items count on from the finished ones; shape (m,).
        second: Index of the other item, shape (m,).
        first_won: As in :func:`.fit_bradley_terry`, shape (m,).
        weight: Weight of each comparison, shape (m,).
        prior_sd: Prior of the late items, as in :func:`.fit_bradley_terry`; its mean is estimated.
        position_effect: Whether delta is in the model.
        n_items: Finished and late items together; one more than the largest index by default.

    Raises:
        ScalingError: no late items, late items that no comparison ties to the finished ones, a covariance of another shape,
            or what :func:`.fit_bradley_terry` refuses.

    """
    finished = np.asarray(finished_theta, dtype=np.float64)
    n_finished = len(finished)
    known = np.zeros((n_finished, n_finished)) if finished_uncertainty is None else np.asarray(finished_uncertainty, float)
    if known.ndim == 1:
        known = np.diag(known**2)
    if known.shape != (n_finished, n_finished):
        raise ScalingError(f"{n_finished} finished items, but their uncertainty has shape {known.shape}")
    n = int(max(np.max(first), np.max(second))) + 1 if n_items is None else n_items
    if n <= n_finished:
        raise ScalingError(f"there are no late items: all indices are below {n_finished}, the number of finished items")
    loose = _not_tied(first, second, n_finished, n)
    if loose:
        raise ScalingError(f"no comparison ties late items {loose} to the finished ones (compare each group with some)")
    fit = fit_bradley_terry(
        first,
        second,
        first_won,
        weight=weight,
        prior_sd=prior_sd,
        position_effect=position_effect,
        fixed=dict(enumerate(finished.tolist())),
        n_items=n,
    )
    moved = _moved_by_fixed(fit, n_finished)
    late = fit.covariance(np.arange(n_finished, n)) + moved @ known @ moved.T
    with_finished = moved @ known
    theta = np.concatenate([finished, fit.theta[n_finished:]])
    return ExtendedScale(theta, np.block([[known, with_finished.T], [with_finished, late]]), n_finished, fit)


def _not_tied(first: ArrayLike, second: ArrayLike, n_finished: int, n: int) -> list[int]:
    """Return the late items that no chain of comparisons ties to a finished one; finished items hang together already."""
    i, j = (
        np.concatenate([np.asarray(first), np.arange(1, n_finished)]),
        np.concatenate([np.asarray(second), np.zeros(max(n_finished - 1, 0), dtype=np.int64)]),
    )
    _, label = connected_components(coo_array((np.ones(len(i)), (i, j)), shape=(n, n)), directed=False)
    return np.flatnonzero(label != label[0]).tolist()


def _moved_by_fixed(fit: BradleyTerryFit, n_fixed: int) -> Floats:
    """Return d theta_late / d theta_fixed at the optimum, shape (n_late, n_fixed); the first n_fixed items are fixed.

    By the implicit function theorem: minus the inverse of the late items' information (with delta, whose own estimate
    moves too) times its block with the fixed items.
    """
    data = fit.comparisons
    m, n = len(data.first), data.n_items
    p = fit.probability
    information = p * (1 - p) * (1.0 if data.weight is None else data.weight)
    rows, signs = np.tile(np.arange(m), 2), np.repeat([1.0, -1.0], m)
    design = csr_array((signs, (rows, np.concatenate([data.first, data.second]))), shape=(m, n)).toarray()
    fixed, late = design[:, :n_fixed], design[:, n_fixed:]
    if fit.options.position_effect:  # the first of the effects, which follow the locations
        late = np.column_stack([late, np.ones(m)])
    cross = late.T @ (information[:, None] * fixed)
    inverse = fit.information.inverse[: n - n_fixed, : late.shape[1]]
    return np.asarray(-inverse @ cross, dtype=np.float64)


@dataclass(frozen=True)
class BatchVerdicts:
    """The verdicts of one batch; items of the same name in two batches are the same item.

    Attributes:
        items: Name of each item of the batch, such as the hash of its text.
        first: Index into ``items`` of the one shown first, shape (m,).
        second: Index of the other one, shape (m,).
        first_won: As in :func:`.fit_bradley_terry`, shape (m,).

    """

    items: Sequence[Hashable]
    first: ArrayLike
    second: ArrayLike
    first_won: ArrayLike


@dataclass(frozen=True)
class ConcurrentFit:
    """Several batches on one scale; from :func:`scale_together`.

    Attributes:
        fit: The one fit of all comparisons.
        items: Names of its items.
        places: For each batch, where its items are in the fit, shape (n_items of the batch,).

    """

    fit: BradleyTerryFit
    items: tuple[Hashable, ...]
    places: tuple[Ints, ...]

    def theta(self, batch: int) -> Floats:
        """Return the locations of a batch's items in logits, on the common scale."""
        return np.asarray(self.fit.theta[self.places[batch]], dtype=np.float64)

    def covariance(self, batch: int) -> Floats:
        """Return the covariance of a batch's locations."""
        return self.fit.covariance(self.places[batch])


def scale_together(
    batches: Sequence[BatchVerdicts],
    *,
    judge_per_batch: bool = False,
    prior_sd: PriorSd = "estimate",
    position_effect: bool = True,
) -> ConcurrentFit:
    """Scale several batches in one fit through the items that they share (concurrent calibration; Kolen & Brennan 2014).

    All items have one normal prior. It draws batches of different ability a little together: two batches of 16 whose means
    lie 1.5 logits apart, with 8 common items and 15 comparisons for each, came out 1.1 apart. Where that matters, scale them
    apart and use :func:`link_scales`, or give a wide ``prior_sd``.

    Args:
        batches: The batches.
        judge_per_batch: Whether each batch's judge has a discrimination of its own.
        prior_sd: As in :func:`.fit_bradley_terry`.
        position_effect: As there; one for all batches.

    Raises:
        ScalingError: an item named twice in one batch, or batches that no common item ties together.

    """
    index: dict[Hashable, int] = {}
    places = []
    for b, batch in enumerate(batches):
        if len(set(batch.items)) < len(batch.items):
            raise ScalingError(f"batch {b}: an item is named twice (give each item of a batch a name of its own)")
        places.append(np.array([index.setdefault(item, len(index)) for item in batch.items], dtype=np.int64))

    def pooled(values: Callable[[BatchVerdicts], ArrayLike]) -> Ints:
        return np.concatenate([place[np.asarray(values(batch))] for place, batch in zip(places, batches, strict=True)])

    sizes = [len(np.asarray(batch.first_won)) for batch in batches]
    fit = fit_bradley_terry(
        pooled(lambda batch: batch.first),
        pooled(lambda batch: batch.second),
        np.concatenate([np.asarray(batch.first_won, dtype=np.float64) for batch in batches]),
        judge=np.repeat(np.arange(len(batches)), sizes) if judge_per_batch else None,
        prior_sd=prior_sd,
        position_effect=position_effect,
        n_items=len(index),
    )
    if len(set(fit.components.tolist())) > 1:
        raise ScalingError("the batches do not hang together: some share no item, or have items that were never compared")
    return ConcurrentFit(fit, tuple(index), tuple(places))


@dataclass(frozen=True)
class Link:
    """A line from a new scale to an old one: ``theta_old = slope * theta_new + intercept``; from :func:`link_scales`.

    Attributes:
        slope: A; 1 where the scales have the same unit.
        intercept: B in logits of the old scale.
        covariance: Of (A, B), shape (2, 2).
        residual: How far each common item lies off the line through all others, in logits of the old scale, shape (k,).
        residual_z: That in standard errors, shape (k,); beyond 2.7 it has moved.

    """

    slope: float
    intercept: float
    covariance: Floats
    residual: Floats
    residual_z: Floats

    @property
    def slope_se(self) -> float:
        """Standard error of the slope; 0 when it was given."""
        return float(np.sqrt(self.covariance[0, 0]))

    @property
    def intercept_se(self) -> float:
        """Standard error of the intercept in logits."""
        return float(np.sqrt(self.covariance[1, 1]))

    @property
    def slope_p_value(self) -> float | None:
        """Probability of a slope as far from 1 if the units are the same (Wald test of log A); ``None`` when it was given."""
        if self.slope_se == 0:
            return None
        return erfc(abs(np.log(self.slope)) * self.slope / self.slope_se / sqrt(2))

    def transform(self, theta: ArrayLike, covariance: ArrayLike) -> tuple[Floats, Floats]:
        """Return locations of the new scale on the old one, with the link's own error in their covariance.

        Args:
            theta: In logits of the new scale, shape (n,).
            covariance: Their covariance, shape (n, n).

        """
        new = np.asarray(theta, dtype=np.float64)
        by_line = np.column_stack([new, np.ones_like(new)])
        moved = self.slope**2 * np.asarray(covariance, dtype=np.float64) + by_line @ self.covariance @ by_line.T
        return self.slope * new + self.intercept, np.asarray(moved, dtype=np.float64)


def link_scales(
    new_theta: ArrayLike,
    new_covariance: ArrayLike,
    old_theta: ArrayLike,
    old_covariance: ArrayLike,
    *,
    method: LinkMethod = "mean_sigma",
) -> Link:
    """Link a new scale to an old one through the items that are on both.

    ``mean_sigma`` matches mean and standard deviation: A = SD_old / SD_new (Marco 1977). ``precision`` weighs items by what is
    known of them: the line with errors in both coordinates (York, Evensen, Lopez Martinez & De Basabe Delgado 2004). ``shift``
    takes the units to be the same, A = 1: its residuals are displacements, free against banked location.

    Args:
        new_theta: Locations of the common items on the new scale in logits, shape (k,).
        new_covariance: Their covariance, shape (k, k).
        old_theta: Their locations on the old scale, shape (k,).
        old_covariance: Their covariance there, shape (k, k).
        method: ``mean_sigma``, ``precision`` or ``shift``.

    Raises:
        ScalingError: shapes that differ, too few common items (``shift`` needs 2, a slope 3), or no spread.

    """
    n, o = np.asarray(new_theta, dtype=np.float64), np.asarray(old_theta, dtype=np.float64)
    cn, co = np.asarray(new_covariance, dtype=np.float64), np.asarray(old_covariance, dtype=np.float64)
    k = len(n)
    if not (n.shape == o.shape and cn.shape == co.shape == (k, k)):
        raise ScalingError(f"the scales' common items differ in number: {n.shape}, {cn.shape}, {o.shape}, {co.shape}")
    least = 2 if method == "shift" else 3
    if k < least:
        raise ScalingError(f"{k} common items; {method} needs at least {least}")
    if method != "shift" and min(float(np.ptp(n)), float(np.ptp(o))) == 0:
        raise ScalingError("the common items do not spread, so there is no slope (use method='shift')")
    everything = np.arange(k)
    line = _LINES[method](n, o, cn, co)
    residual, z = np.zeros(k), np.zeros(k)
    for i in range(k):
        others = np.flatnonzero(everything != i)
        if method != "shift" and min(float(np.ptp(n[others])), float(np.ptp(o[others]))) == 0:
            residual[i] = z[i] = np.nan
            continue
        pair = np.ix_(others, others)
        without = _LINES[method](n[others], o[others], cn[pair], co[pair])
        residual[i] = o[i] - without.slope * n[i] - without.intercept
        by_line = np.array([n[i], 1.0])
        by_old, by_new = np.zeros(k), np.zeros(k)
        by_old[i], by_old[others] = 1.0, -by_line @ without.by_old
        by_new[i], by_new[others] = -without.slope, -by_line @ without.by_new
        z[i] = residual[i] / np.sqrt(max(float(by_old @ co @ by_old + by_new @ cn @ by_new), ROUNDING**2))
    covariance = line.by_old @ co @ line.by_old.T + line.by_new @ cn @ line.by_new.T
    return Link(line.slope, line.intercept, np.asarray(covariance, dtype=np.float64), residual, z)


@dataclass(frozen=True)
class _Line:
    """A line, and how (A, B) move with the locations on the old and on the new scale, shape (2, k) each."""

    slope: float
    intercept: float
    by_old: Floats
    by_new: Floats


def _mean_sigma(n: Floats, o: Floats, _cn: Floats, _co: Floats) -> _Line:
    slope = float(o.std() / n.std())
    k = len(n)
    slope_by_old, slope_by_new = slope * (o - o.mean()) / (k * o.var()), -slope * (n - n.mean()) / (k * n.var())
    by_old = np.array([slope_by_old, 1 / k - n.mean() * slope_by_old])
    by_new = np.array([slope_by_new, -slope / k - n.mean() * slope_by_new])
    return _Line(slope, float(o.mean() - slope * n.mean()), by_old, by_new)


def _precision(n: Floats, o: Floats, cn: Floats, co: Floats) -> _Line:
    start = float(np.log(o.std() / n.std()))

    def residual_at(slope: float) -> tuple[Floats, Floats, float]:
        precision = _inverse(co + slope**2 * cn)
        raw = o - slope * n
        intercept = float(precision.sum(axis=0) @ raw / precision.sum())
        return raw - intercept, precision, intercept

    def cost(log_slope: float) -> float:
        residual, precision, _ = residual_at(float(np.exp(log_slope)))
        return float(residual @ precision @ residual)

    limits = (start - np.log(SLOPE_RANGE), start + np.log(SLOPE_RANGE))
    slope = float(np.exp(minimize_scalar(cost, bounds=limits, method="bounded", options={"xatol": 1e-10}).x))
    residual, precision, intercept = residual_at(slope)
    adjusted = n + slope * cn @ precision @ residual  # where the items lie on the new scale, given both
    design = np.column_stack([adjusted, np.ones_like(n)])
    influence = np.asarray(np.linalg.solve(design.T @ precision @ design, design.T @ precision), dtype=np.float64)
    return _Line(slope, intercept, influence, -slope * influence)


def _shift(n: Floats, o: Floats, cn: Floats, co: Floats) -> _Line:
    weights = _inverse(co + cn).sum(axis=0)
    weights /= weights.sum()
    by_old = np.array([np.zeros_like(n), weights])
    return _Line(1.0, float(weights @ (o - n)), by_old, -by_old)


def _inverse(covariance: Floats) -> Floats:
    """Return the inverse of a covariance, made regular in a way that weighs all contrasts between items as before.

    What it is made to allow, a shift of the whole scale, is the intercept's to find.
    """
    size = float(np.diag(covariance).mean()) or 1.0
    regular = covariance + size * (np.ones_like(covariance) + ROUNDING * np.eye(len(covariance)))
    return np.asarray(np.linalg.inv(regular), dtype=np.float64)


_LINES: dict[LinkMethod, Callable[[Floats, Floats, Floats, Floats], _Line]] = {
    "mean_sigma": _mean_sigma,
    "precision": _precision,
    "shift": _shift,
}
