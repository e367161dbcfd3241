"""Bradley-Terry scaling: from verdicts to locations theta and their uncertainty. The entry point, and what it returns.

``logit P(A wins) = d_k (theta_A - theta_B) + delta + gamma x`` with ``theta ~ N(0, sigma^2)``; delta the position effect, d_k
the judges' discriminations, x a covariate. Each term can be left out, and each special case is the classical model: maximum
likelihood, ridge, Firth, fixed anchors, ties. Estimation goes to an exact optimum, whose gradient norm is part of the
result. Not here: the models (:mod:`.plain`, :mod:`.extended`), the prior's estimate (:mod:`.prior`), reliability, grades.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from math import inf
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import chdtrc, expit

from huleedu_pipeline.scaling.comparisons import Comparisons, Floats, Ints, ScalingError
from huleedu_pipeline.scaling.extended import ExtendedModel, FixedItems
from huleedu_pipeline.scaling.information import Information
from huleedu_pipeline.scaling.model import Optimum
from huleedu_pipeline.scaling.network import Network, dominance_groups
from huleedu_pipeline.scaling.plain import PlainModel
from huleedu_pipeline.scaling.prior import estimate_prior_sd
from huleedu_pipeline.scaling.robust import clustered_covariance

PriorSd = float | Literal["estimate"] | None
Term = Literal["position_effect", "covariate", "discrimination"]

LEAST_PRIOR_SD, LARGEST_PRIOR_SD = 1e-6, 1e6
# A verdict this many logits from even is one part in three million: only then can an estimate be on its way to infinity.
SUSPICIOUS_MARGIN = 15.0


@dataclass(frozen=True)
class Options:
    """What was asked of :func:`fit_bradley_terry`, beside the comparisons."""

    prior_sd: PriorSd = "estimate"
    position_effect: bool = True
    ties: Literal["davidson"] | None = None
    fixed: Mapping[int, float | tuple[float, float]] | None = None
    firth: bool = False
    common_discrimination: bool = False


@dataclass(frozen=True)
class LikelihoodRatio:
    """Test of one term: twice the gain in log-likelihood over the model without it, against chi-squared."""

    statistic: float
    degrees_of_freedom: int
    p_value: float


@dataclass(frozen=True)
class BradleyTerryFit:
    """Result of :func:`fit_bradley_terry` for ``n`` items; locations are in logits.

    Locations sum to 0 in each component of the comparison graph, or are on the scale of the fixed items.

    Attributes:
        theta: Locations, shape (n,).
        prior_sd: Standard deviation sigma of the locations' prior, estimated or as given; ``inf`` for maximum likelihood.
        gradient_norm: Largest absolute component of the penalised gradient at the optimum.
        comparisons: What was scaled.
        options: What was asked for.

    """

    theta: Floats
    prior_sd: float
    gradient_norm: float
    comparisons: Comparisons
    options: Options
    _model: PlainModel | ExtendedModel
    _optimum: Optimum

    # The graph

    @property
    def components(self) -> Ints:
        """Connected component of each item in the comparison graph, shape (n,), numbered from 0."""
        return self._model.network.components

    @property
    def separated_items(self) -> Ints:
        """Items that won or lost all their comparisons; their location rests on the prior."""
        return self._model.network.separated_items

    @property
    def isolated_items(self) -> Ints:
        """Items without comparisons; their location is the prior's."""
        return np.flatnonzero(self.n_comparisons == 0)

    @property
    def n_comparisons(self) -> Ints:
        """Comparisons of each item, shape (n,); those of weight 0 do not count."""
        return self._model.network.n_comparisons

    @property
    def n_wins(self) -> Ints:
        """Comparisons that each item won, shape (n,); a tie is no win for either."""
        return self._model.network.n_wins

    # The verdicts

    @cached_property
    def margin(self) -> Floats:
        """Linear predictor of each comparison in logits, shape (m,)."""
        return self._model.margin(self._optimum.beta)

    @property
    def probability(self) -> Floats:
        """Probability that the first item wins each comparison (in a model with ties: if it is decided), shape (m,)."""
        return np.asarray(expit(self.margin), dtype=np.float64)

    @cached_property
    def log_likelihood(self) -> float:
        """Log-likelihood of the verdicts at the optimum, without the prior."""
        return self._model.log_likelihood(self._optimum.beta)

    # The effects

    @property
    def position_effect(self) -> float:
        """Effect delta in logits: positive favours the item shown first; 0 when not in the model."""
        return self._effect("position")

    @property
    def position_effect_se(self) -> float | None:
        """Standard error of delta; ``None`` when not in the model."""
        return self._effect_se("position")

    @property
    def covariate_effect(self) -> float:
        """Effect gamma in logits for each unit of the covariate; 0 when not in the model."""
        return self._effect("covariate")

    @property
    def covariate_effect_se(self) -> float | None:
        """Standard error of gamma; ``None`` when not in the model."""
        return self._effect_se("covariate")

    @property
    def judge_discrimination(self) -> Floats:
        """Discrimination d of each judge, with geometric mean 1, shape (K,)."""
        model = self._model
        return model.discrimination(self._optimum.beta) if isinstance(model, ExtendedModel) else np.ones(1)

    @property
    def tie_parameter(self) -> float | None:
        """Davidson's nu: equal items tie with probability nu / (2 + nu); ``None`` when ties are not modelled."""
        return float(np.exp(self._effect("tie"))) if "tie" in self._model.effects else None

    @property
    def tie_parameter_log_se(self) -> float | None:
        """Standard error of log nu; ``None`` when ties are not modelled."""
        return self._effect_se("tie")

    def _effect(self, name: str) -> float:
        effects = self._model.effects
        return float(self._optimum.beta[self._model.n_free + effects.index(name)]) if name in effects else 0.0

    def _effect_se(self, name: str) -> float | None:
        effects = self._model.effects
        if name not in effects:
            return None
        place = effects.index(name)
        return float(np.sqrt(self.information.effects_covariance[place, place]))

    # Uncertainty

    @cached_property
    def information(self) -> Information:
        """Negative Hessian at the optimum; its locations are the items that are not fixed exactly."""
        return self._model.information(self._optimum)

    @cached_property
    def _free(self) -> Ints:
        return self._model.free if isinstance(self._model, ExtendedModel) else np.arange(len(self.theta))

    @cached_property
    def _variances(self) -> tuple[Floats, float]:
        variances, error = self.information.variances()
        return self._of_all(variances), error

    def _of_all(self, free_variances: Floats) -> Floats:
        """Return the variance of every item, 0 for those that are fixed exactly."""
        variances = np.zeros(len(self.theta))
        variances[self._free] = np.maximum(free_variances, 0.0)
        return variances

    @property
    def se(self) -> Floats:
        """Standard errors of theta in logits, shape (n,): no item is a reference, none is capped; fixed items have theirs.

        Inside each component locations sum to 0; an item without comparisons has the prior's standard deviation.
        """
        return np.asarray(np.sqrt(self._variances[0]), dtype=np.float64)

    def exact_se(self) -> Floats:
        """Return exact standard errors whatever the number of items: above 3 000, n^2 memory and n^3 time."""
        return np.asarray(np.sqrt(self._of_all(self.information.variances(exact=True)[0])), dtype=np.float64)

    @property
    def se_error(self) -> float:
        """Relative error of the standard errors, root mean square over items: 0 where they are exact, up to 3 000 items."""
        return self._variances[1]

    def covariance(self, items: ArrayLike | None = None, *, clustered: bool = False) -> Floats:
        """Return the covariance of theta, or of the ``items`` named, in square logits.

        Args:
            items: Indices of items, shape (k,); all by default, which takes n^2 memory.
            clustered: Whether verdicts on one unordered pair count as correlated (sandwich estimator; up to 3 000 items).

        """
        wanted = np.arange(len(self.theta)) if items is None else np.asarray(items, dtype=np.int64)
        place = np.full(len(self.theta), -1)
        place[self._free] = np.arange(len(self._free))
        is_free = place[wanted] >= 0
        result = np.zeros((len(wanted), len(wanted)))
        chosen = place[wanted[is_free]]
        if clustered:
            block = clustered_covariance(self._model, self._optimum, self.information)[np.ix_(chosen, chosen)]
        else:
            block = self.information.covariance(None if items is None else chosen)
        result[np.ix_(is_free, is_free)] = block
        return result

    def se_difference(self, i: int, j: int) -> float:
        """Return the standard error of ``theta[i] - theta[j]`` in logits.

        Between two components no verdict ties i to j: the prior alone does, and under maximum likelihood nothing (``inf``).
        """
        c = self.covariance([i, j])
        variance = c[0, 0] + c[1, 1] - 2 * c[0, 1]
        a, b = self.components[i], self.components[j]
        if a != b and self.options.fixed is None:
            sizes = self._model.network.component_sizes
            variance += sum(self.prior_sd**2 / sizes[k] for k in (a, b) if sizes[k] > 1)
        return float(np.sqrt(max(variance, 0.0)))

    # More fits

    def refit(
        self, first_won: ArrayLike | None = None, *, keep: ArrayLike | None = None, prior_sd: PriorSd | Literal["same"] = "same"
    ) -> "BradleyTerryFit":
        """Fit the same model again.

        Args:
            first_won: Other verdicts on the same comparisons, shape (m,).
            keep: Mask or indices of the comparisons to use.
            prior_sd: As in :func:`fit_bradley_terry`; the value of this fit by default.

        Raises:
            ScalingError: as :func:`fit_bradley_terry`.

        """
        sd: PriorSd = (None if self.prior_sd == inf else self.prior_sd) if prior_sd == "same" else prior_sd
        return _fit(self.comparisons.changed(first_won, keep), replace(self.options, prior_sd=sd))

    def test(self, term: Term) -> LikelihoodRatio:
        """Test whether a term of the model is needed, by a likelihood ratio at the same sigma.

        Raises:
            ScalingError: the term is not in the model.

        """
        comparisons, options = self.comparisons, self.options
        is_there = {
            "position_effect": options.position_effect,
            "covariate": comparisons.covariate is not None,
            "discrimination": comparisons.n_judges > 1 and not options.common_discrimination,
        }
        if not is_there[term]:
            raise ScalingError(f"{term} is not in the model, so it can not be tested")
        degrees = comparisons.n_judges - 1 if term == "discrimination" else 1
        without = replace(options, prior_sd=None if self.prior_sd == inf else self.prior_sd)
        if term == "position_effect":
            without = replace(without, position_effect=False)
        elif term == "discrimination":
            without = replace(without, common_discrimination=True)
        else:
            comparisons = replace(comparisons, covariate=None)
        smaller = _fit(comparisons, without)
        statistic = max(2 * (self._penalised - smaller._penalised), 0.0)
        return LikelihoodRatio(statistic, degrees, float(chdtrc(degrees, statistic)))

    @property
    def _penalised(self) -> float:
        deviation = self._model.deviation(self._optimum.beta)
        return self.log_likelihood - float(deviation @ deviation) / self.prior_sd**2 / 2

    def summary(self) -> str:
        """Return the fit in a few lines of text."""
        n, m = len(self.theta), len(self.comparisons.first)
        sigma = "no prior (maximum likelihood)" if self.prior_sd == inf else f"sigma {self.prior_sd:.3f} logits"
        estimated = " (estimated)" if self.options.prior_sd == "estimate" else ""
        lines = [
            f"{n} items, {m} comparisons; {sigma}{estimated}",
            f"log-likelihood {self.log_likelihood:.4f}, gradient norm {self.gradient_norm:.1e}",
        ]
        for name, value, error, term in (
            ("position effect", self.position_effect, self.position_effect_se, "position_effect"),
            ("covariate effect", self.covariate_effect, self.covariate_effect_se, "covariate"),
        ):
            if error is not None:
                test = self.test(term)  # type: ignore[arg-type]
                lines.append(f"{name} {value:+.3f} (SE {error:.3f}, p {test.p_value:.3g}) logits")
        if len(self.judge_discrimination) > 1:
            lines.append("discrimination of judges: " + ", ".join(f"{d:.2f}" for d in self.judge_discrimination))
        n_components = len(self._model.network.component_sizes)
        if n_components > 1:
            lines.append(f"WARNING: {n_components} groups of items that no comparison connects; each is centred on 0 by itself")
        if len(self.separated_items):
            lines.append(f"won or lost everything, located by the prior: items {_listed(self.separated_items)}")
        if len(self.isolated_items):
            lines.append(f"without comparisons: items {_listed(self.isolated_items)}")
        return "\n".join(lines)


