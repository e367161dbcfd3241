"""Deciding after a wave: a pure function of what the rows say, total over its inputs.

Not here: where the evidence comes from (:mod:`.history`), and which pairs are asked for (:mod:`.next_wave`).
"""

from dataclasses import dataclass
from enum import StrEnum
from math import ceil

from huleedu_pipeline.comparisons import PairGenerationMode
from huleedu_pipeline.judging.guard import MIN_SUCCESS_RATE

# A first wave with fewer leaves essays that a single failed request cuts off from the others.
LEAST_COMPARISONS_PER_ESSAY = 4


class Decision(StrEnum):
    """What becomes of a batch; the names are those of the pipeline that this one follows."""

    WAIT_FOR_CALLBACKS = "WAIT_FOR_CALLBACKS"
    REQUEST_MORE_COMPARISONS = "REQUEST_MORE_COMPARISONS"
    FINALIZE_SCORING = "FINALIZE_SCORING"
    FINALIZE_FAILURE = "FINALIZE_FAILURE"
    NO_OP = "NO_OP"


class Reason(StrEnum):
    """Why."""

    CLOSED = "closed"
    NOTHING_PLANNED = "nothing_planned"
    OUTCOMES_MISSING = "outcomes_missing"
    NO_SUCCESS = "no_success"
    SUCCESS_RATE = "success_rate_too_low"
    SINGLE_WAVE = "single_wave_complete"
    PRECISE = "precise"
    STABLE = "stable"
    CAP = "max_comparisons"
    BUDGET = "max_cost_usd"
    COVERAGE = "coverage"
    RESAMPLING = "resampling"
    GRAPH_EXHAUSTED = "graph_exhausted"


@dataclass(frozen=True)
class Rules:
    """By what a batch is judged to the end.

    Attributes:
        max_comparisons: Most requests of the batch: a cap, never an obligation.
        waves: In how many waves of about equal size the cap is used up.
        is_single_wave: Whether one wave is all: the provider's batch jobs, and people. Nothing then stops it early.
        min_comparisons_for_stability_check: Fewest outcomes before anything stops a batch early; above the cap, nothing does.
        score_stability_threshold: Largest change of a location since the wave before that counts as stable, in logits.
        target_mean_se: Mean standard error to reach, in logits. Where a target is set, targets stop the batch, all of them
            together, and stability does not: scores that hardly move are not yet scores that are known.
        target_reliability: Marginal reliability to reach, 0..1.
        min_success_rate: Share of requests that must have brought a verdict for a batch to be scored.
        min_resampling_net_size: Up to so many essays a net is small.
        max_resampling_passes_for_small_net: How often the pairs of a small net may be asked again.
        max_resampling_passes_for_regular_batch: The same for larger ones.

    """

    max_comparisons: int
    waves: int = 4
    is_single_wave: bool = False
    min_comparisons_for_stability_check: int = 12
    score_stability_threshold: float = 0.025
    target_mean_se: float | None = None
    target_reliability: float | None = None
    min_success_rate: float = MIN_SUCCESS_RATE
    min_resampling_net_size: int = 3
    max_resampling_passes_for_small_net: int = 4
    max_resampling_passes_for_regular_batch: int = 1

    def max_resampling_passes(self, n_essays: int) -> int:
        """Return how often all pairs of so many essays may be asked again."""
        if n_essays <= self.min_resampling_net_size:
            return self.max_resampling_passes_for_small_net
        return self.max_resampling_passes_for_regular_batch


@dataclass(frozen=True)
class WaveState:
    """What is known after a wave; all counts are of the whole batch up to it.

    Attributes:
        wave: Number of the last wave that was planned, from 1; 0 when none was.
        n_essays: Essays, anchors included.
        n_requests: Requests planned.
        n_outcomes: Requests that have ended, their attempts used up.
        n_succeeded: Requests that ended with a verdict.
        n_pairs_asked: Different unordered pairs among the requests.
        n_pairs_judged: Different unordered pairs with a verdict: a failed request covers nothing.
        n_resampling_passes: Waves that asked only for pairs asked before.
        is_connected: Whether the verdicts connect all essays.
        max_score_change: Largest change of a location since the wave before, in logits, or of a single wave since nine
            tenths of its verdicts; ``None`` when there is nothing to compare with.
        mean_se: Mean standard error of the locations in logits; ``None`` without verdicts.
        reliability: Marginal reliability, 0..1; ``None`` without verdicts.
        n_affordable: Comparisons that the limit in USD still has room for; ``None`` without a limit.
        is_closed: Whether ranking has begun, or the batch has ended: nothing more is decided.

    """

    wave: int
    n_essays: int
    n_requests: int
    n_outcomes: int
    n_succeeded: int
    n_pairs_asked: int
    n_pairs_judged: int
    n_resampling_passes: int
    is_connected: bool
    max_score_change: float | None
    mean_se: float | None
    reliability: float | None
    n_affordable: int | None = None
    is_closed: bool = False

    @property
    def n_possible_pairs(self) -> int:
        """Different unordered pairs that there are."""
        return self.n_essays * (self.n_essays - 1) // 2

    @property
    def success_rate(self) -> float | None:
        """Share of the outcomes that are verdicts; ``None`` before there are any."""
        return self.n_succeeded / self.n_outcomes if self.n_outcomes else None

    @property
    def coverage_fraction(self) -> float:
        """Share of all pairs with a verdict; 1 where there are no pairs."""
        return self.n_pairs_judged / self.n_possible_pairs if self.n_possible_pairs else 1.0


