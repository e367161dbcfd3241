"""The planner: how many comparisons an assessment needs, what they will tell, and what they cost.

The number of comparisons and what to expect of them come from the closed form (:mod:`.scaling.expected_precision`); a
simulation of the very design that would be asked, judged by a simulated judge and scaled as verdicts are, backs it or
corrects it. Prices come from the dated list. Needs no essays, no settings and no network. Not here: the price of a batch
that exists, which ``huleedu estimate`` works out from its texts.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from math import ceil
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import kendalltau

from huleedu_pipeline.comparisons import plan_single_wave
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.judging.costs import FLEX, estimate_usd
from huleedu_pipeline.judging.manifest import manifest
from huleedu_pipeline.scaling import credible_intervals, fit_bradley_terry, reliability
from huleedu_pipeline.scaling.expected_precision import (
    comparisons_for_reliability,
    expected_agreement,
    expected_reliability,
    expected_se,
)
from huleedu_pipeline.simulation import SimulatedJudge, draw_locations, simulate_verdicts

Mode = Literal["provider_batch_api", "per_request", "per_request, flex"]

TARGET_RELIABILITY = 0.8
SPREAD = 1.5
N_REPLICATIONS = 20
# What a comparison tells hardly depends on how many essays there are; more than these are not simulated.
MOST_SIMULATED_ESSAYS = 300
# A judge with a slight liking for the first place, as models have; the scaling estimates it.
JUDGE = SimulatedJudge(position_effect=0.3)
OTHER_SPREADS = (0.7, 1.0, 1.5, 2.0, 3.0)


class AssessmentPlanError(HuleeduError, ValueError):
    """A plan that can not be made; the message says what would have to change."""


@dataclass(frozen=True)
class RequestSize:
    """How large one request is assumed to be.

    Attributes:
        essay_words: Words of an essay.
        tokens_per_word: Tokens of a word; English prose has about 1.3, Swedish about 1.6.
        prompt_tokens: Tokens of everything but the two essays: system prompt, assignment, rubric, how to answer.
        reply_tokens: Tokens of a reply, thinking included where the model thinks.

    """

    essay_words: int = 300
    tokens_per_word: float = 1.5
    prompt_tokens: int = 1000
    reply_tokens: int = 150

    @property
    def input_tokens(self) -> int:
        """Tokens read for one comparison."""
        return self.prompt_tokens + round(2 * self.essay_words * self.tokens_per_word)


@dataclass(frozen=True)
class Cost:
    """What all comparisons cost by one model in one mode with nothing cached; ``usd`` is ``None`` for an unknown price."""

    model: str
    provider: str
    mode: Mode
    usd: float | None


@dataclass(frozen=True)
class SimulatedAssessment:
    """What became of the plan in simulation, by a simulated judge; means over replications.

    Attributes:
        n_essays: Essays in each replication.
        n_replications: Replications.
        seed: Seed of the first; the others follow.
        true_reliability: Squared correlation of the estimated with the true locations.
        true_reliability_se: Its Monte-Carlo standard error.
        printed_reliability: Marginal reliability, the figure that would be printed.
        rank_correlation: Kendall's tau-b between estimated and true locations.
        se: Root mean square of the standard errors that would be printed, in logits.
        coverage: Share of essays whose 95 % credible interval holds the truth.

    """

    n_essays: int
    n_replications: int
    seed: int
    true_reliability: float
    true_reliability_se: float
    printed_reliability: float
    rank_correlation: float
    se: float
    coverage: float


@dataclass(frozen=True)
class AssessmentPlan:
    """Result of :func:`plan_assessment`.

    Attributes:
        n_essays: Essays.
        spread: Assumed standard deviation of their locations, in logits.
        target_reliability: What was asked for; ``None`` when the number of comparisons was given.
        n_comparisons: Comparisons to ask for, each pair at most once.
        expected_se: Expected standard error of a location, in logits.
        expected_reliability: Expected reliability.
        agreement_ceiling: How often verdicts on random pairs can name the better essay at this spread.
        n_comparisons_at: For other spreads, the comparisons that reach the same reliability: the spread is a guess until the
            first verdicts are in. ``None`` where there are not that many pairs.
        request: Assumed size of a request.
        costs: Cost of all comparisons by model and mode, cheapest first; of models that have a price and will stay.
        prices_as_of: Date of the price list.
        simulation: What became of the plan in simulation; ``None`` when none was asked for.

    """

    n_essays: int
    spread: float
    target_reliability: float | None
    n_comparisons: int
    expected_se: float
    expected_reliability: float
    agreement_ceiling: float
    n_comparisons_at: dict[float, int | None]
    request: RequestSize
    costs: tuple[Cost, ...]
    prices_as_of: date
    simulation: SimulatedAssessment | None

    @property
    def comparisons_per_essay(self) -> float:
        """Comparisons in which each essay takes part, on average; two essays share each."""
        return 2 * self.n_comparisons / self.n_essays

    @property
    def n_comparisons_by_simulation(self) -> int | None:
        """Comparisons that the target takes by the simulation, or ``None`` without one.

        Signal to noise, ``r / (1 - r)``, grows in proportion to comparisons: one simulation tells the factor.
        """
        if self.simulation is None or self.target_reliability is None:
            return None
        reached = max(self.simulation.true_reliability, 0.01)
        wanted = self.target_reliability / (1 - self.target_reliability)
        return ceil(self.n_comparisons * wanted * (1 - reached) / reached)


def plan_assessment(
    n_essays: int,
    target_reliability: float | None = None,
    *,
    comparisons_per_essay: float | None = None,
    spread: float = SPREAD,
    request: RequestSize | None = None,
    n_replications: int = N_REPLICATIONS,
    seed: int = 1,
    on_replication: Callable[[], None] | None = None,
) -> AssessmentPlan:
    """Plan an assessment in one wave of random pairs.

    Args:
        n_essays: Essays, anchors included.
        target_reliability: Reliability to reach, 0..1; .8 unless comparisons are given.
        comparisons_per_essay: Comparisons of each essay, in place of a target.
        spread: Standard deviation of the essays' locations in logits. Earlier batches tell (``prior_sd``); so does
            agreement (:func:`.expected_agreement`). Without either, 1.5 is a careful guess for a class of one year.
        request: Size of a request, for the costs.
        n_replications: Simulated assessments, 0 for none.
        seed: Same seed, same simulation.
        on_replication: Called after each simulated assessment.

    Raises:
        AssessmentPlanError: values out of range, both a target and comparisons, or more comparisons than there are pairs.

    """
    if n_essays < 2:
        raise AssessmentPlanError(f"{n_essays} essays can not be compared (at least 2 are needed)")
    if comparisons_per_essay is None:
        target_reliability = TARGET_RELIABILITY if target_reliability is None else target_reliability
    elif target_reliability is not None:
        raise AssessmentPlanError(
            "both a target reliability and comparisons per essay are given (give one: it tells the other)"
        )
    size = RequestSize() if request is None else request
    try:
        ceiling = expected_agreement(spread)
        if target_reliability is not None:
            each = comparisons_for_reliability(target_reliability, spread)
        else:
            each = comparisons_per_essay or 0.0
    except ValueError as error:
        raise AssessmentPlanError(str(error)) from None
    n_comparisons = _n_pairs(n_essays, each, spread)
    each = 2 * n_comparisons / n_essays
    reached = expected_reliability(each, spread)
    simulation = None
    if n_replications:
        simulation = _simulate(n_essays, each, spread, n_replications, seed, on_replication)
    return AssessmentPlan(
        n_essays=n_essays,
        spread=spread,
        target_reliability=target_reliability,
        n_comparisons=n_comparisons,
        expected_se=expected_se(each, spread),
        expected_reliability=reached,
        agreement_ceiling=ceiling,
        n_comparisons_at=_by_spread(n_essays, target_reliability or reached),
        request=size,
        costs=_costs(n_comparisons, size),
        prices_as_of=manifest().as_of,
        simulation=simulation,
    )


def priced_models() -> tuple[str, ...]:
    """Return the models that a plan prices: those that have a price and that nobody means to shut down."""
    return tuple(name for name, entry in manifest().models.items() if entry.tiers and not entry.is_leaving)


def _n_pairs(n_essays: int, per_essay: float, spread: float) -> int:
    wanted = _wanted(n_essays, per_essay)
    if wanted <= _all_pairs(n_essays):
        return wanted
    most = expected_reliability(n_essays - 1, spread)
    raise AssessmentPlanError(
        f"{n_essays} essays have {_all_pairs(n_essays)} pairs, and {wanted} comparisons are needed: all pairs together reach a "
        f"reliability of about {most:.2f} (ask for less, or judge more essays together)"
    )


def _by_spread(n_essays: int, target: float) -> dict[float, int | None]:
    wanted = {spread: _wanted(n_essays, comparisons_for_reliability(target, spread)) for spread in OTHER_SPREADS}
    return {spread: n if n <= _all_pairs(n_essays) else None for spread, n in wanted.items()}


def _wanted(n_essays: int, per_essay: float) -> int:
    """Return the comparisons that give each essay so many, and at least those that connect all essays."""
    return max(ceil(round(n_essays * per_essay / 2, 6)), n_essays - 1)


def _all_pairs(n_essays: int) -> int:
    return n_essays * (n_essays - 1) // 2


def _costs(n_comparisons: int, size: RequestSize) -> tuple[Cost, ...]:
    found = []
    for model in priced_models():
        entry = manifest().models[model]
        modes: list[Mode] = ["provider_batch_api", "per_request"]
        if manifest().providers[entry.provider].flex_factor is not None:
            modes.append("per_request, flex")
        for mode in modes:
            each = estimate_usd(
                model,
                input_tokens=size.input_tokens,
                output_tokens=size.reply_tokens,
                is_batch=mode == "provider_batch_api",
                service_tier=FLEX if mode == "per_request, flex" else None,
            )
            found.append(Cost(model, entry.provider, mode, None if each is None else each * n_comparisons))
    return tuple(sorted(found, key=lambda cost: (cost.usd is None, cost.usd or 0.0)))


def _simulate(
    n_essays: int, per_essay: float, spread: float, n_replications: int, seed: int, on_replication: Callable[[], None] | None
) -> SimulatedAssessment:
    n = min(n_essays, MOST_SIMULATED_ESSAYS)
    n_pairs = max(round(n * per_essay / 2), n - 1)
    rows = []
    for replication in range(n_replications):
        rng = np.random.default_rng([seed, replication])
        truth = draw_locations(n, spread, rng)
        pairs = plan_single_wave(n, n_pairs, seed + replication)
        first, second = np.array([pair.first for pair in pairs]), np.array([pair.second for pair in pairs])
        verdicts = simulate_verdicts(truth, first, second, rng, judges=[JUDGE])
        fit = fit_bradley_terry(first, second, verdicts, n_items=n)
        intervals = credible_intervals(fit)
        rows.append(
            (
                _squared_correlation(fit.theta, truth),
                reliability(fit).marginal,
                float(kendalltau(fit.theta, truth).statistic),
                float(np.mean(fit.se**2)),
                float(np.mean((intervals.lower <= truth) & (truth <= intervals.upper))),
            )
        )
        if on_replication is not None:
            on_replication()
    mean = np.mean(rows, axis=0)
    error = np.std([row[0] for row in rows], ddof=1) / np.sqrt(n_replications) if n_replications > 1 else float("nan")
    return SimulatedAssessment(
        n_essays=n,
        n_replications=n_replications,
        seed=seed,
        true_reliability=float(mean[0]),
        true_reliability_se=float(error),
        printed_reliability=float(mean[1]),
        rank_correlation=float(mean[2]),
        se=float(np.sqrt(mean[3])),
        coverage=float(mean[4]),
    )


def _squared_correlation(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    spread = np.std(x) * np.std(y)
    return 0.0 if spread == 0 else float((np.mean((x - x.mean()) * (y - y.mean())) / spread) ** 2)
