"""Rows of a CSV file whose first line names its columns, as spreadsheets write it (RFC 4180).

Nothing is repaired in silence: a row with a field too few or too many, or a quote that is never closed, would cut a text
short, so it is a problem to mend. Not here: what the columns mean.
"""

import csv
import io
from collections.abc import Sequence

from huleedu_pipeline.essays.text import TextError, decode

LONGEST_COLUMN_NAME = 40


def read_rows(data: bytes, required: Sequence[str], problems: list[str]) -> list[tuple[int, dict[str, str]]]:
    """Return each complete row with the number of its last line; what is wrong is added to ``problems``.

    Args:
        data: Contents of the file, UTF-8.
        required: Columns that must be there.
        problems: Receives one sentence for each thing to mend; the caller adds the file.

    """
    try:
        reader = csv.DictReader(io.StringIO(decode(data), newline=""), strict=True)
        columns = reader.fieldnames or ()
    except (TextError, csv.Error) as error:
        problems.append(str(error))
        return []
    found = column_problems(columns, required)
    if found:
        problems.extend(found)
        return []
    rows = []
    try:
        for row in reader:
            if None in row:
                problems.append(f"line {reader.line_num}: has more fields than the first line (quote a text with commas)")
            elif any(row[name] is None for name in required):
                problems.append(f"line {reader.line_num}: has fewer fields than the first line (complete it)")
            else:
                rows.append((reader.line_num, row))
    except csv.Error as error:
        problems.append(f"line {reader.line_num + 1}: {error} (close every quote, and double the quotes inside a text)")
    return rows


def column_problems(columns: Sequence[str], required: Sequence[str]) -> list[str]:
    """Return what is wrong with a table's columns: two of one name, or one missing."""
    repeated = sorted({name for name in columns if list(columns).count(name) > 1})
    if repeated:
        return [f"has two columns called '{name}' (rename one)" for name in repeated]
    hint = "; separate columns by commas" if len(columns) == 1 and ";" in columns[0] else ""
    return [f"has no column '{name}' (it has {_shown(columns)}{hint})" for name in required if name not in columns]


def _shown(columns: Sequence[str]) -> str:
    """Return the columns' names, unless they may be a pupil's words: messages are logged, and texts are not."""
    if not columns:
        return "nothing"
    if all(len(name) <= LONGEST_COLUMN_NAME and len(name.split()) <= 3 for name in columns):
        return ", ".join(columns)
    return f"{len(columns)} columns, and its first line does not look like column names"
