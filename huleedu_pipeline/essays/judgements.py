"""Judgements that people made, from a CSV file: each row becomes a verdict about two essays of a batch, or a problem.

A row names the two essays in the order in which they were shown, by essay_id or by file name. Its winner is one of the two,
named in the same way or as the first or the second, or it is a tie. A cell that can be read in two ways is not guessed at.
Reading has no side effects, and one bad row refuses the whole file. Not here: what the ledger records of it.
"""

import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Literal

from huleedu_pipeline.essays.batch import Batch, IntakeError
from huleedu_pipeline.essays.csv_rows import read_rows
from huleedu_pipeline.judging.spec import HUMAN
from huleedu_pipeline.judging.verdict import MAX_JUSTIFICATION_CHARACTERS, Label, Verdict

FIRST_WORDS = ("first", "a", "essay a", "1")
SECOND_WORDS = ("second", "b", "essay b", "2")
TIE_WORDS = ("tie", "equal", "draw", "=")
MAX_JUDGE_ID_CHARACTERS = 100
LONGEST_QUOTED_CELL = 60

Meaning = Literal["first", "second", "tie", "neither"]  # neither: an essay of the batch that the row does not compare
_LABELS: dict[Meaning, Label | None] = {"first": "Essay A", "second": "Essay B", "tie": None}


@dataclass(frozen=True)
class JudgementColumns:
    """Which columns of a file hold what, and its words for a tie besides :data:`TIE_WORDS`."""

    first: str
    second: str
    winner: str
    judge: str | None = None
    justification: str | None = None
    ties: tuple[str, ...] = ()

    @property
    def named(self) -> list[str]:
        """The columns that must be there."""
        return [name for name in (self.first, self.second, self.winner, self.judge, self.justification) if name is not None]


@dataclass(frozen=True)
class HumanJudgement:
    """One person's verdict about two essays; ``occurrence`` counts that person's judgements of them in that order, from 1."""

    line: int
    first_id: str
    second_id: str
    judge_id: str
    occurrence: int
    verdict: Verdict
    row: Mapping[str, str]

    @property
    def key(self) -> tuple[str, str, str, int]:
        """What makes it the same judgement in another import."""
        return (self.first_id, self.second_id, self.judge_id, self.occurrence)


def read_judgements(source: Path, batch: Batch, columns: JudgementColumns) -> list[HumanJudgement]:
    """Read the judgements in ``source`` about the essays of ``batch``.

    Raises:
        IntakeError: a column is missing, or a row is broken, names an essay that the batch does not have, compares an essay
            with itself, or has no winner that can be read; every problem is listed with its line.

    """
    problems: list[str] = []
    twice = sorted(name for name, n in Counter(columns.named).items() if n > 1)
    problems.extend(f"column '{name}': is to hold two things (name a column for each)" for name in twice)
    try:
        data = source.read_bytes()
    except OSError as error:
        raise IntakeError(source.name, [f"can not be read: {error.strerror} (check the path)"]) from None
    rows = read_rows(data, columns.named, problems) if not twice else []
    if not rows and not problems:
        problems.append("holds no judgement (write one line for each)")
    reader = _Reader(columns, _Names(batch))
    found = [judgement for line, row in rows if (judgement := reader.read(line, row, problems)) is not None]
    if problems:
        raise IntakeError(source.name, problems)
    return found


class _Names:
    """The essays of a batch by what a file may call them: their ids, and file names that only one of them has."""

    def __init__(self, batch: Batch) -> None:
        ids = {_plain(essay.essay_id): essay.essay_id for essay in batch.essays}
        files = [(_plain(essay.file_name), essay.essay_id) for essay in batch.essays]
        n_named = Counter(name for name, _ in files)
        self._by_name = {name: essay_id for name, essay_id in files if n_named[name] == 1} | ids

    def find(self, cell: str) -> str | None:
        """Return the id of the essay that ``cell`` names."""
        return self._by_name.get(cell)

    def hint(self, cell: str) -> str:
        """Return what may have been meant, or what there is."""
        near = get_close_matches(cell, self._by_name, n=1)
        if near:
            return f"did you mean '{near[0]}'?"
        return f"write an essay_id or a file name, for example '{next(iter(self._by_name.values()))}'"