def fit_bradley_terry(
    first: ArrayLike,
    second: ArrayLike,
    first_won: ArrayLike,
    *,
    judge: ArrayLike | None = None,
    weight: ArrayLike | None = None,
    covariate: ArrayLike | None = None,
    prior_sd: PriorSd = "estimate",
    position_effect: bool = True,
    ties: Literal["davidson"] | None = None,
    fixed: Mapping[int, float | tuple[float, float]] | None = None,
    n_items: int | None = None,
    firth: bool = False,
) -> BradleyTerryFit:
    """Scale paired comparisons.

    Args:
        first: Index of the item shown first in each comparison, integers from 0, shape (m,).
        second: Index of the other item, shape (m,).
        first_won: 1 where the first item won and 0 where the second did, shape (m,). Between them, a probability: a tie as
            0.5, or what a judge says itself.
        judge: Index of the judge of each comparison, from 0, shape (m,); with several, each has a discrimination.
        weight: Weight of each comparison, shape (m,); all 1 by default.
        covariate: x of each comparison, shape (m,), such as :func:`length_difference`.
        prior_sd: sigma in logits, from 1e-6 to 1e6; ``"estimate"`` for its empirical-Bayes estimate (Laplace marginal
            likelihood with a weak prior, which keeps it off 0); ``None`` for maximum likelihood.
        position_effect: Whether delta is in the model.
        ties: ``"davidson"`` models verdicts of 0.5 as ties of their own probability (Davidson 1970); else they are half a
            win for either.
        fixed: Items whose location is given: ``{item: theta}`` or ``{item: (theta, se)}``. The scale is then theirs, and the
            other items' prior has a mean that is estimated.
        n_items: Number of items; one more than the largest index by default.
        firth: Whether maximum likelihood is penalised by half the log determinant of the information (Firth 1993).

    Raises:
        ScalingError: no comparisons, an item compared with itself, shapes that differ, values out of range, or verdicts that
            leave locations open: without a prior, items that won or lost everything against the rest.

    """
    comparisons = Comparisons.of(first, second, first_won, judge=judge, weight=weight, covariate=covariate, n_items=n_items)
    return _fit(comparisons, Options(prior_sd, position_effect, ties, fixed, firth))


