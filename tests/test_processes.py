"""Which process is which: nothing is said of one that can not be looked for, and an id come round again deceives nobody."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

from huleedu_pipeline.processes import Process


def test_this_process_lives_and_can_be_written_down() -> None:
    me = Process.current()
    assert me.pid == os.getpid()
    assert me.is_here
    assert not me.has_ended
    assert Process.parse(str(me)) == me
    assert Process.parse(str(replace(me, host="fe80::1"))) == replace(me, host="fe80::1")


def test_what_names_no_process_is_told_apart() -> None:
    assert [Process.parse(text) for text in ("", "host", "host:12", "host:12:abcd", "host:pid:place:1")] == [None] * 5


def test_a_killed_process_has_ended_even_before_its_parent_asks() -> None:
    child = subprocess.Popen([sys.executable, "-c", "import time; print(flush=True); time.sleep(60)"], stdout=subprocess.PIPE)
    assert child.stdout is not None
    child.stdout.readline()
    named = Process.here(child.pid)
    assert not named.has_ended
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it has ended, and is still to be asked how
    assert named.has_ended
    child.wait()
    assert named.has_ended
    child.stdout.close()


def test_another_process_with_the_same_id_is_another() -> None:
    assert replace(Process.current(), started="1").has_ended


def test_of_a_process_elsewhere_nothing_is_known() -> None:
    # The same host name and an id that nobody has here, as in two containers of one name.
    elsewhere = replace(Process.current(), pid=2**30, place="another")
    assert not elsewhere.is_here
    assert not elsewhere.has_ended
