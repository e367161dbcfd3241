"""What the words around a word say about it: how much likelier a pair of neighbours makes it, and real words that were not meant.

Only English has frequencies of pairs. A real word is doubted only if it is in a set of words that learners confuse, its neighbours
never stand beside it, and they often stand beside another of the set. Not here: misspellings that are no words.
"""

import math

from huleedu_pipeline.spelling.dictionaries import Language
from huleedu_pipeline.spelling.frequencies import pair_frequencies, word_frequencies

_UNSEEN = 5e-6  # of the rarest pair that was counted, about 1e-5 of all
_CERTAIN = 2.0  # powers of ten

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
    "ting": ("thing",),
    "where's": ("were",),
    "peace": ("piece",),
    "past": ("passed",),
    "your": ("you're",),
    "its": ("it's",),
    "it's": ("its",),
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
    if language != "en":
        return None
    for other in _CONFUSED.get(word, ()):
        if _fit(other, before, after, language) - _fit(word, before, after, language) >= _CERTAIN and not _seen(word, before, after):
            return other
    return None


def can_be_doubted(word: str, language: Language) -> bool:
    """Whether ``word`` is one that learners write for another."""
    return language == "en" and word in _CONFUSED


def _seen(word: str, before: str | None, after: str | None) -> bool:
    pairs = pair_frequencies("en")
    return bool((before and (before, word) in pairs) or (after and (word, after) in pairs))


def _fit(word: str, before: str | None, after: str | None, language: Language) -> float:
    pairs = pair_frequencies(language)
    return sum(
        math.log10(pairs.get(pair, _UNSEEN))
        for pair in ((before or "", word), (word, after or ""))
        if pair[0] and pair[1]
    )
