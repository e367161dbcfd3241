r"""Downloaded result files as lines: bytes are cut at ``\n`` and nowhere else.

``str.splitlines`` would also cut at U+2028, U+2029 and U+0085, which stand unescaped inside a judge's JSON strings.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from huleedu_pipeline.providers.protocols import ResultLine


def read_lines(path: Path, read_line: Callable[[str], ResultLine | None]) -> Iterator[ResultLine]:
    """Read the lines of ``path`` that name a request; blank and unreadable lines are passed over.

    A request whose line is unreadable is found later, because it is then left without an answer.
    """
    with path.open("rb") as file:
        for line in file:
            text = line.decode("utf-8", errors="replace").strip("\ufeff\r\n ")
            result = read_line(text) if text else None
            if result is not None:
                yield result


def named_line(line: str) -> tuple[str, dict[str, Any]] | None:
    """Return the request that a line names and the line's object, or ``None`` for a line that names none."""
    try:
        item = json.loads(line)
    except ValueError:
        return None
    custom_id = item.get("custom_id") if isinstance(item, dict) else None
    return (custom_id, item) if isinstance(custom_id, str) else None
