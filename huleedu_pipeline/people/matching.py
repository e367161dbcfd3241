"""Which essay is whose: by file name, document properties and first lines, with a confidence and its evidence.

Each source is compared with every name of the class; a pair of essay and pupil is as sure as its best source, and a little
surer with every further one that says the same. One assignment for the whole class makes the confidences' sum greatest with at
most one essay for each pupil (Kuhn 1955). It decides nothing that is close: where another pupil fits an essay about as well, or
another essay the pupil, a person has to look, and sees the candidate.

Confidences are points out of 100 by rule, not probabilities: whole name 100, given name with initial 85, a given name that one
pupil alone has 80, and less for what fits several; a document's properties and text count for less than the name of its file.
Not here: where the class list and a person's decisions come from.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from rapidfuzz import fuzz

from huleedu_pipeline.people.pupils import Pupil, Roster, key, plain, words

AUTOMATIC, REVIEW = 85.0, 50.0
NEAR_TIE = 15.0
AGREEMENT = 10.0  # for every further source that fits at least as well as REVIEW
FEWEST_FUZZY_LETTERS, LEAST_LIKENESS = 4, 80.0
MISSPELLED = 0.85  # a name that is nearly there never passes without a look
FIRST_LINES, MOST_SIGNATURE_WORDS = 5, 8
FEWEST_ID_CHARACTERS = 5
_SOURCES = {"file_name": 1.0, "author": 0.92, "title": 0.92, "signature": 0.97, "first_lines": 0.75}
_CAMEL = re.compile(r"(?<=[a-zåäöéü])(?=[A-ZÅÄÖÉÜ])")


class MatchStatus(StrEnum):
    """How far a match can be relied upon; results by pupil hold only what is automatic or confirmed."""

    AUTOMATIC = "automatic"
    REVIEW = "review"
    MANUAL = "manual"
    CONFIRMED = "confirmed"
    UNMATCHED = "unmatched"

    @property
    def is_settled(self) -> bool:
        """Whether nobody has to look at it any more."""
        return self in (MatchStatus.AUTOMATIC, MatchStatus.CONFIRMED, MatchStatus.UNMATCHED)


@dataclass(frozen=True)
class Clues:
    """What an essay says of its writer; ``text`` is the text as it was read, of which the first lines count."""

    essay_id: str
    file_name: str
    text: str
    author: str | None = None
    title: str | None = None


@dataclass(frozen=True)
class Decision:
    """What a person decided of an essay: whose it is, or (``None``) nobody's on the class list."""

    student_id: str | None


@dataclass(frozen=True)
class StudentMatch:
    """Whose an essay is.

    Attributes:
        essay_id: The essay.
        student_id: The pupil, or the likeliest one where the status asks for a look; ``None`` where nobody fits.
        method: The source that decided: file_name, author, title, signature, first_lines, matches.csv, or none.
        confidence: Points from 0 to 100; 100 where a person decided.
        status: How far that can be relied upon.
        evidence: What fitted, without a word of the text or a name.

    """

    essay_id: str
    student_id: str | None
    method: str
    confidence: float
    status: MatchStatus
    evidence: str


def match_essays(
    essays: Sequence[Clues], roster: Roster, decisions: Mapping[str, Decision] | None = None
) -> tuple[StudentMatch, ...]:
    """Match essays to the pupils of a class.

    Args:
        essays: The essays' clues.
        roster: The class.
        decisions: What people decided, by essay; it stands, and its pupils are no candidates for other essays.

    Returns:
        One match for each essay, in their order. No pupil has two that are automatic or confirmed.

    """
    decided = decisions or {}
    taken = {one.student_id for one in decided.values() if one.student_id is not None}
    free = [pupil for pupil in roster.pupils if pupil.student_id not in taken]
    names = _Names.of(roster)
    open_essays = [essay for essay in essays if essay.essay_id not in decided]
    fits = [[_fit(essay, pupil, names) for pupil in free] for essay in open_essays]
    scores = np.array([[fit.confidence for fit in row] for row in fits]).reshape(len(open_essays), len(free))
    found = dict(zip((e.essay_id for e in open_essays), _assigned(open_essays, free, fits, scores), strict=True))
    return tuple(
        found[essay.essay_id] if essay.essay_id in found else _as_decided(essay.essay_id, decided[essay.essay_id])
        for essay in essays
    )


