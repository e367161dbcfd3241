"""Alignment runs against each other: judges, prompts or repetitions, on the anchors that they have in common.

Runs are compared on pairs that both decided, each pair counted once, so that a run that asked more does not weigh more.
Not here: reading reports and writing them (:mod:`.alignment_report`).
"""

from collections.abc import Sequence
from itertools import combinations

from huleedu_pipeline.eng5.alignment import pair_tallies, rank_agreement, share
from huleedu_pipeline.eng5.alignment_models import AlignmentReport, Part, RankAgreement, Share, VerdictLine
from huleedu_pipeline.errors import HuleeduError


class ComparisonError(HuleeduError):
    """Reports that can not be compared."""


class RunPair(Part):
    """Two runs.

    ``only_first_agrees`` are the pairs of different grades in which the first run chose the higher grade and the second the
    lower one, ``only_second_agrees`` the other way about; ``p_value`` is McNemar's exact test that both are as likely, which
    takes pairs to be independent: pairs that share an anchor are less so, and the true p is larger. ``tau_b`` is between the
    locations of both.
    """

    first: str
    second: str
    n_common_anchors: int
    same_winner: Share
    only_first_agrees: int
    only_second_agrees: int
    p_value: float | None
    tau_b: RankAgreement


class RunComparison(Part):
    """Two or more runs, in the order given."""

    is_simulated: bool
    notice: str | None
    runs: tuple[AlignmentReport, ...]
    pairs: tuple[RunPair, ...]


def compare_runs(reports: Sequence[AlignmentReport]) -> RunComparison:
    """Compare runs, every two of them.

    Args:
        reports: Two or more reports, on one grade scale.

    Raises:
        ComparisonError: fewer than two, one run twice, other scales, an anchor that was graded otherwise, or two runs
            without two anchors in common.

    """
    names = [report.run.batch_id for report in reports]
    if len(names) < 2 or len(set(names)) < len(names):
        raise ComparisonError(
            f"{len(set(names))} different runs are given ({', '.join(names)}); a comparison needs two or more"
        )
    scales = {(report.run.grade_scale, report.run.grades) for report in reports}
    if len(scales) > 1:
        raise ComparisonError(
            f"the runs have anchors on different grade scales ({', '.join(sorted(name for name, _ in scales))}); "
            "compare runs on one scale"
        )
    notices = dict.fromkeys(report.notice for report in reports if report.notice is not None)
    return RunComparison(
        is_simulated=any(report.is_simulated for report in reports),
        notice=" ".join(notices) or None,
        runs=tuple(reports),
        pairs=tuple(_compare(one, other) for one, other in combinations(reports, 2)),
    )


def _compare(one: AlignmentReport, other: AlignmentReport) -> RunPair:
    # Anchors are the same where their texts are, whatever they are called.
    mine, theirs = ({anchor.text_sha256: anchor for anchor in report.alignment.anchors} for report in (one, other))
    common = sorted(mine.keys() & theirs.keys())
    between = f"{one.run.batch_id} and {other.run.batch_id}"
    if len(common) < 2:
        raise ComparisonError(f"{between}: have {len(common)} anchors in common (the same texts), and a comparison needs two")
    if moved := [mine[text].label for text in common if mine[text].grade != theirs[text].grade]:
        raise ComparisonError(f"{between}: anchor {moved[0]} carries another grade in each (compare runs with one key)")
    level = {grade: place for place, grade in enumerate(one.run.grades)}
    winners, others = (_winners(report, set(common), level) for report in (one, other))
    decided = sorted(winners.keys() & others.keys())
    grade = {text: level[mine[text].grade] for text in common}
    # In a pair the text of the lower grade stands in front.
    graded = [pair for pair in decided if grade[pair[0]] < grade[pair[1]]]
    only_one = sum(winners[pair] == pair[1] != others[pair] for pair in graded)
    only_other = sum(others[pair] == pair[1] != winners[pair] for pair in graded)
    return RunPair(
        first=one.run.batch_id,
        second=other.run.batch_id,
        n_common_anchors=len(common),
        same_winner=share(sum(winners[pair] == others[pair] for pair in decided), len(decided)),
        only_first_agrees=only_one,
        only_second_agrees=only_other,
        p_value=mcnemar(only_one, only_other),
        tau_b=_rank_agreement([mine[text].theta for text in common], [theirs[text].theta for text in common]),
    )


def mcnemar(n_first: int, n_second: int) -> float | None:
    """Return the two-sided exact p value of McNemar's test (1947); ``None`` where the two never differ."""
    from scipy.stats import binomtest  # half a second, which only those who compare should pay

    n = n_first + n_second
    return float(binomtest(n_first, n).pvalue) if n else None


def _rank_agreement(one: Sequence[float | None], other: Sequence[float | None]) -> RankAgreement:
    places = [place for place in one if place is not None]
    if len(places) < len(one):
        return rank_agreement([0] * len(one), one)
    rank = {place: number for number, place in enumerate(sorted(set(places)))}
    return rank_agreement([rank[place] for place in places], other)


def _winners(report: AlignmentReport, common: set[str], level: dict[str, int]) -> dict[tuple[str, str], str]:
    """Return the winner of each pair of common texts that has one, the text of the lower grade in front."""
    anchors = {anchor.label: anchor for anchor in report.alignment.anchors}
    text = {label: anchor.text_sha256 for label, anchor in anchors.items()}
    lines = [
        VerdictLine(
            custom_id=line.custom_id,
            shown_first=text[line.shown_first],
            shown_second=text[line.shown_second],
            winner=None if line.winner is None else text[line.winner],
        )
        for line in report.alignment.verdicts
    ]
    levels = {anchor.text_sha256: level[anchor.grade] for anchor in anchors.values()}
    kept = [line for line in lines if {line.shown_first, line.shown_second} <= common]
    return {(one.lower, one.higher): one.winner for one in pair_tallies(kept, levels) if one.winner is not None}