def length_difference(n_words: ArrayLike, first: ArrayLike, second: ArrayLike) -> Floats:
    """Return the covariate ``tanh((length of first - length of second) / sd)``, sd that of the differences; shape (m,).

    A judge that prefers long texts shows in its coefficient, and so do long texts that are better. Form after Dubois et al.
    2024 (arXiv 2404.04475).
    """
    words = np.asarray(n_words, dtype=np.float64)
    difference = words[np.asarray(first)] - words[np.asarray(second)]
    sd = float(difference.std())
    return np.asarray(np.tanh(difference / sd if sd > 0 else difference), dtype=np.float64)


def _fit(comparisons: Comparisons, options: Options) -> BradleyTerryFit:
    network = Network.of(comparisons)
    is_ml = options.prior_sd is None
    if options.firth and not is_ml:
        raise ScalingError("firth is a penalty in place of a prior: give prior_sd=None with it")
    if is_ml and not options.firth:
        _refuse_one_sided(network)
    model = _model(comparisons, network, options)
    if options.prior_sd == "estimate":
        sigma = estimate_prior_sd(model)
    else:
        sigma = inf if options.prior_sd is None else float(options.prior_sd)
        if not (is_ml or LEAST_PRIOR_SD <= sigma <= LARGEST_PRIOR_SD):
            raise ScalingError(f"prior_sd must lie in 1e-6..1e6 logits, and is {options.prior_sd}")
    optimum = model.maximise(sigma)
    if not optimum.has_converged and (sigma < inf or options.firth):
        raise ScalingError(f"no convergence: gradient norm {optimum.gradient_norm:.1e} (use a narrower prior_sd)")
    theta = model.theta(optimum.beta) if isinstance(model, ExtendedModel) else optimum.beta[: network.n_items]
    fit = BradleyTerryFit(theta, sigma, optimum.gradient_norm, comparisons, options, model, optimum)
    if is_ml and not options.firth:
        _refuse_infinite(fit)
    return fit


