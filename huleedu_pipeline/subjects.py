"""Everything that is kept about one pupil, for the pupil: found by id over all batches, or as one essay of one batch.

What a table holds about an essay is told by the columns that it declares, so that no table is forgotten. Of the other essays
in a comparison there is nothing: neither their names nor, where a judge quotes them, their words. Not here: removing it.
"""

import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huleedu_pipeline.content import ORIGINALS, ContentStore
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.essays.class_list import names_of
from huleedu_pipeline.lake import Lake
from huleedu_pipeline.lake.schema import Table
from huleedu_pipeline.lake.tables import ESSAYS, SPELLCHECKED_ESSAYS, STUDENT_MATCHES, TABLES
from huleedu_pipeline.people import MatchStatus

ANOTHER = "(another essay)"
WITHHELD = "(withheld: it quotes the other essay)"
# So many words in a row are a quotation; fewer stand in any two essays on one subject.
QUOTED_WORDS = 4
# What is told in the words of a judge or provider.
_SAID = ("justification", "error_message")
_PAIRED = ("essay_a_id", "essay_b_id")


class UnknownSubjectError(HuleeduError):
    """Nothing is kept about the pupil or essay that is asked for."""


@dataclass(frozen=True, order=True)
class Place:
    """One essay of one batch."""

    batch_id: str
    essay_id: str


@dataclass(frozen=True)
class Exported:
    """What was written: the essays, the rows of tables, and the pupil's own files."""

    places: tuple[Place, ...]
    n_rows: int
    n_files: int


def places_of(lake: Lake, student_id: str) -> tuple[list[Place], list[Place]]:
    """Return the essays that are a pupil's, in all batches, and those that may be and wait for a person to say so.

    Raises:
        UnknownSubjectError: there is neither.

    """
    matched: list[Place] = []
    waiting: list[Place] = []
    for path in lake.files(STUDENT_MATCHES):
        for row in lake.read_rows(STUDENT_MATCHES, path.parent.name.removeprefix("batch=")):
            if row["student_id"] == student_id:
                is_settled = MatchStatus(row["status"]).is_settled
                (matched if is_settled else waiting).append(Place(row["batch_id"], row["essay_id"]))
    if not matched and not waiting:
        raise UnknownSubjectError("no essay is matched to this student_id (compare it with roster.csv and `huleedu match`)")
    return sorted(matched), sorted(waiting)


def place_of(lake: Lake, batch_id: str, essay_id: str) -> Place:
    """Return one essay of one batch.

    Raises:
        UnknownSubjectError: there is no such pupil's essay in the batch, or no such batch.

    """
    is_there = lake.path(ESSAYS, batch_id).exists()
    pupils = {row["essay_id"] for row in lake.read_rows(ESSAYS, batch_id) if not row["is_anchor"]} if is_there else set()
    if essay_id not in pupils:
        raise UnknownSubjectError(f"batch {batch_id}: has no pupil's essay {essay_id} (table essays has their ids)")
    return Place(batch_id, essay_id)


def export(lake: Lake, content: ContentStore, inbox: Path, places: Sequence[Place], folder: Path) -> Exported:
    """Write everything about the essays at ``places`` into ``folder``, a folder for each.

    Each has ``tables.json`` (rows by table), ``text.txt`` (the text as it was read), and the file that was handed in where the
    content store has it.

    Raises:
        UnknownSubjectError: ``folder`` is there already; nothing is overwritten.

    """
    if folder.exists():
        raise UnknownSubjectError(f"{folder}: is there already (name a folder that is not)")
    n_rows = n_files = 0
    for place in places:
        target = folder / place.batch_id / place.essay_id
        target.mkdir(parents=True)
        tables = {table.name: rows for table in TABLES if (rows := list(_rows(lake, table, place)))}
        n_rows += sum(map(len, tables.values()))
        said = {"batch_id": place.batch_id, "essay_id": place.essay_id, "name": _name(inbox, tables), "tables": tables}
        (target / "tables.json").write_text(json.dumps(said, ensure_ascii=False, indent=1, default=str), encoding="utf-8")
        (essay,) = tables[ESSAYS.name]
        (target / "text.txt").write_text(essay["text"], encoding="utf-8")
        original = essay["original_sha256"] and content.path(ORIGINALS, essay["original_sha256"])
        if original and original.exists():
            shutil.copyfile(original, target / f"original{Path(essay['file_name']).suffix}")
            n_files += 1
    return Exported(tuple(places), n_rows, n_files)


def _name(inbox: Path, tables: dict[str, list[dict[str, Any]]]) -> str | None:
    """Return the pupil's name, as long as the class list of the batch is there."""
    for row in tables.get(STUDENT_MATCHES.name, []):
        return names_of(inbox / row["batch_id"]).get(row["student_id"])
    return None


def _rows(lake: Lake, table: Table, place: Place) -> Iterator[dict[str, Any]]:
    columns = {column.name for column in table.columns}
    if not lake.path(table, place.batch_id).exists():
        return
    if "essay_id" in columns:
        yield from (row for row in lake.read_rows(table, place.batch_id) if row["essay_id"] == place.essay_id)
    elif columns.issuperset(_PAIRED):
        words = _words_of(lake, place.batch_id)
        for row in lake.read_rows(table, place.batch_id):
            if place.essay_id in (row[name] for name in _PAIRED):
                yield _alone(row, place.essay_id, words)


def _words_of(lake: Lake, batch_id: str) -> dict[str, set[tuple[str, ...]]]:
    """Return the runs of words in each text of a batch, as it was written and as it was judged."""
    found = {row["essay_id"]: _runs(row["text"]) for row in lake.read_rows(ESSAYS, batch_id)}
    if lake.path(SPELLCHECKED_ESSAYS, batch_id).exists():
        for row in lake.read_rows(SPELLCHECKED_ESSAYS, batch_id):
            found[row["essay_id"]] |= _runs(row["text_corrected"] or "")
    return found


def _alone(row: dict[str, Any], essay_id: str, words: dict[str, set[tuple[str, ...]]]) -> dict[str, Any]:
    """Return what a comparison says of one of its essays, without the other."""
    (other,) = (row[name] for name in _PAIRED if row[name] != essay_id)
    own = {name: ANOTHER if value == other else value for name, value in row.items()}
    theirs = words[other] - words[essay_id]
    quoting = [name for name in _SAID if own.get(name) is not None and _runs(own[name]) & theirs]
    return own | dict.fromkeys(quoting, WITHHELD)


def _runs(text: str) -> set[tuple[str, ...]]:
    found = re.findall(r"\w+", text.casefold())
    return {tuple(found[start : start + QUOTED_WORDS]) for start in range(len(found) - QUOTED_WORDS + 1)}
