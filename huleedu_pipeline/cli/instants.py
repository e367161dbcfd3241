"""Instants as people type them: how long ago, or a day or an instant in UTC."""

import re
from datetime import UTC, datetime, timedelta

import typer

SINCE_HELP = "Only of the last 45m, 2h or 7d, or from 2026-11-20 or 2026-11-20T18:00 (UTC) on."
_AGO = re.compile(r"^(\d{1,5})([smhd])$")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def instant_of(text: str) -> datetime:
    """Return the instant that ``text`` names, with its time zone.

    Raises:
        typer.BadParameter: it names none.

    """
    if match := _AGO.match(text):
        return datetime.now(UTC) - timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"'{text}' is no time like 2h, 2026-11-20 or 2026-11-20T18:00", param_hint="--since") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found
