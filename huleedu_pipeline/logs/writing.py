"""Writing the logs: bound fields, the JSON of a line, and the handlers behind Python's own ``logging``.

A logger of our own is used that passes nothing on and takes nothing from others: what a library logs may quote anything, so
it never reaches these files. Bound fields (batch, correlation id, mode, command, run) belong to a context and follow it into
tasks and into threads that are given it (``asyncio.to_thread`` does).
"""

import json
import logging
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any, Protocol

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.logs.files import DailyFiles

Value = str | int | float | bool | datetime | None

BOUND_FIELDS = ("batch_id", "correlation_id", "mode", "backend", "command", "run_id")
MAX_CHARACTERS = 300  # no name is longer; whatever is, is no name
FIRST_LINE = "runner_invocation"

_log = logging.getLogger("huleedu.events")
_log.propagate = False
_log.setLevel(logging.INFO)
_log.addHandler(logging.NullHandler())

_process: dict[str, Value] = {}
_bound: ContextVar[Mapping[str, Value]] = ContextVar("huleedu_bound", default=MappingProxyType({}))


class Place(Protocol):
    """What the logs ask of an installation's settings; nothing is written before its ``home`` is there."""

    @property
    def home(self) -> Path:
        """Folder of everything mutable."""

    @property
    def logs_dir(self) -> Path:
        """Folder of the logs."""

    @property
    def log_days(self) -> int:
        """How long lines are kept, in days."""

    @property
    def log_megabytes(self) -> int:
        """How much room they may take, in MB."""

    @property
    def tracing(self) -> str:
        """Where spans go: 'off' or 'otlp'."""


def begin(place: Callable[[], Place], *, command: str, run_id: str | None = None, is_verbose: bool = False) -> None:
    """Write this process's events from now on; a second call takes the place of the first.

    Args:
        place: Gives the installation's settings; asked when there is a first event, so that beginning costs nothing.
        command: What this process does, bound to every line.
        run_id: Name of this run of the command, bound likewise.
        is_verbose: Whether lines for people go to standard error as well.

    """
    end()
    handler = _FileHandler(place)
    _process.update({"command": command, "run_id": run_id})
    _log.addHandler(handler)
    if is_verbose:
        _log.addHandler(_PeopleHandler())


def lead_to(place: Place) -> None:
    """Write into the logs of another installation from here on, as a rehearsal in a home of its own does."""
    for handler in _log.handlers:
        if isinstance(handler, _FileHandler):
            handler.lead_to(place)


def end() -> None:
    """Write nothing any more, and let go of the file."""
    _process.clear()
    for handler in list(_log.handlers):
        if not isinstance(handler, logging.NullHandler):
            _log.removeHandler(handler)
            handler.close()


def place_of_logs() -> Place | None:
    """Return the installation whose events are being written, or ``None`` when none is, or its settings can not be used."""
    for handler in _log.handlers:
        if isinstance(handler, _FileHandler):
            try:
                return handler.place
            except HuleeduError:
                return None
    return None


@contextmanager
def bound(**values: Value) -> Iterator[None]:
    """Bind fields to every line that is written while the block runs; those that are ``None`` stay as they were bound."""
    before = _bound.get()
    _bound.set({**before, **{name: value for name, value in values.items() if value is not None}})
    try:
        yield
    finally:
        # Not by token: a generator may be ended in another context than it was begun in.
        _bound.set(before)


def write(event: str, level: int, values: Mapping[str, Value], fields: tuple[str, ...]) -> None:
    """Write one line; see :meth:`huleedu_pipeline.logs.events.Event.tell`."""
    told = {name: value for name, value in values.items() if value is not None}
    common = bound_now() | {name: told[name] for name in BOUND_FIELDS if name in told}
    own = {name: told[name] for name in fields if name in told}
    _log.log(level, "%s", event, extra={"line": {"event": event, **common, **own}})


def readable(line: Mapping[str, Any]) -> str:
    """Return a line as people read it: when, how bad, which batch, what, and the rest as name=value."""
    at = datetime.fromisoformat(line["timestamp"]).astimezone(UTC)
    shown = [f"{at:%Y-%m-%d %H:%M:%S}", str(line["level"]).upper().ljust(7), str(line.get("batch_id", "-")), line["event"]]
    if line.get("backend") == "emulator":
        shown.append("SIMULATED")
    hidden = {"timestamp", "level", "event", "batch_id", "correlation_id", "run_id", "pid", "mode", "backend"}
    return "  ".join([*shown, *(f"{name}={value}" for name, value in line.items() if name not in hidden)])


def bound_now() -> dict[str, Value]:
    """Return the fields that are bound here and now, by the process and by its blocks."""
    found = {**_process, **_bound.get()}
    return {name: found[name] for name in BOUND_FIELDS if found.get(name) is not None}


def _encoded(record: logging.LogRecord) -> dict[str, Any]:
    at = datetime.fromtimestamp(record.created, UTC)
    head = {"timestamp": at.isoformat(timespec="microseconds"), "level": record.levelname.lower()}
    told: Mapping[str, Any] = record.__dict__["line"]
    return {**head, **{name: plain(value) for name, value in told.items()}, "pid": record.process}


def plain(value: object) -> str | int | float | bool | None:
    """Return a value as JSON has it; of anything that is no plain value, only its type, for what it holds is not known."""
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, str):
        return str(value)[:MAX_CHARACTERS]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, int) else type(value).__name__


class _FileHandler(logging.Handler):
    """Appends each line to the day's file. That a line could not be written is said once, and stops nothing."""

    def __init__(self, place: Callable[[], Place]) -> None:
        super().__init__()
        self._ask_for_place = place
        self._files: DailyFiles | None = None
        self._has_complained = False

    @cached_property
    def place(self) -> Place:
        """The installation, asked for once."""
        return self._ask_for_place()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._append(record)
        except HuleeduError:
            self._has_complained = True  # settings that can not be used: whatever needs them says so, in better words
        except OSError as error:
            if not self._has_complained:
                self._has_complained = True
                why = error.strerror or type(error).__name__
                print(f"WARNING: the log can not be written: {why} (the work goes on)", file=sys.stderr)  # noqa: T201

    def _append(self, record: logging.LogRecord) -> None:
        at = datetime.fromtimestamp(record.created, UTC)
        if self._files is None:
            place = self.place
            if not place.home.is_dir():
                return
            room = place.log_megabytes * 10**6
            self._files = DailyFiles(place.logs_dir, most_bytes=room, most_days=place.log_days)
            self._files.append(_first_line(at, record), at)
        self._files.append(_json(_encoded(record)), at)

    def lead_to(self, place: Place) -> None:
        """Go on in the logs of another installation."""
        with self.lock or nullcontext():
            if self._files is not None:
                self._files.close()
            self._files, self.place = None, place

    def close(self) -> None:
        if self._files is not None:
            self._files.close()
        super().close()


class _PeopleHandler(logging.Handler):
    """Writes each line for people to whatever standard error is at that moment: a progress bar puts itself in front."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(readable(_encoded(record)), file=sys.stderr)  # noqa: T201
        except (OSError, ValueError):
            self.handleError(record)


def _first_line(at: datetime, record: logging.LogRecord) -> bytes:
    line = {"timestamp": at.isoformat(timespec="microseconds"), "level": "info", "event": FIRST_LINE}
    own = {name: value for name, value in _process.items() if value is not None}
    return _json({**line, **own, "version": version("huleedu-pipeline"), "pid": record.process or os.getpid()})


def _json(line: Mapping[str, Any]) -> bytes:
    return (json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n").encode(errors="backslashreplace")
