"""Quasi standard errors: one figure for each item from which the error of any difference follows, nearly.

``Var(theta_i - theta_j)`` is approximated by ``q_i + q_j``, with q minimising the sum over pairs of
``(log(q_i + q_j) - log Var)^2`` (Firth & de Menezes 2004, Biometrika 91:65). They serve a reader who compares two rows of a
table; the standard errors under Sum theta = 0 remain the ones that are printed.
"""

import numpy as np
from scipy.optimize import minimize

from huleedu_pipeline.scaling.comparisons import Floats, ScalingError


def quasi_standard_errors(covariance: Floats) -> Floats:
    """Return the quasi standard error of each item from the items' covariance, shapes (n, n) to (n,), n at least 3.

    Raises:
        ScalingError: fewer than three items, of which quasi variances can not be told apart, or a difference without variance.

    """
    n = len(covariance)
    if n < 3:
        raise ScalingError(f"quasi standard errors need at least 3 items, and there are {n}")
    diagonal = np.diag(covariance)
    difference = diagonal[:, None] + diagonal[None, :] - 2 * covariance
    i, j = np.triu_indices(n, 1)
    if not (difference[i, j] > 0).all():
        raise ScalingError("some items differ by a constant that is known exactly, so they have no quasi variance")
    target = np.log(difference[i, j])

    def loss(log_q: Floats) -> tuple[float, Floats]:
        q = np.exp(log_q)
        total = q[i] + q[j]
        error = np.log(total) - target
        slope = 2 * error / total
        gradient = (np.bincount(i, slope, n) + np.bincount(j, slope, n)) * q
        return float(error @ error), np.asarray(gradient, dtype=np.float64)

    # Under independence the mean variance of an item's differences is q_i + mean q.
    start = np.log(np.maximum(difference.sum(axis=1) / (n - 1) - difference[i, j].mean() / 2, 0.1 * diagonal.min() + 1e-300))
    result = minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-10})
    return np.asarray(np.exp(result.x / 2), dtype=np.float64)
