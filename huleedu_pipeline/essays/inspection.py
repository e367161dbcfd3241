"""What would be read of a document, a table of essays, or a folder: each text, and everything wrong on the way.

Not here: whether a batch is complete (:mod:`.batch_folder`); nothing is refused here, and nothing kept.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from huleedu_pipeline.documents import KINDS, DocumentError, read_document
from huleedu_pipeline.essays.anchors import TABLE, stem
from huleedu_pipeline.essays.batch import Essay, IntakeError
from huleedu_pipeline.essays.batch_folder import TABLES, Found, conflicts, read_spec, read_table, sources_of_essays
from huleedu_pipeline.essays.folder_files import document_files, usable
from huleedu_pipeline.essays.injection import addressing
from huleedu_pipeline.essays.language import described, mismatch
from huleedu_pipeline.essays.spec import SpecError
from huleedu_pipeline.languages import detect_language

TABLE_SUFFIXES = (".csv", ".xlsx")


@dataclass(frozen=True)
class Inspected:
    """A text that would be read, and which language it is in, for people.

    ``author`` and ``title`` are what the document says of itself, and no judge sees them.
    """

    place: str
    essay_id: str
    kind: str
    n_words: int
    n_paragraphs: int
    text_sha256: str
    language: str
    author: str | None = None
    title: str | None = None


@dataclass
class Inspection:
    """What was found; ``problems`` and ``warnings`` are one line each and begin with the place."""

    texts: list[Inspected] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    declared_language: str | None = None


def inspect_path(path: Path) -> Inspection:
    """Read a document, a table of essays (``.csv``, ``.xlsx``), a batch folder, or a folder of documents.

    Raises:
        IntakeError: there is nothing at ``path``.

    """
    found = Inspection()
    if path.is_dir():
        with suppress(SpecError):  # of any folder; and whether a batch is complete is not asked here
            found.declared_language = read_spec(path).language
        texts = list(_folder(path, found))
    elif not path.exists():
        raise IntakeError(str(path), ["is not there (give a document, a table of essays, or a folder)"])
    elif path.suffix.lower() in TABLE_SUFFIXES:
        texts = list(_table(path, found))
    else:
        texts = list(_documents([path], "", found))
    found.problems.extend(conflicts(texts))
    if not found.texts and not found.problems:
        found.problems.append(f"{path.name}: holds no text (documents are {', '.join(f'.{kind}' for kind in KINDS)})")
    return found


def _folder(folder: Path, found: Inspection) -> Iterator[Found]:
    parts = [folder / name for name in ("essays", "anchors") if (folder / name).is_dir()]
    tables = [path for path in sources_of_essays(folder, found.problems) if path.name in TABLES]
    for table in tables:
        yield from _table(table, found)
    for part in parts or ([] if tables else [folder]):
        yield from _documents(document_files(part, found.problems, ignore={TABLE}), f"{part.name}/", found)


def _documents(paths: list[Path], prefix: str, found: Inspection) -> Iterator[Found]:
    for path in paths:
        place = f"{prefix}{path.name}"
        try:
            document = read_document(path)
        except DocumentError as error:
            found.problems.append(f"{place}: {error}")
            continue
        found.warnings.extend(f"{place}: {warning}" for warning in document.warnings)
        text = usable(document.text, place, found.problems)
        if text:
            essay = Essay(stem(path), path.name, text)
            said = document.properties
            _add(found, place, essay, document.kind, len(document.paragraphs), said.get("author"), said.get("title"))
            yield place, essay


def _table(path: Path, found: Inspection) -> Iterator[Found]:
    for place, essay in read_table(path, found.problems):
        n_paragraphs = sum(bool(line.strip()) for line in essay.text.split("\n"))
        _add(found, place, essay, path.suffix.lower().removeprefix("."), n_paragraphs)
        yield place, essay


def _add(
    found: Inspection,
    place: str,
    essay: Essay,
    kind: str,
    n_paragraphs: int,
    author: str | None = None,
    title: str | None = None,
) -> None:
    language = detect_language(essay.text)
    if found.declared_language is not None and (problem := mismatch(language, found.declared_language)):
        found.warnings.append(f"{place}: {problem}")
    if problem := addressing(essay.text):
        found.warnings.append(f"{place}: {problem}")
    said = described(language)
    found.texts.append(
        Inspected(place, essay.essay_id, kind, essay.n_words, n_paragraphs, essay.text_sha256, said, author, title)
    )
