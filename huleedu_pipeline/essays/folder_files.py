"""Files of a folder that somebody fills in by hand: texts and tables, with everything wrong collected as problems."""

from pathlib import Path

from huleedu_pipeline.essays.csv_rows import read_rows
from huleedu_pipeline.essays.text import TextError, has_words, read_text

TEXT_SUFFIXES = (".txt", ".md")
MAX_CHARACTERS = 100_000  # about 15 000 words; two of these and the rubric fit every listed model


def text_files(folder: Path, problems: list[str], ignore: set[str] | None = None) -> list[Path]:
    """Return the text files of ``folder`` by name; hidden files and those to ``ignore`` are none, the rest is a problem."""
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


def read_text_file(path: Path, place: str, problems: list[str], empty: str = "file is empty (remove it, or add text)") -> str:
    """Return the text of a file, or an empty one and a problem that begins with ``place``."""
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


def csv_rows(path: Path, place: str, required: tuple[str, ...], problems: list[str]) -> list[tuple[int, dict[str, str]]]:
    """Return the rows of a CSV file with their line numbers; see :func:`.read_rows`."""
    found: list[str] = []
    try:
        rows = read_rows(path.read_bytes(), required, found)
    except OSError as error:
        rows, found = [], [f"can not be read: {error.strerror} (check the file and its permissions)"]
    problems.extend(f"{place}: {problem}" for problem in found)
    return rows
