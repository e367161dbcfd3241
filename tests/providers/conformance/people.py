"""What a person does about a batch that has come to a stop, and what else is prepared around a row."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from huleedu_pipeline.ledger import JobRecord, JobState
from huleedu_pipeline.providers import reconcile
from huleedu_pipeline.providers.backend import endpoint, open_provider
from huleedu_pipeline.providers.http import Endpoint
from huleedu_pipeline.providers.lanes import Lane
from huleedu_pipeline.providers.payloads import Frame, Line
from huleedu_pipeline.providers.protocols import JobOrder, Provider
from huleedu_pipeline.settings import Settings
from tests.providers.conformance.run import PAUSE_SECONDS, World
from tests.providers.kit import N_PAIRS


def reopens_the_lane(world: World) -> None:
    """Has paid, renewed the key or waited, and lets calls go again."""
    Lane(world.ledger, world.provider, world.model).reopen()


def quarantined(world: World) -> JobRecord:
    """The job that waits for a person."""
    (job,) = world.ledger.jobs(world.batch_id, [JobState.QUARANTINED])
    return job


def asks_again(world: World) -> None:
    """Has seen that the job came to nothing."""
    reconcile.ask_again(world.ledger, quarantined(world))


def gives_up(world: World) -> None:
    """Has seen that its results are lost."""
    reconcile.give_up(world.ledger, quarantined(world))


def adopts_ours(world: World) -> None:
    """Has looked at the candidates and knows which is ours: the one made last."""
    provider = open_provider(world.settings, world.provider)
    (case,) = reconcile.open_cases(world.ledger, provider, [quarantined(world)])
    assert len(case.candidates) == 2
    newest = max(case.candidates, key=lambda candidate: candidate.created_at)
    reconcile.adopt(world.ledger, provider, case.job, newest.provider_job_id)


def somebody_elses_job(world: World) -> None:
    """Another program with the same key has made a job of the same size a moment ago, and it has ended."""
    provider = open_provider(world.settings, world.provider)
    request = world.ledger.requests(world.batch_id)[0]
    record = world.ledger.frames(world.batch_id)[request.frame_id]
    frame = Frame(record.head.encode(), record.middle.encode(), record.tail.encode())
    lines = [Line(frame, f"theirs-{number}", b"One.", b"Another.") for number in range(N_PAIRS)]
    with tempfile.TemporaryDirectory() as folder:
        payload = Path(folder) / "theirs.jsonl"
        with payload.open("wb") as file:
            provider.write_payload(file.fileno(), lines, record.path)
        order = JobOrder("theirs", "theirs", record.path, payload)
        theirs = provider.create_job(order, provider.upload(order))
    while provider.retrieve_job(theirs.provider_job_id).state is None:
        time.sleep(PAUSE_SECONDS)


def nobody_there(n_runs: int) -> Callable[[Settings, str], Provider]:
    """Return how a provider is opened whose address nothing listens at during the first runs."""
    n_opened = 0

    def opened(settings: Settings, name: str) -> Provider:
        nonlocal n_opened
        n_opened += 1
        provider: Any = open_provider(settings, name)
        if n_opened > n_runs:
            return provider  # type: ignore[no-any-return]
        there = endpoint(settings, name)
        nowhere = Endpoint("http://127.0.0.1:9/v1", "any", True, there.connect_timeout_seconds, there.read_timeout_seconds)
        return type(provider)(nowhere, provider.job_limits)  # type: ignore[no-any-return]

    return opened