def _model(comparisons: Comparisons, network: Network, options: Options) -> PlainModel | ExtendedModel:
    if options.ties not in (None, "davidson"):
        raise ScalingError(f"ties must be None or 'davidson', not {options.ties!r}")
    if options.ties and not np.isin(comparisons.first_won, (0.0, 0.5, 1.0)).all():
        raise ScalingError("with ties='davidson' every verdict must be 1, 0, or 0.5 for a tie")
    if options.common_discrimination:
        comparisons = replace(comparisons, judge=None)
    fixed = FixedItems.of(options.fixed, comparisons.n_items) if options.fixed is not None else None
    if options.firth and (fixed or options.ties or comparisons.n_judges > 1):
        raise ScalingError("firth goes with locations, position effect and covariate only")
    is_plain = not (fixed or options.ties or options.firth or comparisons.n_judges > 1 or comparisons.covariate is not None)
    if is_plain:
        return PlainModel(comparisons, network, options.position_effect)
    if fixed and len(fixed.items[fixed.se == 0]) == comparisons.n_items:
        raise ScalingError("every item is fixed: there is nothing to estimate")
    if fixed and options.prior_sd is None:
        _refuse_unanchored(network, fixed)
    return ExtendedModel(
        comparisons,
        network,
        options.position_effect,
        options.ties is not None,
        fixed,
        options.firth,
        has_mean=fixed is not None and options.prior_sd is not None and len(fixed.items) < comparisons.n_items,
    )


