"""Clustered covariance: verdicts on one pair of items, repeats and both orders, are correlated.

The sandwich ``C (sum over pairs of s s') C`` of Liang & Zeger (1986), with C the inverse information and s the sum of the
scores of one unordered pair's verdicts. No factor for small samples is applied.
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
    meat = (summed.T @ summed).toarray()
    covariance = information.inverse @ meat @ information.inverse
    return np.asarray(covariance[:n, :n], dtype=np.float64)
