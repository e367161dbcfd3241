"""A sample of the kill drill; `make drill-kill` runs all of it."""

from pathlib import Path

import pytest

from tests.drills.kill import Cell, cells, drill
from tests.drills.kill_points import KILL_POINTS

SAMPLE = [
    Cell("while the payload is sent", "openai"),
    Cell("after the create call, before it is recorded", "anthropic"),
    Cell("inside the commit", "openai"),
    Cell("after the rest is asked again, before it is recorded", "anthropic"),
    Cell("live: after an answer, before it is recorded", "openai"),
]


def test_a_kill_buys_nothing_twice_and_loses_nothing_with_the_ledger_on_postgres(postgres_server: str, tmp_path: Path) -> None:
    audit = drill(Cell("after the create call, before it is recorded", "openai", postgres_server), tmp_path)
    assert audit.is_clean, audit


@pytest.mark.parametrize("cell", SAMPLE, ids=lambda cell: f"{cell.point}, {cell.provider}")
def test_a_kill_buys_nothing_twice_and_loses_nothing(cell: Cell, tmp_path: Path) -> None:
    audit = drill(cell, tmp_path)
    assert audit.is_clean, audit


def test_the_whole_drill_has_every_point_on_every_provider_it_applies_to() -> None:
    drilled = {(cell.point, cell.provider) for cell in cells()}
    assert drilled == {(point, provider) for point, place in KILL_POINTS.items() for provider in place.providers}
    assert len(KILL_POINTS) >= 24
