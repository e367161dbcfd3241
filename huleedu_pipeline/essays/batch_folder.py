"""Intake: a folder on disk becomes a validated batch, or an error that lists everything wrong with it.

A batch folder holds ``batch.yaml``, ``prompt.md``, ``rubric.md``, the pupils' essays as ``essays/*.txt|md`` or as
``essays.csv`` (columns essay_id, text, optionally file_name), and optionally graded anchors in ``anchors/``. A batch that
people judge may do without prompt and rubric. Reading has no side effects. All problems are collected before anything is
refused, so that a user mends a folder once.
"""

import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from huleedu_pipeline.canonical import sha256_hex, short_hash
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.essays.csv_rows import read_rows
from huleedu_pipeline.essays.spec import BatchSpec, SpecError, parse_spec
from huleedu_pipeline.essays.text import TextError, count_words, has_words, normalise, read_text
from huleedu_pipeline.grading.scales import get_scale
from huleedu_pipeline.judging.overrides import validate_judge
from huleedu_pipeline.judging.spec import HUMAN

TEXT_SUFFIXES = (".txt", ".md")
MAX_ESSAY_ID_CHARACTERS = 100
MAX_CHARACTERS = 100_000  # about 15 000 words; two of these and the rubric fit every listed model


class IntakeError(HuleeduError):
    """A batch folder that can not be used; ``problems`` holds one line for each thing to mend."""

    def __init__(self, place: str, problems: list[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{place}: {problem}" for problem in problems))


@dataclass(frozen=True)
class Essay:
    """One text of a batch; ``anchor_grade`` is set for anchors and only for them."""

    essay_id: str
    file_name: str
    text: str
    anchor_grade: str | None = None

    @property
    def is_anchor(self) -> bool:
        """Whether the essay carries a known grade."""
        return self.anchor_grade is not None

    @property
    def text_sha256(self) -> str:
        """Identity of the text."""
        return sha256_hex(self.text)

    @property
    def n_words(self) -> int:
        """Number of words, separated by white space."""
        return count_words(self.text)


# An essay with the place that messages about it name.
Found = tuple[str, Essay]


@dataclass(frozen=True)
class Batch:
    """A validated batch: its specification, what the judge is told, pupils' essays first and then anchors, by id."""

    spec: BatchSpec
    prompt: str
    rubric: str
    essays: tuple[Essay, ...]

    @property
    def content_sha256(self) -> str:
        """Identity of everything that determines the batch's requests; equal content means the same batch."""
        essays = [(e.essay_id, e.file_name, e.text_sha256, e.anchor_grade) for e in self.essays]
        return short_hash([self.spec.model_dump(mode="json", exclude_defaults=True), self.prompt, self.rubric, essays], 64)


def read_batch(folder: Path) -> Batch:
    """Read and validate the batch in ``folder``.

    Raises:
        IntakeError: anything that would make the judgements worthless or unpayable; each problem names file and remedy.

    """
    if not folder.is_dir():
        raise IntakeError(str(folder), ["is not a folder (give the folder that holds batch.yaml; `huleedu init` makes one)"])
    problems: list[str] = []
    spec = _read_spec(folder, problems)
    place = f"batch {spec.batch_id}" if spec else f"batch folder {folder.name}"
    is_needed = spec is None or spec.judge.provider != HUMAN
    prompt = _read_instruction(folder, "prompt.md", "the assignment the pupils answered", problems, is_needed=is_needed)
    rubric = _read_instruction(folder, "rubric.md", "the criteria the judge applies", problems, is_needed=is_needed)
    n_before = len(problems)
    pupils = list(_read_pupils(folder, problems))
    # One essay is taken in, and comes back with nothing said of it; people can not have compared it with anything.
    n_fewest = 1 if is_needed else 2
    if len(pupils) < n_fewest and len(problems) == n_before:
        problems.append(f"essays/: holds {len(pupils)} pupils' essays; a comparison needs at least two (add essays)")
    anchors = list(_read_anchors(folder, spec, problems))
    problems.extend(_conflicts([*pupils, *anchors]))
    n_essays = len(pupils) + len(anchors)
    if spec and spec.max_comparisons is not None and spec.max_comparisons < n_essays - 1:
        problems.append(
            f"batch.yaml: max_comparisons: {spec.max_comparisons} can not connect {n_essays} essays "
            f"(use at least {n_essays - 1}; about {10 * n_essays} give a usable ranking)"
        )
    if problems or spec is None:
        raise IntakeError(place, problems)
    essays = [essay for found in (pupils, anchors) for essay in sorted((essay for _, essay in found), key=_id)]
    return Batch(spec, prompt, rubric, tuple(essays))


def check_judge(batch: Batch, *, on: date | None = None) -> tuple[str, ...]:
    """Hold a batch's judge against the manifest of models, and return what is to be known of it before it is paid.

    For batches of which nothing was asked yet: what was paid for is collected whatever the manifest says now.

    Args:
        batch: The batch.
        on: The day of asking, for models that are shut down; default: today in UTC.

    Raises:
        IntakeError: provider or model is unknown (the nearest is suggested), is gone, or does not take a parameter.

    """
    found = validate_judge(batch.spec.judge, on=on or datetime.now(UTC).date())
    if found.errors:
        raise IntakeError(f"batch {batch.spec.batch_id}", [f"batch.yaml: judge: {line}" for line in found.errors])
    return found.warnings


def read_spec(folder: Path) -> BatchSpec:
    """Read only ``batch.yaml`` of ``folder``.

    Raises:
        SpecError: the file is missing, not readable or not valid.

    """
    path = folder / "batch.yaml"
    if not path.exists():
        raise SpecError("batch.yaml: is missing (run `huleedu init DIR` for a commented template)")
    try:
        text = read_text(path)
    except TextError as error:
        raise SpecError(f"batch.yaml: {error}") from None
    return parse_spec(text, default_batch_id=folder.resolve().name)


def _stem(path: Path) -> str:
    """Return the file's name without its ending, in NFC: systems spell the same letters differently."""
    return unicodedata.normalize("NFC", path.stem)


def _id(essay: Essay) -> str:
    return essay.essay_id


def _read_spec(folder: Path, problems: list[str]) -> BatchSpec | None:
    try:
        return read_spec(folder)
    except SpecError as error:
        problems.extend(str(error).splitlines())
        return None


def _read_instruction(folder: Path, name: str, what: str, problems: list[str], *, is_needed: bool) -> str:
    """Return what a judge is told; people were told it elsewhere, so their batches may leave it out."""
    path = folder / name
    if not path.exists():
        if is_needed:
            problems.append(f"{name}: is missing; a judge needs it (write {what} into it)")
        return ""
    return _read_text(path, name, problems, f"is empty (write {what} into it{'' if is_needed else ', or remove it'})")


def _read_pupils(folder: Path, problems: list[str]) -> Iterator[Found]:
    essays_dir, essays_csv = folder / "essays", folder / "essays.csv"
    if essays_dir.is_dir() and essays_csv.is_file():
        problems.append("essays/ and essays.csv: both are there, and only one can be meant (remove one)")
    elif essays_dir.is_dir():
        for path in _text_files(essays_dir, problems):
            place = f"essays/{path.name}"
            text = _read_text(path, place, problems)
            if text:
                yield place, Essay(_stem(path), path.name, text)
    elif essays_csv.is_file():
        yield from _read_essays_csv(essays_csv, problems)
    else:
        problems.append("essays/: is missing (put the pupils' texts there as .txt or .md files, or write essays.csv)")


def _read_essays_csv(path: Path, problems: list[str]) -> Iterator[Found]:
    for line, row in _csv_rows(path, "essays.csv", ("essay_id", "text"), problems):
        essay_id, text = row["essay_id"].strip(), normalise(row["text"])
        place = f"essays.csv: line {line}"
        if not essay_id:
            problems.append(f"{place}: essay_id is empty (give every essay an id)")
        elif not has_words(text):
            problems.append(f"{place}: essay '{essay_id}' has no text (remove the line, or add text)")
        elif len(text) > MAX_CHARACTERS:
            problems.append(f"{place}: essay '{essay_id}' has {len(text):,} characters; a judge can read {MAX_CHARACTERS:,}")
        else:
            yield place, Essay(essay_id, (row.get("file_name") or "").strip() or essay_id, text)


def _read_anchors(folder: Path, spec: BatchSpec | None, problems: list[str]) -> Iterator[Found]:
    anchors_dir = folder / "anchors"
    grades = _anchor_grades(folder, problems)
    paths = _text_files(anchors_dir, problems, ignore={"anchors.csv"}) if anchors_dir.is_dir() else []
    scale = get_scale(spec.grade_scale) if spec and spec.grade_scale else None
    if paths and spec and scale is None:
        problems.append("batch.yaml: grade_scale: is missing although anchors/ has graded essays (name their scale)")
    for path in paths:
        grade = grades.pop(path.name, None) if grades is not None else _grade_from_name(path)
        place = f"anchors/{path.name}"
        if grade is None:
            where = "anchors.csv has no line for it" if grades is not None else "the file name does not end in _GRADE"
            problems.append(f"{place}: has no grade: {where} (add a line 'file_name,grade' to anchors.csv, or rename it)")
        elif scale is not None and grade not in scale.grades:
            problems.append(f"{place}: grade '{grade}' is not on {scale.scale_id} ({' '.join(scale.grades)}); correct it")
        else:
            text = _read_text(path, place, problems)
            if text:
                yield place, Essay(_stem(path), path.name, text, grade)
    problems.extend(
        f"anchors.csv: names '{name}', which is not in anchors/ (add it, or remove the line)" for name in grades or ()
    )


def _anchor_grades(folder: Path, problems: list[str]) -> dict[str, str] | None:
    """Return grade by file name from ``anchors.csv``, or ``None`` when the file names carry the grades."""
    for path in (folder / "anchors" / "anchors.csv", folder / "anchors.csv"):
        if path.is_file():
            grades: dict[str, str] = {}
            for line, row in _csv_rows(path, "anchors.csv", ("file_name", "grade"), problems):
                name = row["file_name"].strip()
                if name in grades:
                    problems.append(f"anchors.csv: line {line}: names '{name}' a second time (remove one of the lines)")
                grades[name] = row["grade"].strip()
            return grades
    return None


def _grade_from_name(path: Path) -> str | None:
    head, separator, grade = path.stem.rpartition("_")
    return grade if separator and head and grade else None


def _text_files(folder: Path, problems: list[str], ignore: set[str] | None = None) -> list[Path]:
    found = []
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        problems.append(f"{folder.name}/: can not be read: {error.strerror} (check its permissions)")
        return []
    for path in paths:
        if path.name.startswith(".") or path.name in (ignore or set()):
            continue
        if any("\udc80" <= character <= "\udcff" for character in path.name):  # how Python shows a byte that is not UTF-8
            problems.append(f"{folder.name}/{ascii(path.name)[1:-1]}: the file name is not UTF-8 (rename it)")
        elif path.is_file() and path.suffix.lower() in TEXT_SUFFIXES:
            found.append(path)
        elif not path.exists():
            problems.append(f"{folder.name}/{path.name}: is a link that leads nowhere (remove it)")
        else:
            problems.append(f"{folder.name}/{path.name}: is not a .txt or .md file (convert it, or move it away)")
    return found


def _read_text(path: Path, place: str, problems: list[str], empty: str = "file is empty (remove it, or add text)") -> str:
    try:
        text = read_text(path)
    except TextError as error:
        problems.append(f"{place}: {error}")
        return ""
    if not has_words(text):
        problems.append(f"{place}: {'has no words (remove it, or add text)' if text else empty}")
        return ""
    if len(text) > MAX_CHARACTERS:
        problems.append(f"{place}: has {len(text):,} characters, and a judge can read {MAX_CHARACTERS:,} (shorten it)")
        return ""
    return text


def _csv_rows(path: Path, place: str, required: tuple[str, ...], problems: list[str]) -> list[tuple[int, dict[str, str]]]:
    found: list[str] = []
    try:
        rows = read_rows(path.read_bytes(), required, found)
    except OSError as error:
        rows, found = [], [f"can not be read: {error.strerror} (check the file and its permissions)"]
    problems.extend(f"{place}: {problem}" for problem in found)
    return rows


def _conflicts(found: list[Found]) -> Iterator[str]:
    yield from _repeated(found, _id, "the id '{key}' (rename one; ids come from file names without the ending)")
    yield from _repeated(
        found, lambda e: e.text_sha256, "exactly the same text (remove one; a text can not be compared with itself)"
    )
    for place, essay in found:
        if len(essay.essay_id) > MAX_ESSAY_ID_CHARACTERS:
            yield f"{place}: id is longer than {MAX_ESSAY_ID_CHARACTERS} characters (shorten it)"


def _repeated(found: list[Found], key: Callable[[Essay], str], what: str) -> Iterator[str]:
    first: dict[str, str] = {}
    for place, essay in found:
        earlier = first.setdefault(key(essay), place)
        if earlier != place:
            yield f"{place} and {earlier}: have {what.format(key=key(essay))}"
