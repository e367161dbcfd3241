"""What may be read from a reply or a result line that need not be built as the API says. Pure."""

import json
from collections.abc import Callable
from typing import Any

from huleedu_pipeline.judging.outcome import ErrorCode, Outcome, failure


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
