"""Names of pupils in what pupils write: where they stand, and what a judge reads in their place.

Every pupil of the class counts the same, whoever wrote the text: a classmate's name tells a judge as much as one's own, and
what a judge reads must not change when it is found out later whose text it is. Names are full names, their parts, e-mail
addresses and student ids. They are compared word by word without regard to case, with å, ä, ö as they are, without their
marks, or spelled out; a genitive's s stays.

A name that is a word as well (Hope, Will, Berg) would wreck texts. It counts as a word if it stands in this package's lists
for the language of the batch, has fewer than three letters, stands in the assignment, or is what several of the batch's
texts write in lower case. Of such a word only these are names:

- next to another part of the same pupil's name ("Hope Larsson", "Berg, Ek"), or after a title ("Mrs Hill");
- alone or among names, numbers and labels on one of the first or last lines, as texts are signed ("by Will", "Namn: Ek");
- with a capital letter within a sentence, unless all words there have one, or the word always has (May, Paris), or it stands
  in the assignment;
- with a capital letter at the beginning of a sentence, where the same text has it within a sentence and never in lower case.
"""

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Literal

from huleedu_pipeline.edits import Edit
from huleedu_pipeline.people.pupils import PARTICLES, WORD, Pupil, Roster, key, plain, spellings, words

PLACEHOLDER = "[name]"
Language = Literal["en", "sv"]

FEWEST_LETTERS = 3
FEWEST_ID_CHARACTERS = 5
LOWER_CASE_TEXTS = 3  # so many texts that write it in lower case make a name a word
SIGNED_FIRST, SIGNED_LAST = 4, 3  # lines of a text on which it may be signed
MOST_HEADING_WORDS = 12
TITLES = frozenset(words("mr mrs ms miss mister dr herr fru fröken magister"))
LABELS = frozenset(
    words(
        "name namn author by av from written skriven skrivet student elev pupil elevens class klass group grupp school skola "
        "date datum teacher lärare sign signed signature hälsningar vänliga mvh kram regards sincerely yours best love kind "
        "hugs dear hej hi the end slut essay uppsats text uppgift eng engelska english svenska sve np and och"
    )
)
_BETWEEN_PARTS = re.compile(r"[ \u00a0]?[-'’.,]?[ \u00a0]?")
_SENTENCE_ENDS = ".!?:;…\n"
_QUOTES = "\"'“”‘’«»"
_OPENINGS = " \t\u00a0([{-–—*#•_"


class _Kind(Enum):
    NAME = "a name wherever it stands"
    WORD = "a word as well"
    PROPER = "a word as well, of which a capital letter says nothing"
    LINK = "an initial or a particle: a name only beside one"


@dataclass(frozen=True)
class _Token:
    start: int
    end: int
    kind: _Kind
    pupils: frozenset[int]
    part: str
    is_capital: bool


@cache
def _listed(name: str) -> frozenset[str]:
    text = files("huleedu_pipeline.people").joinpath(name).read_text(encoding="utf-8")
    return frozenset(key(word) for line in text.splitlines() if not line.startswith("#") for word in line.split())


