"""One text checked: which of its words are misspelt, and what each should be.

In this order: the list of learners' errors, the dictionary, the context. What depends on a word alone is worked out once for
all texts. Not here: what a word is (``tokens``), the dictionaries, many texts at once (``check``).
"""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from huleedu_pipeline.spelling.candidates import LONGEST_WORD, Candidate, candidates, is_name, without_accents
from huleedu_pipeline.spelling.context import can_be_doubted, meant, support
from huleedu_pipeline.spelling.corrections import Correction, Rule, SpellCheck
from huleedu_pipeline.spelling.dictionaries import VARIETIES, Language, Variety, is_word, varieties_of
from huleedu_pipeline.spelling.frequencies import word_frequencies
from huleedu_pipeline.spelling.learner import learner_errors
from huleedu_pipeline.spelling.tokens import Word, left_alone, plain, starts_sentence, words

N_CANDIDATES = 5
_SHORT = 3  # letters of what may be an abbreviation
_SWEDISH_LETTERS = frozenset("åäö")

# What a suggestion must be worth before it is carried out: set on the development part of the gold set (docs/spelling.md).
_NEIGHBOURS = 0.3  # the weight of a power of ten by context beside one of frequency
_DEAREST = 1.7
_DEAREST_BY_LENGTH = {1: 0.0, 2: 0.5, 3: 0.75, 4: 1.0, 5: 1.2, 6: 1.3, 7: 1.5}
_RAREST = 1e-7
_MARGIN = 0.15
_FOREIGN = 1e-6
_FOREIGN_RATIO = 3.0
_NEW_WORD = 1e-6
_NEW_WORD_RATIO = 100.0
_NAME_LETTERS = 6  # a capitalised word at the start of a sentence is rather a name, if it is shorter
_NAME_CANDIDATE = 3e-6
_NAME_COST = 0.8
_LONG_NAME_LETTERS, _LONG_NAME_COST, _LONG_NAME_CANDIDATE = 9, 0.45, 1e-5
_SHOUTED = 0.6
_PREFIXES = ("anti", "counter", "cyber", "eco", "micro", "mini", "multi", "non", "over", "sub", "super", "under")
_STEM = 4  # letters
_SHORTENED = ("'ll", "'d", "'ve", "'re", "'s")


@dataclass(frozen=True)
class _Doubt:
    """An unknown word of a text, with its neighbours."""

    word: Word
    before: str | None
    after: str | None
    is_first: bool


