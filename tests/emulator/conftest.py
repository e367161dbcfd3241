"""Fixtures of the emulator's tests: one shared server, and a maker of further ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import anthropic
import openai
import pytest

from .fault_kit import Wire
from .kit import Server

ServerMaker = Callable[..., Server]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("shared") / "state").start()
    yield running
    assert running.stop() == 0


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[ServerMaker]:
    started: list[Server] = []

    def make(*options: str, seconds_per_job: float = 0.4) -> Server:
        running = Server(tmp_path / f"state{len(started)}", *options, seconds_per_job=seconds_per_job).start()
        started.append(running)
        return running

    yield make
    for running in started:
        running.kill()


@pytest.fixture(scope="session")
def gpt(server: Server) -> Iterator[openai.OpenAI]:
    with server.openai() as client:
        yield client


@pytest.fixture(scope="session")
def claude(server: Server) -> Iterator[anthropic.Anthropic]:
    with server.anthropic() as client:
        yield client


@pytest.fixture(scope="session")
def faulty_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    running = Server(tmp_path_factory.mktemp("faulty") / "state", seconds_per_job=0.12).start()
    yield running
    assert running.stop() == 0


@pytest.fixture
def wire(faulty_server: Server) -> Iterator[Wire]:
    made = Wire(faulty_server)
    yield made
    made.http.delete("/admin/faults")
    made.http.close()
