"""Waiting for what other processes do, and ending them with all that they started. Not here: which processes, and why."""

import os
import signal
import subprocess
import time
from collections.abc import Callable

_PATIENCE_SECONDS = {signal.SIGTERM: 15, signal.SIGKILL: 5}


def wait_until(is_so: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait until something is so.

    Raises:
        TimeoutError: it does not become so in that time.

    """
    deadline = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {seconds:.0f} s in vain until {what}")
        time.sleep(0.5)


def end_group(process: subprocess.Popen[bytes]) -> None:
    """End what is left of the process group that ``process`` leads: by a request first, then by force."""
    for sign, patience in _PATIENCE_SECONDS.items():
        try:
            os.killpg(process.pid, sign)
            process.wait(patience)
        except (ProcessLookupError, subprocess.TimeoutExpired):
            continue