class Checker:
    """Checks texts of one language, prompt and set of names; what one text is corrected to does not depend on the others."""

    def __init__(self, language: Language, *, prompt: str = "", known_names: Collection[str] = ()) -> None:
        self._language = language
        self._other: Language = "sv" if language == "en" else "en"
        self._learner = learner_errors(language)
        self._given = {word.plain for source in (prompt, *known_names) for word in words(source)}
        self._left_alone = {word.casefold() for word in self._given}
        self._settled: dict[str, frozenset[Variety]] = {}  # right wherever they stand, and what they speak for

    def check(self, text: str) -> SpellCheck:
        """Return the corrections of ``text``."""
        tokens = list(words(text))
        spans = left_alone(text)
        is_shouted = bool(tokens) and sum(token.plain.isupper() for token in tokens) > _SHOUTED * len(tokens)
        certain: list[Correction] = []
        doubts: list[_Doubt] = []
        evidence: Counter[Variety] = Counter()
        reached, span = 0, 0
        for place, token in enumerate(tokens):
            while span < len(spans) and spans[span][1] <= token.start:
                span += 1
            if token.start < reached or any(start < token.end and token.start < end for start, end in spans[span : span + 3]):
                continue
            settled = self._settled.get(token.plain)
            if settled is not None:
                evidence.update(settled)
                continue
            before = _neighbour(text, tokens, place, -1)
            after = _neighbour(text, tokens, place, 1)
            if listed := self._listed(text, tokens, place):
                certain.append(listed)
                reached = listed.end
            elif self._is_right(token.plain, is_shouted=is_shouted):
                evidence.update(self._evidence(token.plain))
                lower = token.plain.lower()
                if other := meant(lower, before, after, self._language):
                    certain.append(_correction(text, token, Rule.CONTEXT, (other,), is_applied=True))
                elif not self._depends_on_its_place(token.plain):
                    self._settled[token.plain] = self._evidence(token.plain)
            else:
                doubts.append(_Doubt(token, before, after, starts_sentence(text, token.start)))
        variety = _variety(evidence)
        written_small = {doubt.word.plain for doubt in doubts if doubt.word.plain.islower()}
        names = {doubt.word.plain for doubt in doubts if not doubt.is_first and doubt.word.plain[0].isupper()}
        names -= {name for name in names if name.lower() in written_small}
        found = [self._judged(text, doubt, names, variety, is_shouted=is_shouted) for doubt in doubts]
        return SpellCheck(tuple(sorted(certain + [correction for correction in found if correction])), len(text.split()))

    def _listed(self, text: str, tokens: list[Word], place: int) -> Correction | None:
        """Return the learners' error that begins at ``place``, if there is one."""
        word = tokens[place]
        lower = word.plain.lower()
        for rest, correction in self._learner.phrases.get(lower, ()):
            following = tokens[place + 1 : place + 1 + len(rest)]
            if tuple(token.plain.lower() for token in following) == rest and all(
                text[left.end : right.start] in (" ", "\u00a0")
                for left, right in zip([word, *following], following, strict=False)
            ):
                whole = Word(word.start, following[-1].end, word.plain)
                return _correction(text, whole, Rule.LEARNER_ERROR, (correction,), is_applied=True)
        listed = self._learner.words.get(lower)
        # A prompt in which "I" stands does not make "i" right.
        is_given = lower in self._given if listed and listed.lower() == lower else lower in self._left_alone
        if listed is None or is_given or (word.plain.isupper() and 1 < len(lower) <= _SHORT):
            return None
        if lower == "i" and (word.plain == "I" or not self._is_pronoun(text, tokens, place)):
            return None
        return None if listed == word.plain else _correction(text, word, Rule.LEARNER_ERROR, (listed,), is_applied=True)

    def _is_pronoun(self, text: str, tokens: list[Word], place: int) -> bool:
        """Whether an ``i`` stands among English words, and neither numbers a list nor begins a Swedish phrase."""
        word = tokens[place]
        if text[word.end : word.end + 1] in (")", "."):
            return False
        following = tokens[place + 1].plain if place + 1 < len(tokens) else ""
        return not following or is_word(following, "en") or following.lower() in self._learner.words

    def _is_right(self, word: str, *, is_shouted: bool) -> bool:
        """Whether ``word`` is one of the language, or one that is left alone wherever it stands."""
        lower = word.lower()
        if (
            lower.casefold() in self._left_alone
            or lower.removesuffix("'s").casefold() in self._left_alone
            or len(word) > LONGEST_WORD
        ):
            return True
        if is_word(word, self._language):
            return True
        if len(lower) <= _SHORT and is_word(lower.upper(), self._language):
            return True  # tv, ok
        if word.isupper():
            return not is_shouted or is_word(lower, self._language)
        if not word[1:].islower() and len(word) > 1 and any(letter.isupper() for letter in word[1:]):
            return True  # a name like YouTube
        if word[0].isupper() and is_word(word, self._other):
            return True
        return self._is_foreign(lower) or self._is_new(lower) or self._is_derived(lower)

    def _is_foreign(self, lower: str) -> bool:
        """Whether a word unknown here is one of the other language, and used there."""
        if self._language == "en" and not lower.isascii() and not _SWEDISH_LETTERS & set(lower):
            return not is_word(without_accents(lower), "en")  # of a third language, unless the accents are too many
        there = word_frequencies(self._other).get(lower, 0.0)
        here = word_frequencies(self._language).get(lower, 0.0)
        is_used = there >= _FOREIGN and there >= _FOREIGN_RATIO * here
        return (is_used or (self._language == "en" and bool(_SWEDISH_LETTERS & set(lower)))) and is_word(lower, self._other)

    def _is_new(self, lower: str) -> bool:
        """Whether a word that no dictionary has is used so much that nothing like it can have been meant."""
        here = word_frequencies(self._language).get(lower, 0.0)
        if here < _NEW_WORD:
            return False
        frequencies = word_frequencies(self._language)
        likely = candidates(lower, self._language)[:1]
        return not likely or frequencies.get(likely[0].word, 0.0) < _NEW_WORD_RATIO * here

    def _is_derived(self, lower: str) -> bool:
        """Whether a word is a known one behind a prefix, or before a shortened verb, that any word can have."""
        if self._language == "en" and any(
            lower.endswith(short) and is_word(lower.removesuffix(short), "en") for short in _SHORTENED
        ):
            return True
        rests = (lower.removeprefix(prefix) for prefix in _PREFIXES if lower.startswith(prefix))
        return any(len(rest) >= _STEM and is_word(rest, self._language) for rest in rests)

    def _depends_on_its_place(self, word: str) -> bool:
        """Whether a word that is right here may be part of an error, another word's or an error in capitals elsewhere."""
        lower = word.lower()
        if lower in self._learner.phrases or lower in self._learner.words:
            return True
        return can_be_doubted(lower, self._language) or (word.isupper() and not is_word(word, self._language))

    def _evidence(self, word: str) -> frozenset[Variety]:
        """Return the variety that ``word`` speaks for: the only one of two in which it is a word."""
        found = varieties_of(word, self._language) if self._language == "en" else frozenset()
        return found if len(found) == 1 else frozenset()

    def _judged(
        self, text: str, doubt: _Doubt, names: set[str], variety: Variety | None, *, is_shouted: bool
    ) -> Correction | None:
        """Return the correction of an unknown word; ``None`` if it is taken for a name."""
        word, lower = doubt.word.plain, doubt.word.plain.lower()
        is_capitalised = word[0].isupper() and not is_shouted
        ranked = self._ranked(lower, doubt, variety)
        best = ranked[0] if ranked else None
        is_name_possible = word in names
        if is_capitalised and not (best and self._is_surely(best, lower, is_name_possible=is_name_possible)):
            return None
        is_applied = best is not None and self._is_clear(best, ranked[1:], lower)
        return _correction(
            text,
            doubt.word,
            Rule.DICTIONARY,
            tuple(candidate.word for candidate in ranked[:N_CANDIDATES]),
            is_applied=is_applied,
        )

    def _ranked(self, lower: str, doubt: _Doubt, variety: Variety | None) -> list[Candidate]:
        """Return the candidates with their neighbours counted in, those of the text's variety first among equals."""
        found = candidates(lower, self._language)
        if variety is not None and len(VARIETIES[self._language]) > 1:
            own = [candidate for candidate in found if " " in candidate.word or variety in varieties_of(candidate.word, "en")]
            found = tuple(own) or found
        weighed = [
            Candidate(
                candidate.word,
                candidate.cost,
                candidate.score + _NEIGHBOURS * support(candidate.word.lower(), doubt.before, doubt.after, self._language),
            )
            for candidate in found[: 4 * N_CANDIDATES]
        ]
        return sorted(weighed, key=lambda candidate: (-candidate.score, candidate.word))

    def _is_clear(self, best: Candidate, others: list[Candidate], lower: str) -> bool:
        if best.cost > _DEAREST_BY_LENGTH.get(len(lower), _DEAREST):
            return False
        if " " not in best.word and word_frequencies(self._language).get(best.word.lower(), 0.0) < _RAREST:
            return False
        return not others or best.score - others[0].score >= _MARGIN

    def _is_surely(self, best: Candidate, lower: str, *, is_name_possible: bool) -> bool:
        """Whether a capitalised unknown word is a misspelling, and not a name: by its length and by how near a word is.

        Much is asked of one inside a sentence, unless it is nearly the name of a country, a people or the like.
        """
        if len(lower) < _NAME_LETTERS:
            return False
        if is_name(best.word, self._language):
            return best.cost <= _NAME_COST
        frequency = word_frequencies(self._language).get(best.word, 0.0)
        if is_name_possible:
            return len(lower) >= _LONG_NAME_LETTERS and best.cost <= _LONG_NAME_COST and frequency >= _LONG_NAME_CANDIDATE
        return best.cost <= 1.0 and frequency >= _NAME_CANDIDATE


