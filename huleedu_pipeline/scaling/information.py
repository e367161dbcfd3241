"""The information of a fit: its negative Hessian, and what follows from it: covariances, standard errors, determinants.

The parameters are the locations, whose block is the Laplacian of the comparison graph plus the prior's precision, and a few
effects (position, covariate, ...) that border it. Up to :data:`LARGEST_EXACT` locations all is dense and exact. Above,
linear systems are solved by conjugate gradients with a Jacobi preconditioner, and variances are estimated with random
probes until their own error is small enough. (A sparse Cholesky factor fills up on graphs with long links.)
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from huleedu_pipeline.scaling import kernels
from huleedu_pipeline.scaling.comparisons import Floats, Ints, ScalingError
from huleedu_pipeline.scaling.threads import one_thread

LARGEST_EXACT = 3000
# Root-mean-square relative error of standard errors at which no more probes are added, and how far that can go.
GOAL_OF_PROBES, PROBES_AT_ONCE, MOST_PROBES = 0.005, 4, 4096
# Graphs without long links forget slowly; where so many probes are not enough, so many locations are worth an exact answer.
PATIENCE, LARGEST_FALLBACK = 512, 8000
PROBE_TOLERANCE, SOLVE_TOLERANCE = 1e-5, 1e-9


@dataclass(frozen=True)
class Information:
    """Negative Hessian ``[[diag(diagonal) - W, cross], [cross.T, corner]]`` of n locations and q effects.

    Attributes:
        start: Where each location's row of W begins, shape (n + 1,).
        neighbour: Columns of W, row by row; a column may occur more than once.
        value: Entries of W, all at least 0.
        diagonal: Row sums of W plus the prior's precision, shape (n,).
        cross: Shape (n, q).
        corner: Shape (q, q).
        label: Component of each location in the comparison graph, shape (n,).
        is_centred: Whether locations sum to 0 in each component; else the scale is held by fixed items.
        lone_variance: Variance of an item without comparisons (its prior's).

    """

    start: Ints
    neighbour: NDArray[np.int32]
    value: Floats
    diagonal: Floats
    cross: Floats
    corner: Floats
    label: Ints
    is_centred: bool
    lone_variance: float

    @property
    def n(self) -> int:
        """Number of locations."""
        return len(self.diagonal)

    @cached_property
    def size(self) -> Ints:
        """Number of locations in each component."""
        return np.bincount(self.label)

    @cached_property
    def _lone(self) -> NDArray[np.bool_]:
        return np.asarray(self.is_centred & (np.diff(self.start) == 0))

    @cached_property
    def _safe_diagonal(self) -> Floats:
        return np.where(self.diagonal > 0, self.diagonal, 1.0)

    @property
    def _stiffness(self) -> float:
        return float(self._safe_diagonal.max())

    @cached_property
    def _factor(self) -> Floats:
        """Lower Cholesky factor of the whole matrix; a shift of a component, which no verdict sees, is made stiff."""
        upper = kernels.bordered_matrix(
            self.start,
            self.neighbour,
            self.value,
            self._safe_diagonal,
            self.cross,
            self.corner,
            self.label,
            self.size,
            self._stiffness if self.is_centred else 0.0,
        )
        with one_thread():
            factor, problem = lapack.dpotrf(upper.T, lower=1, clean=0, overwrite_a=1)
        if problem:
            raise ScalingError("verdicts and prior together leave locations open (use a narrower prior_sd)")
        return factor  # type: ignore[no-any-return]

    @cached_property
    def inverse(self) -> Floats:
        """Inverse of the whole matrix, shape (n + q, n + q), with the locations centred."""
        n = self.n
        with one_thread():
            lower, _ = lapack.dpotri(self._factor, lower=1)
        inverse = np.tril(lower) + np.tril(lower, -1).T
        if self.is_centred:
            if len(self.size) == 1:
                inverse[:n, :n] -= self._of_shifts[0]
            else:
                inverse[:n, :n] -= np.where(self.label[:, None] == self.label[None, :], self._of_shifts[:, None], 0.0)
            inverse[np.flatnonzero(self._lone), np.flatnonzero(self._lone)] = self.lone_variance
        return np.asarray(inverse, dtype=np.float64)

    @property
    def _of_shifts(self) -> Floats:
        """What the shift of its component adds to each location's variance in the stiffened matrix: an eigenvector's share."""
        if not self.is_centred:
            return np.zeros(self.n)
        return np.asarray(1 / ((self._stiffness + 1 / self.lone_variance) * self.size[self.label]), dtype=np.float64)

    @cached_property
    def _bordered(self) -> tuple[Floats, Floats]:
        """Return Y = block^-1 cross and the inverse of the effects' Schur complement."""
        y = self._solve_block(self.cross, SOLVE_TOLERANCE)
        return y, np.asarray(np.linalg.inv(self.corner - self.cross.T @ y), dtype=np.float64)

    def _solve_block(self, right: Floats, tolerance: float) -> Floats:
        size = self.size if self.is_centred else self.size[:0]
        return kernels.solve_laplacian(
            self.start,
            self.neighbour,
            self.value,
            self._safe_diagonal,
            self.label,
            size,
            np.ascontiguousarray(right),
            tolerance,
        )

    def solve(self, right: Floats, tolerance: float = SOLVE_TOLERANCE, *, largest_exact: int = LARGEST_EXACT) -> Floats:
        """Solve for one right-hand side, shape (n + q,), or several, shape (n + q, b); centred where theta is.

        Up to ``largest_exact`` locations the answer is exact, above to ``tolerance``: what is a draw needs no more.
        """
        n = self.n
        columns = right.reshape(len(right), -1).copy()
        if n <= largest_exact:
            if self.is_centred:
                kernels.centre(columns[:n], self.label, self.size)
            with one_thread():
                solution, _ = lapack.dpotrs(self._factor, columns, lower=1)
        else:
            y, schur_inverse = self._bordered
            x = self._solve_block(columns[:n], tolerance)
            effects = schur_inverse @ (columns[n:] - self.cross.T @ x)
            solution = np.concatenate([x - y @ effects, effects])
        return np.asarray(solution, dtype=np.float64).reshape(right.shape)

    @property
    def log_determinant(self) -> float:
        """Log determinant up to LARGEST_EXACT locations; of centred ones without the shift of each component.

        A shift's eigenvalue is the prior's precision alone, to which the factor has added stiffness.
        """
        shifts = len(self.size) * np.log(self._stiffness + 1 / self.lone_variance) if self.is_centred else 0.0
        return 2 * float(np.log(np.diag(self._factor)).sum()) - float(shifts)

    @property
    def n_shifts(self) -> int:
        """Number of directions that :attr:`log_determinant` and :meth:`solve` leave out: one for each centred component."""
        return len(self.size) if self.is_centred else 0

    def covariance(self, items: Ints | None = None) -> Floats:
        """Return the covariance of the locations, or of some of them; exact, so that it takes n^2 memory for all."""
        if self.n <= LARGEST_EXACT or items is None:
            block = self.inverse[: self.n, : self.n]
            return block.copy() if items is None else block[np.ix_(items, items)]
        right = np.zeros((self.n + self.cross.shape[1], len(items)))
        right[items, np.arange(len(items))] = 1.0
        covariance = self.solve(right)[items]
        covariance[self._lone[items], self._lone[items]] = self.lone_variance
        return covariance

    @property
    def effects_covariance(self) -> Floats:
        """Covariance of the effects, shape (q, q)."""
        return self.inverse[self.n :, self.n :] if self.n <= LARGEST_EXACT else self._bordered[1]

    def variances(self, *, exact: bool = False) -> tuple[Floats, float]:
        """Return the variance of each location and the relative error of the standard errors (root mean square; 0 if exact).

        Above LARGEST_EXACT locations: with D the block's diagonal, A = D^-1/2 W D^-1/2, P the projection that centres, and
        G = D^1/2 C D^1/2 for the centred covariance C, the identity G = P + A P + A^2 P + A^3 G is exact. The first three terms
        are computed; the diagonal of the last is the mean of ``z * (A^3 G z)`` over Rademacher probes z (Hutchinson
        1990; Bekas, Kokiopoulou & Saad 2007), which is small, because long walks on the graph forget where they began.
        The effects add their share by block elimination.
        """
        if self.n <= LARGEST_EXACT or exact:
            # C = L^-T L^-1: its diagonal needs the factor's inverse and no more.
            with one_thread():
                half, _ = lapack.dtrtri(self._factor, lower=1)
            variance = kernels.row_squares(half.T)[: self.n] - self._of_shifts
            return np.where(self._lone, self.lone_variance, variance), 0.0
        diagonal = self._safe_diagonal
        root = np.sqrt(diagonal)
        graph = (self.start, self.neighbour, self.value)
        known = 1.0 + kernels.returning_weight(*graph, diagonal)
        if self.is_centred:
            size = self.size[self.label]
            once = self._spread((1 / diagonal)[:, None])
            known -= (1 + once[:, 0] + self._spread(once / diagonal[:, None])[:, 0]) / size
        y, schur_inverse = self._bordered
        from_effects = np.einsum("iq,qr,ir->i", y, schur_inverse, y)
        rng = np.random.default_rng(0)
        total, squares, n_probes = np.zeros(self.n), np.zeros(self.n), 0
        while True:
            z = rng.choice(np.array([-1.0, 1.0]), (self.n, PROBES_AT_ONCE))
            walk = root[:, None] * self._solve_block(root[:, None] * z, PROBE_TOLERANCE)
            for _ in range(3):
                walk = self._spread(walk / root[:, None]) / root[:, None]
            estimate = z * walk
            total += estimate.sum(axis=1)
            squares += (estimate**2).sum(axis=1)
            n_probes += PROBES_AT_ONCE
            mean = total / n_probes
            variance = np.where(self._lone, self.lone_variance, (known + mean) / diagonal + from_effects)
            spread = np.maximum(squares / n_probes - mean**2, 0.0) / (n_probes - 1) / diagonal**2
            error = float(np.sqrt(np.mean(spread / variance**2))) / 2
            if error <= GOAL_OF_PROBES or n_probes >= MOST_PROBES:
                return variance, error
            if n_probes >= PATIENCE and self.n <= LARGEST_FALLBACK:
                return self.variances(exact=True)

    def _spread(self, x: Floats) -> Floats:
        """Return ``W x``, shape (n, b)."""
        out = np.empty_like(x)
        kernels.apply_laplacian(self.start, self.neighbour, self.value, np.zeros(self.n), np.ascontiguousarray(x), out)
        return -out
