"""Pupils of a class, and the parts of their names. Not here: where a class list is read from."""

import re
import unicodedata
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

WORD = re.compile(r"(?:[^\W_][\u0300-\u036f]*)+")
# Parts that belong to a surname and name nobody by themselves.
_PARTICLES = "af al av bin ibn d da de del den der di do dos du el la le o of och ter van von y zu zur"
PARTICLES = frozenset(_PARTICLES.split())
_LETTERS = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
_SPELLED_OUT = str.maketrans({"å": "aa", "ä": "ae", "ö": "oe", "ü": "ue", "ø": "oe"})


def key(word: str) -> str:
    """Return a word without regard to case and to how its letters are composed."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", word).casefold())


@lru_cache(maxsize=65536)
def plain(word: str) -> str:
    """Return a key without accents, rings and dots, as keyboards and systems without them write it."""
    apart = unicodedata.normalize("NFKD", word.translate(_LETTERS))
    return "".join(character for character in apart if not unicodedata.combining(character)).translate(_LETTERS)


def spellings(word: str) -> frozenset[str]:
    """Return the keys under which a name may be written: as it is, without its marks, and with å, ä, ö, ü spelled out."""
    return frozenset({word, plain(word), plain(word.translate(_SPELLED_OUT))})


def words(text: str) -> list[str]:
    """Return the keys of the words in ``text``, in their order; hyphens and apostrophes part words."""
    return [key(found.group()) for found in WORD.finditer(text)]


@dataclass(frozen=True)
class Pupil:
    """One line of a class list; ``name`` is "Given Surname" or "Surname, Given"."""

    student_id: str
    name: str = field(repr=False)
    email: str = field(default="", repr=False)
    class_name: str = ""

    @cached_property
    def given(self) -> tuple[str, ...]:
        """Keys of the given names."""
        return self._parts[0]

    @cached_property
    def surnames(self) -> tuple[str, ...]:
        """Keys of the surnames, without particles such as "von"; none where there is a single name."""
        return self._parts[1]

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """Keys of all parts, and of double names written as one ("annakarin")."""
        doubles = (key(found.group().replace("-", "")) for found in re.finditer(r"[^\W_]+(?:-[^\W_]+)+", self.name))
        return tuple(dict.fromkeys((*self.given, *self.surnames, *doubles)))

    @cached_property
    def _parts(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        last, comma, first = self.name.partition(",")
        if comma and words(first):
            return _named(words(first)), _named(words(last))
        # Words, not keys of words: a double name keeps its hyphen and is one part.
        parts = self.name.replace(",", " ").split()
        at = next((n for n, part in enumerate(parts) if n and key(part) in PARTICLES), max(len(parts) - 1, 1))
        return _named(words(" ".join(parts[:at]))), _named(words(" ".join(parts[at:])))


def _named(keys: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for one in keys if one not in PARTICLES and not one.isdigit()))


@dataclass(frozen=True)
class Roster:
    """The pupils of a class."""

    pupils: tuple[Pupil, ...]

    def pupil(self, student_id: str) -> Pupil:
        """Return the pupil of that id; raises KeyError."""
        return {pupil.student_id: pupil for pupil in self.pupils}[student_id]
