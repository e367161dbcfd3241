"""The extended model: judges that discriminate differently, a covariate, ties, fixed items, Firth's penalty.

``logit P(first wins) = d_k (theta_first - theta_second) + delta + gamma x``, with the judges' discriminations d_k of geometric
mean 1 (Qian et al. 2026, arXiv 2602.16610, as 1 / sigma_k); ties after Davidson (1970, JASA 65:317), with position as in
Davidson & Beaver (1977). Items may be fixed at known locations, exactly or with a standard error; the others then have a
prior whose mean is estimated. Every term can be left out. Newton's method on sparse matrices; the plain model has a
faster module of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.linalg import helmert
from scipy.sparse import csr_array, hstack

from huleedu_pipeline.scaling.comparisons import Comparisons, Floats, Ints, ScalingError
from huleedu_pipeline.scaling.information import Information
from huleedu_pipeline.scaling.model import Optimum, effect_precision, tolerance_of
from huleedu_pipeline.scaling.network import Network

MOST_STEPS = 300
# Of the other items' mean around that of the fixed ones, in logits: next to nothing, but a lone item that won everything
# has no finite location without it.
MEAN_PRIOR_SD = 10.0
# A step may lower the objective by as much as its sums are rounded.
ROUNDING = 1e-13


@dataclass(frozen=True)
class FixedItems:
    """Items whose location is given.

    Attributes:
        items: Their indices, shape (a,).
        theta: Their locations in logits, shape (a,).
        se: Their standard errors, 0 for an exact location, shape (a,).

    """

    items: Ints
    theta: Floats
    se: Floats

    @classmethod
    def of(cls, fixed: Mapping[int, float | tuple[float, float]], n_items: int) -> "FixedItems":
        """Return the fixed items in the order of their indices.

        Raises:
            ScalingError: none are given, an index out of range, a location that is not finite, or a negative standard error.

        """
        rows = sorted((int(item), *(value if isinstance(value, tuple) else (value, 0.0))) for item, value in fixed.items())
        if not rows:
            raise ScalingError("fixed names no item (leave it out instead)")
        for item, theta, se in rows:
            if not 0 <= item < n_items:
                raise ScalingError(f"fixed: item {item} is not in 0..{n_items - 1}")
            if not (np.isfinite(theta) and 0 <= se < np.inf):
                raise ScalingError(f"fixed: item {item} needs a finite location and a standard error of 0 or more")
        items, locations, errors = zip(*rows, strict=True)
        return cls(np.array(items, dtype=np.int64), np.array(locations, dtype=np.float64), np.array(errors, dtype=np.float64))


@dataclass(frozen=True)
class _State:
    """The verdicts' model at one point: derivatives by the linear predictor, comparison by comparison."""

    discrimination: Floats
    effects: Floats
    residual: Floats
    second: Floats
    p_tie: Floats
    tie_cross: Floats
    log_likelihood: float


