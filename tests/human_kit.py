"""Judgements by people for tests: a batch that they judge, and files with what they said."""

import csv
import io
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

from tests.kit import ANCHORS, PUPILS, write_batch

HEADER = ("left", "right", "better", "teacher", "why")
COLUMNS = (
    *("--first-column", "left", "--second-column", "right", "--winner-column", "better"),
    *("--judge-column", "teacher", "--justification-column", "why"),
)
# From worst to best, as Ada and Bo see it.
ORDER = ("bertil", "anchor_001_F+", "anna", "david", "anchor_002_D+", "elin", "cilla", "anchor_003_A")
assert set(ORDER) == {*PUPILS, *ANCHORS}
N_TIES = 4


def human_batch(folder: Path, **spec: Any) -> Path:
    """Write a batch that people judge; it says nothing to a judge."""
    write_batch(folder, judge={"provider": "human"}, **spec)
    (folder / "prompt.md").unlink()
    (folder / "rubric.md").unlink()
    return folder


def judged() -> list[tuple[str, str, str, str, str]]:
    """Return rows in which Ada and Bo judge all pairs, each in a style of writing, and Bo can not decide four times."""
    rows = []
    for n, (worse, better) in enumerate(combinations(ORDER, 2)):
        first, second = (worse, better) if n % 2 else (better, worse)
        rows.append((first, f"{second}.txt", better, "Ada", "It is clearer."))
        undecided = n % 7 == 0
        rows.append((first, second, "Tie" if undecided else "A" if first == better else "b", "Bo", ""))
    return rows


def write_judgements(path: Path, rows: Sequence[Sequence[str]], header: Sequence[str] = HEADER) -> Path:
    """Write a CSV file."""
    table = io.StringIO(newline="")
    csv.writer(table).writerows([header, *rows])
    path.write_bytes(table.getvalue().encode())
    return path
