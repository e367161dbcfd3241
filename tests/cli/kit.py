"""Running the `huleedu` command as a user does: in a process of its own, with a home of its own."""

import os
import signal
import subprocess
import sys
from pathlib import Path

HULEEDU = str(Path(sys.executable).with_name("huleedu"))


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return the environment of a user whose installation is ``home``; batch jobs of its emulator take 0.3 s."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("HULEEDU_", "DAGSTER_"))}
    quick = {"HULEEDU_HOME": str(home), "HULEEDU_EMULATOR_SECONDS_PER_JOB": "0.3", "HULEEDU_POLL_INTERVAL_SECONDS": "0.1"}
    return {**clean, **quick, "COLUMNS": "200", **more}


def huleedu(home: Path, *arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    command = [HULEEDU, *(str(argument) for argument in arguments)]
    return subprocess.run(command, env=environment(home, **more), capture_output=True, text=True, timeout=600, cwd=home.parent)


def start(home: Path, *arguments: str | Path, **more: str) -> subprocess.Popen[str]:
    """Start a command and leave it running."""
    command = [HULEEDU, *(str(argument) for argument in arguments)]
    pipe = subprocess.PIPE
    return subprocess.Popen(
        command,
        env=environment(home, **more),
        stdout=pipe,
        stderr=pipe,
        text=True,
        cwd=home.parent,
        # A shell starts what runs in its background with interrupts ignored, and that is inherited.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )
