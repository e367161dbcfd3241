"""An installation as the logs know one."""

from pathlib import Path

import pytest

from huleedu_pipeline import logs
from huleedu_pipeline.settings import Settings


@pytest.fixture
def place(tmp_path: Path) -> Settings:
    """An installation whose events are written down."""
    made = Settings(home=tmp_path / "home")
    made.home.mkdir()
    logs.begin(lambda: made, command="test", run_id="run-1")
    return made
