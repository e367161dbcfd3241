"""Plots as Markdown metadata: Dagster has no image type, so a plot is a small PNG inside a Markdown image.

The UI shows metadata to everybody who can open it, so a plot carries ranks and anchors' grades, never names or file names.
"""

import base64
import io

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

MOST_LABELS = 60
SIMULATED = "SIMULATED by the emulator: no real judgement"


def ranking_plot(
    theta: NDArray[np.float64], se: NDArray[np.float64], anchor_grades: list[str | None], title: str, is_simulated: bool
) -> str:
    """Return Markdown with the ranking, best at the top: location and 95 % interval of each essay, in logits."""
    order = np.argsort(theta)
    height = np.arange(len(order))
    is_anchor = np.array([anchor_grades[index] is not None for index in order])
    figure = Figure(figsize=(7.5, 1.4 + 0.16 * min(len(theta), MOST_LABELS)), layout="constrained")
    axes = figure.subplots()
    for mask, colour, marker in ((is_anchor, "#b2182b", "D"), (~is_anchor, "#2166ac", "o")):
        chosen = order[mask]
        axes.errorbar(
            theta[chosen],
            height[mask],
            xerr=1.96 * se[chosen],
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
    axes.set_title(f"{title}\n{SIMULATED}" if is_simulated else title, fontsize=9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return f"![ranking](data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')})"
