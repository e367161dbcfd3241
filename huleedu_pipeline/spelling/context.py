"""What the words around a word say about it: how much likelier a pair of neighbours makes it, and real words that were not meant.

Only English has frequencies of pairs. A real word is doubted only if it is in a set of words that learners confuse, and its
neighbours make another of the set likelier by far. Not here: misspellings that are no words.
"""

import math

from huleedu_pipeline.spelling.dictionaries import Language
from huleedu_pipeline.spelling.frequencies import pair_frequencies, word_frequencies

_CERTAIN = 3.0  # powers of ten
_RARE, _RARE_CERTAIN = 2e-6, 1.0  # for words that are hardly ever used

# Groups of words that learners write for one another. Those before the colon are doubted, those after it are only what was meant.
_GROUPS = """
then than; there their; loose: lose; quite quiet quit; form from; whether weather wether; advice advise; affect effect; accept except
to: too; of: off; thing think; live life leave; witch: which; hole: whole; no now know; knew new; trough: through; threw through
thought taught; tree three; peace piece; past passed; are: our; ours: hours; how: who; mean main mane; childe: child; wilde: wild; beech: beach; bred: bread
breath breathe; by buy; wort: worth; hart: heart; meat meet; herd: heard; worst worse; costumer: customer; costumers: customers
desert dessert; latter later; send sent; build built; spend spent; angel angle; bear beer; cloths: clothes; curse course; coarse: course
hear here; right write; see sea; seen scene; steal steel; sun son; tale tail; threat thread; waist waste; wait weight; weak week
wander wonder; word world; chose choose; safe save; prove proof; belief believe; where: were; rater: rather; wold: would; wand: want
diner dinner; planing: planning; hoping hopping; siting: sitting; writhing: writing; sins: since; lake: like; tick: think; wile: while
tough though through; cold could; bath both; sum some; hall: whole; closes: clothes; deferent: different; quality equality
"""


def _confused() -> dict[str, tuple[str, ...]]:
    others: dict[str, set[str]] = {}
    for group in _GROUPS.replace("\n", ";").split(";"):
        doubted, _, only_meant = group.partition(":")
        for word in doubted.split():
            others.setdefault(word, set()).update({*doubted.split(), *only_meant.split()} - {word})
    return {word: tuple(sorted(found)) for word, found in others.items()}


_CONFUSED = _confused()


def support(word: str, before: str | None, after: str | None, language: Language) -> float:
    """Return how much likelier, in powers of ten, its neighbours make ``word``; all in lower case, 0 if they say nothing."""
    pairs, alone = pair_frequencies(language), word_frequencies(language)
    total = 0.0
    for pair, neighbour in (((before, word), before), ((word, after), after)):
        if neighbour and (share := pairs.get((pair[0] or "", pair[1] or ""))) and neighbour in alone:
            total += max(0.0, math.log10(share / (alone[neighbour] * alone.get(word, 1e-8))))
    return total


def meant(word: str, before: str | None, after: str | None, language: Language) -> str | None:
    """Return the word that was meant by a real one, if its neighbours leave no doubt; all in lower case."""
    if not can_be_doubted(word, language):
        return None
    others = [(support(other, before, after, language), other) for other in _CONFUSED[word]]
    best, other = max(others)
    certain = _CERTAIN if word_frequencies(language).get(word, 0.0) > _RARE else _RARE_CERTAIN
    return other if best - support(word, before, after, language) >= certain else None


def can_be_doubted(word: str, language: Language) -> bool:
    """Whether ``word`` is one that learners write for another."""
    return language == "en" and word in _CONFUSED