def _variety(evidence: Counter[Variety]) -> Variety | None:
    """Return the variety of English that a text is written in, if it shows one."""
    american, british = evidence[Variety.EN_US], evidence[Variety.EN_GB]
    if american == british:
        return None
    return Variety.EN_US if american > british else Variety.EN_GB


def _neighbour(text: str, tokens: list[Word], place: int, step: int) -> str | None:
    """Return the word before or after in the same clause, in lower case."""
    if not 0 <= place + step < len(tokens):
        return None
    left, right = sorted((tokens[place], tokens[place + step]), key=lambda token: token.start)
    return tokens[place + step].plain.lower() if text[left.end : right.start].isspace() else None


def _correction(text: str, word: Word, rule: Rule, found: tuple[str, ...], *, is_applied: bool) -> Correction:
    original = text[word.start : word.end]
    suggestions = tuple(dict.fromkeys(_as_written(candidate, original) for candidate in found))
    suggestions = tuple(suggestion for suggestion in suggestions if suggestion != original)
    suggestion = suggestions[0] if suggestions else ""
    return Correction(word.start, word.end, original, suggestion, rule, is_applied and bool(suggestion), suggestions)


def _as_written(word: str, original: str) -> str:
    """Return ``word`` with the capitals and the apostrophe of what it replaces."""
    if "’" in original:
        word = word.replace("'", "’")
    written = plain(original)
    if len(written) > 1 and written.isupper():
        return word.upper()
    return word[:1].upper() + word[1:] if written[:1].isupper() else word
