"""The lists of learners' errors: ``learner_errors_en.csv`` and ``learner_errors_sv.csv``, columns error, correction, source.

docs/spelling.md says what the sources mean and where each rule comes from. Not here: errors that follow from a dictionary.
"""

import csv
import importlib.resources
from dataclasses import dataclass
from functools import cache

from huleedu_pipeline.errors import HuleeduError


class LearnerListError(HuleeduError):
    """A list of learners' errors that contradicts itself."""


@dataclass(frozen=True)
class LearnerErrors:
    """Corrections of single words by word, and of errors of several words by their first word, the longest first."""

    words: dict[str, str]
    phrases: dict[str, tuple[tuple[tuple[str, ...], str], ...]]


@cache
def learner_errors(language: str) -> LearnerErrors:
    """Return the list for ``language``; errors are in lower case.

    Raises:
        LearnerListError: an error has two corrections, or its correction is an error itself.

    """
    source = importlib.resources.files("huleedu_pipeline.spelling") / f"learner_errors_{language}.csv"
    return read_errors(source.read_text(encoding="utf-8"), source.name)


def read_errors(rows: str, name: str) -> LearnerErrors:
    """Return the list that stands in the CSV text ``rows``; ``name`` is for messages.

    Raises:
        LearnerListError: as ``learner_errors``.

    """
    rules: dict[str, str] = {}
    for row in csv.DictReader(rows.splitlines()):
        if rules.setdefault(row["error"], row["correction"]) != row["correction"]:
            raise LearnerListError(f"{name}: {row['error']} has two corrections (keep one)")
    for error, correction in rules.items():
        if correction in rules:
            raise LearnerListError(f"{name}: {correction}, which should correct {error}, is itself an error (drop one)")
    phrases: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for error, correction in rules.items():
        first, *rest = error.split()
        if rest:
            phrases.setdefault(first, []).append((tuple(rest), correction))
    return LearnerErrors(
        {error: correction for error, correction in rules.items() if " " not in error},
        {first: tuple(sorted(found, key=lambda rule: -len(rule[0]))) for first, found in phrases.items()},
    )
