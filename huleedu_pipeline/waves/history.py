"""Evidence: from a batch's requests and their outcomes to what was known after each wave.

Worked out from rows each time and never counted along, so that it is the same after a crash, and years later. Not here:
what follows from it (:mod:`.decide`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import floor
from typing import TYPE_CHECKING

import numpy as np

from huleedu_pipeline.comparisons.graphs import n_components
from huleedu_pipeline.waves.decide import Rules, WaveState

if TYPE_CHECKING:
    from huleedu_pipeline.scaling import BradleyTerryFit

SHARE_BEFORE = 0.9


@dataclass(frozen=True)
class Asked:
    """A request as its rows tell it.

    Attributes:
        essay_a_id: Essay shown first.
        essay_b_id: Essay shown second.
        wave: Wave that it belongs to, from 1.
        has_ended: Whether it has its outcome.
        first_won: Probability that the first essay is better by its verdict, .5 for a tie; ``None`` without a verdict.
        cost_usd: What its attempts cost, in USD; ``None`` where that is not known.
        n_attempts: How often it was asked.

    """

    essay_a_id: str
    essay_b_id: str
    wave: int
    has_ended: bool
    first_won: float | None
    cost_usd: float | None = 0.0
    n_attempts: int = 1

    @property
    def pair(self) -> frozenset[str]:
        """The two essays, in no order."""
        return frozenset((self.essay_a_id, self.essay_b_id))


@dataclass(frozen=True)
class Money:
    """The batch's limit, and the most that one more comparison may cost; both in USD."""

    max_cost_usd: float
    each_usd: float

    def remaining(self, asked: Sequence[Asked]) -> float:
        """Return what is left of the limit; an attempt of unknown price counts as the most that it can have cost."""
        known = sum(request.cost_usd for request in asked if request.cost_usd is not None)
        unknown = sum(request.n_attempts for request in asked if request.cost_usd is None)
        return self.max_cost_usd - known - unknown * self.each_usd

    def n_affordable(self, asked: Sequence[Asked]) -> int | None:
        """Return how many more comparisons the limit has room for; ``None`` when they cost nothing."""
        return max(floor(self.remaining(asked) / self.each_usd), 0) if self.each_usd > 0 else None


def wave_states(asked: Sequence[Asked], n_essays: int, rules: Rules, money: Money | None = None) -> list[WaveState]:
    """Return what was known after each wave.

    Args:
        asked: All requests of the batch, in the order in which they were planned.
        n_essays: Essays of the batch, anchors included.
        rules: By what the batch is judged to the end.
        money: Its limit in USD, if it has one.

    """
    return _Evidence(asked, n_essays, rules, money).states()


def last_state(asked: Sequence[Asked], n_essays: int, rules: Rules, money: Money | None = None) -> WaveState:
    """Return what is known now; arguments as of :func:`wave_states`."""
    evidence = _Evidence(asked, n_essays, rules, money)
    return evidence.after(evidence.waves[-1] if evidence.waves else 0)


def fit_verdicts(asked: Sequence[Asked], essay_ids: Sequence[str]) -> "BradleyTerryFit | None":
    """Scale the verdicts as the batch will be scaled in the end; ``None`` when there are none."""
    from huleedu_pipeline.scaling import fit_bradley_terry

    judged = [request for request in asked if request.first_won is not None]
    if not judged:
        return None
    place = {essay_id: index for index, essay_id in enumerate(essay_ids)}
    return fit_bradley_terry(
        [place[request.essay_a_id] for request in judged],
        [place[request.essay_b_id] for request in judged],
        [float(request.first_won or 0.0) for request in judged],
        n_items=len(essay_ids),
    )


def connects(asked: Sequence[Asked], n_essays: int) -> bool:
    """Whether the verdicts connect so many essays, directly or through others."""
    judged = [request for request in asked if request.first_won is not None]
    place = {essay_id: index for index, essay_id in enumerate(essays_of(judged))}
    if len(place) < n_essays:
        return False
    pairs = np.array([(place[request.essay_a_id], place[request.essay_b_id]) for request in judged], dtype=np.int64)
    return n_components(n_essays, pairs) == 1


def essays_of(asked: Sequence[Asked]) -> list[str]:
    """Return the essays that occur in the requests, sorted."""
    return sorted({essay_id for request in asked for essay_id in request.pair})


@dataclass(frozen=True)
class _Evidence:
    asked: Sequence[Asked]
    n_essays: int
    rules: Rules
    money: Money | None

    @cached_property
    def waves(self) -> list[int]:
        return sorted({request.wave for request in self.asked})

    @cached_property
    def essay_ids(self) -> list[str]:
        return essays_of(self.asked)

    def states(self) -> list[WaveState]:
        return [self.after(wave) for wave in self.waves]

    def after(self, wave: int) -> WaveState:
        from huleedu_pipeline.scaling import reliability

        so_far = [request for request in self.asked if request.wave <= wave]
        judged = [request for request in so_far if request.first_won is not None]
        # Nothing is scaled that nothing can follow from: most calls come while outcomes are still missing.
        fit = fit_verdicts(judged, self.essay_ids) if all(request.has_ended for request in so_far) else None
        return WaveState(
            wave=wave,
            n_essays=self.n_essays,
            n_requests=len(so_far),
            n_outcomes=sum(request.has_ended for request in so_far),
            n_succeeded=len(judged),
            n_pairs_asked=len({request.pair for request in so_far}),
            n_pairs_judged=len({request.pair for request in judged}),
            n_resampling_passes=self._n_resampling_passes(wave),
            is_connected=fit is not None and len(self.essay_ids) == self.n_essays and not fit.components.any(),
            max_score_change=None if fit is None else self._change(fit, wave, judged),
            mean_se=None if fit is None else float(fit.se.mean()),
            reliability=None if fit is None else float(reliability(fit).marginal),
            n_affordable=None if self.money is None else self.money.n_affordable(so_far),
        )

    def _change(self, fit: "BradleyTerryFit", wave: int, judged: Sequence[Asked]) -> float | None:
        if self.rules.is_single_wave:
            earlier = judged[: round(SHARE_BEFORE * len(judged))]
        else:
            earlier = [request for request in judged if request.wave < wave]
        before = fit_verdicts(earlier, self.essay_ids)
        return None if before is None else float(np.abs(fit.theta - before.theta).max())

    def _n_resampling_passes(self, wave: int) -> int:
        seen: set[frozenset[str]] = set()
        n_passes = 0
        for number in self.waves:
            pairs = {request.pair for request in self.asked if request.wave == number}
            n_passes += number <= wave and pairs <= seen
            seen |= pairs
        return n_passes