class NameFinder:
    """Finds the names of a class in texts.

    Args:
        roster: The pupils.
        language: Language of the texts: which names are words as well.
        assignment: What the pupils were asked; its words are words.
        texts: All texts of the batch as they were read; they tell which names are words here.

    """

    def __init__(self, roster: Roster, language: Language, assignment: str = "", texts: Iterable[str] = ()) -> None:
        self._asked = frozenset(words(assignment))
        self._parts: dict[str, set[int]] = defaultdict(set)
        self._initials: dict[str, set[int]] = defaultdict(set)
        for number, pupil in enumerate(roster.pupils):
            for part in pupil.parts:
                for spelled in spellings(part):
                    self._parts[spelled].add(number)
                self._initials[part[0]].add(number)
        self._language_words = _listed(f"words_{language}.txt")
        self._lower = _lower_case_words(texts, self._parts)
        self._contacts = _pattern(_contacts(roster.pupils, self._language_words))
        self._short_ids = frozenset(
            one for pupil in roster.pupils for one in words(pupil.student_id) if not _is_telling(pupil.student_id)
        )

    def edits(self, text: str) -> list[Edit]:
        """Return the replacements that take the names out of ``text``, in their order; they do not overlap."""
        tokens = list(self._tokens(text))
        named = {token for token in tokens if token.kind is _Kind.NAME}
        named |= _beside(tokens, text)
        named |= {token for token in tokens if token.kind in (_Kind.WORD, _Kind.PROPER) and _has_title(text, token)}
        spans = [(token.start, token.end) for token in named]
        spans += self._contact_spans(text)
        spans += self._signatures(text, tokens)
        within = {t for t in tokens if t.kind is _Kind.WORD and t.part not in self._asked and _is_within_sentence(text, t)}
        spans += [(token.start, token.end) for token in within]
        spans += [(token.start, token.end) for token in self._at_beginnings(tokens, within | named)]
        return [Edit(start, end, text[start:end], PLACEHOLDER) for start, end in _joined(text, spans)]

    def left(self, text: str) -> list[tuple[int, int]]:
        """Return the places in ``text`` where a name stands whatever is around it: what no judge may be sent.

        This asks less than :meth:`edits` and knows nothing of it: names that are no words, two parts of one pupil's name side
        by side, addresses and ids.
        """
        names = [(token.start, token.end) for token in self._tokens(text) if token.kind is _Kind.NAME]
        return list(_joined(text, [*names, *self.told(text)]))

    def told(self, text: str) -> list[tuple[int, int]]:
        """Return the places in ``text`` that tell of one pupil alone: whole names, addresses and ids."""
        whole = [(token.start, token.end) for token in _beside(list(self._tokens(text)), text)]
        return list(_joined(text, [*whole, *self._contact_spans(text)]))

    def _contact_spans(self, text: str) -> list[tuple[int, int]]:
        return [found.span() for found in self._contacts.finditer(text)] if self._contacts else []

    def _tokens(self, text: str) -> Iterator[_Token]:
        for found in WORD.finditer(text):
            word = found.group()
            part, length = self._part(word)
            pupils = self._parts.get(part) or self._parts.get(plain(part)) if part is not None else None
            is_capital = word[0].isupper()
            if part is not None and pupils:
                yield _Token(found.start(), found.start() + length, self._kind(part), frozenset(pupils), part, is_capital)
            elif len(key(word)) == 1 and is_capital and (pupils := self._initials.get(key(word))):
                yield _Token(*found.span(), _Kind.LINK, frozenset(pupils), key(word), is_capital)

    def _part(self, word: str) -> tuple[str | None, int]:
        """Return the part of a name that a word is, without the s of a genitive, and how many characters of it that takes."""
        whole = key(word)
        # A word that is a name only without its marks ("Mår" for "Mar") has to look like one.
        if whole in self._parts or (plain(whole) in self._parts and word[0].isupper() and whole not in self._language_words):
            return whole, len(word)
        stem = whole.removesuffix("s")
        is_name = (
            stem in self._parts and (word[0].isupper() or len(stem) > FEWEST_LETTERS) and whole not in self._language_words
        )
        return (stem, len(word) - 1) if is_name and stem != whole else (None, 0)

    def _kind(self, part: str) -> _Kind:
        if part in self._asked or part in _listed("proper_words.txt"):
            return _Kind.PROPER
        if len(part) < FEWEST_LETTERS or part in self._language_words or part in self._lower or part.isdigit():
            return _Kind.WORD
        return _Kind.NAME

    def _signatures(self, text: str, tokens: Sequence[_Token]) -> Iterator[tuple[int, int]]:
        """Yield names on lines that say nothing else; a title of one word that the assignment has is no signature."""
        lines = [line for line in re.finditer(r"[^\n]+", text) if WORD.search(line.group())]
        for line in dict.fromkeys([*lines[:SIGNED_FIRST], *lines[max(len(lines) - SIGNED_LAST, 0) :]]):
            there = [token for token in tokens if line.start() <= token.start < line.end()]
            names = [token for token in there if token.kind is not _Kind.LINK]
            ids = [
                found.span() for found in WORD.finditer(text, line.start(), line.end()) if key(found.group()) in self._short_ids
            ]
            taken = {(token.start, token.end) for token in there} | set(ids)
            others = [found for found in WORD.finditer(text, line.start(), line.end()) if not _is_in(found.span(), taken)]
            labels = [key(found.group()) for found in others]
            if not all(label in LABELS or any(c.isdigit() for c in label) for label in labels):
                continue
            if len(names) == 1 and not labels and not ids and names[0].kind is _Kind.PROPER:
                continue
            yield from ((token.start, token.end) for token in names)
            if names or labels:
                yield from ids

    def _at_beginnings(self, tokens: Sequence[_Token], named: Collection[_Token]) -> Iterator[_Token]:
        """Yield words at the beginning of sentences that are names elsewhere in the text, and nowhere a word."""
        parts = {token.part for token in named if token.kind is _Kind.WORD}
        lower = {token.part for token in tokens if not token.is_capital}
        for token in tokens:
            if token.kind is _Kind.WORD and token.is_capital and token.part in parts - lower:
                yield token


def _lower_case_words(texts: Iterable[str], parts: Mapping[str, object]) -> frozenset[str]:
    """Return the parts of names that at least so many texts write in lower case, and most of all occurrences are."""
    n_lower, n_all, n_texts = Counter[str](), Counter[str](), Counter[str]()
    for text in texts:
        lower = set()
        for found in WORD.finditer(text):
            if (part := key(found.group())) in parts:
                n_all[part] += 1
                if found.group()[0].islower():
                    n_lower[part] += 1
                    lower.add(part)
        n_texts.update(lower)
    return frozenset(part for part, n in n_texts.items() if n >= LOWER_CASE_TEXTS and 2 * n_lower[part] > n_all[part])