def _as_decided(essay_id: str, decision: Decision) -> StudentMatch:
    status = MatchStatus.UNMATCHED if decision.student_id is None else MatchStatus.CONFIRMED
    return StudentMatch(essay_id, decision.student_id, "matches.csv", 100.0, status, "a person decided")


@dataclass(frozen=True)
class _Fit:
    confidence: float
    method: str
    evidence: str


def _assigned(
    essays: Sequence[Clues], pupils: Sequence[Pupil], fits: Sequence[Sequence[_Fit]], scores: NDArray[np.float64]
) -> Iterator[StudentMatch]:
    """Yield each essay's match in the assignment that makes the sum of confidences greatest."""
    if not pupils:
        yield from (StudentMatch(essay.essay_id, None, "none", 0.0, MatchStatus.MANUAL, "nobody is left") for essay in essays)
        return
    # Whoever reads a folder without matching it need not wait for this import.
    from scipy.optimize import linear_sum_assignment

    possible = np.where(scores >= REVIEW, scores, 0.0)
    given = dict(zip(*(part.tolist() for part in linear_sum_assignment(possible, maximize=True)), strict=True))
    for row, essay in enumerate(essays):
        best = int(np.argmax(scores[row]))
        column = given.get(row, best)
        if possible[row, column] == 0.0:
            column = best  # its pupil went to another essay, or nobody fits
        fit = fits[row][column]
        if fit.confidence < REVIEW:
            yield StudentMatch(essay.essay_id, None, "none", round(fit.confidence, 1), MatchStatus.MANUAL, "nobody fits")
            continue
        problems = []
        if _others_near(scores[row], column, fit.confidence):
            problems.append("another pupil fits about as well")
        if _others_near(scores[:, column], row, fit.confidence):
            problems.append("another essay fits this pupil about as well")
        is_sure = fit.confidence >= AUTOMATIC and not problems and given.get(row) == column
        status = MatchStatus.AUTOMATIC if is_sure else MatchStatus.REVIEW
        evidence = "; ".join([fit.evidence, *problems])
        yield StudentMatch(essay.essay_id, pupils[column].student_id, fit.method, round(fit.confidence, 1), status, evidence)


def _others_near(scores: NDArray[np.float64], own: int, confidence: float) -> bool:
    others = np.delete(scores, own)
    return bool(others.size and others.max() >= max(REVIEW, confidence - NEAR_TIE))


@dataclass(frozen=True)
class _Names:
    """How many pupils have a given name, a surname, or a given name with an initial."""

    given: Counter[str]
    surnames: Counter[str]
    initials: Counter[tuple[str, str]]

    @classmethod
    def of(cls, roster: Roster) -> "_Names":
        given, surnames, initials = Counter[str](), Counter[str](), Counter[tuple[str, str]]()
        for pupil in roster.pupils:
            given.update(map(plain, pupil.given))
            surnames.update(map(plain, pupil.surnames))
            initials.update({(plain(name), plain(surname)[:1]) for name in pupil.given for surname in pupil.surnames})
        return cls(given, surnames, initials)


def _fit(essay: Clues, pupil: Pupil, names: _Names) -> _Fit:
    """Return how well a pupil fits an essay, by the best of its sources and those that agree with it."""
    found = []
    for source, text in _sources(essay):
        points, what = _points(text, pupil, names)
        if points:
            found.append((points * _SOURCES[source], source, what))
    if not found:
        return _Fit(0.0, "none", "nothing fits")
    found.sort(key=lambda one: -one[0])
    agreeing = {source for points, source, _ in found[1:] if points >= REVIEW} - {found[0][1]}
    confidence = min(found[0][0] + AGREEMENT * len(agreeing), 100.0)
    evidence = "; ".join(f"{source}: {what}" for _, source, what in _first_of_each(found))
    return _Fit(confidence, found[0][1], evidence)


