"""Plots as Markdown metadata: Dagster has no image type, so a plot is a small PNG inside a Markdown image.

The UI shows metadata to everybody who can open it, so a plot carries ranks and anchors' grades, never names or file names.
"""

import base64
import io

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

SIMULATED = "SIMULATED by the emulator: no real judgement"


def ranking_plot(
    theta: NDArray[np.float64], se: NDArray[np.float64], anchor_grades: list[str | None], title: str, is_simulated: bool
) -> str:
    """Return Markdown with the ranking, best at the top: location and 95 % interval of each essay, in logits."""
    order = np.argsort(theta)
    figure = Figure(figsize=(7.5, 1.4 + 0.16 * len(theta)), layout="constrained")
    axes = figure.subplots()
    labels = []
    n_pupils = sum(grade is None for grade in anchor_grades)
    rank = n_pupils + 1
    for height, index in enumerate(order):
        grade = anchor_grades[index]
        colour, marker = ("#b2182b", "D") if grade is not None else ("#2166ac", "o")
        axes.errorbar(theta[index], height, xerr=1.96 * se[index], color=colour, marker=marker, markersize=4, linewidth=1)
        rank -= grade is None
        labels.append(f"#{rank}" if grade is None else f"anchor {grade}")
    axes.set_yticks(range(len(labels)), labels, fontsize=7)
    axes.set_ylim(-1, len(labels))
    axes.grid(axis="x", alpha=0.3)
    axes.set_xlabel("theta (logits) with 95 % interval; red diamonds are anchors")
    axes.set_title(f"{title}\n{SIMULATED}" if is_simulated else title, fontsize=9)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=80)
    return f"![ranking](data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')})"
