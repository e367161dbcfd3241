"""The runbook's commands, as they stand there and in their order, against the emulator."""

import re
import shlex
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from huleedu_pipeline.cli.app import app
from huleedu_pipeline.providers.emulator.launcher import stop_emulator

ROOT = Path(__file__).resolve().parents[2]


def tried() -> list[str]:
    page = (ROOT / "docs" / "eng5-runbook.md").read_text(encoding="utf-8")
    return [
        line for block in re.findall(r"^```sh tried\n(.*?)^```", page, re.DOTALL | re.MULTILINE) for line in block.splitlines()
    ]


def test_every_command_of_the_runbook_works_as_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HULEEDU_EMULATOR_SECONDS_PER_JOB", "0.3")
    monkeypatch.setenv("HULEEDU_POLL_INTERVAL_SECONDS", "0.1")
    commands = tried()
    assert len(commands) > 15
    try:
        for line in commands:
            program, *arguments = shlex.split(line)
            if program == "huleedu":
                done = CliRunner().invoke(app, arguments)
                assert done.exit_code == 0, (line, done.output, done.exception)
            else:
                subprocess.run(line, shell=True, check=True)
    finally:
        for home in (tmp_path / ".huleedu", tmp_path / ".huleedu" / "dry-run"):
            if (home / "emulator").is_dir():
                stop_emulator(home / "emulator")
