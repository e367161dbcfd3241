"""Regular batches through real Dagster runs: names out, matches in, and nothing is sent while a name is left."""

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from huleedu_pipeline.cli.app import app
from huleedu_pipeline.content import ContentStore
from huleedu_pipeline.edits import Edit, undo_edits
from huleedu_pipeline.essays.inbox import stage
from huleedu_pipeline.lake import Lake, open_warehouse
from huleedu_pipeline.lake.tables import ESSAYS, REDACTIONS, STUDENT_MATCHES
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.people import NameFinder
from tests.graph.kit import Installation
from tests.kit import write_batch

NAMED = "By Bertil Sandelius\n\nI like Lindqvister and her brother, and they play football with me. bertil"
ROSTER = "student_id,name\nqs1001,Anna Lindqvister\nqs1002,Bertil Sandelius\nqs1003,Cilla Wretlinder\n"
SECRETS = ("lindqvister", "sandelius", "wretlinder", "qs1001", "qs1002", "qs1003")


def write(folder: Path) -> Path:
    write_batch(folder)
    (folder / "roster.csv").write_text(ROSTER, encoding="utf-8")
    (folder / "essays" / "bertil.txt").write_text(NAMED, encoding="utf-8")
    (folder / "essays" / "cilla.txt").rename(folder / "essays" / "cilla_wretlinder.txt")
    return folder


def by_essay(rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["essay_id"]: row for row in rows}


def test_a_regular_batch_is_judged_without_names_and_its_results_find_their_pupils(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, settings = write(tmp_path / "b1"), installation.settings
    stage(folder, settings.inbox_dir)
    submitted = installation.run("submit_batch", "b1")
    checks = {one.check_name: one for one in submitted.get_asset_check_evaluations()}
    assert (checks["no_name_in_prompts"].passed, checks["matches_are_settled"].passed) == (True, False)
    installation.wait_for_provider("b1")
    installation.run("collect_batch", "b1")

    lake = Lake(settings.lake_dir)
    essay = by_essay(lake.read_rows(ESSAYS, "b1"))["bertil"]
    assert essay["text"] == "By [name]\n\nI like [name] and her brother, and they play football with me. [name]"
    assert by_essay(lake.read_rows(ESSAYS, "b1"))["cilla_wretlinder"]["detected_language"] == "en"
    edits = [
        Edit(*(row[name] for name in ("start", "end", "original", "replacement"))) for row in lake.read_rows(REDACTIONS, "b1")
    ]
    assert undo_edits(essay["text"], edits) == NAMED
    store = ContentStore(settings.content_dir)
    assert list(store.verify()) == []
    assert store.text(essay["text_sha256"]) == essay["text"]
    assert store.path("originals", essay["original_sha256"]).read_bytes() == NAMED.encode()

    ledger = Ledger(settings.ledger_url)
    bodies = [ledger.body(request.custom_id).lower() for request in ledger.requests("b1")]
    ledger.close()
    assert not [secret for secret in SECRETS if any(secret in body for body in bodies)]
    for run in installation.instance.get_runs():
        told = " ".join(repr(record) for record in installation.instance.all_logs(run.run_id)).lower()
        # Of file names the teacher decides; everything else of a pupil stays out.
        assert not [secret for secret in SECRETS if secret in told.replace("cilla_wretlinder", "")]

    matches = by_essay(lake.read_rows(STUDENT_MATCHES, "b1"))
    assert {name: (row["student_id"], row["status"]) for name, row in matches.items()} == {
        "anna": ("qs1001", "review"),
        "bertil": ("qs1002", "automatic"),
        "cilla_wretlinder": ("qs1003", "automatic"),
        "david": (None, "manual"),
        "elin": (None, "manual"),
    }
    with open_warehouse(settings.warehouse_path) as warehouse:
        by_pupil = warehouse.frame("results_by_pupil", "b1")
        assert by_pupil["student_id"].tolist() == ["qs1002", "qs1003"]
        ranking = warehouse.frame("cj_rankings", "b1").set_index("essay_id")
        assert ranking.loc["anna", "file_name"] == "anna.txt"
        assert set(warehouse.frame("anchor_diagnostics", "b1")["file_name"]) == {
            f"{name}.txt" for name in ("anchor_001_F+", "anchor_002_D+", "anchor_003_A")
        }

    (folder / "matches.csv").write_text("file_name,student_id\nanna.txt,qs1001\ndavid.txt,\n", encoding="utf-8")
    stage(folder, settings.inbox_dir)
    installation.run("match_students", "b1")
    with open_warehouse(settings.warehouse_path) as warehouse:
        assert warehouse.frame("results_by_pupil", "b1")["student_id"].tolist() == ["qs1001", "qs1002", "qs1003"]

    monkeypatch.setenv("HULEEDU_HOME", str(settings.home))
    shown = CliRunner().invoke(app, ["results", "b1", "--by-pupil"])
    assert (shown.exit_code, "SIMULATED" in shown.stdout, "Cilla Wretlinder" in shown.stdout) == (0, True, True)
    assert "2 essays are not here" in shown.stderr
    records = json.loads(CliRunner().invoke(app, ["results", "b1", "--by-pupil", "--format", "json"]).stdout)
    assert [(row["student_id"], row["name"]) for row in records[:1]] == [("qs1001", "Anna Lindqvister")]
    (settings.inbox_dir / "b1" / "roster.csv").unlink()
    whole = CliRunner().invoke(app, ["results", "b1", "--format", "csv"])
    assert {flag for row in csv.DictReader(StringIO(whole.stdout)) for flag in row["flags"].split()} >= {"few_comparisons"}
    without = CliRunner().invoke(app, ["results", "b1", "--by-pupil", "--format", "csv"])
    assert "qs1001,,anna.txt" in without.stdout


def test_nothing_is_sent_while_a_name_is_left(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(NameFinder, "edits", lambda *_: [])
    stage(write(tmp_path / "b1"), installation.settings.inbox_dir)
    result = installation.run("submit_batch", "b1", raise_on_error=False)
    check = next(one for one in result.get_asset_check_evaluations() if one.check_name == "no_name_in_prompts")
    assert (check.passed, check.blocking) == (False, True)
    assert "a name of a pupil is left in bertil" in (check.description or "")
    assert not result.asset_materializations_for_node("provider_jobs")
    assert not installation.settings.emulator_dir.exists()
