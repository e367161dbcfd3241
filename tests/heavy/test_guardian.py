"""What a suite starts ends with it, also when it is killed. Part of the ordinary tests: the heavy suites rest on it."""

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.heavy.guardian import guarded
from tests.processes import wait_until

ROOT = Path(__file__).parents[2]
# Holds a lock together with a child of its own, says so, and stays; the lock is free when both have ended.
STAYS = """
import fcntl, subprocess, sys, time
held = open("held", "w")
fcntl.flock(held, fcntl.LOCK_EX)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], pass_fds=[held.fileno()])
print("here", flush=True)
time.sleep(600)
"""
STAYING = {"stays": [sys.executable, "-c", STAYS]}
SUITE = """
import json, os, sys, time
from pathlib import Path
from tests.heavy.guardian import guarded
folder = Path(sys.argv[1])
with guarded(json.loads(sys.argv[2]), os.environ, folder, folder / "emulator"):
    time.sleep(600)
"""


def wait_for_the_start(folder: Path) -> None:
    log = folder / "stays.log"
    wait_until(lambda: log.exists() and "here" in log.read_text(), 300, "both processes are there")
    assert is_running(folder)


def wait_for_the_end(folder: Path) -> None:
    """Wait: a process that was killed is still there for a moment, and nobody can wait for a grandchild."""
    wait_until(lambda: not is_running(folder), 300, "all that was started has ended")


def is_running(folder: Path) -> bool:
    with (folder / "held").open("w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
def test_a_suite_that_is_killed_leaves_nothing_running(tmp_path: Path, sign: signal.Signals) -> None:
    suite = subprocess.Popen([sys.executable, "-c", SUITE, str(tmp_path), json.dumps(STAYING)], cwd=ROOT)
    wait_for_the_start(tmp_path)
    suite.send_signal(sign)
    suite.wait()
    wait_for_the_end(tmp_path)


def test_a_suite_that_fails_leaves_nothing_running(tmp_path: Path) -> None:
    def fail() -> None:
        with guarded(STAYING, os.environ, tmp_path, tmp_path / "emulator"):
            wait_for_the_start(tmp_path)
            raise ValueError("for a test")

    with pytest.raises(ValueError, match="for a test"):
        fail()
    wait_for_the_end(tmp_path)


def test_when_one_process_ends_by_itself_all_end_and_it_is_seen(tmp_path: Path) -> None:
    wait = "import pathlib, time\nwhile not pathlib.Path('go').exists(): time.sleep(0.1)\nraise SystemExit('for a test')"
    with guarded({**STAYING, "ends": [sys.executable, "-c", wait]}, os.environ, tmp_path, tmp_path / "emulator") as guardian:
        wait_for_the_start(tmp_path)
        (tmp_path / "go").touch()
        wait_until(lambda: guardian.poll() is not None, 300, "the guardian has ended")
        wait_for_the_end(tmp_path)
    assert (tmp_path / "ends.log").read_text() == "for a test\n"
