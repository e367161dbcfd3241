"""What the words around a word say about it: how much likelier a pair of neighbours makes it, and real words that were not meant.

Only English has frequencies of pairs. A real word is doubted only if it is in a set of words that learners confuse, and its
neighbours make another of the set likelier by far. Not here: misspellings that are no words.
"""

import math

from huleedu_pipeline.spelling.dictionaries import Language
from huleedu_pipeline.spelling.frequencies import pair_frequencies, word_frequencies

_CERTAIN = 2.5  # powers of ten

# What is written, and what may have been meant.
_CONFUSED = {
    "then": ("than",),
    "than": ("then",),
    "to": ("too",),
    "there": ("their",),
    "their": ("there",),
    "were": ("where",),
    "where": ("were",),
    "loose": ("lose",),
    "quit": ("quite",),
    "quite": ("quiet",),
    "quiet": ("quite",),
    "form": ("from",),
    "weather": ("whether",),
    "advise": ("advice",),
    "of": ("off",),
    "off": ("of",),
    "thing": ("think",),
    "think": ("thing",),
    "live": ("life",),
    "life": ("live",),
    "witch": ("which",),
    "hole": ("whole",),
    "are": ("our",),
    "now": ("know",),
    "no": ("know",),
    "trough": ("through",),
    "thought": ("taught",),
    "tree": ("three",),
    "peace": ("piece",),
    "past": ("passed",),
}


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
    others = [(support(other, before, after, language), other) for other in _CONFUSED[word]]
    best, other = max(others)
    return other if best - support(word, before, after, language) >= _CERTAIN else None


def can_be_doubted(word: str, language: Language) -> bool:
    """Whether ``word`` is one that learners write for another."""
    return language == "en" and word in _CONFUSED
