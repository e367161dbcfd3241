"""Interrupts that arrive while Dagster runs a job in this process.

Dagster holds the signal back while a job runs, and forgets one that no step has met: between the last step and the end of
the run a Ctrl-C would do nothing. The interpreter notes every signal for us, whoever handles it.
"""

import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

MOST_SIGNALS = 4096


@contextmanager
def noticing_interrupts() -> Iterator[Callable[[], bool]]:
    """Note interrupts until the end of the block; what is yielded tells whether there has been one."""
    if threading.current_thread() is not threading.main_thread():
        yield lambda: False  # signals are the main thread's
        return
    reading, writing = socket.socketpair()
    reading.setblocking(False)
    writing.setblocking(False)
    seen: set[int] = set()

    def was_interrupted() -> bool:
        try:
            seen.update(reading.recv(MOST_SIGNALS))
        except BlockingIOError:
            return signal.SIGINT in seen
        return signal.SIGINT in seen

    before = signal.set_wakeup_fd(writing.fileno(), warn_on_full_buffer=False)
    try:
        yield was_interrupted
    finally:
        signal.set_wakeup_fd(before)
        reading.close()
        writing.close()