class _Reader:
    """Reads rows one after another, counting how often each judge has judged the same two essays."""

    def __init__(self, columns: JudgementColumns, names: _Names) -> None:
        self._columns = columns
        self._names = names
        self._ties = {_plain(word).casefold() for word in (*TIE_WORDS, *columns.ties)}
        self._n_judged: Counter[tuple[str, str, str]] = Counter()

    def read(self, line: int, row: Mapping[str, str], problems: list[str]) -> HumanJudgement | None:
        """Return the judgement in a row, or add what is wrong with the row to ``problems``."""
        columns = self._columns
        wrong: list[str] = []
        first = self._essay(columns.first, row, wrong)
        second = self._essay(columns.second, row, wrong)
        if first is not None and first == second:
            wrong.append(f"essay '{first}' is compared with itself (correct one of the two, or remove the line)")
            second = None
        judge_id = self._judge(row, wrong)
        justification = self._justification(row, wrong)
        winner: Label | None = None
        if first is not None and second is not None:
            winner = self._winner(_plain(row[columns.winner]), first, second, wrong)
        problems.extend(f"line {line}: {problem}" for problem in wrong)
        if wrong or first is None or second is None:
            return None
        self._n_judged[first, second, judge_id] += 1
        occurrence = self._n_judged[first, second, judge_id]
        verdict = Verdict(winner, justification, confidence=None, p_a=None if winner else 0.5)
        return HumanJudgement(line, first, second, judge_id, occurrence, verdict, row)

    def _essay(self, column: str, row: Mapping[str, str], wrong: list[str]) -> str | None:
        cell = _plain(row[column])
        if not cell:
            wrong.append(f"{column} is empty (name the essay that was shown)")
            return None
        essay_id = self._names.find(cell)
        if essay_id is None:
            wrong.append(f"{column} {_quoted(cell)} is no essay of the batch ({self._names.hint(cell)})")
        return essay_id

    def _winner(self, cell: str, first: str, second: str, wrong: list[str]) -> Label | None:
        column = self._columns.winner
        readings = self._readings(cell, first, second)
        if not cell:
            wrong.append(f"{column} is empty (name the better essay, or write tie)")
        elif len(readings) > 1:
            meanings = " or ".join(readings.values())
            wrong.append(f"{column} {_quoted(cell)} can mean {meanings} (write first, second or tie, or a file name)")
        elif not readings:
            words = sorted({*FIRST_WORDS, *SECOND_WORDS, *self._ties, first, second})
            near = get_close_matches(cell, words, n=1)
            remedy = f"did you mean '{near[0]}'?" if near else "name the better essay, or write first, second or tie"
            wrong.append(f"{column} {_quoted(cell)} is neither an essay nor a word for one or for a tie ({remedy})")
        elif "neither" in readings:
            wrong.append(
                f"{column} {_quoted(cell)} is not one of the two that were compared (they are '{first}' and '{second}')"
            )
        else:
            return _LABELS[next(iter(readings))]
        return None

    def _readings(self, cell: str, first: str, second: str) -> dict[Meaning, str]:
        """Return everything that the cell can mean, in words; of more than one thing the user decides."""
        found: dict[Meaning, str] = {}
        named = self._names.find(cell)
        if named is not None:
            found["first" if named == first else "second" if named == second else "neither"] = f"the essay '{named}'"
        word = cell.casefold()
        if word in FIRST_WORDS:
            found.setdefault("first", "the first of the two")
        if word in SECOND_WORDS:
            found.setdefault("second", "the second of the two")
        if word in self._ties:
            found.setdefault("tie", "a tie")
        return found

    def _judge(self, row: Mapping[str, str], wrong: list[str]) -> str:
        column = self._columns.judge
        if column is None:
            return HUMAN
        name = " ".join(_plain(row[column]).split())
        judge_id = f"{HUMAN}:{name}"
        if not name:
            wrong.append(f"{column} is empty (name who judged)")
        elif len(judge_id) > MAX_JUDGE_ID_CHARACTERS:
            most = MAX_JUDGE_ID_CHARACTERS - len(HUMAN) - 1
            wrong.append(f"{column} has {len(name)} characters, and a judge's name at most {most} (shorten it)")
        return judge_id

    def _justification(self, row: Mapping[str, str], wrong: list[str]) -> str | None:
        column = self._columns.justification
        text = "" if column is None else _plain(row[column])
        if len(text) > MAX_JUSTIFICATION_CHARACTERS:
            wrong.append(
                f"{column} has {len(text)} characters, and a justification at most {MAX_JUSTIFICATION_CHARACTERS} (shorten it, "
                "or leave out --justification-column: the ledger keeps the whole row in any case)"
            )
        return text or None


def _plain(cell: str) -> str:
    return unicodedata.normalize("NFC", cell).strip()


def _quoted(cell: str) -> str:
    """Return the cell for a message, unless it is long: it may then be a pupil's text, and messages are logged."""
    return f"'{cell}'" if len(cell) <= LONGEST_QUOTED_CELL else f"with {len(cell)} characters"