@dataclass(frozen=True)
class ContinuationDecision:
    """What is to be done and why; ``n_more`` comparisons are requested, new pairs or pairs once more as ``reason`` says."""

    decision: Decision
    reason: Reason
    n_more: int = 0

    @property
    def is_final(self) -> bool:
        """Whether no more is asked for, and every outcome is in."""
        return self.decision in (Decision.FINALIZE_SCORING, Decision.FINALIZE_FAILURE)

    @property
    def mode(self) -> PairGenerationMode:
        """How the pairs of the next wave are found."""
        return "resampling" if self.reason is Reason.RESAMPLING else "coverage"


def decide(state: WaveState, rules: Rules) -> ContinuationDecision:
    """Decide whether a batch waits, asks for more, is scored or has failed.

    In this order: nothing is decided twice or too early; a batch that can no longer reach the success rate has failed, at
    once, because more money would not mend it; then what stops it early, the caps, new pairs, pairs once more, and the
    end of the graph, which is a decision and no hang.
    """
    if state.is_closed:
        return ContinuationDecision(Decision.NO_OP, Reason.CLOSED)
    if state.n_requests == 0:
        return ContinuationDecision(Decision.NO_OP, Reason.NOTHING_PLANNED)
    if state.n_outcomes < state.n_requests:
        return ContinuationDecision(Decision.WAIT_FOR_CALLBACKS, Reason.OUTCOMES_MISSING)
    if state.n_succeeded == 0:
        return ContinuationDecision(Decision.FINALIZE_FAILURE, Reason.NO_SUCCESS)
    n_left = _n_left(state, rules)
    if (state.n_succeeded + n_left) / (state.n_requests + n_left) < rules.min_success_rate:
        return ContinuationDecision(Decision.FINALIZE_FAILURE, Reason.SUCCESS_RATE)
    if rules.is_single_wave:
        return ContinuationDecision(Decision.FINALIZE_SCORING, Reason.SINGLE_WAVE)
    early = _early_stop(state, rules)
    if early is not None:
        return ContinuationDecision(Decision.FINALIZE_SCORING, early)
    if state.n_requests >= rules.max_comparisons:
        return ContinuationDecision(Decision.FINALIZE_SCORING, Reason.CAP)
    if state.n_affordable is not None and state.n_affordable <= 0:
        return ContinuationDecision(Decision.FINALIZE_SCORING, Reason.BUDGET)
    if _n_new_pairs(state):
        n_more = min(_wave_size(state, rules), _n_new_pairs(state), n_left)
        return ContinuationDecision(Decision.REQUEST_MORE_COMPARISONS, Reason.COVERAGE, n_more)
    if n_left:
        n_more = min(state.n_possible_pairs, n_left)
        return ContinuationDecision(Decision.REQUEST_MORE_COMPARISONS, Reason.RESAMPLING, n_more)
    return ContinuationDecision(Decision.FINALIZE_SCORING, Reason.GRAPH_EXHAUSTED)


def first_wave_size(rules: Rules, n_essays: int) -> int:
    """Return the size of the first wave: all there is of a single wave, else a share of the cap that connects all essays."""
    n_possible = n_essays * (n_essays - 1) // 2
    if rules.is_single_wave:
        return min(rules.max_comparisons, n_possible)
    share = max(ceil(rules.max_comparisons / rules.waves), ceil(LEAST_COMPARISONS_PER_ESSAY * n_essays / 2))
    return min(share, rules.max_comparisons, n_possible)


def most_comparisons(rules: Rules, n_essays: int) -> int:
    """Return how many comparisons so many essays can come to at most under the rules."""
    passes = 0 if rules.is_single_wave else rules.max_resampling_passes(n_essays)
    return min(rules.max_comparisons, n_essays * (n_essays - 1) // 2 * (1 + passes))


def _n_left(state: WaveState, rules: Rules) -> int:
    """Return how many comparisons may still be asked for, by cap, money and graph together."""
    if rules.is_single_wave:
        return 0
    passes = max(rules.max_resampling_passes(state.n_essays) - state.n_resampling_passes, 0)
    by_graph = _n_new_pairs(state) + passes * state.n_possible_pairs
    by_cap = max(rules.max_comparisons - state.n_requests, 0)
    by_money = by_cap if state.n_affordable is None else max(state.n_affordable, 0)
    return min(by_graph, by_cap, by_money)


def _n_new_pairs(state: WaveState) -> int:
    return max(state.n_possible_pairs - state.n_pairs_asked, 0)


def _wave_size(state: WaveState, rules: Rules) -> int:
    """Return an equal share of what is left of the cap, so that no small rest makes a wave of its own."""
    left = rules.max_comparisons - state.n_requests
    return ceil(left / max(1, round(left * rules.waves / rules.max_comparisons)))


def _early_stop(state: WaveState, rules: Rules) -> Reason | None:
    rate = state.success_rate
    if rate is None or rate < rules.min_success_rate or not state.is_connected:
        return None
    if state.n_outcomes < rules.min_comparisons_for_stability_check:
        return None
    if rules.target_mean_se is not None or rules.target_reliability is not None:
        return Reason.PRECISE if _is_precise(state, rules) else None
    is_stable = state.max_score_change is not None and state.max_score_change <= rules.score_stability_threshold
    return Reason.STABLE if is_stable else None


def _is_precise(state: WaveState, rules: Rules) -> bool:
    if state.mean_se is None or state.reliability is None:
        return False
    has_se = rules.target_mean_se is None or state.mean_se <= rules.target_mean_se
    return has_se and (rules.target_reliability is None or state.reliability >= rules.target_reliability)