def _refuse_one_sided(network: Network) -> None:
    if network.n_one_sided:
        raise ScalingError(
            f"items {_listed(network.separated_items)} won or lost all their comparisons, so that maximum likelihood puts "
            "them at infinity (leave prior_sd at 'estimate', or give one)"
        )


def _refuse_unanchored(network: Network, fixed: FixedItems) -> None:
    held = np.isin(network.components, network.components[fixed.items])
    if not held.all():
        raise ScalingError(
            f"items {_listed(np.flatnonzero(~held))} are connected with no fixed item, so that without a prior nothing places "
            "them on its scale (leave prior_sd at 'estimate', or give one)"
        )


def _refuse_infinite(fit: BradleyTerryFit) -> None:
    """Refuse an estimate on its way to infinity, which Newton's method leaves where the gradient is small enough."""
    optimum = fit._optimum
    if optimum.has_converged and (optimum.reach <= SUSPICIOUS_MARGIN or float(np.abs(fit.margin).max()) <= SUSPICIOUS_MARGIN):
        return
    components, groups = fit.components, dominance_groups(fit.comparisons)
    first_of = np.full(components.max() + 1, -1)
    first_of[components[::-1]] = groups[::-1]
    stray = np.flatnonzero(groups != first_of[components])
    if len(stray):
        raise ScalingError(
            f"items {_listed(stray)} won or lost everything against the others of their component, so that maximum "
            "likelihood has no finite optimum (leave prior_sd at 'estimate', or give one)"
        )
    if abs(fit.position_effect) > SUSPICIOUS_MARGIN or not optimum.has_converged:
        raise ScalingError(
            "the position effect and the locations have no finite maximum-likelihood estimate together (leave prior_sd at "
            "'estimate', or give one)"
        )


def _listed(items: NDArray[np.integer], most: int = 8) -> str:
    names = ", ".join(str(int(item)) for item in items[:most])
    return names if len(items) <= most else f"{names} and {len(items) - most} more"