def _first_of_each(found: Sequence[tuple[float, str, str]]) -> Iterator[tuple[float, str, str]]:
    seen = set()
    for one in found:
        if one[1] not in seen:
            seen.add(one[1])
            yield one


def _sources(essay: Clues) -> Iterator[tuple[str, str]]:
    name = essay.file_name.rpartition(".")[0] or essay.file_name
    yield "file_name", _CAMEL.sub(" ", name)
    if essay.author:
        yield "author", essay.author
    if essay.title:
        yield "title", essay.title
    lines = [line for line in essay.text.split("\n") if line.strip()][:FIRST_LINES]
    for line in lines:
        yield ("signature" if len(line.split()) <= MOST_SIGNATURE_WORDS else "first_lines"), line


@lru_cache(maxsize=4096)
def _plain_words(text: str) -> tuple[str, ...]:
    return tuple(plain(word) for word in words(text))


def _points(text: str, pupil: Pupil, names: _Names) -> tuple[float, str]:
    """Return how well a text names a pupil, up to 100, and by what; 0 where it does not."""
    folded = key(text)
    if pupil.email and key(pupil.email) in folded:
        return 100.0, "e-mail address"
    there = _plain_words(text)
    if _has_id(there, pupil.student_id):
        is_telling = len(re.sub(r"[\W_]", "", pupil.student_id)) >= FEWEST_ID_CHARACTERS
        return (100.0, "student id") if is_telling else (70.0, "short student id")
    local = pupil.email.partition("@")[0]
    if len(local) >= FEWEST_ID_CHARACTERS and _contains(there, _plain_words(local)):
        return 95.0, "name in the e-mail address"
    given, which = _likeness(there, pupil.given)
    surname, _ = _likeness(there, pupil.surnames)
    if given and surname:
        if given + surname == 200.0:
            return 100.0, "given name and surname"
        return MISSPELLED * (given + surname) / 2, "nearly given name and surname"
    joined = {"".join(map(plain, order)) for order in ((*pupil.given, *pupil.surnames), (*pupil.surnames, *pupil.given))}
    if pupil.surnames and joined & set(there):
        return 100.0, "given name and surname in one word"
    initials = {word for word in there if len(word) == 1}
    if given == 100.0 and (found := [s for s in pupil.surnames if plain(s)[:1] in initials]):
        is_alone = names.initials[which, plain(found[0])[:1]] == 1
        return (85.0 if is_alone else 60.0), "given name and initial"
    if given == 100.0:
        is_alone = names.given[which] == 1
        return (80.0 if is_alone else 55.0), f"given name{'' if is_alone else ' of several pupils'}"
    if surname == 100.0:
        which = next(plain(one) for one in pupil.surnames if plain(one) in there)
        is_alone = names.surnames[which] == 1
        has_initial = any(plain(one)[:1] in initials for one in pupil.given)
        points = (80.0 if has_initial else 65.0) if is_alone else (70.0 if has_initial else 50.0)
        return points, f"surname{' and initial' if has_initial else ''}{'' if is_alone else ' of several pupils'}"
    return 0.0, ""


def _likeness(there: Collection[str], parts: Sequence[str]) -> tuple[float, str]:
    """Return how like the likest word is to any of the parts, 0 below the least likeness, and that part."""
    best = (0.0, "")
    for part in map(plain, parts):
        if part in there:
            return 100.0, part
        if len(part) >= FEWEST_FUZZY_LETTERS:
            likenesses = (
                fuzz.ratio(part, word, score_cutoff=LEAST_LIKENESS) for word in there if len(word) >= FEWEST_FUZZY_LETTERS
            )
            if (likest := max(likenesses, default=0.0)) > best[0]:
                best = (likest, part)
    return best


def _has_id(there: Sequence[str], student_id: str) -> bool:
    return _contains(there, _plain_words(student_id))


def _contains(there: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether the wanted words stand in a row."""
    n = len(wanted)
    return bool(n) and any(tuple(there[at : at + n]) == tuple(wanted) for at in range(len(there) - n + 1))
