"""Pairs as they are recorded: which two essays, in which order, in which wave, under which stable name."""

from dataclasses import dataclass
from typing import Literal

from huleedu_pipeline.canonical import short_hash
from huleedu_pipeline.comparisons.design import plan_single_wave

PairGenerationMode = Literal["coverage", "resampling"]


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


def plan_pairs(batch_id: str, essay_ids: list[str], max_comparisons: int, seed: int) -> list[ComparisonPair]:
    """Plan the single coverage wave of a batch.

    Raises:
        ValueError: as :func:`plan_single_wave`.

    """
    return [
        ComparisonPair(batch_id, essay_ids[pair.first], essay_ids[pair.second])
        for pair in plan_single_wave(len(essay_ids), max_comparisons, seed)
    ]
