"""Fixtures of the graph's tests."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from huleedu_pipeline.settings import Settings
from tests.graph.kit import Installation


@pytest.fixture
def installation(settings: Settings, tmp_path: Path) -> Iterator[Installation]:
    """An empty installation with a Dagster instance of its own."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield Installation(settings, instance, tmp_path / "batches")