def _contacts(pupils: Iterable[Pupil], ordinary: Collection[str]) -> Iterator[str]:
    """Yield what stands for a pupil besides the name: addresses, the names before their @, and ids that are long enough."""
    for pupil in pupils:
        if pupil.email:
            yield pupil.email
            local = pupil.email.partition("@")[0]
            if len(local) >= FEWEST_ID_CHARACTERS and key(local) not in ordinary:
                yield local
        if _is_telling(pupil.student_id) and key(pupil.student_id) not in ordinary:
            yield pupil.student_id
            yield re.sub(r"[\s_-]", "", pupil.student_id)


def _is_telling(student_id: str) -> bool:
    """Whether an id can be nothing else: it has five characters or more, and is no year and no short number."""
    return len(re.sub(r"[\W_]", "", student_id)) >= FEWEST_ID_CHARACTERS


def _pattern(literals: Iterable[str]) -> re.Pattern[str] | None:
    longest_first = sorted({one for one in literals if one}, key=lambda one: (-len(one), one))
    if not longest_first:
        return None
    return re.compile(rf"(?<![^\W_])(?<!@)(?:{'|'.join(map(re.escape, longest_first))})(?![^\W_])", re.IGNORECASE)


def _beside(tokens: Sequence[_Token], text: str) -> set[_Token]:
    """Return the tokens that stand next to another part of the same pupil's name."""
    found: set[_Token] = set()
    for first, second in itertools.pairwise(tokens):
        if not first.pupils & second.pupils or first.part == second.part:
            continue
        between = text[first.end : second.start]
        if not (_BETWEEN_PARTS.fullmatch(between) or _is_one_name(text[first.start : first.end], between)):
            continue
        both = (first, second)
        if all(token.kind is not _Kind.LINK for token in both):
            # Two words that are names too may meet by chance in lower case.
            if any(token.kind is _Kind.NAME for token in both) or all(token.is_capital for token in both):
                found |= set(both)
        elif (
            second.kind is _Kind.LINK and first.kind is not _Kind.LINK and first.is_capital and _is_initial(text, first, second)
        ):
            found |= set(both)
    return found


def _is_initial(text: str, name: _Token, initial: _Token) -> bool:
    """Whether one letter after a name is an initial: "Anna S." or "Anna S", and not "Anna I met"."""
    follows = text[initial.end : initial.end + 1]
    stands_out = follows in (".", "", "\n", ",", ")") or text[initial.end : initial.end + 2].strip() in ("'s", "’s")
    is_word = initial.part in ("a", "i", "o", "å", "ö")
    return text[name.end : initial.start] in (" ", ".", ". ", "\u00a0") and (stands_out if is_word else True)


def _has_title(text: str, token: _Token) -> bool:
    before = WORD.findall(text[max(token.start - 12, 0) : token.start])
    gap = re.search(r"\.?[ \u00a0]$", text[max(token.start - 2, 0) : token.start])
    return bool(token.is_capital and gap and before and key(before[-1]) in TITLES)


def _is_within_sentence(text: str, token: _Token) -> bool:
    """Whether a capital letter within a sentence says that this is a name."""
    word = text[token.start : token.end]
    if not token.is_capital or (len(word) > 1 and word.isupper()):
        return False
    at = token.start - 1
    while at >= 0 and text[at] in _OPENINGS:
        at -= 1
    if at < 0 or text[at] in _SENTENCE_ENDS + _QUOTES:
        return False
    start, end = text.rfind("\n", 0, token.start) + 1, text.find("\n", token.start)
    _, *others = WORD.findall(text[start : end if end >= 0 else len(text)])
    capitals = [one for one in others if one[0].isupper() and one != "I"]
    # A heading in which most words have capitals says nothing.
    return 2 * len(capitals) <= len(others) or len(others) > MOST_HEADING_WORDS


def _is_in(span: tuple[int, int], taken: Collection[tuple[int, int]]) -> bool:
    return any(start <= span[0] < end for start, end in taken)


def _joined(text: str, spans: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield the spans in order, those that overlap or are only parted as names are ("Anna-Karin von Berg") as one."""
    merged: list[list[int]] = []
    for start, end in sorted(set(spans)):
        if merged and (start <= merged[-1][1] or _is_one_name(text[slice(*merged[-1])], text[merged[-1][1] : start])):
            merged[-1][1] = max(merged[-1][1], end)
        else:
            merged.append([start, end])
    yield from ((start, end) for start, end in merged)


def _is_one_name(before: str, between: str) -> bool:
    """Whether what stands between two names joins them: a space, a hyphen, a particle, the full stop of an initial."""
    if any(key(word) not in PARTICLES for word in WORD.findall(between)):
        return False
    signs = WORD.sub("", between)
    is_initial = len(before) == 1 or not before[-2].isalnum()
    return re.fullmatch(r"\.?[ \u00a0]{0,2}" if is_initial else r"[ \u00a0'’-]{0,3}", signs) is not None
