"""Which words a misspelling may stand for: SymSpell over the frequent words of a language, weighed by likeness and frequency.

A noisy channel (Kernighan, Church and Gale 1990): a candidate's score is the logarithm of its frequency less what its
distance costs. Not here: the choice by the words around it.
"""

import importlib.resources
import math
import unicodedata
from dataclasses import dataclass
from functools import cache

from symspellpy import SymSpell, Verbosity

from huleedu_pipeline.spelling.dictionaries import Language, is_word
from huleedu_pipeline.spelling.frequencies import pair_frequencies, word_frequencies
from huleedu_pipeline.spelling.likeness import distance, sound

LONGEST_WORD = 40
_N_CANDIDATES = 60_000
_DISTANCE = 2
_COST = 3.2  # powers of ten of frequency that one unlikely edit outweighs
_SAME_SOUND = 0.7
_NAME = 3.0  # what it is worth that a name of the same letters exists
_NAMED = 1e-6
_COMMON = 3e-4  # more frequent than this makes no word likelier
_JOINED = 0.7
_ENDING = 0.1
_BY_RULE = 1.0  # what it is worth that a rule of spelling explains the error
_COUNTS_PER_SHARE = 1e12
_ENDINGS: dict[Language, tuple[tuple[str, str], ...]] = {
    "en": (
        *(("ys", "ies"), ("yed", "ied"), ("eing", "ing"), ("full", "ful"), ("fuly", "fully"), ("fullness", "fulness")),
        *(
            ("aly", "ally"),
            ("ley", "ly"),
            ("yness", "iness"),
            ("yer", "ier"),
            ("yest", "iest"),
            ("ie", "y"),
            ("icly", "ically"),
        ),
        *(("isk", "ic"), ("ik", "ic"), ("sion", "tion"), ("cion", "tion"), ("ans", "ance"), ("ens", "ence"), ("el", "le")),
    ),
    "sv": (("it", "igt"), ("ikt", "igt"), ("sjon", "tion"), ("sion", "tion"), ("shon", "tion"), ("mm", "m"), ("nn", "n")),
}


@dataclass(frozen=True)
class Candidate:
    """A word, or two, that may have been meant; ``cost`` is its distance, ``score`` what it is worth without its neighbours."""

    word: str
    cost: float
    score: float


@cache
def candidates(written: str, language: Language) -> tuple[Candidate, ...]:
    """Return what the lower-case ``written`` may stand for, the best first; nothing for a word of more than 40 letters."""
    if len(written) > LONGEST_WORD:
        return ()
    reach = 1 if len(written) <= 3 else _DISTANCE
    frequencies = word_frequencies(language)
    key = sound(written)
    found: dict[str, Candidate] = {}
    for item in _index(language).lookup(written, Verbosity.ALL, reach):
        cost = distance(written, item.term)
        if sound(item.term) == key:
            cost *= _SAME_SOUND
        word = item.term.capitalize() if is_name(item.term, language) else item.term
        found[word] = _candidate(word, cost, frequencies[item.term])
    for word, cost, frequency, worth in (
        *_endings(written, language),
        *_capitalised(written, language),
        *_split(written, language),
    ):
        found[word] = _candidate(word, cost, frequency, worth)
    return tuple(sorted(found.values(), key=lambda candidate: (-candidate.score, candidate.word)))


def is_name(word: str, language: Language) -> bool:
    """Whether ``word`` is a name of the language's own that learners misspell."""
    return language == "en" and word.lower() in _names()


@cache
def _names() -> frozenset[str]:
    """Return the names that are spelt wrongly rather than given to people: of months, days, peoples and countries."""
    source = importlib.resources.files("huleedu_pipeline.spelling") / "names_en.txt"
    return frozenset(source.read_text(encoding="utf-8").split())


def _candidate(word: str, cost: float, frequency: float, worth: float = 0.0) -> Candidate:
    return Candidate(word, cost, math.log10(min(frequency, _COMMON)) - _COST * cost + worth)


def _capitalised(written: str, language: Language) -> list[tuple[str, float, float, float]]:
    """Return the name that is written in lower case, if it is one."""
    frequency = word_frequencies(language).get(written.removesuffix("'s"), 0.0)
    name = written.capitalize()
    return [(name, 0.0, frequency, _NAME)] if frequency >= _NAMED and is_word(name, language) else []


def _endings(written: str, language: Language) -> list[tuple[str, float, float, float]]:
    """Return the words of which only the ending was formed wrongly, or that have accents that English has not."""
    index, frequencies = _index(language).words, word_frequencies(language)
    changed = [written.removesuffix(wrong) + right for wrong, right in _ENDINGS[language] if written.endswith(wrong)]
    if language == "en":
        changed.append(without_accents(written))
    return [(word, _ENDING, frequencies[word], _BY_RULE) for word in changed if word in index and word != written]


def without_accents(word: str) -> str:
    """Return ``word`` without its accents, the dots of ä and ö among them."""
    return "".join(letter for letter in unicodedata.normalize("NFD", word) if not unicodedata.combining(letter))


def _split(written: str, language: Language) -> list[tuple[str, float, float, float]]:
    """Return the pairs of words that were written as one."""
    pairs = pair_frequencies(language)
    halves = ((written[:place], written[place:]) for place in range(1, len(written)))
    return [(" ".join(pair), _JOINED, pairs[pair], 0.0) for pair in halves if pair in pairs]


@cache
def _index(language: Language) -> SymSpell:
    """Return the index of the most frequent words that the dictionary accepts in lower case (seconds, once in a process)."""
    index = SymSpell(max_dictionary_edit_distance=_DISTANCE, prefix_length=7)
    for word, frequency in word_frequencies(language).items():
        if word.replace("'", "").isalpha() and (is_word(word, language) or is_name(word, language)):
            index.create_dictionary_entry(word, max(1, round(frequency * _COUNTS_PER_SHARE)))
            if index.word_count == _N_CANDIDATES:
                break
    return index
