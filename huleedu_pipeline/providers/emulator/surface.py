"""Surface features of a learner text and the one score made of them.

Here: counting, the fixed centres and scales, the weights. Not here: how two scores become a verdict (``profiles``).

Centres and scales are rounded from the spread of the features over short English learner texts (30 to 600 words, CEFR
A1 to C2); the weights were set by hand so that the score has a standard deviation of about one over such texts. They
were not fitted to any grade.
"""

from __future__ import annotations

import math
import re
import statistics
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_SENTENCE_BREAK = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|\n+")
_SENTENCE_END = re.compile(r"[.!?…][\"'”’)\]]*\s*\Z")
_LOWER_CASE_I = re.compile(r"(?<![\w'’.])i(?=['’\s,;!?])")
_STRETCHED_LETTER = re.compile(r"([^\W\d_])\1\1")

# Frequent slips of learners of English, each no word of its own: doubled or lost letters, lost apostrophes, sound
# spelling.
_MISSPELLING = re.compile(
    "adress|allways|alot|arent|beacause|beatiful|beautifull|becaus|becose|becouse|becuase|begining|beleive|cant|childs"
    "|comming|couldnt|definately|didnt|diffrent|doesnt|dont|enviroment|everytime|exemple|finaly|foriegn|freinds?"
    "|greatful|happend|havent|im|informations|intresting|isnt|ive|knowlege|langage|neccessary|pepole|peaple|posible"
    "|realy|recieve|responsable|sentance|shouldnt|shure|sinse|sucess|teh|tehre|thats|thier|tomorow|tommorow|togheter"
    "|tought|untill|usefull|wasnt|wether|wich|wouldnt|writting|youre"
)


@dataclass(frozen=True)
class Feature:
    """One feature: where learner texts centre, how far they spread, and what it counts in the score.

    ``praise`` completes the sentence "Essay A …" when the feature decides.
    """

    centre: float
    scale: float
    weight: float
    praise: str


FEATURES: dict[str, Feature] = {
    "log_words": Feature(4.8, 0.60, 0.36, "develops its content further"),
    "guiraud_index": Feature(7.0, 1.40, 0.33, "draws on a wider vocabulary"),
    "mean_word_length": Feature(4.2, 0.40, 0.10, "chooses fuller words"),
    "long_word_share": Feature(0.17, 0.06, 0.10, "uses more advanced words"),
    "sentence_variation": Feature(0.45, 0.18, 0.10, "varies its sentences more"),
    "error_marks_per_100_words": Feature(1.4, 2.30, -0.38, "makes fewer slips in spelling and punctuation"),
}
STANDARD_LIMIT = 4.0  # a standardised feature is held within ±4, so that one odd count cannot decide alone


@dataclass(frozen=True)
class TextScore:
    """The score of a text (about standard deviations among learner texts) and each feature's share in it."""

    total: float
    parts: dict[str, float]


def _sentence_words(text: str) -> list[tuple[str, int]]:
    sentences = ((piece, len(_WORD.findall(piece))) for piece in _SENTENCE_BREAK.split(text.strip()) if piece)
    return [(piece, words) for piece, words in sentences if words]


def _error_marks(text: str, words: list[str], sentences: list[str]) -> int:
    marks = len(_LOWER_CASE_I.findall(text)) + len(_STRETCHED_LETTER.findall(text))
    marks += sum(_MISSPELLING.fullmatch(word) is not None for word in words)
    marks += sum(first == second for first, second in pairwise(words))
    for sentence in sentences:
        opening = _WORD.search(sentence)
        marks += opening is not None and opening.group()[0].islower()
    return marks + (_SENTENCE_END.search(text) is None)


def measure(text: str) -> dict[str, float]:
    """Return the features of ``text`` by name (counts, letters per word, shares 0 to 1, marks per 100 words)."""
    words = [word.lower() for word in _WORD.findall(text)]
    count = len(words)
    if count == 0:
        return dict.fromkeys(FEATURES, 0.0) | {"error_marks_per_100_words": 100.0}
    sentences = _sentence_words(text)
    lengths = [length for _, length in sentences]
    return {
        "log_words": math.log(count),
        "guiraud_index": len(set(words)) / math.sqrt(count),
        "mean_word_length": sum(map(len, words)) / count,
        "long_word_share": sum(len(word) > 6 for word in words) / count,
        "sentence_variation": statistics.pstdev(lengths) / statistics.fmean(lengths),
        "error_marks_per_100_words": 100 * _error_marks(text, words, [piece for piece, _ in sentences]) / count,
    }


# A comparative design shows each essay many times; measuring it once is most of the cost of a large batch.
@lru_cache(maxsize=4096)
def score(text: str) -> TextScore:
    """Return the surface score of ``text``: the weighted sum of its standardised features."""
    parts: dict[str, float] = {}
    for name, value in measure(text).items():
        feature = FEATURES[name]
        standard = (value - feature.centre) / feature.scale
        parts[name] = feature.weight * max(-STANDARD_LIMIT, min(STANDARD_LIMIT, standard))
    return TextScore(total=sum(parts.values()), parts=parts)
