"""What is a word that can be checked, and which places of a text are left alone whatever stands there.

Left alone are addresses, bracketed placeholders, quoted or emphasised titles, abbreviations with points, and words that touch
a digit. Not here: whether a word is right.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

# Latin letters, with accents that stand apart, ligatures of typesetters and signs that nobody sees: all may be inside a word.
_INVISIBLE = "\u00ad\u200b-\u200d\u2060"
_LETTER = rf"[A-Za-zÀ-ÖØ-öø-ɏ\u0300-\u036fﬀ-ﬆ{_INVISIBLE}]"
WORD = re.compile(rf"(?<![\w\u0300-\u036f]){_LETTER}++(?:['’ʼ´`]{_LETTER}++)*+(?!\w)")

_MARKED = re.compile(
    r"""\[[^\[\]\n]{1,60}\] | \{[^{}\n]{1,60}\} | <[^<>\n]{1,60}> | [@\#]\w+
    | "(?P<straight>[^"\n]{1,80})" | [“”„](?P<curly>[^“”„\n]{1,80})[“”] | [«»](?P<angle>[^«»\n]{1,80})[«»]
    | (?<!\w)['‘](?P<single>[^'‘’\n]{1,80})['’](?!\w)
    | (?<![\w*])\*{1,2}(?P<star>[^*\n]{1,80})\*{1,2}(?![\w*]) | (?<!\w)_(?P<line>[^_\n]{1,80})_(?!\w)""",
    re.VERBOSE,
)
_ADDRESS = re.compile(r"(?:https?://|www\.)\S++|(?<![\w.+-])[\w.+-]++@[\w.-]++", re.IGNORECASE)
_POINT = re.compile(r"\.(?=[^\W\d_])")
_LAST_LABELS = frozenset(
    (
        *("com", "se", "org", "net", "edu", "uk", "nu", "io", "info", "eu", "no", "dk", "fi"),
        *("pdf", "doc", "docx", "txt", "odt", "rtf", "html"),
    )
)
_LONGEST_TITLE_WORDS = 8
_LONGEST_ABBREVIATION_PART = 4
_ENDS_OF_SENTENCE = frozenset(".!?:;\n•–—-*…")
_OPENERS = frozenset(" \t\u00a0\"'“”„«»‘’([{_")


@dataclass(frozen=True)
class Word:
    """A word at ``text[start:end]``; ``plain`` is how it is looked up: composed, and with straight apostrophes."""

    start: int
    end: int
    plain: str


def words(text: str) -> Iterator[Word]:
    """Yield the words of ``text`` in reading order, those at places left alone included."""
    for match in WORD.finditer(text):
        yield Word(match.start(), match.end(), plain(match.group()))


def plain(word: str) -> str:
    """Return ``word`` as dictionaries have it: NFKC, straight apostrophes, nothing invisible."""
    if word.isascii():
        return word.replace("`", "'")
    return unicodedata.normalize("NFKC", re.sub(f"[{_INVISIBLE}]", "", re.sub("[’ʼ´`]", "'", word)))


def left_alone(text: str) -> list[tuple[int, int]]:
    """Return the places of ``text`` that are left alone, in order; they may overlap."""
    spans = [match.span() for match in _MARKED.finditer(text) if match.lastgroup is None or _is_title(match[match.lastgroup])]
    if "@" in text or "://" in text or "www." in text.lower():
        spans += [match.span() for match in _ADDRESS.finditer(text)]
    for match in _POINT.finditer(text):
        start, end = _run(text, match.start())
        run = text[start:end]
        parts = run.strip(".").split(".")
        is_abbreviated = run.count(".") > 1 and all(len(part) <= _LONGEST_ABBREVIATION_PART for part in parts)
        if is_abbreviated or parts[-1].lower() in _LAST_LABELS:
            spans.append((start, end))
    return sorted(spans)


def starts_sentence(text: str, place: int) -> bool:
    """Whether a word at ``place`` is the first in the text, a line, a sentence or a quotation."""
    place -= 1
    while place >= 0 and text[place] in _OPENERS:
        place -= 1
    return place < 0 or text[place] in _ENDS_OF_SENTENCE


def _run(text: str, point: int) -> tuple[int, int]:
    """Return the place of what is joined to ``point`` without a space, as far as a host name can reach."""
    start, end = point, point
    while start > 0 and (text[start - 1].isalnum() or text[start - 1] in ".-") and point - start < 60:
        start -= 1
    while end < len(text) and (text[end].isalnum() or text[end] in ".-") and end - point < 60:
        end += 1
    return start, end


def _is_title(quoted: str) -> bool:
    """Whether what is quoted or emphasised is a name or a word that is talked about, and not something that somebody says.

    Speech ends with a stop before the closing mark, is long, or begins in the middle of a sentence.
    """
    n_words = len(quoted.split())
    if n_words == 1:
        return True
    return n_words <= _LONGEST_TITLE_WORDS and quoted[0].isupper() and quoted[-1] not in ".,!?"
