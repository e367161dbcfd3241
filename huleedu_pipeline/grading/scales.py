"""Grade scales: the ordered grades that an anchor may carry and an essay may be given.

Scales that come with the pipeline are here; an installation's own are registered in the assessment context
(:mod:`huleedu_pipeline.context`), and a batch records the scale that it was graded by. Not here: where the boundaries
between grades lie for one batch (:mod:`.projection`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from huleedu_pipeline.errors import HuleeduError


class UnknownScaleError(HuleeduError):
    """A grade scale that this version does not know."""


@dataclass(frozen=True)
class GradeScale:
    """An ordered grade scale.

    Attributes:
        scale_id: Its name.
        grades: The grades that an anchor may carry, from the lowest to the highest.
        description: What it is, in a line.
        below_lowest: A grade below them that an essay may be given and no anchor carries; ``None`` when there is none.

    """

    scale_id: str
    grades: tuple[str, ...]
    description: str
    below_lowest: str | None = None

    @property
    def ladder(self) -> tuple[str, ...]:
        """All grades that an essay may be given, from the lowest to the highest."""
        return self.grades if self.below_lowest is None else (self.below_lowest, *self.grades)

    def index(self, grade: str) -> int:
        """Return the place of an anchor's ``grade`` on the ladder, 0 for the lowest grade that an essay may be given.

        Raises:
            ValueError: an anchor can not carry ``grade`` on this scale.

        """
        if grade not in self.grades:
            raise ValueError(f"{self.scale_id}: '{grade}' is no anchor's grade (choose one of {', '.join(self.grades)})")
        return self.ladder.index(grade)


BUILT_IN = {
    scale.scale_id: scale
    for scale in (
        GradeScale(
            "swedish_8_anchor",
            ("F", "E", "D", "D+", "C", "C+", "B", "A"),
            "Swedish grades A-F with the two finer steps used for anchors",
        ),
        GradeScale(
            "eng5_np_legacy_9_step",
            ("F+", "E-", "E+", "D-", "D+", "C-", "C+", "B", "A"),
            "National test English 5, nine steps in letters",
            below_lowest="F",
        ),
        GradeScale(
            "eng5_np_national_9_step",
            ("1", "2", "3", "4", "5", "6", "7", "8", "9"),
            "National test English 5, nine steps in numbers",
            below_lowest="0",
        ),
        GradeScale(
            "cefr_6_level",
            ("A1", "A2", "B1", "B2", "C1", "C2"),
            "Levels of the Common European Framework of Reference for Languages",
        ),
    )
}


def scale_of(record: Mapping[str, Any]) -> GradeScale:
    """Return the scale that was recorded as JSON of its fields."""
    return GradeScale(record["scale_id"], tuple(record["grades"]), record["description"], record["below_lowest"])


def list_scales() -> tuple[GradeScale, ...]:
    """Return the grade scales that come with the pipeline."""
    return tuple(BUILT_IN.values())


def get_scale(scale_id: str, own: Mapping[str, GradeScale] = MappingProxyType({})) -> GradeScale:
    """Return the scale called ``scale_id``.

    Args:
        scale_id: Its name.
        own: The installation's own scales by name, beside those that come with the pipeline.

    Raises:
        UnknownScaleError: there is none; the message suggests the nearest.

    """
    known = {**BUILT_IN, **own}
    if scale_id in known:
        return known[scale_id]
    near = get_close_matches(scale_id, known, n=1)
    hint = f"did you mean '{near[0]}'?" if near else f"choose one of {', '.join(known)}"
    raise UnknownScaleError(f"grade_scale: '{scale_id}' is not a known scale ({hint})")
