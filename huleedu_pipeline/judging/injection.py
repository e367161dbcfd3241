"""Texts that seem to address whoever judges them: a screen by rule, whose hits a person looks at.

An essay is data, and the prompt says so to the judge; that is no proof that a judge keeps to it. So texts with orders to a
judge, with pieces of a prompt's or a reply's form, or with characters that nobody sees are flagged before anything is paid.
A flag changes neither the text nor its ranking: a pupil may well write about chat bots, and a screen finds what it knows and
nothing else. Not here: how essays are framed in a prompt (:mod:`.prompts`).

The kinds of attack are those of Greshake et al. 2023, arXiv:2302.12173 (instructions in data), and of the characters that
Unicode calls tags and format controls (https://www.unicode.org/reports/tr36/, section 3).
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Rule(StrEnum):
    """What about a text was found."""

    OVERRIDES_INSTRUCTIONS = "overrides_instructions"
    DEMANDS_A_VERDICT = "demands_a_verdict"
    ADDRESSES_A_MODEL = "addresses_a_model"
    IMITATES_THE_PROMPT = "imitates_the_prompt"
    IMITATES_A_REPLY = "imitates_a_reply"
    HIDDEN_CHARACTERS = "hidden_characters"


@dataclass(frozen=True, order=True)
class Flag:
    """``text[start:end]`` is what ``rule`` found; ``end`` excluded."""

    start: int
    end: int
    rule: Rule


_THIS = r"(?:this|my|the (?:first|second|following|present)) (?:essay|text|answer|paper|one)"
_DENNA = r"(?:denna|den här|min|mitt|detta|det här|den (?:första|andra)) (?:uppsats(?:en)?|text(?:en)?|svar(?:et)?|essän?)"
_JUDGE = r"(?:ai|llm|language model|chat ?bot|assistant|judge|grader|examiner)\b"
_BEFORE = r"(?:previous|prior|above|earlier|preceding|foregoing|other|given|your)"
_TIDIGARE = r"(?:tidigare|ovanstående|föregående|andra|givna|dina)"
_RULES: tuple[tuple[Rule, str], ...] = (
    (
        Rule.OVERRIDES_INSTRUCTIONS,
        rf"(?:ignore|disregard|forget|override|bypass|do not follow)\W+(?:\w+\W+){{0,3}}?{_BEFORE}\W+(?:\w+\W+){{0,2}}?"
        r"(?:instruction|prompt|rule|criteri|rubric|guideline)\w*",
    ),
    (Rule.OVERRIDES_INSTRUCTIONS, r"(?:ignore|disregard|forget)\W+(?:all|any|the)\W+(?:instruction|rubric|criteri)\w*"),
    (
        Rule.OVERRIDES_INSTRUCTIONS,
        rf"(?:ignorera|bortse från|glöm|strunta i|följ inte)\W+(?:\w+\W+){{0,3}}?{_TIDIGARE}\W+(?:\w+\W+){{0,2}}?"
        r"(?:instruktion|prompt|regl|kriteri|anvisning)\w*",
    ),
    (
        Rule.DEMANDS_A_VERDICT,
        rf"(?:choose|pick|select|prefer|rank|rate|grade|declare|vote for|judge)\W+(?:\w+\W+)?(?:{_THIS}|essay [ab]\b)",
    ),
    (Rule.DEMANDS_A_VERDICT, rf"{_THIS} (?:must|should|shall|has to|deserves to) (?:win|be (?:chosen|preferred|the winner))"),
    (Rule.DEMANDS_A_VERDICT, rf"give {_THIS} (?:the |an? )?(?:highest|best|top|full|a\b)"),
    (Rule.DEMANDS_A_VERDICT, rf"(?:välj|föredra|rösta på|utse|rangordna|betygsätt)\W+(?:{_DENNA}|uppsats [ab]\b|essay [ab]\b)"),
    (Rule.DEMANDS_A_VERDICT, rf"ge {_DENNA} (?:det |ett )?(?:högsta|bästa|högt)"),
    (
        Rule.ADDRESSES_A_MODEL,
        r"(?:dear|hello|hey|note to|attention|message (?:to|for)) (?:the )?"
        r"(?:ai|llm|chatgpt|gpt|claude|language model|judge|grader|grading (?:ai|model|system)|examiner|assistant)\b",
    ),
    (
        Rule.ADDRESSES_A_MODEL,
        rf"you are (?:now )?(?:an? |the )?{_JUDGE}",
    ),
    (Rule.ADDRESSES_A_MODEL, r"(?:if|as) you are an? (?:ai|llm|language model)\b|as an ai (?:language )?model"),
    (Rule.ADDRESSES_A_MODEL, r"du är (?:nu )?(?:en |ett )?(?:ai|språkmodell|chatt?bot|domare|bedömare|examinator)\b"),
    (Rule.ADDRESSES_A_MODEL, r"(?:hej|kära|till) (?:ai|chatgpt|claude|språkmodellen|domaren|bedömaren|examinatorn)\b"),
    (Rule.IMITATES_THE_PROMPT, r"<\s*/?\s*(?:essay|system|instructions?|assistant|user|prompt)\b[^<>]{0,80}>"),
    (Rule.IMITATES_THE_PROMPT, r"<\|[a-z_]{2,20}\|>|\[/?inst\]|<<sys>>"),
    (Rule.IMITATES_THE_PROMPT, r"(?m)^\W{0,4}(?:system|assistant|user|developer|human)\s*:"),
    (Rule.IMITATES_THE_PROMPT, r"(?:system|developer) (?:prompt|message|instructions?)\b|end of (?:the )?essay\b|systemprompt"),
    (Rule.IMITATES_A_REPLY, r"[\"'“”]?(?:winner|justification|confidence)[\"'“”]?\s*[:=]\s*[\"'“”]?(?:essay|[\d{])"),
    (
        Rule.IMITATES_A_REPLY,
        r"essay [ab] (?:wins|(?:is|was) (?:clearly |far |much |the )*(?:better|winner|superior|best))",
    ),
)
_COMPILED = tuple((rule, re.compile(pattern)) for rule, pattern in _RULES)

# What people type: joiners of emoji and of some scripts, soft hyphens of word processors, a byte order mark at the beginning.
_INNOCENT = frozenset("\u200c\u200d\u00ad\ufeff")
_TAGS = range(0xE0000, 0xE0080)
_REGIONAL_FLAG = re.compile("\U0001f3f4[\U000e0020-\U000e007f]+")  # England's, Scotland's and Wales's are written with tags
_SEVERAL = 3  # so many hidden characters in a row or near one another are no accident


def screen(text: str) -> tuple[Flag, ...]:
    """Return what in ``text`` seems to address a judge, by place; nothing overlaps within a rule.

    Letters are compared without their case, width and style, and without characters that nobody sees, so that spelling an
    order with such letters hides nothing.
    """
    plain, places = _plain(text)
    flags = {
        Flag(places[found.start()], places[found.end() - 1] + 1, rule)
        for rule, pattern in _COMPILED
        for found in pattern.finditer(plain)
    }
    return tuple(sorted([*_apart(flags), *_hidden(text)]))


def _plain(text: str) -> tuple[str, list[int]]:
    letters, places = [], []
    for place, character in enumerate(text):
        if unicodedata.category(character) == "Cf":
            continue
        # Line ends matter to the rules; any other space is one.
        folded = character if character == "\n" else unicodedata.normalize("NFKC", character).casefold()
        letters.append(" " if folded.isspace() and folded != "\n" else folded)
        places += [place] * len(letters[-1])
    return "".join(letters), places


def _apart(flags: set[Flag]) -> Iterator[Flag]:
    reached: dict[Rule, int] = {}
    for flag in sorted(flags, key=lambda one: (one.start, -one.end)):
        if flag.start >= reached.get(flag.rule, 0):
            reached[flag.rule] = flag.end
            yield flag


def _hidden(text: str) -> Iterator[Flag]:
    run: list[int] = []
    in_emoji = {place for found in _REGIONAL_FLAG.finditer(text) for place in range(*found.span())}
    for place, character in enumerate(text):
        if unicodedata.category(character) != "Cf" or character in _INNOCENT or place in in_emoji:
            continue
        if run and place - run[-1] > _SEVERAL:
            yield from _if_several(text, run)
            run = []
        run.append(place)
    yield from _if_several(text, run)


def _if_several(text: str, run: list[int]) -> Iterator[Flag]:
    is_a_tag = any(ord(text[place]) in _TAGS for place in run)
    if len(run) >= _SEVERAL or is_a_tag:
        yield Flag(run[0], run[-1] + 1, Rule.HIDDEN_CHARACTERS)
