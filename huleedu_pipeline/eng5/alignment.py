"""Alignment: how far a judge's verdicts on graded anchors agree with the grades. Pure functions of rows; nothing is read.

Not here: diagnostics of anchors within a batch of pupils' essays (:mod:`huleedu_pipeline.grading.anchors`), which need
boundaries; here the anchors are all there is, and the judge is what is looked at.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from huleedu_pipeline.batch_scaling import BatchScaling, scale_batch
from huleedu_pipeline.comparisons.exposure import exposures
from huleedu_pipeline.eng5.alignment_models import (
    Alignment,
    AnchorResult,
    Consistency,
    DirectInversion,
    GradePair,
    InvertedVerdict,
    PositionEffect,
    RankAgreement,
    Share,
    VerdictLine,
)
from huleedu_pipeline.grading.scales import GradeScale
from huleedu_pipeline.scaling import order_consistency, repeat_consistency
from huleedu_pipeline.scaling.consistency import exact_interval

Row = Mapping[str, Any]

# Anchors with the same results have the same location, and the estimate leaves differences of rounding between them: they
# would be an order where there is a tie.
DECIMALS_OF_THETA = 6


@dataclass(frozen=True)
class KnownAnchor:
    """What is known of an anchor that the judge was not told."""

    label: str
    grade: str


@dataclass(frozen=True)
class PairTally:
    """All verdicts on two anchors, whatever the order; the wins are those of ``lower`` and ``higher``, by grade and label."""

    lower: str
    higher: str
    n_lower_won: int
    n_higher_won: int

    @property
    def n_verdicts(self) -> int:
        """Verdicts that one of the two won."""
        return self.n_lower_won + self.n_higher_won

    @property
    def winner(self) -> str | None:
        """Who won most of them; ``None`` when they are even."""
        if self.n_lower_won == self.n_higher_won:
            return None
        return self.lower if self.n_lower_won > self.n_higher_won else self.higher


def align(essays: Sequence[Row], judgements: Sequence[Row], anchors: Mapping[str, KnownAnchor], scale: GradeScale) -> Alignment:
    """Return what the verdicts on anchors say of the judge.

    Args:
        essays: Rows of the table ``essays`` of the batch.
        judgements: Rows of its ``llm_judgements``; those without a verdict are left out.
        anchors: What is known of each essay, by ``essay_id``.
        scale: Scale of the grades.

    Raises:
        ScalingError: no judgement has a verdict.
        ValueError: a grade that is not on the scale.

    """
    scaled = scale_batch(essays, judgements)
    known = [anchors[row["essay_id"]] for row in essays]
    levels = {one.label: scale.index(one.grade) for one in known}
    verdicts = [_line(row, anchors) for row in scaled.verdicts]
    tallies = pair_tallies(verdicts, levels)
    results = _anchor_results(scaled, known, verdicts)
    first, second, won = scaled.fit.comparisons.first, scaled.fit.comparisons.second, scaled.fit.comparisons.first_won
    orders = order_consistency(first, second, won, judge=scaled.judge)
    repeats = repeat_consistency(first, second, won, judge=scaled.judge)
    shown = exposures((line.shown_first, line.shown_second) for line in verdicts)
    different = [one for one in tallies if levels[one.lower] < levels[one.higher]]
    return Alignment(
        n_parts=int(scaled.fit.components.max()) + 1,
        anchors=results,
        agreement=rank_agreement([levels[one.label] for one in results], [one.theta for one in results]),
        expert_verdicts=_verdict_share(different),
        expert_pairs=_pair_share(different),
        inversions=_inversions(scaled.verdicts, different, anchors, levels),
        zero_wins=tuple(one.label for one in results if one.n_wins == 0 and one.n_losses > 0),
        grade_pairs=_grade_pairs(different, {one.label: one.grade for one in known}, scale),
        position=PositionEffect(
            logits=scaled.fit.position_effect,
            se=scaled.fit.position_effect_se,
            p_value=scaled.fit.test("position_effect").p_value,
            first_won=share(orders.n_first_won, orders.n_judgements),
            is_balanced=all(one.is_balanced for one in shown),
        ),
        consistency=Consistency(
            both_orders=share(orders.n_consistent, orders.n_pairs),
            n_flips_to_first=orders.n_first,
            n_flips_to_second=orders.n_second,
            repeats=share(repeats.n_agreeing, repeats.n_compared),
        ),
        verdicts=tuple(verdicts),
    )


def share(k: int, n: int) -> Share:
    """Return ``k`` of ``n`` with its exact 95 % interval."""
    low, high = exact_interval(k, n) or (None, None)
    return Share(k=k, n=n, share=k / n if n else None, low=low, high=high)


def rank_agreement(levels: Sequence[int], theta: Sequence[float | None]) -> RankAgreement:
    """Return Kendall's tau-b between the anchors' grades and their locations, by scipy, and the pairs that it counts.

    Args:
        levels: Place of each anchor's grade on the scale, 0 for the lowest.
        theta: Locations; any ``None`` means that there is no common scale, and then no tau either.

    """
    from scipy.stats import kendalltau  # half a second, which only those who report should pay

    places = [place for place in theta if place is not None]
    if len(places) < len(theta) or len(places) < 2:
        return RankAgreement(tau_b=None, n_pairs=0, n_concordant=0, n_discordant=0, n_tied_grade=0, n_tied_theta=0)
    i, j = np.triu_indices(len(places), k=1)
    by_grade = np.sign(np.subtract(*np.array(levels)[np.array([i, j])]))
    by_theta = np.sign(np.subtract(*np.array(places)[np.array([i, j])]))
    tau = float(kendalltau(levels, places, variant="b").statistic)
    return RankAgreement(
        tau_b=None if np.isnan(tau) else tau,
        n_pairs=len(i),
        n_concordant=int((by_grade * by_theta > 0).sum()),
        n_discordant=int((by_grade * by_theta < 0).sum()),
        n_tied_grade=int((by_grade == 0).sum()),
        n_tied_theta=int((by_theta == 0).sum()),
    )


def pair_tallies(verdicts: Iterable[VerdictLine], levels: Mapping[str, int]) -> list[PairTally]:
    """Return the verdicts on each two anchors, counted together; those of one grade are told apart by their labels."""
    won: dict[tuple[str, str], list[int]] = {}
    for line in verdicts:
        lower, higher = sorted((line.shown_first, line.shown_second), key=lambda label: (levels[label], label))
        count = won.setdefault((lower, higher), [0, 0])
        if line.winner is not None:
            count[line.winner == higher] += 1
    return [PairTally(lower, higher, *count) for (lower, higher), count in sorted(won.items())]


def _line(row: Row, anchors: Mapping[str, KnownAnchor]) -> VerdictLine:
    winner = row["winner_essay_id"]
    return VerdictLine(
        custom_id=row["custom_id"],
        shown_first=anchors[row["essay_a_id"]].label,
        shown_second=anchors[row["essay_b_id"]].label,
        winner=None if winner is None else anchors[winner].label,
    )


def _anchor_results(
    scaled: BatchScaling, known: Sequence[KnownAnchor], verdicts: Sequence[VerdictLine]
) -> tuple[AnchorResult, ...]:
    fit = scaled.fit
    is_one_scale = not fit.components.any()
    one_sided = set(fit.separated_items.tolist())
    theta = np.round(fit.theta, DECIMALS_OF_THETA)
    rank = _ranks(theta)
    results = []
    for i, (row, one) in enumerate(zip(scaled.essays, known, strict=True)):
        mine = [line for line in verdicts if one.label in (line.shown_first, line.shown_second)]
        n_wins, n_ties = sum(line.winner == one.label for line in mine), sum(line.winner is None for line in mine)
        results.append(
            AnchorResult(
                label=one.label,
                text_sha256=row["text_sha256"],
                grade=one.grade,
                theta=float(theta[i]) if is_one_scale else None,
                theta_se=float(fit.se[i]) if is_one_scale else None,
                rank=int(rank[i]) if is_one_scale else None,
                n_wins=n_wins,
                n_losses=len(mine) - n_wins - n_ties,
                n_ties=n_ties,
                is_one_sided=i in one_sided,
            )
        )
    return tuple(sorted(results, key=lambda one: (one.rank or 0, one.label)))


def _ranks(theta: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return each location's rank, 1 for the highest; equal ones share the best of theirs."""
    return np.asarray([1 + int((theta > place).sum()) for place in theta], dtype=np.int64)


