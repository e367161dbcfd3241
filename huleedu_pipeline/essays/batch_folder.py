"""Intake: a folder on disk becomes a validated batch, or an error that lists everything wrong with it.

A batch folder holds ``batch.yaml``, ``prompt.md``, ``rubric.md``, the pupils' essays as documents in ``essays/`` or in one
table ``essays.csv|xlsx`` (columns essay_id, text, optionally file_name), and optionally graded anchors in ``anchors/``. A batch
that people judge may do without prompt and rubric, and one that names a registered assignment has neither them nor anchors of
its own (:mod:`.basis`). With a class list (:mod:`.class_list`) the pupils' names are taken out of their texts here. Reading has
no side effects. All problems are collected before anything is refused, so that a user mends a folder once.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from difflib import get_close_matches
from pathlib import Path

from huleedu_pipeline.essays.anchors import stem
from huleedu_pipeline.essays.basis import read_basis
from huleedu_pipeline.essays.batch import Batch, Essay, IntakeError, PromptNotAttachedError
from huleedu_pipeline.essays.class_list import MATCHES, ROSTER, read_decisions, read_roster
from huleedu_pipeline.essays.folder_files import (
    MAX_CHARACTERS,
    SUFFIXES_SHOWN,
    csv_rows,
    document_files,
    read_document_file,
    sheet_rows,
)
from huleedu_pipeline.essays.names import without_names
from huleedu_pipeline.essays.overrides import NO_OVERRIDES, Overrides
from huleedu_pipeline.essays.registered import NOTHING_REGISTERED, Registry
from huleedu_pipeline.essays.spec import BatchSpec, SpecError, parse_spec
from huleedu_pipeline.essays.strict_yaml import YamlError
from huleedu_pipeline.essays.text import TextError, has_words, normalise, read_text
from huleedu_pipeline.judging.spec import HUMAN

MAX_ESSAY_ID_CHARACTERS = 100
TABLES = ("essays.csv", "essays.xlsx")
ONLY_ONE = "and only one can be meant (remove one)"


# An essay with the place that messages about it name.
Found = tuple[str, Essay]


def read_batch(folder: Path, registry: Registry = NOTHING_REGISTERED, overrides: Overrides = NO_OVERRIDES) -> Batch:
    """Read and validate the batch in ``folder``.

    Args:
        folder: The batch folder.
        registry: Where the assignment and the grade scale that ``batch.yaml`` names are looked up, if they are registered
            ones: an :class:`huleedu_pipeline.context.AssessmentContext`.
        overrides: Values that stand in for those of ``batch.yaml``.

    Raises:
        PromptNotAttachedError: a judge would have to judge without the assignment; other problems are named as well.
        IntakeError: anything that would make the judgements worthless or unpayable; each problem names file and remedy.

    """
    if not folder.is_dir():
        raise IntakeError(str(folder), ["is not a folder (give the folder that holds batch.yaml; `huleedu init` makes one)"])
    problems: list[str] = []
    spec = _read_spec(folder, problems, overrides)
    place = f"batch {spec.batch_id}" if spec else f"batch folder {folder.name}"
    basis = read_basis(folder, spec, registry, problems)
    n_before = len(problems)
    warnings: list[str] = []
    pupils = list(read_pupils(folder, problems, warnings))
    # One essay is taken in, and comes back with nothing said of it; people can not have compared it with anything.
    n_fewest = 2 if spec is not None and spec.judge.provider == HUMAN else 1
    if len(pupils) < n_fewest and len(problems) == n_before:
        problems.append(f"essays/: holds {len(pupils)} pupils' essays; a comparison needs at least two (add essays)")
    roster = read_roster(folder, problems)
    if roster is None and (folder / MATCHES).exists():
        warnings.append(f"{MATCHES}: is not read, because there is no {ROSTER}")
    decisions = read_decisions(folder, roster, [essay for _, essay in pupils], problems) if roster is not None else {}
    if roster is not None and spec is not None:
        places, texts = [place for place, _ in pupils], [essay for _, essay in pupils]
        pupils = list(zip(places, without_names(texts, roster, spec, basis.prompt, basis.rubric), strict=True))
    found = [*pupils, *basis.anchors]
    problems.extend(conflicts(found))
    n_essays = len(found)
    if spec and spec.max_comparisons is not None and spec.max_comparisons < n_essays - 1:
        problems.append(
            f"batch.yaml: max_comparisons: {spec.max_comparisons} can not connect {n_essays} essays "
            f"(use at least {n_essays - 1}; about {10 * n_essays} give a usable ranking)"
        )
    if spec is None:
        raise IntakeError(place, problems)
    problems.extend(_unpaired(spec, found))
    essays = [essay for some in (pupils, basis.anchors) for essay in sorted((essay for _, essay in some), key=_id)]
    if basis.scale is not None:
        spec = spec.model_copy(update={"grade_scale": basis.scale.scale_id})
    batch = Batch(
        spec,
        basis.prompt,
        basis.rubric,
        tuple(essays),
        basis.scale,
        basis.assignment_version,
        (*warnings, *basis.warnings),
        roster,
        decisions,
    )
    if basis.is_blocked or problems:
        refusal = PromptNotAttachedError if basis.is_blocked else IntakeError
        identity = {"batch_id": spec.batch_id, "content_sha256": batch.content_sha256}
        raise refusal(place, problems, prompt_failures=basis.failures, **identity)
    return batch


def _unpaired(spec: BatchSpec, found: list[Found]) -> Iterator[str]:
    if spec.pairs is None:
        return
    known, named = {essay.essay_id for _, essay in found}, {name for pair in spec.pairs for name in pair}
    for name in sorted(named - known):
        near = get_close_matches(name, known, n=1)
        hint = f"did you mean '{near[0]}'?" if near else "essay_ids are file names without the ending"
        yield f"batch.yaml: pairs: there is no essay '{name}' ({hint})"
    for name in sorted(known - named):
        yield f"batch.yaml: pairs: nothing compares essay '{name}' (add a pair, or take the essay out)"
    apart = sorted(named - _connected(spec.pairs))
    if apart and spec.grade_scale is not None:
        yield (
            f"batch.yaml: pairs: nothing connects essay '{apart[0]}' with '{spec.pairs[0][0]}', and grades need one scale "
            "(add pairs that connect all essays, or leave grade_scale out)"
        )


def _connected(pairs: Sequence[tuple[str, str]]) -> set[str]:
    """Return the essays that pairs connect with the first one."""
    neighbours: dict[str, set[str]] = {}
    for first, second in pairs:
        neighbours.setdefault(first, set()).add(second)
        neighbours.setdefault(second, set()).add(first)
    reached, next_ones = {pairs[0][0]}, [pairs[0][0]]
    while next_ones:
        new = neighbours[next_ones.pop()] - reached
        reached |= new
        next_ones += new
    return reached


def read_spec(folder: Path, overrides: Overrides = NO_OVERRIDES) -> BatchSpec:
    """Read only ``batch.yaml`` of ``folder``, with ``overrides`` in place of what it says.

    Raises:
        SpecError: the file is missing, not readable or not valid.

    """
    place = "batch.yaml with options" if overrides else "batch.yaml"
    return parse_spec(spec_text(folder, overrides), default_batch_id=folder.resolve().name, place=place)


def spec_text(folder: Path, overrides: Overrides = NO_OVERRIDES) -> str:
    """Return the text of ``batch.yaml`` in ``folder`` with ``overrides`` written into it.

    Raises:
        SpecError: the file is missing or not readable, or can not be changed because it is not valid.

    """
    path = folder / "batch.yaml"
    if not path.exists():
        raise SpecError("batch.yaml: is missing (run `huleedu init DIR` for a commented template)")
    try:
        return overrides.applied(read_text(path), "batch.yaml")
    except TextError as error:
        raise SpecError(f"batch.yaml: {error}") from None
    except YamlError as error:
        raise SpecError(str(error)) from None


def _id(essay: Essay) -> str:
    return essay.essay_id


def _read_spec(folder: Path, problems: list[str], overrides: Overrides) -> BatchSpec | None:
    try:
        return read_spec(folder, overrides)
    except SpecError as error:
        problems.extend(str(error).splitlines())
        return None


def sources_of_essays(folder: Path, problems: list[str]) -> list[Path]:
    """Return what a batch folder holds its essays in; more than one is a problem, because only one can be meant."""
    there = [path for path in (folder / "essays", *(folder / name for name in TABLES)) if path.exists()]
    if len(there) > 1:
        names = [f"{path.name}/" if path.is_dir() else path.name for path in there]
        problems.append(f"{' and '.join(names)}: {'both' if len(names) == 2 else 'all'} are there, {ONLY_ONE}")
    return there


def read_pupils(folder: Path, problems: list[str], warnings: list[str]) -> Iterator[Found]:
    """Yield each pupil's essay in a batch folder with the place that messages about it name.

    Args:
        folder: The batch folder.
        problems: Receives one sentence for each thing to mend.
        warnings: Receives one sentence for each thing that was left out of a document, or guessed.

    """
    there = sources_of_essays(folder, problems)
    if len(there) > 1:
        return
    if not there:
        problems.append(f"essays/: is missing (put the pupils' texts there as {SUFFIXES_SHOWN} files, or write essays.csv)")
    elif there[0].name in TABLES:
        yield from read_table(there[0], problems)
    else:
        yield from read_essays(there[0], problems, warnings)


def read_essays(essays_dir: Path, problems: list[str], warnings: list[str]) -> Iterator[Found]:
    """Yield the essays that are documents in ``essays_dir``; for the arguments see :func:`read_pupils`."""
    for path in document_files(essays_dir, problems):
        place = f"{essays_dir.name}/{path.name}"
        document = read_document_file(path, place, problems, warnings)
        if document:
            said = document.properties
            yield (
                place,
                Essay(
                    stem(path),
                    path.name,
                    document.text,
                    original_sha256=document.sha256,
                    author=said.get("author"),
                    title=said.get("title"),
                ),
            )


def original_files(folder: Path, batch: Batch) -> dict[str, Path]:
    """Return the file of each original of a batch that was read from ``folder``, by its checksum; of a table, the table."""
    table = next((folder / name for name in TABLES if (folder / name).is_file()), folder / TABLES[0])
    found = {}
    for essay in batch.essays:
        if essay.original_sha256 is not None:
            path = folder / ("anchors" if essay.is_anchor else "essays") / essay.file_name
            found[essay.original_sha256] = path if path.is_file() else table
    return found


def read_table(path: Path, problems: list[str]) -> Iterator[Found]:
    """Yield the essays that are rows of a CSV file or of a workbook's first sheet."""
    is_sheet = path.suffix.lower() == ".xlsx"
    read_rows, unit = (sheet_rows, "row") if is_sheet else (csv_rows, "line")
    rows = read_rows(path, path.name, ("essay_id", "text"), problems)
    original_sha256 = hashlib.sha256(path.read_bytes()).hexdigest() if rows else None
    for line, row in rows:
        essay_id, text = row["essay_id"].strip(), normalise(row["text"])
        place = f"{path.name}: {unit} {line}"
        if not essay_id:
            problems.append(f"{place}: essay_id is empty (give every essay an id)")
        elif not has_words(text):
            problems.append(f"{place}: essay '{essay_id}' has no text (remove the line, or add text)")
        elif len(text) > MAX_CHARACTERS:
            problems.append(f"{place}: essay '{essay_id}' has {len(text):,} characters; a judge can read {MAX_CHARACTERS:,}")
        else:
            file_name = (row.get("file_name") or "").strip() or essay_id
            yield place, Essay(essay_id, file_name, text, original_sha256=original_sha256)


def conflicts(found: list[Found]) -> Iterator[str]:
    """Yield what keeps texts from being told apart: an id or a text that stands there twice, an id that is too long."""
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
