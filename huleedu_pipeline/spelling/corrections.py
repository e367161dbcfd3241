"""What a spell check says: corrections by place, and the counts that follow from them.

Not here: how a misspelling is found (``checker``), or how an edit is carried out (``huleedu_pipeline.edits``).
"""

from dataclasses import dataclass
from enum import StrEnum

from huleedu_pipeline.edits import Edit, apply_edits


class Rule(StrEnum):
    """On whose word a correction stands: the list of learners' errors, the dictionary, or the words around it."""

    LEARNER_ERROR = "learner_error"
    DICTIONARY = "dictionary"
    CONTEXT = "context"


@dataclass(frozen=True, order=True)
class Correction:
    """A misspelling at ``text[start:end]``, which is ``original``, and what it should be.

    Places count characters of the text as written, from 0, ``end`` excluded. ``candidates`` are the words that were considered,
    the best first. A misspelling that is too uncertain to be corrected is reported and not applied; one for which nothing
    similar is known has no candidates, and its ``suggestion`` is empty.
    """

    start: int
    end: int
    original: str
    suggestion: str
    rule: Rule
    is_applied: bool
    candidates: tuple[str, ...]

    @property
    def edit(self) -> Edit:
        """The correction as a replacement in the text, whether it is applied or not."""
        return Edit(self.start, self.end, self.original, self.suggestion)


@dataclass(frozen=True)
class SpellCheck:
    """The misspellings of one text in reading order, which never overlap, and how many words it has."""

    corrections: tuple[Correction, ...]
    n_words: int

    @property
    def applied(self) -> tuple[Correction, ...]:
        """The corrections that ``corrected`` carries out."""
        return tuple(correction for correction in self.corrections if correction.is_applied)

    @property
    def total_corrections(self) -> int:
        """How many corrections are applied."""
        return len(self.applied)

    @property
    def l2_dictionary_corrections(self) -> int:
        """How many applied corrections come from the list of learners' errors."""
        return sum(correction.rule is Rule.LEARNER_ERROR for correction in self.applied)

    @property
    def spellchecker_corrections(self) -> int:
        """How many applied corrections come from the dictionary or the context."""
        return self.total_corrections - self.l2_dictionary_corrections

    @property
    def correction_density(self) -> float:
        """Applied corrections per 100 words; 0 for a text without words."""
        return 100 * self.total_corrections / self.n_words if self.n_words else 0.0

    def corrected(self, text: str) -> str:
        """Return ``text`` with the applied corrections carried out; ``edits.undo_edits`` takes them back.

        Raises:
            EditError: ``text`` is not the text that was checked.

        """
        return apply_edits(text, [correction.edit for correction in self.applied])
