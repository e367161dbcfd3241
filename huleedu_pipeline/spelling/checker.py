"""One text checked: which of its words are misspelt, and what each should be.

Not here: the dictionaries, what a word is (``tokens``), many texts at once (``check``).
"""

import re
from collections.abc import Collection
from typing import Literal

from huleedu_pipeline.spelling.corrections import Correction, Rule, SpellCheck
from huleedu_pipeline.spelling.dictionaries import Variety, dictionary

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_VARIETIES = {"en": (Variety.EN_US, Variety.EN_GB), "sv": (Variety.SV_SE,)}


class Checker:
    """Checks texts of one language, prompt and set of names."""

    def __init__(self, language: Literal["en", "sv"], *, prompt: str = "", known_names: Collection[str] = ()) -> None:
        self._dictionaries = [dictionary(variety) for variety in _VARIETIES[language]]
        self._left_alone = {word.casefold() for source in (prompt, *known_names) for word in _WORD.findall(source)}

    def check(self, text: str) -> SpellCheck:
        """Return the corrections of ``text``."""
        corrections, n_words = [], 0
        for match in _WORD.finditer(text):
            n_words += 1
            word = match.group().replace("’", "'")
            if word[0].isupper() or word.casefold() in self._left_alone or any(d.spell(word) for d in self._dictionaries):
                continue
            candidates = tuple(self._dictionaries[0].suggest(word)[:5])
            suggestion = candidates[0] if candidates else ""
            corrections.append(
                Correction(match.start(), match.end(), match.group(), suggestion, Rule.DICTIONARY, bool(candidates), candidates)
            )
        return SpellCheck(tuple(corrections), n_words)