def _verdict_share(tallies: Sequence[PairTally]) -> Share:
    return share(sum(one.n_higher_won for one in tallies), sum(one.n_verdicts for one in tallies))


def _pair_share(tallies: Sequence[PairTally]) -> Share:
    winners = [(one.winner, one.higher) for one in tallies if one.winner is not None]
    return share(sum(winner == higher for winner, higher in winners), len(winners))


def _inversions(
    rows: Sequence[Row], tallies: Sequence[PairTally], anchors: Mapping[str, KnownAnchor], levels: Mapping[str, int]
) -> tuple[DirectInversion, ...]:
    grade = {one.label: one.grade for one in anchors.values()}
    against: dict[tuple[str, str], list[InvertedVerdict]] = {}
    for row in rows:
        if row["winner_essay_id"] is None:
            continue
        loser_id = row["essay_b_id"] if row["winner_essay_id"] == row["essay_a_id"] else row["essay_a_id"]
        pair = anchors[row["winner_essay_id"]].label, anchors[loser_id].label
        against.setdefault(pair, []).append(
            InvertedVerdict(
                custom_id=row["custom_id"],
                shown_first=anchors[row["essay_a_id"]].label,
                confidence=row["confidence"],
                justification=row["justification"],
            )
        )
    found = [
        DirectInversion(
            lower=one.lower,
            lower_grade=grade[one.lower],
            higher=one.higher,
            higher_grade=grade[one.higher],
            grades_apart=levels[one.higher] - levels[one.lower],
            n_lower_won=one.n_lower_won,
            n_higher_won=one.n_higher_won,
            verdicts=tuple(against[one.lower, one.higher]),
        )
        for one in tallies
        if one.n_lower_won
    ]
    return tuple(sorted(found, key=lambda one: (-one.grades_apart, -one.n_lower_won, one.lower, one.higher)))


def _grade_pairs(tallies: Sequence[PairTally], grade: Mapping[str, str], scale: GradeScale) -> tuple[GradePair, ...]:
    used = [name for name in scale.grades if name in set(grade.values())]
    found = []
    for (i, lower), (j, higher) in combinations(enumerate(used), 2):
        mine = [one for one in tallies if (grade[one.lower], grade[one.higher]) == (lower, higher)]
        if mine or j == i + 1:
            found.append(
                GradePair(
                    lower_grade=lower,
                    higher_grade=higher,
                    is_boundary=j == i + 1,
                    verdicts=_verdict_share(mine),
                    pairs=_pair_share(mine),
                    n_even=sum(one.winner is None for one in mine),
                )
            )
    return tuple(found)
