"""Plots as Markdown metadata: Dagster has no image type, so a plot is a small PNG inside a Markdown image.

The UI shows metadata to everybody who can open it, so a plot carries ranks and anchors' grades, never names or file names.
"""

import base64
import io
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from huleedu_pipeline.batch_scaling import Step
from huleedu_pipeline.grading import GradeProjection
from huleedu_pipeline.scaling import CredibleIntervals
from huleedu_pipeline.scaling.misfit import MeanSquares

Floats = NDArray[np.float64]

MOST_LABELS = 60
SIMULATED = "SIMULATED by the emulator: no real judgement"
ANCHOR, PUPIL = "#b2182b", "#2166ac"


def ranking_plot(
    theta: Floats, intervals: CredibleIntervals, anchor_grades: Sequence[str | None], title: str, is_simulated: bool
) -> str:
    """Return Markdown with the ranking, best at the top: location and 95 % interval of each essay, in logits."""
    order = np.argsort(theta)
    height = np.arange(len(order))
    is_anchor = np.array([anchor_grades[index] is not None for index in order])
    figure = Figure(figsize=(7.5, 1.4 + 0.16 * min(len(theta), MOST_LABELS)), layout="constrained")
    axes = figure.subplots()
    for mask, colour, marker in ((is_anchor, ANCHOR, "D"), (~is_anchor, PUPIL, "o")):
        chosen = order[mask]
        axes.errorbar(
            theta[chosen],
            height[mask],
            xerr=[(theta - intervals.lower)[chosen].clip(0), (intervals.upper - theta)[chosen].clip(0)],
            color=colour,
            marker=marker,
            markersize=4,
            linewidth=1,
            linestyle="",
        )
    if len(order) <= MOST_LABELS:
        ranks = np.cumsum(~is_anchor[::-1])[::-1]
        labels = [
            f"#{rank}" if grade is None else f"anchor {grade}"
            for rank, grade in zip(ranks, [anchor_grades[index] for index in order], strict=True)
        ]
        axes.set_yticks(height, labels, fontsize=7)
    else:
        axes.set_yticks([])
        axes.set_ylabel("essays by rank")
    axes.set_ylim(-1, len(order))
    axes.grid(axis="x", alpha=0.3)
    axes.set_xlabel("theta (logits) with 95 % interval; red diamonds are anchors")
    return _markdown(figure, axes, "ranking", title, is_simulated)


def grade_bands_plot(projection: GradeProjection, anchor_grades: Sequence[str | None], title: str, is_simulated: bool) -> str:
    """Return Markdown with the grades as bands of the scale, the essays in them, and the anchors at the grades they carry.

    An anchor stands in the row of its own grade: where it lies outside that grade's band, the judge disagrees.
    """
    ladder, theta = projection.scale.ladder, projection.theta
    figure = Figure(figsize=(7.5, 1.4 + 0.3 * len(ladder)), layout="constrained")
    axes = figure.subplots()
    margin = 0.05 * float(np.ptp(theta)) + 0.1
    inner = [boundary.theta for boundary in projection.boundaries]
    edges = [min(float(theta.min()), *inner) - margin, *inner, max(float(theta.max()), *inner) + margin]
    for k, (low, high) in enumerate(pairwise(edges)):
        axes.axvspan(low, high, color="#777777", alpha=0.08 if k % 2 else 0.2, linewidth=0)
    for boundary in projection.boundaries:
        axes.axvline(boundary.theta, color="#777777", linewidth=0.8)
    rows = np.array([ladder.index(grade) if grade is not None else -1 for grade in anchor_grades])
    is_anchor = rows >= 0
    axes.plot(theta[~is_anchor], projection.levels[~is_anchor], "|", color=PUPIL, markersize=9)
    axes.plot(theta[is_anchor], rows[is_anchor], "D", color=ANCHOR, markersize=5)
    axes.set_yticks(range(len(ladder)), ladder)
    axes.set_ylim(-0.7, len(ladder) - 0.3)
    axes.set_xlim(edges[0], edges[-1])
    axes.set_xlabel("theta (logits); bands are grades, bars pupils' essays, diamonds anchors at the grade they carry")
    return _markdown(figure, axes, "grade bands", title, is_simulated)


def convergence_plot(steps: Sequence[Step], title: str, is_simulated: bool) -> str:
    """Return Markdown with how the ranking settled: correlation with the final one, and mean standard error."""
    figure = Figure(figsize=(7.5, 2.8), layout="constrained")
    axes = figure.subplots()
    n = [step.n_comparisons for step in steps]
    axes.plot(n, [step.correlation for step in steps], "o-", color=PUPIL)
    axes.set_ylabel("correlation with the final theta", color=PUPIL)
    axes.set_ylim(min(0.0, *(step.correlation for step in steps)), 1.02)
    if steps[0].label.startswith("wave"):
        axes.set_xticks(n, [f"{step.n_comparisons}\n{step.label}" for step in steps], fontsize=8)
        axes.set_xlabel("verdicts after each wave")
    else:
        axes.set_xlabel("verdicts, by tenths of the one wave")
    other = axes.twinx()
    other.plot(n, [step.mean_se for step in steps], "s--", color=ANCHOR, markersize=4)
    other.set_ylabel("mean SE (logits)", color=ANCHOR)
    other.set_ylim(0, None)
    axes.grid(axis="x", alpha=0.3)
    return _markdown(figure, axes, "convergence", title, is_simulated)


def misfit_plot(theta: Floats, squares: MeanSquares, title: str, is_simulated: bool) -> str:
    """Return Markdown with the infit of each essay against its location, and the limits that chance keeps to."""
    figure = Figure(figsize=(7.5, 3.0), layout="constrained")
    axes = figure.subplots()
    order = np.argsort(theta)
    low, high = squares.infit_limits[order].T
    axes.fill_between(theta[order], low, high, color="#777777", alpha=0.2, linewidth=0, label="95 % by chance")
    outside = squares.is_misfit | squares.is_overfit
    axes.plot(theta[~outside], squares.infit[~outside], "o", color=PUPIL, markersize=4, label="essays")
    axes.plot(theta[outside], squares.infit[outside], "o", color=ANCHOR, markersize=5, label="flagged")
    axes.axhline(1, color="black", linewidth=0.6)
    axes.set_xlabel("theta (logits)")
    axes.set_ylabel("infit")
    axes.legend(fontsize=7)
    return _markdown(figure, axes, "misfit", title, is_simulated)


def _markdown(figure: Figure, axes: Axes, name: str, title: str, is_simulated: bool) -> str:
    axes.set_title(f"{title}\n{SIMULATED}" if is_simulated else title, fontsize=9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return f"![{name}](data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')})"
