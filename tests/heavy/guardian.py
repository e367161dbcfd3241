"""Runs the processes of a suite, and ends them when the suite is gone, however it went: finished, failed or killed.

``python -m tests.heavy.guardian`` is a process of its own. It holds one end of a pipe whose other end is the suite's: that is
closed by the operating system when the suite is killed, too. Then, or when one of its processes has ended by itself, it ends
all of them, and the emulator that they share. Not here: which processes a suite needs (``kit``).
"""

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from huleedu_pipeline.providers.emulator.launcher import stop_emulator
from tests.processes import end_group

_ROOT = Path(__file__).parents[2]
_LOOK_SECONDS = 0.2
_PATIENCE_SECONDS = 120.0


class CanNotEndError(Exception):
    """The guardian could not end what it had started."""


@contextmanager
def guarded(
    commands: Mapping[str, Sequence[str]], environment: Mapping[str, str], folder: Path, emulator_dir: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """Run commands until the block ends, or this process does; the guardian that is given ends early when one of them ends.

    Args:
        commands: The commands by name; what NAME says goes to NAME.log.
        environment: Their environment.
        folder: Where they run, and where the logs are.
        emulator_dir: State folder of the emulator that is ended with them.

    Raises:
        CanNotEndError: something could not be ended.

    """
    given = {"commands": commands, "folder": str(folder), "emulator_dir": str(emulator_dir)}
    command = [sys.executable, "-m", "tests.heavy.guardian", json.dumps(given)]
    # In a session of its own no Ctrl-C and no signal to the suite's process group reaches it before its work is done.
    guardian = subprocess.Popen(command, env=dict(environment), cwd=_ROOT, stdin=subprocess.PIPE, start_new_session=True)
    try:
        yield guardian
    finally:
        if guardian.stdin is not None:
            guardian.stdin.close()
        status = guardian.wait(_PATIENCE_SECONDS)
    if status:
        raise CanNotEndError(f"{folder}: something that was started there may still be running (the guardian said what)")


def main() -> None:
    """Run what the one argument names, until nobody holds the other end of the standard input."""
    given = json.loads(sys.argv[1])
    folder = Path(given["folder"])
    # A handler, not SIG_IGN: that would be passed on to the processes, which could then not be asked to end.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    processes: list[subprocess.Popen[bytes]] = []
    with ExitStack() as stack:
        stack.callback(stop_emulator, Path(given["emulator_dir"]))
        for name, command in given["commands"].items():
            log = stack.enter_context((folder / f"{name}.log").open("ab"))
            process = subprocess.Popen(
                command, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
            stack.callback(end_group, process)
            processes.append(process)
        while all(process.poll() is None for process in processes):
            readable, _, _ = select.select([sys.stdin], [], [], _LOOK_SECONDS)
            if readable and not os.read(sys.stdin.fileno(), 1):
                break


if __name__ == "__main__":
    main()
