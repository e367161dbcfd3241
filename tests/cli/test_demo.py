"""The demo, and what its readers do with the results: query, open a notebook, ask the command line."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from nbclient import NotebookClient

from huleedu_pipeline import open_warehouse
from huleedu_pipeline.lake import Lake, publish
from huleedu_pipeline.providers.emulator.launcher import stop_emulator
from tests.cli.kit import huleedu

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "notebooks" / "01_explore_a_batch.ipynb"


def test_the_demo_prints_a_ranking_with_errors_and_grades_and_says_that_it_is_simulated(demo_home: Path) -> None:
    printed = (demo_home / "demo.txt").read_text(encoding="utf-8")
    assert "judged by emulated-gpt-6-luna" in printed
    assert "SIMULATED by the local emulator: not a real model's judgement" in printed
    assert "nothing was paid; the real model would cost" in printed
    for heading in ("rank", "theta", "SE", "grade", "certainty"):
        assert heading in printed
    assert printed.count("pupil_") == 24
    assert printed.count("anchor_0") == 12


def test_the_demo_uses_the_emulator_whatever_keys_are_set_and_leaves_nothing_running(demo_home: Path) -> None:
    with open_warehouse(demo_home / "warehouse.duckdb") as warehouse:
        assert warehouse.frame("llm_judgements")["model"].unique().tolist() == ["emulated-gpt-6-luna"]
    assert not stop_emulator(demo_home / "emulator")


def test_results_are_for_eyes_and_for_machines(demo_home: Path, tmp_path: Path) -> None:
    as_csv = huleedu(demo_home, "results", "eng5-example", "--format", "csv")
    (tmp_path / "ranking.csv").write_text(as_csv.stdout, encoding="utf-8")
    ranking = pd.read_csv(tmp_path / "ranking.csv")
    as_json = json.loads(huleedu(demo_home, "results", "eng5-example", "--format", "json").stdout)
    assert len(ranking) == len(as_json) == 36
    assert ranking["file_name"].tolist() == [row["file_name"] for row in as_json]
    assert "eng5-example" in huleedu(demo_home, "results", "eng5-example").stdout


def test_status_shows_all_batches_and_one(demo_home: Path) -> None:
    assert "eng5-example" in huleedu(demo_home, "status").stdout
    one = huleedu(demo_home, "status", "eng5-example").stdout
    assert "360 of 360 requests have an outcome: 360 verdicts, 0 failed, 0 expired" in one
    assert "collected, 360 requests" in one


def test_the_notebook_is_committed_without_outputs_and_runs_on_the_demo(
    demo_home: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    notebook: Any = nbformat.reads(NOTEBOOK.read_text(encoding="utf-8"), as_version=4)  # type: ignore[no-untyped-call]
    assert all(not cell.get("outputs") and cell.get("execution_count") is None for cell in notebook.cells)
    monkeypatch.setenv("HULEEDU_HOME", str(demo_home))
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    shown = json.dumps(notebook.cells)
    assert "eng5-example, judged by emulated-gpt-6-luna (SIMULATED)" in shown
    assert "delta_se" in shown
    assert shown.count("image/png") == 2


def test_a_reader_in_another_process_never_meets_a_half_made_warehouse(demo_home: Path) -> None:
    warehouse = demo_home / "warehouse.duckdb"
    reader = (
        "import duckdb\n"
        "for _ in range(30):\n"
        f"    c = duckdb.connect({str(warehouse)!r}, read_only=True)\n"
        "    assert c.execute('select count(*) from current_rankings').fetchone() == (36,)\n"
        "    c.close()\n"
    )
    process = subprocess.Popen([sys.executable, "-c", reader], stderr=subprocess.PIPE, text=True)
    publications = 0
    while process.poll() is None or publications < 3:
        publish(Lake(demo_home / "lake"), warehouse)
        publications += 1
    _, errors = process.communicate()
    assert process.returncode == 0, errors


def test_a_trace_of_the_demo_is_written_once(demo_home: Path, tmp_path: Path) -> None:
    command = ("traces", "capture", "eng5-example", "--scenario-id", "demo", "--output-dir", tmp_path / "traces")
    first, again = huleedu(demo_home, *command), huleedu(demo_home, *command)
    assert first.returncode == 0, first.stderr
    assert "SIMULATED" in first.stdout
    summary = json.loads((tmp_path / "traces" / "demo" / "summary.json").read_text(encoding="utf-8"))
    assert f"{summary['total_events']} requests, 0 without a verdict" in first.stdout
    assert (again.returncode, "holds a trace already" in again.stderr) == (1, True)
