"""Any CSV file becomes a batch folder: one essay for each row, and a choice of graded rows as anchors."""

import random
import re
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from huleedu_pipeline.essays.batch import IntakeError
from huleedu_pipeline.essays.batch_folder import read_batch
from huleedu_pipeline.essays.csv_rows import read_rows
from huleedu_pipeline.essays.registered import NOTHING_REGISTERED, Registry
from huleedu_pipeline.essays.template import RUBRIC, as_batch_id, batch_yaml, write_new
from huleedu_pipeline.essays.text import normalise


@dataclass(frozen=True)
class CsvImport:
    """What to take from a CSV file.

    Attributes:
        id_column: Column with a unique id for each row.
        text_column: Column with the essay.
        grade_column: Column with a known grade, needed for anchors.
        n_anchors: How many graded rows become anchors, spread over the grades as evenly as they come.
        only: Rows to take: the value that each of these columns must have.
        grade_scale: Scale of the grades.
        prompt: The assignment.
        rubric: The criteria; a general one by default.
        seed: Seed of the choice of anchors.
        batch: Further fields of ``batch.yaml``.

    """

    id_column: str
    text_column: str
    prompt: str
    grade_column: str | None = None
    n_anchors: int = 0
    only: dict[str, str] = field(default_factory=dict)
    grade_scale: str | None = None
    rubric: str = RUBRIC
    seed: int = 1
    batch: dict[str, object] = field(default_factory=dict)


def import_csv(source: Path, folder: Path, wanted: CsvImport, registry: Registry = NOTHING_REGISTERED) -> tuple[int, int]:
    """Write the batch folder ``folder`` from ``source`` and return the numbers of essays and of anchors.

    The grade scale is looked up in ``registry``.

    Raises:
        IntakeError: a column is missing, a row is broken, fewer than two rows fit, a grade is not on the scale, there are
            too few rows to choose anchors from, or the batch would not be a valid one; nothing is then written.
        TemplateError: the folder holds a batch already.

    """
    rows = _rows(source, wanted)
    anchors = _choose_anchors(source, rows, wanted, registry)
    names = _file_names(source, [row[wanted.id_column] for row in rows])
    files = {"batch.yaml": batch_yaml(_spec(folder, wanted)), "prompt.md": wanted.prompt + "\n", "rubric.md": wanted.rubric}
    grades = ["file_name,grade"]
    for row, name in zip(rows, names, strict=True):
        is_anchor = row[wanted.id_column] in anchors
        files[f"{'anchors' if is_anchor else 'essays'}/{name}.txt"] = normalise(row[wanted.text_column]) + "\n"
        if is_anchor:
            grades.append(f"{name}.txt,{anchors[row[wanted.id_column]]}")
    if anchors:
        files["anchors/anchors.csv"] = "\n".join(grades) + "\n"
    with tempfile.TemporaryDirectory() as temporary:
        trial = Path(temporary) / folder.name
        write_new({trial / name: text for name, text in files.items()})
        read_batch(trial, registry)
    write_new({folder / name: text for name, text in files.items()})
    return len(rows) - len(anchors), len(anchors)


def _spec(folder: Path, wanted: CsvImport) -> dict[str, object]:
    scale = {"grade_scale": wanted.grade_scale} if wanted.grade_scale else {}
    return {"batch_id": as_batch_id(folder.resolve().name), **scale, **wanted.batch}


def _rows(source: Path, wanted: CsvImport) -> list[dict[str, str]]:
    place = source.name
    columns = [wanted.id_column, wanted.text_column, *wanted.only, *filter(None, [wanted.grade_column])]
    problems: list[str] = []
    try:
        read = read_rows(source.read_bytes(), columns, problems)
    except OSError as error:
        raise IntakeError(place, [f"can not be read: {error.strerror} (check the path)"]) from None
    if problems:
        raise IntakeError(place, problems)
    rows = [row for _, row in read if all(row[name] == value for name, value in wanted.only.items())]
    if len(rows) < 2:
        raise IntakeError(place, [f"{len(rows)} rows fit; a batch needs at least two essays (check --where)"])
    return rows


def _choose_anchors(source: Path, rows: list[dict[str, str]], wanted: CsvImport, registry: Registry) -> dict[str, str]:
    """Return grade by id of the rows that become anchors: the grades in turn, rows of one grade in seeded order."""
    if not wanted.n_anchors:
        return {}
    if wanted.grade_column is None or wanted.grade_scale is None:
        raise IntakeError(source.name, ["anchors need --grade-column and --grade-scale"])
    scale = registry.scale(wanted.grade_scale)
    by_grade: dict[str, list[str]] = defaultdict(list)
    for row in rows:
        grade = row[wanted.grade_column].strip()
        if grade and grade not in scale.grades:
            problem = f"row '{row[wanted.id_column]}': grade '{grade}' is not on {scale.scale_id} ({' '.join(scale.grades)})"
            raise IntakeError(source.name, [problem])
        if grade:
            by_grade[grade].append(row[wanted.id_column])
    available = sum(len(ids) for ids in by_grade.values())
    if wanted.n_anchors > min(available, len(rows) - 2):
        raise IntakeError(
            source.name,
            [f"{wanted.n_anchors} anchors are too many: {available} of {len(rows)} rows are graded, and 2 must stay"],
        )
    rng = random.Random(wanted.seed)  # noqa: S311
    for ids in by_grade.values():
        rng.shuffle(ids)
    chosen: dict[str, str] = {}
    while len(chosen) < wanted.n_anchors:
        for grade in scale.grades:
            if by_grade.get(grade) and len(chosen) < wanted.n_anchors:
                chosen[by_grade[grade].pop()] = grade
    return chosen


def _file_names(source: Path, ids: list[str]) -> list[str]:
    names = [re.sub(r"[^\w.-]+", "-", text).strip(".-") for text in ids]
    problems = [
        f"row '{text}': the id gives no file name (ids need letters or digits)"
        for text, n in zip(ids, names, strict=True)
        if not n
    ]
    seen: dict[str, str] = {}
    for text, name in zip(ids, names, strict=True):
        if name in seen:
            problems.append(f"row '{text}': has the same id as another row, '{seen[name]}' (ids must differ)")
        seen.setdefault(name, text)
    if problems:
        raise IntakeError(source.name, problems)
    return names
