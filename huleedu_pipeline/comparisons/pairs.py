"""Pairs as they are recorded: which two essays, in which order, in which wave, under which stable name."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from huleedu_pipeline.canonical import short_hash
from huleedu_pipeline.comparisons.design import plan_single_wave
from huleedu_pipeline.comparisons.graphs import n_pairs_of

PairGenerationMode = Literal["coverage", "resampling"]

# Why these: docs/designs.md.
BOTH_ORDERS_SHARE, LEAST_IN_BOTH_ORDERS = 0.05, 25


@dataclass(frozen=True)
class ComparisonPair:
    """One comparison to be made: ``essay_a_id`` is shown first."""

    batch_id: str
    essay_a_id: str
    essay_b_id: str
    wave: int = 1
    replicate: int = 1
    pair_generation_mode: PairGenerationMode = "coverage"

    @property
    def pair_id(self) -> str:
        """Stable name of the comparison: the two essays, their order and the replicate, within the batch."""
        return "p_" + short_hash([self.batch_id, self.essay_a_id, self.essay_b_id, self.replicate], 24)


def plan_pairs(
    batch_id: str,
    essay_ids: Sequence[str],
    max_comparisons: int,
    seed: int,
    *,
    anchor_levels: Sequence[int | None] | None = None,
    both_orders_share: float = BOTH_ORDERS_SHARE,
) -> list[ComparisonPair]:
    """Plan the single wave of a batch.

    Args:
        batch_id: The batch.
        essay_ids: Its essays, anchors included.
        max_comparisons: Most comparisons to plan.
        seed: Same seed, same pairs.
        anchor_levels: Place on the grade scale of each anchor, ``None`` for a pupil's essay, as ``essay_ids``.
        both_orders_share: Share of the pairs that are asked in both orders; none are where that would be fewer than
            :data:`LEAST_IN_BOTH_ORDERS`, which measure nothing.

    Raises:
        ValueError: as :func:`.plan_single_wave`.

    """
    n_comparisons = min(max_comparisons, n_pairs_of(len(essay_ids)))
    share = both_orders_share if round(both_orders_share * n_comparisons) >= LEAST_IN_BOTH_ORDERS else 0.0
    wave = plan_single_wave(len(essay_ids), max_comparisons, seed, anchor_levels=anchor_levels, both_orders_share=share)
    seen: set[frozenset[int]] = set()
    pairs = []
    for pair in wave:
        both = frozenset((pair.first, pair.second))
        mode: PairGenerationMode = "resampling" if both in seen else "coverage"
        seen.add(both)
        pairs.append(ComparisonPair(batch_id, essay_ids[pair.first], essay_ids[pair.second], pair_generation_mode=mode))
    return pairs


def specified_pairs(batch_id: str, pairs: Sequence[tuple[str, str]]) -> list[ComparisonPair]:
    """Return the comparisons that somebody has named, in their order; the same two in the same order again are a replicate.

    Args:
        batch_id: The batch.
        pairs: The essay that is shown first and the other one, by id.

    """
    times: Counter[tuple[str, str]] = Counter()
    found = []
    for first, second in pairs:
        mode: PairGenerationMode = "resampling" if times[first, second] or times[second, first] else "coverage"
        times[first, second] += 1
        found.append(ComparisonPair(batch_id, first, second, replicate=times[first, second], pair_generation_mode=mode))
    return found
