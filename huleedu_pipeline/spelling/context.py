"""What the words around a word say about it: how likely its neighbours make it, and real words that were not meant.

Only English has frequencies of pairs. A real word is doubted only if it is in a set of words that learners confuse, and its
neighbours make another of the set likelier by far. Not here: misspellings that are no words.
"""

import importlib.resources
import math
from functools import cache

from huleedu_pipeline.spelling.dictionaries import Language
from huleedu_pipeline.spelling.frequencies import pair_frequencies, word_frequencies

_CERTAIN = 2.75  # powers of ten
_RARE, _RARE_CERTAIN = 2e-6, 1.0  # for words that are hardly ever used


@cache
def _confused() -> dict[str, tuple[str, ...]]:
    """Return for each word that is doubted what may have been meant, from ``confused_en.txt``.

    A line there is a group of words that learners write for one another; those after a colon are only meant, and never doubted.
    """
    source = importlib.resources.files("huleedu_pipeline.spelling") / "confused_en.txt"
    others: dict[str, set[str]] = {}
    for group in source.read_text(encoding="utf-8").splitlines():
        doubted, _, only_meant = group.partition(":")
        for word in doubted.split():
            others.setdefault(word, set()).update({*doubted.split(), *only_meant.split()} - {word})
    return {word: tuple(sorted(found)) for word, found in others.items()}


def support(word: str, before: str | None, after: str | None, language: Language) -> float:
    """Return how much likelier, in powers of ten, its neighbours make ``word``; all in lower case, 0 if they say nothing."""
    pairs, alone = pair_frequencies(language), word_frequencies(language)
    total = 0.0
    for pair, neighbour in (((before, word), before), ((word, after), after)):
        if neighbour and (share := pairs.get((pair[0] or "", pair[1] or ""))) and neighbour in alone:
            total += max(0.0, math.log10(share / (alone[neighbour] * alone.get(word, 1e-8))))
    return total


def meant(word: str, before: str | None, after: str | None, language: Language) -> str | None:
    """Return the word that was meant by a real one, if its neighbours leave no doubt; all in lower case."""
    if not can_be_doubted(word, language):
        return None
    others = [(support(other, before, after, language), other) for other in _confused()[word]]
    best, other = max(others)
    certain = _CERTAIN if word_frequencies(language).get(word, 0.0) > _RARE else _RARE_CERTAIN
    return other if best - support(word, before, after, language) >= certain else None


def can_be_doubted(word: str, language: Language) -> bool:
    """Whether ``word`` is one that learners write for another."""
    return language == "en" and word in _confused()
