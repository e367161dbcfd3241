"""What difference it makes whether judges see texts as they were written or corrected: two rankings of the same essays.

Pure functions of rows. The two were judged independently, so they differ by chance even where spelling makes no difference at
all; everything here is held against that. Not here: having both judged (:mod:`huleedu_pipeline.cli.compare_text`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import hypot, sqrt
from typing import Any

import numpy as np
from scipy.stats import kendalltau, theilslopes

Row = Mapping[str, Any]

CONFIDENCE = 0.95
CLEAR_Z = 1.96
# With five points no order of them is rare enough for 95 % by ranks on both sides.
FEWEST_FOR_INTERVAL = 6


@dataclass(frozen=True)
class EssayDifference:
    """An essay in both rankings; locations in logits, ranks among all essays of the batch, anchors included."""

    essay_id: str
    file_name: str
    is_anchor: bool
    theta_raw: float
    theta_raw_se: float
    theta_corrected: float
    theta_corrected_se: float
    rank_raw: int
    rank_corrected: int
    correction_density: float

    @property
    def difference(self) -> float:
        """By how much it lies higher when its corrected text is judged, in logits."""
        return self.theta_corrected - self.theta_raw

    @property
    def difference_se(self) -> float:
        """Standard error of that: the two were judged independently."""
        return hypot(self.theta_raw_se, self.theta_corrected_se)

    @property
    def is_clear(self) -> bool:
        """Whether the difference is more than chance makes of 19 essays in 20."""
        return abs(self.difference) > CLEAR_Z * self.difference_se

    @property
    def rank_change(self) -> int:
        """Places gained when its corrected text is judged."""
        return self.rank_raw - self.rank_corrected


@dataclass(frozen=True)
class Slope:
    """By how many logits an essay gains with each correction in 100 words, with its 95 % interval."""

    estimate: float
    low: float
    high: float


@dataclass(frozen=True)
class TextComparison:
    """Result of :func:`compare_texts`.

    Attributes:
        essays: The essays, those that gain most from correction first.
        correlation: Pearson's, between the two locations; ``None`` where either is the same for all.
        correlation_of_repetition: What it is expected to be if the same texts were judged twice as precisely as these.
        tau_b: Kendall's, between the two orders.
        n_clear: Essays whose difference is clear; by chance at most one in twenty, fewer where locations are drawn to the mean.
        slope: How the difference goes with correction density; ``None`` with fewer than six essays or one density.

    """

    essays: tuple[EssayDifference, ...]
    correlation: float | None
    correlation_of_repetition: float
    tau_b: float | None
    n_clear: int
    slope: Slope | None


def compare_texts(
    raw: Sequence[Row],
    corrected: Sequence[Row],
    spelling: Sequence[Row],
    *,
    reliabilities: tuple[float, float],
    file_names: Mapping[str, str],
) -> TextComparison:
    """Compare the rankings of the same essays by their texts as written and corrected.

    The relation to correction density is the median of all slopes between two essays (Theil 1950), with Sen's interval (1968):
    a single essay full of errors can not make it, and no distribution of the differences is assumed.

    Args:
        raw: Rows of ``cj_rankings`` of the batch whose texts were judged as written.
        corrected: The same of the batch whose corrected texts were judged.
        spelling: Rows of ``spellchecked_essays`` of the latter.
        reliabilities: Marginal reliability of each ranking.
        file_names: Name of each essay's file, by ``essay_id``.

    Raises:
        ValueError: the two rankings are not of the same essays, or one has no standard errors.

    """
    by_raw, by_corrected = ({row["essay_id"]: row for row in rows} for rows in (raw, corrected))
    density = {row["essay_id"]: row["correction_density"] for row in spelling}
    if not by_raw.keys() == by_corrected.keys() == density.keys():
        raise ValueError("the two rankings are not of the same essays")
    if any(row["theta_se"] is None for row in (*raw, *corrected)):
        raise ValueError("a single essay has no place among others")
    essays = [
        EssayDifference(
            essay_id=essay_id,
            file_name=file_names[essay_id],
            is_anchor=before["is_anchor"],
            theta_raw=before["theta"],
            theta_raw_se=before["theta_se"],
            theta_corrected=after["theta"],
            theta_corrected_se=after["theta_se"],
            rank_raw=before["overall_rank"],
            rank_corrected=after["overall_rank"],
            correction_density=density[essay_id],
        )
        for essay_id, before in by_raw.items()
        for after in (by_corrected[essay_id],)
    ]
    essays.sort(key=lambda one: (-one.difference, one.essay_id))
    before, after = (np.array([getattr(one, name) for one in essays]) for name in ("theta_raw", "theta_corrected"))
    return TextComparison(
        essays=tuple(essays),
        correlation=_number(np.corrcoef(before, after)[0, 1]) if before.std() and after.std() else None,
        correlation_of_repetition=sqrt(max(reliabilities[0], 0.0) * max(reliabilities[1], 0.0)),
        tau_b=_number(kendalltau(before, after, variant="b").statistic),
        n_clear=sum(one.is_clear for one in essays),
        slope=_slope(essays),
    )


def _slope(essays: Sequence[EssayDifference]) -> Slope | None:
    density = np.array([one.correction_density for one in essays])
    if len(essays) < FEWEST_FOR_INTERVAL or not np.ptp(density):
        return None
    found = theilslopes([one.difference for one in essays], density, alpha=CONFIDENCE)
    return Slope(float(found.slope), float(found.low_slope), float(found.high_slope))


def _number(value: Any) -> float | None:
    return None if np.isnan(value) else float(value)
