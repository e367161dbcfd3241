"""Exposure: how often each essay was shown first and second. A count over pairs; making it even is :mod:`.orientation`'s."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

# A difference of one is left over wherever an essay has an odd number of comparisons.
UNAVOIDABLE = 1
MAX_SKEW = 0.2


@dataclass(frozen=True)
class Exposure:
    """How often one essay was shown in either place."""

    essay_id: str
    n_first: int
    n_second: int

    @property
    def difference(self) -> int:
        """How many times more it was shown in one place than in the other."""
        return abs(self.n_first - self.n_second)

    @property
    def skew(self) -> float:
        """That difference as a share of its comparisons, 0 to 1."""
        return self.difference / (self.n_first + self.n_second)

    @property
    def is_balanced(self) -> bool:
        """Whether the difference is unavoidable, or at most :data:`MAX_SKEW` of the comparisons."""
        return self.difference <= UNAVOIDABLE or self.skew <= MAX_SKEW


def exposures(pairs: Iterable[tuple[str, str]]) -> list[Exposure]:
    """Return the exposure of each essay that is in any pair, the least even first.

    Args:
        pairs: The essay shown first and the essay shown second, of each comparison.

    """
    first: Counter[str] = Counter()
    second: Counter[str] = Counter()
    for essay_a_id, essay_b_id in pairs:
        first[essay_a_id] += 1
        second[essay_b_id] += 1
    found = [Exposure(essay_id, first[essay_id], second[essay_id]) for essay_id in sorted(first.keys() | second.keys())]
    return sorted(found, key=lambda one: (one.is_balanced, -one.difference))