@dataclass(frozen=True)
class ExtendedModel:
    """Locations, then effects in the order of :attr:`effects`."""

    comparisons: Comparisons
    network: Network
    has_position: bool
    has_ties: bool
    fixed: FixedItems | None
    is_firth: bool
    has_mean: bool

    @property
    def effects(self) -> tuple[str, ...]:
        """Names of the parameters beside the locations."""
        names = ["position"] * self.has_position + ["covariate"] * (self.comparisons.covariate is not None)
        names += [f"discrimination_{k}" for k in range(1, self.comparisons.n_judges)]
        return (*names, *["tie"] * self.has_ties, *["mean"] * self.has_mean)

    @cached_property
    def free(self) -> Ints:
        """Indices of the items whose location is estimated."""
        exact = self.fixed.items[self.fixed.se == 0] if self.fixed else np.zeros(0, dtype=np.int64)
        return np.setdiff1d(np.arange(self.comparisons.n_items), exact)

    @property
    def n_free(self) -> int:
        """Number of locations that are estimated."""
        return len(self.free)

    @cached_property
    def _base(self) -> Floats:
        """Locations of the exactly fixed items, 0 for the others."""
        base = np.zeros(self.comparisons.n_items)
        if self.fixed:
            base[self.fixed.items] = np.where(self.fixed.se == 0, self.fixed.theta, 0.0)
        return base

    @cached_property
    def _soft(self) -> tuple[Floats, Floats]:
        """Prior precision and mean of each free location that is fixed with a standard error, else 0."""
        precision, mean = np.zeros(self.n_free), np.zeros(self.n_free)
        if self.fixed:
            is_soft = self.fixed.se > 0
            place = np.searchsorted(self.free, self.fixed.items[is_soft])
            precision[place], mean[place] = self.fixed.se[is_soft] ** -2.0, self.fixed.theta[is_soft]
        return precision, mean

    @cached_property
    def _is_ordinary(self) -> Floats:
        """1 for each free location with the common prior, else 0."""
        return np.asarray(self._soft[0] == 0, dtype=np.float64)

    @cached_property
    def _incidence(self) -> "csr_array[np.float64, tuple[int, int]]":
        """+1 and -1 where a comparison's items are free locations, shape (m, n_free)."""
        place = np.full(self.comparisons.n_items, -1)
        place[self.free] = np.arange(self.n_free)
        m = len(self.comparisons.first)
        rows, columns = np.tile(np.arange(m), 2), place[np.concatenate([self.comparisons.first, self.comparisons.second])]
        signs = np.repeat([1.0, -1.0], m)
        kept = columns >= 0
        return csr_array((signs[kept], (rows[kept], columns[kept])), shape=(m, self.n_free))

    def _at_items(self, values: Floats) -> Floats:
        """Return what the comparisons' ``values`` come to at the free locations: added to the first, taken from the second."""
        return np.asarray(self._incidence.T @ values, dtype=np.float64)

    @cached_property
    def _weight(self) -> Floats:
        weight = self.comparisons.weight
        return np.ones(len(self.comparisons.first)) if weight is None else weight

    @cached_property
    def _contrasts(self) -> Floats:
        """Of each comparison's judge: log d = contrasts @ parameters, which sum to 0 over judges; shape (m, K - 1)."""
        k = self.comparisons.n_judges
        if k == 1:
            return np.zeros((len(self.comparisons.first), 0))
        return np.asarray(helmert(k).T, dtype=np.float64)[self.comparisons.judge]

    def theta(self, beta: Floats) -> Floats:
        """Return the locations of all items, the fixed ones included, shape (n_items,)."""
        theta = self._base.copy()
        theta[self.free] = beta[: self.n_free]
        return theta

    def discrimination(self, beta: Floats) -> Floats:
        """Return d of each judge, shape (K,)."""
        k = self.comparisons.n_judges
        if k == 1:
            return np.ones(1)
        a = self.n_free + self.effects.index("discrimination_1")
        return np.asarray(np.exp(helmert(k).T @ beta[a : a + k - 1]), dtype=np.float64)

    def effect(self, beta: Floats, name: str) -> float:
        """Return an effect, or 0 when it is not in the model."""
        return float(beta[self.n_free + self.effects.index(name)]) if name in self.effects else 0.0

    def margin(self, beta: Floats) -> Floats:
        """Return the linear predictor of each comparison, shape (m,)."""
        return self._margin(beta)[0]

    def _margin(self, beta: Floats) -> tuple[Floats, Floats, Floats]:
        comparisons, theta = self.comparisons, self.theta(beta)
        d = self.discrimination(beta)
        each = np.full(len(comparisons.first), d[0]) if comparisons.judge is None else d[comparisons.judge]
        difference = theta[comparisons.first] - theta[comparisons.second]
        margin = each * difference + self.effect(beta, "position")
        if comparisons.covariate is not None:
            margin = margin + self.effect(beta, "covariate") * comparisons.covariate
        return margin, each, difference

    def _state(self, beta: Floats) -> _State:
        comparisons, w, y = self.comparisons, self._weight, self.comparisons.first_won
        margin, each, difference = self._margin(beta)
        columns = [np.ones((len(y), 1))] * self.has_position
        columns += [comparisons.covariate[:, None]] if comparisons.covariate is not None else []
        effects = np.hstack([*columns, (each * difference)[:, None] * self._contrasts, np.zeros((len(y), 0))])
        # Davidson's three outcomes; without ties nu = 0 and what remains is the logistic model.
        log_nu = self.effect(beta, "tie") if self.has_ties else -np.inf
        log_total = np.logaddexp(np.logaddexp(margin / 2, -margin / 2), log_nu)
        p_first, p_tie = np.exp(margin / 2 - log_total), np.exp(log_nu - log_total)
        mean = p_first + p_tie / 2
        second = p_first + p_tie / 4 - mean**2
        terms = (y - 0.5) * margin - log_total
        if self.has_ties:
            terms = terms + log_nu * (y == 0.5)
        return _State(
            discrimination=each,
            effects=effects,
            residual=w * (y - mean),
            second=w * np.maximum(second, 0.0),
            p_tie=p_tie,
            tie_cross=w * p_tie * (0.5 - mean),
            log_likelihood=float(w @ terms),
        )

    def log_likelihood(self, beta: Floats) -> float:
        """Return the log-likelihood of the verdicts, without the prior."""
        return self._state(beta).log_likelihood

    def maximise(self, prior_sd: float, start: Floats | None = None) -> Optimum:
        """Return the optimum for a prior of standard deviation ``prior_sd`` (``inf``: maximum likelihood).

        Raises:
            ScalingError: no convergence, or a system that leaves parameters open.

        """
        beta = np.zeros(self.n_free + len(self.effects)) if start is None else start
        tolerance = tolerance_of(self.comparisons)
        objective, gradient, information = self._penalised(beta, prior_sd)
        for _ in range(MOST_STEPS):
            norm = float(np.abs(gradient).max())
            if norm <= tolerance:
                return Optimum(beta, prior_sd, norm, tolerance, float(np.abs(self.margin(beta)).max()))
            step = self._step(beta, prior_sd, gradient, information)
            step *= min(1.0, 3.0 / float(np.abs(step).max()))
            least, origin = objective - ROUNDING * abs(objective), beta
            for _ in range(40):
                beta = origin + step
                objective, gradient, information = self._penalised(beta, prior_sd)
                if objective >= least:
                    break
                step = step / 2
        raise ScalingError(f"no convergence: gradient norm {norm:.1e} after {MOST_STEPS} steps")

    def _step(self, beta: Floats, prior_sd: float, gradient: Floats, expected: Information) -> Floats:
        """Return Newton's step, or that of Fisher scoring where the observed information does not lead uphill.

        Scoring alone hardly moves when judges contradict each other, because residuals are then large.
        """
        try:
            step = self._information(self._state(beta), prior_sd, is_observed=True).solve(gradient)
        except ScalingError:
            return expected.solve(gradient)
        return step if float(step @ gradient) > 0 else expected.solve(gradient)

    def _penalised(self, beta: Floats, prior_sd: float) -> tuple[float, Floats, Information]:
        """Return objective, gradient, and the expected information, which is positive."""
        state = self._state(beta)
        objective = state.log_likelihood + self._quadratic(beta, prior_sd)
        gradient = self._collect(state, state.residual)
        if self.has_ties:
            place = self.n_free + self.effects.index("tie")
            gradient[place] += float(self._weight @ ((self.comparisons.first_won == 0.5) - state.p_tie))
        deviation = self.deviation(beta)
        gradient -= self.spread(deviation) / prior_sd**2 + self.other_precision(prior_sd) * (beta - self._other_mean)
        information = self._information(state, prior_sd, is_observed=False)
        if self.is_firth:
            objective += information.log_determinant / 2
            leverage = state.second * self._leverage(state, information)
            margin = self.margin(beta)
            gradient += self._collect(state, leverage * (0.5 - 1 / (1 + np.exp(-margin))))
        return objective, gradient, information

    def _quadratic(self, beta: Floats, prior_sd: float) -> float:
        deviation = self.deviation(beta)
        others = float(self.other_precision(prior_sd) @ (beta - self._other_mean) ** 2)
        return -(float(deviation @ deviation) / prior_sd**2 + others) / 2

    @cached_property
    def _other_mean(self) -> Floats:
        """Means of the priors that sigma does not govern, shape (n_free + q,)."""
        effects = np.zeros(len(self.effects))
        if self.fixed and self.has_mean:
            effects[-1] = self.fixed.theta.mean()
        return np.concatenate([self._soft[1], effects])

    def log_prior(self, optimum: Optimum) -> float:
        """Return the log density of the prior at the optimum, up to the constants of the normal distribution."""
        precision = self.other_precision(optimum.prior_sd)[self.n_free :]
        scales = float(np.log(precision[precision > 0]).sum()) / 2 - self._is_ordinary.sum() * np.log(optimum.prior_sd)
        return self._quadratic(optimum.beta, optimum.prior_sd) + float(scales)

    def information(self, optimum: Optimum) -> Information:
        """Return the negative Hessian of the penalised log-likelihood at the optimum."""
        return self._information(self._state(optimum.beta), optimum.prior_sd, is_observed=True)

    def _information(self, state: _State, prior_sd: float, *, is_observed: bool) -> Information:
        b, d, n, q = self._incidence, state.discrimination, self.n_free, len(self.effects)
        laplacian = csr_array(b.T @ (b * (state.second * d**2)[:, None]))
        diagonal = laplacian.diagonal() + self._soft[0] + self._is_ordinary / prior_sd**2
        off = laplacian.tocoo()
        kept = off.row != off.col
        graph = csr_array((-off.data[kept], (off.row[kept], off.col[kept])), shape=(n, n))
        cross, corner = np.zeros((n, q)), np.diag(self.other_precision(prior_sd)[n:])
        e = state.effects.shape[1]
        cross[:, :e] = self._at_items((state.second * d)[:, None] * state.effects)
        corner[:e, :e] += state.effects.T @ (state.second[:, None] * state.effects)
        k = self._contrasts.shape[1]
        if is_observed and k:
            # The predictor is not linear in log d: its second derivatives times the residuals.
            cross[:, e - k : e] -= self._at_items((state.residual * d)[:, None] * self._contrasts)
            bent = state.residual[:, None] * state.effects[:, e - k :]
            corner[e - k : e, e - k : e] -= self._contrasts.T @ bent
        if self.has_ties:
            t = self.effects.index("tie")
            cross[:, t] = self._at_items(d * state.tie_cross)
            corner[:e, t] = corner[t, :e] = state.effects.T @ state.tie_cross
            corner[t, t] += float(self._weight @ (state.p_tie * (1 - state.p_tie)))
        if self.has_mean:
            cross[:, -1] = -self._is_ordinary / prior_sd**2
            corner[-1, -1] += self._is_ordinary.sum() / prior_sd**2
        return Information(
            start=graph.indptr.astype(np.int64),
            neighbour=graph.indices.astype(np.int32),
            value=graph.data,
            diagonal=diagonal,
            cross=cross,
            corner=corner,
            label=self.network.components[self.free],
            is_centred=self.fixed is None,
            lone_variance=prior_sd**2,
        )

    def _leverage(self, state: _State, information: Information) -> Floats:
        """Return ``x' C x`` of each comparison's row x of the design; nothing is fixed where this is needed."""
        n, inverse = self.n_free, information.inverse
        i, j, e = self.comparisons.first, self.comparisons.second, state.effects
        variance = inverse[i, i] + inverse[j, j] - 2 * inverse[i, j]
        between = 2 * (e * (inverse[i, n:] - inverse[j, n:])).sum(axis=1)
        return np.asarray(variance + between + np.einsum("me,ef,mf->m", e, inverse[n:, n:], e), dtype=np.float64)

    def _collect(self, state: _State, values: Floats) -> Floats:
        score = np.zeros(self.n_free + len(self.effects))
        score[: self.n_free] = self._at_items(state.discrimination * values)
        score[self.n_free : self.n_free + state.effects.shape[1]] = state.effects.T @ values
        return score

    def curvature(self, optimum: Optimum) -> tuple[Floats, Floats]:
        """Return minus the second, and minus the third derivative of each comparison's log-likelihood by its predictor."""
        state = self._state(optimum.beta)
        mean = self.comparisons.first_won - state.residual / np.where(self._weight > 0, self._weight, 1.0)
        p_first = mean - state.p_tie / 2
        # Third central moment of the score, which takes the values 1, 1/2 (a tie) and 0.
        outcomes = ((1.0, p_first), (0.5, state.p_tie), (0.0, 1 - p_first - state.p_tie))
        third = sum((probability * (score - mean) ** 3 for score, probability in outcomes), start=np.zeros_like(mean))
        return state.second, self._weight * third

    def project(self, optimum: Optimum, direction: Floats) -> Floats:
        """Return by how much each comparison's linear predictor changes along ``direction``, shape (m,)."""
        state = self._state(optimum.beta)
        effects = direction[self.n_free : self.n_free + state.effects.shape[1]]
        return np.asarray(
            state.discrimination * (self._incidence @ direction[: self.n_free]) + state.effects @ effects, dtype=np.float64
        )

    def collect(self, optimum: Optimum, values: Floats) -> Floats:
        """Return the transpose of :meth:`project` applied to ``values`` of the comparisons, shape (n_free + q,)."""
        return self._collect(self._state(optimum.beta), values)

    def scores(self, optimum: Optimum) -> "csr_array[np.float64, tuple[int, int]]":
        """Return each comparison's gradient of the log-likelihood, shape (m, n_free + q)."""
        state = self._state(optimum.beta)
        last = np.zeros((len(state.residual), len(self.effects) - state.effects.shape[1]))
        if self.has_ties:
            last[:, 0] = self._weight * ((self.comparisons.first_won == 0.5) - state.p_tie)
        locations = csr_array(self._incidence * (state.residual * state.discrimination)[:, None])
        effects = csr_array(np.hstack([state.effects * state.residual[:, None], last]))
        return csr_array(hstack([locations, effects]))

    def deviation(self, beta: Floats) -> Floats:
        """Return the deviations of the locations from their prior's mean, 0 for those with a prior of their own."""
        return self._is_ordinary * (beta[: self.n_free] - self.effect(beta, "mean"))

    def spread(self, values: Floats) -> Floats:
        """Return the transpose of :meth:`deviation` applied to ``values``, shape (n_free + q,)."""
        score = np.zeros(self.n_free + len(self.effects))
        score[: self.n_free] = self._is_ordinary * values
        if self.has_mean:
            score[-1] = -float(self._is_ordinary @ values)
        return score

    def other_precision(self, prior_sd: float) -> Floats:
        """Return the precision of those priors that sigma does not govern, shape (n_free + q,)."""
        effects = np.array([MEAN_PRIOR_SD**-2 if name == "mean" else effect_precision(prior_sd) for name in self.effects])
        return np.concatenate([self._soft[0], effects])
