"""Files of a folder that somebody fills in by hand: documents, texts and tables, and everything wrong with them."""

from pathlib import Path

from huleedu_pipeline.documents import KINDS, Document, DocumentError, read_document, read_xlsx
from huleedu_pipeline.essays.csv_rows import column_problems, read_rows
from huleedu_pipeline.essays.text import TextError, has_words, read_text

SUFFIXES = tuple(f".{kind}" for kind in KINDS)
SUFFIXES_SHOWN = f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]}"
LOCK_FILE = "~$"  # how Word begins the name of the file that says who has a document open
EMPTY = "file is empty (remove it, or add text)"
MAX_CHARACTERS = 100_000  # about 15 000 words; two of these and the rubric fit every listed model


def document_files(folder: Path, problems: list[str], ignore: set[str] | None = None) -> list[Path]:
    """Return the documents in ``folder`` by name; hidden files and those to ``ignore`` are none, the rest is a problem."""
    found = []
    try:
        paths = sorted(folder.iterdir())
    except OSError as error:
        problems.append(f"{folder.name}/: can not be read: {error.strerror} (check its permissions)")
        return []
    for path in paths:
        if path.name.startswith((".", LOCK_FILE)) or path.name in (ignore or set()):
            continue
        if any("\udc80" <= character <= "\udcff" for character in path.name):  # how Python shows a byte that is not UTF-8
            problems.append(f"{folder.name}/{ascii(path.name)[1:-1]}: the file name is not UTF-8 (rename it)")
        elif path.is_file() and path.suffix.lower() in SUFFIXES:
            found.append(path)
        elif not path.exists():
            problems.append(f"{folder.name}/{path.name}: is a link that leads nowhere (remove it)")
        else:
            problems.append(f"{folder.name}/{path.name}: is not a {SUFFIXES_SHOWN} file (convert it, or move it away)")
    return found


def read_document_file(path: Path, place: str, problems: list[str], warnings: list[str]) -> Document | None:
    """Return a document that a judge can be given, or ``None`` and a problem; what was left out of it becomes warnings."""
    try:
        document = read_document(path)
    except DocumentError as error:
        problems.append(f"{place}: {error}")
        return None
    warnings.extend(f"{place}: {warning}" for warning in document.warnings)
    return document if usable(document.text, place, problems) else None


def read_text_file(path: Path, place: str, problems: list[str], empty: str = EMPTY) -> str:
    """Return the text of a file, or an empty one and a problem that begins with ``place``."""
    try:
        text = read_text(path)
    except TextError as error:
        problems.append(f"{place}: {error}")
        return ""
    return usable(text, place, problems, empty)


def usable(text: str, place: str, problems: list[str], empty: str = EMPTY) -> str:
    """Return a text that a judge can be given, or an empty one and a problem."""
    if not has_words(text):
        problems.append(f"{place}: {'has no words (remove it, or add text)' if text else empty}")
        return ""
    if len(text) > MAX_CHARACTERS:
        problems.append(f"{place}: has {len(text):,} characters, and a judge can read {MAX_CHARACTERS:,} (shorten it)")
        return ""
    return text


def csv_rows(path: Path, place: str, required: tuple[str, ...], problems: list[str]) -> list[tuple[int, dict[str, str]]]:
    """Return the rows of a CSV file with their line numbers; see :func:`.read_rows`."""
    found: list[str] = []
    try:
        rows = read_rows(path.read_bytes(), required, found)
    except OSError as error:
        rows, found = [], [f"can not be read: {error.strerror} (check the file and its permissions)"]
    problems.extend(f"{place}: {problem}" for problem in found)
    return rows


def sheet_rows(path: Path, place: str, required: tuple[str, ...], problems: list[str]) -> list[tuple[int, dict[str, str]]]:
    """Return the rows of a workbook's first sheet, whose first row names its columns, with their numbers."""
    try:
        head, *rows = read_xlsx(path.read_bytes()) or [(1, {})]
    except DocumentError as error:
        problems.append(f"{place}: {error}")
        return []
    except OSError as error:
        problems.append(f"{place}: can not be read: {error.strerror} (check the file and its permissions)")
        return []
    names = {column: name.strip() for column, name in head[1].items() if name.strip()}
    found = column_problems(list(names.values()), required)
    problems.extend(f"{place}: {problem}" for problem in found)
    return [] if found else [(number, _named(cells, names)) for number, cells in rows]


def _named(cells: dict[int, str], names: dict[int, str]) -> dict[str, str]:
    return {name: cells.get(column, "") for column, name in names.items()}
