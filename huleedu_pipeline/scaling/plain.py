"""The plain model, locations and a position effect: the one that is fitted most, and in compiled code throughout."""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_array
from scipy.special import expit, log_expit

from huleedu_pipeline.scaling import kernels
from huleedu_pipeline.scaling.comparisons import Comparisons, Floats
from huleedu_pipeline.scaling.information import Information
from huleedu_pipeline.scaling.model import Optimum, effect_precision, tolerance_of
from huleedu_pipeline.scaling.network import Network

NO_START = np.zeros(0)


@dataclass(frozen=True)
class PlainModel:
    """``logit P(first wins) = theta_first - theta_second + delta``."""

    comparisons: Comparisons
    network: Network
    has_position: bool

    @property
    def effects(self) -> tuple[str, ...]:
        """Names of the parameters beside the locations."""
        return ("position",) if self.has_position else ()

    @property
    def n_free(self) -> int:
        """Number of locations that are estimated."""
        return self.network.n_items

    def maximise(self, prior_sd: float, start: Floats | None = None) -> Optimum:
        """Return the optimum for a prior N(0, prior_sd^2); ``inf`` is maximum likelihood."""
        network, n = self.network, self.network.n_items
        begin = NO_START if start is None else np.append(start[:n], start[n] if self.has_position else 0.0)
        tolerance = tolerance_of(self.comparisons)
        beta, norm, reach = kernels.newton(
            network.start,
            network.slot,
            network.slot_weight,
            network.wins,
            network.won_by_first,
            network.components,
            network.component_sizes,
            network.losses,
            begin,
            prior_sd**-2,
            effect_precision(prior_sd) if self.has_position else -1.0,
            tolerance,
        )
        return Optimum(beta if self.has_position else beta[:n], prior_sd, norm, tolerance, reach)

    def information(self, optimum: Optimum) -> Information:
        """Return the negative Hessian of the penalised log-likelihood at the optimum."""
        network, n = self.network, self.network.n_items
        beta = optimum.beta if self.has_position else np.append(optimum.beta, 0.0)
        gradient, diagonal, cross, curvature = np.empty(n + 1), np.empty(n + 1), np.empty(n), np.empty(len(network.slot))
        kernels.evaluate(
            network.start,
            network.slot,
            network.slot_weight,
            network.wins,
            network.won_by_first,
            beta,
            optimum.prior_sd**-2,
            effect_precision(optimum.prior_sd) if self.has_position else -1.0,
            gradient,
            curvature,
            diagonal,
            cross,
        )
        q = len(self.effects)
        return Information(
            start=network.start,
            neighbour=network.slot >> 1,
            value=curvature,
            diagonal=diagonal[:n],
            cross=cross.reshape(n, 1)[:, :q],
            corner=diagonal[n:].reshape(1, 1)[:q, :q],
            label=network.components,
            is_centred=True,
            lone_variance=optimum.prior_sd**2,
        )

    def margin(self, beta: Floats) -> Floats:
        """Return the linear predictor of each comparison, shape (m,)."""
        delta = beta[self.network.n_items] if self.has_position else 0.0
        return np.asarray(beta[self.comparisons.first] - beta[self.comparisons.second] + delta, dtype=np.float64)

    def log_likelihood(self, beta: Floats) -> float:
        """Return the log-likelihood of the verdicts, without the prior."""
        z, y = self.margin(beta), self.comparisons.first_won
        terms = y * log_expit(z) + (1 - y) * log_expit(-z)
        return float(terms.sum() if self.comparisons.weight is None else terms @ self.comparisons.weight)

    def log_prior(self, optimum: Optimum) -> float:
        """Return the log density of the prior at the optimum, up to the constants of the normal distribution."""
        n, beta = self.network.n_items, optimum.beta
        precision = self.other_precision(optimum.prior_sd)[n:]
        value = -float(beta[:n] @ beta[:n]) / optimum.prior_sd**2 / 2 - n * np.log(optimum.prior_sd)
        return float(value - (beta[n:] ** 2 * precision).sum() / 2 + np.log(precision).sum() / 2)

    def curvature(self, optimum: Optimum) -> tuple[Floats, Floats]:
        """Return minus the second, and minus the third derivative of each comparison's log-likelihood by its predictor."""
        p = expit(self.margin(optimum.beta))
        second = p * (1 - p) if self.comparisons.weight is None else p * (1 - p) * self.comparisons.weight
        return second, second * (1 - 2 * p)

    def project(self, optimum: Optimum, direction: Floats) -> Floats:  # noqa: ARG002 (the plain model is linear)
        """Return by how much each comparison's linear predictor changes along ``direction``, shape (m,)."""
        return self.margin(direction)

    def collect(self, optimum: Optimum, values: Floats) -> Floats:  # noqa: ARG002
        """Return the transpose of :meth:`project` applied to ``values`` of the comparisons, shape (n + q,)."""
        n, i, j = self.network.n_items, self.comparisons.first, self.comparisons.second
        scores = np.bincount(i, values, n) - np.bincount(j, values, n)
        return np.asarray(np.append(scores, values.sum()) if self.has_position else scores, dtype=np.float64)

    def scores(self, optimum: Optimum) -> "csr_array[np.float64, tuple[int, int]]":
        """Return each comparison's gradient of the log-likelihood, shape (m, n + q)."""
        comparisons, n, q = self.comparisons, self.network.n_items, len(self.effects)
        residual = comparisons.first_won - expit(self.margin(optimum.beta))
        if comparisons.weight is not None:
            residual = residual * comparisons.weight
        m = len(residual)
        columns = np.concatenate([comparisons.first, comparisons.second, np.full(q * m, n)])
        values = np.concatenate([residual, -residual, *[residual] * q])
        return csr_array((values, (np.tile(np.arange(m), 2 + q), columns)), shape=(m, n + q))

    def deviation(self, beta: Floats) -> Floats:
        """Return the locations: their prior's mean is 0."""
        return beta[: self.network.n_items]

    def spread(self, values: Floats) -> Floats:
        """Return the transpose of :meth:`deviation` applied to ``values``, shape (n + q,)."""
        return np.append(values, 0.0) if self.has_position else values

    def other_precision(self, prior_sd: float) -> Floats:
        """Return the precision of the position effect's prior, after zeros for the locations."""
        zeros = np.zeros(self.network.n_items)
        return np.append(zeros, effect_precision(prior_sd)) if self.has_position else zeros
