"""An interrupt is noticed even where somebody else has taken the signal, as Dagster does while a job runs."""

import os
import signal
import threading

from huleedu_pipeline.cli.interrupts import noticing_interrupts


def test_an_interrupt_that_another_handler_swallows_is_noticed() -> None:
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        with noticing_interrupts() as was_interrupted:
            assert not was_interrupted()
            os.kill(os.getpid(), signal.SIGINT)
            assert was_interrupted()
            assert was_interrupted()
        with noticing_interrupts() as was_interrupted:
            assert not was_interrupted()
    finally:
        signal.signal(signal.SIGINT, before)


def test_other_signals_are_no_interrupt() -> None:
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    try:
        with noticing_interrupts() as was_interrupted:
            os.kill(os.getpid(), signal.SIGUSR1)
            assert not was_interrupted()
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_beside_the_main_thread_there_is_nothing_to_notice() -> None:
    found: list[bool] = []

    def look() -> None:
        with noticing_interrupts() as was_interrupted:
            found.append(was_interrupted())

    thread = threading.Thread(target=look)
    thread.start()
    thread.join()
    assert found == [False]
