"""What a simulated judge says of a pair: the winner, how surely, and why.

Not here: the judges (``profiles``, ``mocks``) and the JSON that a verdict becomes (``judging``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Winner = Literal["Essay A", "Essay B"]

MIN_CONFIDENCE, MAX_CONFIDENCE = 1.0, 5.0


@dataclass(frozen=True)
class SimulatedVerdict:
    """A verdict: ``confidence`` runs from 1 (a coin toss) to 5, in tenths; ``justification`` is one short sentence.

    ``probability_a`` is how likely the judge holds the first essay to be the better one.
    """

    winner: Winner
    confidence: float
    justification: str
    probability_a: float


def confidence_in(probability_a: float) -> float:
    """Map the distance of a probability from one half to 1 (none) .. 5 (certain), in tenths."""
    return round(1 + 8 * abs(probability_a - 0.5), 1)


def probability_behind(confidence: float) -> float:
    """Return the probability of the winner that a confidence from 1 to 5 stands for: the reverse of :func:`confidence_in`."""
    return 0.5 + (confidence - MIN_CONFIDENCE) / 8
