"""How often words, and pairs of words, are used: wordfreq's frequencies, and the pairs that come with symspellpy.

wordfreq's data (CC BY-SA 4.0) and the pairs (from Google Books Ngrams) are read from their packages. Not here: what follows
from a frequency.
"""

import importlib.resources
from functools import cache

_TOKENS_IN_PAIRS = 1_024_908_267_229  # of the corpus that the pairs were counted in, as symspellpy gives it


@cache
def word_frequencies(language: str) -> dict[str, float]:
    """Return the frequency, as a share of all words, of each lower-case word of ``language`` that is used at all."""
    from wordfreq import get_frequency_dict  # 0.2 s

    return dict(get_frequency_dict(language, "best"))


@cache
def pair_frequencies(language: str) -> dict[tuple[str, str], float]:
    """Return the frequency of pairs of lower-case words, as a share of all pairs; there are none for Swedish."""
    if language != "en":
        return {}
    source = importlib.resources.files("symspellpy") / "frequency_bigramdictionary_en_243_342.txt"
    pairs = {}
    for line in source.read_text(encoding="utf-8-sig").splitlines():
        first, second, count = line.split()
        pairs[first, second] = int(count) / _TOKENS_IN_PAIRS
    return pairs
