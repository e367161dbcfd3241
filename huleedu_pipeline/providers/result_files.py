r"""Downloaded result files as lines: bytes are cut at ``\n`` and nowhere else.

``str.splitlines`` would also cut at U+2028, U+2029 and U+0085, which stand unescaped inside a judge's JSON strings.
"""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from huleedu_pipeline.judging.outcome import ErrorCode, Outcome, failure
from huleedu_pipeline.providers.protocols import ResultLine


def read_lines(path: Path, read_line: Callable[[str], ResultLine | None]) -> Iterator[ResultLine | None]:
    """Read the lines of ``path``; blank lines are passed over, and ``None`` stands for one that names no request."""
    with path.open("rb") as file:
        for line in file:
            text = line.decode("utf-8", errors="replace").strip("\ufeff\r\n ")
            if text:
                yield read_line(text)


def named_line(line: str) -> tuple[str, dict[str, Any]] | None:
    """Return the request that a line names and the line's object, or ``None`` for a line that names none."""
    try:
        item = json.loads(line)
    except ValueError:
        return None
    custom_id = item.get("custom_id") if isinstance(item, dict) else None
    return (custom_id, item) if isinstance(custom_id, str) else None


def readable(read: Callable[[dict[str, Any]], Outcome], item: dict[str, Any]) -> Outcome:
    """Return what ``read`` makes of ``item``, or the failure of something that is not built as the API says.

    One odd reply must not keep the paid answers beside it from being recorded.
    """
    try:
        return read(item)
    except (AttributeError, KeyError, OverflowError, TypeError, ValueError) as error:
        return failure(ErrorCode.UNREADABLE_REPLY, f"the reply is not built as the API says ({type(error).__name__})")


def read_received(read: Callable[[dict[str, Any]], Outcome], text: str) -> Outcome:
    """Return what a live reply's text comes to; a text that is no JSON object is an unreadable reply."""
    try:
        item = json.loads(text)
    except ValueError:
        item = None
    if not isinstance(item, dict):
        return failure(ErrorCode.UNREADABLE_REPLY, f"the reply is no JSON object ({len(text)} characters)")
    return readable(read, item)
