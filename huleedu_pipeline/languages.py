"""Which language a text is in, with the evidence: how many of its words stand in passages of that language.

A text is cut into passages of about twenty words, and each is held against the languages that are spoken in Swedish schools
(naive Bayes over byte n-grams: Lui and Baldwin 2012, in the fork py3langid), so that a quotation or a page in another language
shows as a share and does not sway the whole. English is one language, British or American. Deterministic. Not here: what is
done where another language was declared.
"""

from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from py3langid.langid import LanguageIdentifier

FEWEST_WORDS = 20  # below that a name or a loan decides
PASSAGE_WORDS = 20
NAMES = {
    "en": "English", "sv": "Swedish", "no": "Norwegian", "da": "Danish", "fi": "Finnish", "is": "Icelandic", "de": "German",
    "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese", "nl": "Dutch", "pl": "Polish", "ru": "Russian",
    "uk": "Ukrainian", "et": "Estonian", "lv": "Latvian", "lt": "Lithuanian", "ro": "Romanian", "hu": "Hungarian",
    "hr": "Croatian", "bs": "Bosnian", "sr": "Serbian", "sq": "Albanian", "el": "Greek", "tr": "Turkish", "ar": "Arabic",
    "fa": "Persian", "ku": "Kurdish", "so": "Somali", "am": "Amharic", "ur": "Urdu", "zh": "Chinese", "vi": "Vietnamese",
    "th": "Thai",
}  # fmt: skip


@dataclass(frozen=True)
class Detected:
    """What a text's language looks like.

    Attributes:
        n_words: Its words, separated by white space.
        shares: Share of them in passages of each language (ISO 639-1), the greatest first; empty where it is too short to tell.

    """

    n_words: int
    shares: tuple[tuple[str, float], ...]

    @property
    def language(self) -> str | None:
        """The language of most words; ``None`` where the text is too short to tell."""
        return self.shares[0][0] if self.shares else None

    def share(self, language: str) -> float:
        """Return the share of words in passages of ``language``."""
        return dict(self.shares).get(language, 0.0)


def detect_language(text: str) -> Detected:
    """Return which language ``text`` is in, and how much of it."""
    words = text.split()
    if len(words) < FEWEST_WORDS:
        return Detected(len(words), ())
    n_passages = max(len(words) // PASSAGE_WORDS, 1)
    cuts = [round(n * len(words) / n_passages) for n in range(n_passages + 1)]
    counts: Counter[str] = Counter()
    for start, end in pairwise(cuts):
        counts[_identifier().classify(" ".join(words[start:end]))[0]] += end - start
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return Detected(len(words), tuple((language, n / len(words)) for language, n in ranked))


@cache
def _identifier() -> "LanguageIdentifier":
    # The model takes a second to load, and only who asks for a language waits for it.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    made = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
    made.set_languages(list(NAMES))
    return made
