"""Fixtures of the command line's tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from huleedu_pipeline.providers.emulator.launcher import stop_emulator
from tests.cli.kit import huleedu


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """The home of an installation that does not exist yet."""
    folder = tmp_path / "home"
    yield folder
    if (folder / "emulator").is_dir():
        stop_emulator(folder / "emulator")


@pytest.fixture(scope="session")
def demo_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An installation in which the demo has run, although keys and the real backend were set."""
    folder = tmp_path_factory.mktemp("demo") / "home"
    keys = {"OPENAI_API_KEY": "sk-real", "ANTHROPIC_API_KEY": "sk-real", "HULEEDU_JUDGE_BACKEND": "provider"}
    result = huleedu(folder, "demo", **keys)
    assert result.returncode == 0, result.stderr
    (folder / "demo.txt").write_text(result.stdout, encoding="utf-8")
    return folder
