"""`huleedu traces capture` as a user meets it."""

import json
from pathlib import Path

from tests.cli.kit import huleedu


def test_a_trace_of_the_demo_is_written_once(demo_home: Path, tmp_path: Path) -> None:
    command = ("traces", "capture", "eng5-example", "--scenario-id", "demo", "--output-dir", tmp_path / "traces")
    first, again = huleedu(demo_home, *command), huleedu(demo_home, *command)
    assert first.returncode == 0, first.stderr
    assert "SIMULATED" in first.stdout
    summary = json.loads((tmp_path / "traces" / "demo" / "summary.json").read_text(encoding="utf-8"))
    assert f"{summary['total_events']} requests, 0 without a verdict" in first.stdout
    assert (again.returncode, "holds a trace already" in again.stderr) == (1, True)
