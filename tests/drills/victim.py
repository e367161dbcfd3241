"""A `huleedu` command that kills itself with SIGKILL at a given point: nothing is closed, flushed or told to anybody.

``python -m tests.drills.victim POINT PROVIDER COMMAND...`` runs the real command with one function wrapped from outside; the
product knows nothing of it.
"""

import importlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from tests.drills.kill_points import KILL_POINTS, Hook, Seen, ShortFile
from tests.kit import emulator_books


def die() -> None:
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def install(place: Hook | Seen | ShortFile, provider: str, emulator_dir: Path) -> None:
    """Arrange for this process to die at ``place``."""
    if isinstance(place, Hook):
        differs = provider == "anthropic" and place.nth_at_anthropic is not None
        _wrap(place, place.nth_at_anthropic or place.nth if differs else place.nth)
    elif isinstance(place, Seen):
        threading.Thread(target=_watch, args=(place, emulator_dir), daemon=True).start()
    else:
        _cut_reads(place)


def _wrap(hook: Hook, nth: int) -> None:
    module_name, _, path = hook.target.partition(":")
    *owners, name = path.split(".")
    owner: Any = importlib.import_module(module_name)
    for part in owners:
        owner = getattr(owner, part)
    real: Callable[..., Any] = getattr(owner, name)
    calls = 0

    def wrapped(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        is_due = calls == nth
        if is_due and hook.when == "before":
            die()
        result = real(*arguments, **named)
        if is_due and hook.when == "midway":
            return _first_then_die(result)
        if is_due and hook.when == "after":
            die()
        return result

    setattr(owner, name, wrapped)


def _first_then_die(items: Iterator[Any]) -> Iterator[Any]:
    yield next(items)
    die()


def _watch(place: Seen, emulator_dir: Path) -> None:
    while True:
        if (emulator_dir / "endpoint.json").exists():
            try:
                calls = emulator_books(emulator_dir)["calls"]
            except OSError:
                calls = {}  # it is just starting
            if calls.get(place.endpoint, 0) >= place.nth:
                die()
        time.sleep(0.02)


def _cut_reads(place: ShortFile) -> None:
    real = Path.open

    def opened(self: Path, mode: str = "r", *arguments: Any, **named: Any) -> Any:
        file = real(self, mode, *arguments, **named)
        if self.suffix != place.suffix or mode != "rb":
            return file
        read, reads = file.read, 0

        def short(size: int = -1) -> bytes:
            nonlocal reads
            reads += 1
            if reads == 2:
                die()
            data: bytes = read(min(size, 4096) if size > 0 else 4096)
            return data

        return _Reader(file, short)

    Path.open = opened  # type: ignore[method-assign]


class _Reader:
    """A file whose reads are somebody else's; everything else is the file's own."""

    def __init__(self, file: Any, read: Callable[[int], bytes]) -> None:
        self._file = file
        self.read = read

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __iter__(self) -> Iterator[bytes]:
        while data := self.read(4096):
            yield data

    def __enter__(self) -> "_Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


if __name__ == "__main__":
    from huleedu_pipeline.cli.app import main
    from huleedu_pipeline.settings import Settings

    point, provider, *command = sys.argv[1:]
    install(KILL_POINTS[point].place, provider, Settings.load().emulator_dir)
    sys.argv = ["huleedu", *command]
    main()
