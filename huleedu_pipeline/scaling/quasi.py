"""Quasi standard errors: one figure for each item from which the error of any difference follows, nearly.

``Var(theta_i - theta_j)`` is approximated by ``q_i + q_j``, with q minimising the sum over pairs of
``(log(q_i + q_j) - log Var)^2`` (Firth & de Menezes 2004, Biometrika 91:65). They serve a reader who compares two rows of a
table; the standard errors under Sum theta = 0 remain the ones that are printed.
"""

import numpy as np

from huleedu_pipeline.scaling.comparisons import Floats, ScalingError

MOST_STEPS, TOLERANCE = 200, 1e-11


def quasi_standard_errors(covariance: Floats) -> Floats:
    """Return the quasi standard error of each item from the items' covariance, shapes (n, n) to (n,), n at least 3.

    Raises:
        ScalingError: fewer than three items, of which quasi variances can not be told apart, a difference without variance, or
            no convergence.

    """
    n = len(covariance)
    if n < 3:
        raise ScalingError(f"quasi standard errors need at least 3 items, and there are {n}")
    diagonal = np.diag(covariance)
    difference = diagonal[:, None] + diagonal[None, :] - 2 * covariance
    others = ~np.eye(n, dtype=np.bool_)
    if not (difference[others] > 0).all():
        raise ScalingError("some items differ by a constant that is known exactly, so they have no quasi variance")
    target = np.log(np.where(others, difference, 1.0))
    # Under independence the mean variance of an item's differences is q_i plus the mean of q.
    mean = difference.sum(axis=1) / (n - 1)
    log_q = np.log(np.maximum(mean - mean.mean() / 2, 0.1 * mean))
    for _ in range(MOST_STEPS):
        q = np.exp(log_q)
        total = q[:, None] + q[None, :]
        error = np.where(others, np.log(total) - target, 0.0)
        share = np.where(others, q[:, None] / total, 0.0)
        # Gauss-Newton: the pairs' Jacobian has two entries a row, so its square is put together directly.
        square = share * share.T + np.diag((share**2).sum(axis=1))
        step = np.linalg.solve(square, (error * share).sum(axis=1))
        log_q -= step
        if np.abs(step).max() < TOLERANCE:
            return np.asarray(np.exp(log_q / 2), dtype=np.float64)
    raise ScalingError("no quasi variances fit these covariances")
