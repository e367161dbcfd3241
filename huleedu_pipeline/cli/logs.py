"""The command `logs`: what happened, for people or as the JSON lines that were written; and that a command failed."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from traceback import walk_tb
from typing import TYPE_CHECKING, Annotated

import typer

from huleedu_pipeline.cli.instants import SINCE_HELP, instant_of
from huleedu_pipeline.errors import HuleeduError

if TYPE_CHECKING:
    from huleedu_pipeline.logs.reading import Line


class Level(StrEnum):
    """The least level of the lines that are shown."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Format(StrEnum):
    """How lines are printed."""

    TEXT = "text"
    JSON = "json"


def register(app: typer.Typer) -> None:
    """Add the command of this module to ``app``."""
    app.command()(logs)


def logs(
    batch: Annotated[str | None, typer.Argument(help="A batch's id, or its correlation id; default: everything.")] = None,
    follow: Annotated[bool, typer.Option("--follow", help="Stay, and print lines as they come. Ends with Ctrl-C.")] = False,
    level: Annotated[Level, typer.Option(help="Only lines at least so bad.")] = Level.INFO,
    since: Annotated[str | None, typer.Option(help=SINCE_HELP)] = None,
    output: Annotated[Format, typer.Option("--format", help="text for eyes, json as it was written.")] = Format.TEXT,
) -> None:
    """Show what happened, to one batch or to all: every process of this installation writes it down, a line for each event.

    Example: huleedu logs my-class --level warning; huleedu logs --since 2h --format json | jq .event
    """
    from huleedu_pipeline.logs.reading import LogReader, Wanted
    from huleedu_pipeline.settings import Settings

    reader = LogReader(Settings.load().logs_dir, Wanted(batch, level.value, None if since is None else instant_of(since)))
    n_lines = 0
    for line in reader.follow() if follow else reader.read():
        typer.echo(_shown(line, output))
        n_lines += 1
    if not n_lines:
        typer.echo("no such line in the log", err=True)
    if reader.n_unreadable:
        typer.echo(f"{reader.n_unreadable} lines are not whole, because a process ended while it wrote them", err=True)


@contextmanager
def telling_errors() -> Iterator[None]:
    """Write into the log that a command failed, and where; not its message, which may quote what no log may hold."""
    try:
        yield
    except Exception as error:
        from huleedu_pipeline.logs import events

        events.COMMAND_FAILED.tell(error_type=type(error).__name__, place=_place_of(error))
        raise


def _place_of(error: Exception) -> str | None:
    """Return the innermost line of this project that an unforeseen error came through; a foreseen one explains itself."""
    if isinstance(error, HuleeduError):
        return None
    frames = [(frame.f_globals.get("__name__", ""), line) for frame, line in walk_tb(error.__traceback__)]
    ours = [f"{name}:{line}" for name, line in frames if name.startswith(("huleedu_pipeline", "assets", "resources"))]
    return ours[-1] if ours else None


def _shown(line: "Line", output: Format) -> str:
    import json

    from huleedu_pipeline.logs.writing import readable

    return json.dumps(line, ensure_ascii=False) if output is Format.JSON else readable(line)
