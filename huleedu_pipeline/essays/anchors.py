"""Graded anchor essays in a folder, with the grades in ``anchors.csv`` or at the end of the file names."""

import unicodedata
from collections.abc import Iterator
from pathlib import Path

from huleedu_pipeline.essays.batch import Essay
from huleedu_pipeline.essays.folder_files import csv_rows, document_files, read_document_file
from huleedu_pipeline.grading.scales import GradeScale

TABLE = "anchors.csv"


def anchor_files(anchors_dir: Path, problems: list[str]) -> list[Path]:
    """Return the documents in ``anchors_dir``, by name; none where there is no such folder."""
    return document_files(anchors_dir, problems, ignore={TABLE}) if anchors_dir.is_dir() else []


def read_anchors(
    anchors_dir: Path, scale: GradeScale | None, problems: list[str], warnings: list[str]
) -> Iterator[tuple[str, Essay]]:
    """Yield each anchor in ``anchors_dir`` with the place that messages about it name.

    Args:
        anchors_dir: The folder with the documents; ``anchors.csv`` is in it or beside it.
        scale: The scale that the grades must be on; ``None`` where it is not known, which is somebody else's problem.
        problems: Receives one sentence for each thing to mend.
        warnings: Receives one sentence for each thing that was left out of a document.

    """
    grades = _grades(anchors_dir, problems)
    for path in anchor_files(anchors_dir, problems):
        grade = grades.pop(path.name, None) if grades is not None else _grade_from_name(path)
        place = f"{anchors_dir.name}/{path.name}"
        if grade is None:
            where = "anchors.csv has no line for it" if grades is not None else "the file name does not end in _GRADE"
            problems.append(f"{place}: has no grade: {where} (add a line 'file_name,grade' to anchors.csv, or rename it)")
        elif scale is not None and grade not in scale.grades:
            problems.append(f"{place}: grade '{grade}' is not on {scale.scale_id} ({' '.join(scale.grades)}); correct it")
        else:
            document = read_document_file(path, place, problems, warnings)
            if document:
                yield place, Essay(stem(path), path.name, document.text, grade, document.sha256)
    problems.extend(
        f"anchors.csv: names '{name}', which is not in {anchors_dir.name}/ (add it, or remove the line)"
        for name in grades or ()
    )


def stem(path: Path) -> str:
    """Return the file's name without its ending, in NFC: systems spell the same letters differently."""
    return unicodedata.normalize("NFC", path.stem)


def _grades(anchors_dir: Path, problems: list[str]) -> dict[str, str] | None:
    """Return grade by file name from ``anchors.csv``, or ``None`` when the file names carry the grades."""
    for path in (anchors_dir / TABLE, anchors_dir.parent / TABLE):
        if path.is_file():
            grades: dict[str, str] = {}
            for line, row in csv_rows(path, TABLE, ("file_name", "grade"), problems):
                name = row["file_name"].strip()
                if name in grades:
                    problems.append(f"anchors.csv: line {line}: names '{name}' a second time (remove one of the lines)")
                grades[name] = row["grade"].strip()
            return grades
    return None


def _grade_from_name(path: Path) -> str | None:
    head, separator, grade = path.stem.rpartition("_")
    return grade if separator and head and grade else None
