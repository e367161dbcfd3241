"""Comparisons as the scaling takes them: arrays of equal length, checked once. Not here: where they come from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class ScalingError(ValueError):
    """Verdicts that can not be scaled; the message says why."""


@dataclass(frozen=True)
class Comparisons:
    """``m`` comparisons between ``n_items`` items.

    Attributes:
        first: Index of the item shown first, shape (m,).
        second: Index of the other item, shape (m,).
        first_won: 1 where the first item won, 0 where the second did; between them for ties and probabilities, shape (m,).
        n_items: Number of items, whether compared or not.
        weight: Weight of each comparison, shape (m,); ``None`` when all are 1.
        judge: Index of the judge, from 0, shape (m,); ``None`` for one judge.
        covariate: x of each comparison, shape (m,); ``None`` for none.

    """

    first: Ints
    second: Ints
    first_won: Floats
    n_items: int
    weight: Floats | None = None
    judge: Ints | None = None
    covariate: Floats | None = None

    @classmethod
    def of(
        cls,
        first: ArrayLike,
        second: ArrayLike,
        first_won: ArrayLike,
        *,
        weight: ArrayLike | None = None,
        judge: ArrayLike | None = None,
        covariate: ArrayLike | None = None,
        n_items: int | None = None,
    ) -> "Comparisons":
        """Return the comparisons as arrays.

        Raises:
            ScalingError: shapes that differ, no comparison, or indices that are no integers. Values are checked where the
                arrays are read anyway (:class:`~huleedu_pipeline.scaling.network.Network`).

        """
        i, j = _indices("first", first), _indices("second", second)
        y = np.ascontiguousarray(first_won, dtype=np.float64)
        w = None if weight is None else np.ascontiguousarray(weight, dtype=np.float64)
        k = None if judge is None else _indices("judge", judge)
        x = None if covariate is None else np.ascontiguousarray(covariate, dtype=np.float64)
        shape = i.shape
        if len(shape) != 1 or any(values is not None and values.shape != shape for values in (j, y, w, k, x)):
            named = {"first": i, "second": j, "first_won": y, "weight": w, "judge": k, "covariate": x}
            shapes = ", ".join(f"{name} {values.shape}" for name, values in named.items() if values is not None)
            raise ScalingError(f"the comparisons' arrays must have one dimension and one length, and have: {shapes}")
        if not shape[0]:
            raise ScalingError("there are no comparisons to scale")
        if x is not None and not np.isfinite(x).all():
            raise ScalingError("covariate must be finite")
        if k is not None and k.min() < 0:
            raise ScalingError("judges are numbered from 0")
        n = int(max(i.max(), j.max())) + 1 if n_items is None else n_items
        return cls(i, j, y, n, w, k, x)

    @property
    def n_judges(self) -> int:
        """Number of judges: one more than the largest index."""
        return 1 if self.judge is None else int(self.judge.max()) + 1

    def changed(self, first_won: ArrayLike | None = None, keep: ArrayLike | None = None) -> "Comparisons":
        """Return the same comparisons with other verdicts, or those of them that ``keep`` (mask or indices) selects."""
        y = self.first_won if first_won is None else np.ascontiguousarray(first_won, dtype=np.float64)
        if y.shape != self.first_won.shape:
            raise ScalingError(f"{y.shape[0]} verdicts were given for {len(self.first)} comparisons")
        if keep is None:
            return Comparisons(self.first, self.second, y, self.n_items, self.weight, self.judge, self.covariate)
        rows = np.asarray(keep)
        if not (rows.any() if rows.dtype == np.bool_ else rows.size):
            raise ScalingError("there are no comparisons to scale")
        weight, judge, covariate = (None if a is None else a[rows] for a in (self.weight, self.judge, self.covariate))
        return Comparisons(self.first[rows], self.second[rows], y[rows], self.n_items, weight, judge, covariate)


def _indices(name: str, values: ArrayLike) -> Ints:
    array = np.asarray(values)
    if array.dtype == np.int64 and array.flags.c_contiguous:
        return array
    if array.size and array.dtype.kind not in "iu":
        raise ScalingError(f"{name} must be integers, not {array.dtype}")
    return np.ascontiguousarray(array, dtype=np.int64)
