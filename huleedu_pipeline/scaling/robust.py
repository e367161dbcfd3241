"""Clustered covariance: verdicts on one pair of items, repeats and both orders, are correlated.

The sandwich ``C (f sum over pairs of s s' + prior precision) C``, with C the inverse information and s the sum of the scores
of one unordered pair's verdicts (Liang & Zeger 1986). The prior counts in full, as it does in C. Residuals are smaller than
errors by what the parameters took up, so f = G / (G - p) with G pairs and p parameters in effect, those that the prior holds
counting for less, as for a residual variance.
"""

import numpy as np
from scipy.sparse import csr_array

from huleedu_pipeline.scaling.comparisons import Floats, ScalingError
from huleedu_pipeline.scaling.information import LARGEST_EXACT, Information
from huleedu_pipeline.scaling.model import Model, Optimum


def clustered_covariance(model: Model, optimum: Optimum, information: Information) -> Floats:
    """Return the covariance of the free locations, shape (n_free, n_free).

    Raises:
        ScalingError: more than LARGEST_EXACT locations.

    """
    n = model.n_free
    if n > LARGEST_EXACT:
        raise ScalingError(f"clustered standard errors are computed for up to {LARGEST_EXACT} items, and there are {n}")
    scores = model.scores(optimum)
    i, j = model.comparisons.first, model.comparisons.second
    _, pair = np.unique(np.minimum(i, j) * model.comparisons.n_items + np.maximum(i, j), return_inverse=True)
    m = len(i)
    summed = csr_array((np.ones(m), (pair, np.arange(m))), shape=(int(pair.max()) + 1, m)) @ scores
    prior, inverse = _prior_precision(model, optimum), information.inverse
    n_pairs, n_parameters = summed.shape[0], len(optimum.beta) - information.n_shifts - float(np.sum(inverse * prior))
    factor = n_pairs / (n_pairs - n_parameters) if n_pairs > n_parameters else 1.0
    covariance = inverse @ (factor * (summed.T @ summed).toarray() + prior) @ inverse
    return np.asarray(covariance[:n, :n], dtype=np.float64)


def _prior_precision(model: Model, optimum: Optimum) -> Floats:
    """Return minus the Hessian of the log prior, shape (n_free + q, n_free + q)."""
    unit = np.eye(len(optimum.beta))
    governed = np.column_stack([model.spread(model.deviation(column)) for column in unit])
    return np.asarray(governed / optimum.prior_sd**2 + np.diag(model.other_precision(optimum.prior_sd)), dtype=np.float64)
