"""The run artefact: it keeps its schema, is partial until the run is through, and no byte of it changes unnoticed."""

import gzip
import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from typer.testing import CliRunner

from huleedu_pipeline.cli.app import app
from huleedu_pipeline.cli.runner import run_batch, take_in
from huleedu_pipeline.eng5 import artefact
from huleedu_pipeline.eng5.artefact import REPLIES, ArtefactError, checksum, encoded, lines_of, schema, write_run
from huleedu_pipeline.eng5.verify import verify_run
from huleedu_pipeline.findings import has_failed
from huleedu_pipeline.lake import Lake
from huleedu_pipeline.lake.tables import CJ_RANKINGS, GRADE_PROJECTIONS
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.providers.emulator.launcher import stop_emulator
from huleedu_pipeline.settings import Settings
from tests.eng5.kit import RUN
from tests.kit import write_batch

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Settings, Path, Path]]:
    """An installation in which one batch was run, its artefact half way, and its artefact at the end."""
    top = tmp_path_factory.mktemp("eng5")
    made = Settings(home=top / "home", emulator_seconds_per_job=0.3, poll_interval_seconds=0.1)
    batch_id = take_in(write_batch(top / "b1"), made)
    run_batch(batch_id, made, wait=False)
    half = record(made, top / "half")
    run_batch(batch_id, made, wait=True)
    whole = record(made, top / "whole")
    yield made, half, whole
    stop_emulator(made.emulator_dir)


def record(settings: Settings, folder: Path) -> Path:
    ledger = Ledger(settings.ledger_url)
    try:
        return write_run(ledger, Lake(settings.lake_dir), "b1", folder, at=AT)
    finally:
        ledger.close()


def read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_bytes())
    return found


def failures(folder: Path) -> list[str]:
    return [finding.subject for finding in verify_run(folder) if finding.mark == "fail"]


def test_the_schema_is_a_schema_and_the_artefact_keeps_it(finished: tuple[Settings, Path, Path]) -> None:
    jsonschema_rs.meta.validate(dict(schema()))
    # Another validator than the one that the artefact was written with.
    independent = jsonschema_rs.Draft202012Validator(dict(schema()), validate_formats=True)
    _, half, whole = finished
    for path in (half, whole):
        independent.validate(read(path))
    for change in ({"confidence": 9}, {"status": "done"}, {"started_at": "yesterday"}, {"grade": "A"}):
        changed = read(whole)
        changed["llm_comparisons"][0] |= change
        assert not independent.is_valid(changed), change


def test_ranking_and_grades_are_those_that_were_published(finished: tuple[Settings, Path, Path]) -> None:
    settings, _, whole = finished
    document, lake = read(whole), Lake(settings.lake_dir)
    published = {row["essay_id"]: row for row in lake.read_rows(CJ_RANKINGS, "b1")}
    assert {row["essay_id"] for row in document["bt_summary"]} == published.keys()
    for row in document["bt_summary"]:
        line = published[row["essay_id"]]
        told = (row["theta"], row["standard_error"], row["rank"], row["comparison_count"])
        assert told == (line["theta"], line["theta_se"], line["overall_rank"], line["n_comparisons"])
    grades = {row["essay_id"]: row["grade"] for row in lake.read_rows(GRADE_PROJECTIONS, "b1")}
    assert {row["essay_id"]: row["grade"] for row in document["grade_projections"]} == grades


def test_ids_join_inputs_comparisons_and_results(finished: tuple[Settings, Path, Path]) -> None:
    document = read(finished[2])
    inputs = {row["essay_id"] for row in document["inputs"]["students"]}
    inputs |= {row["anchor_id"] for row in document["inputs"]["anchors"]}
    compared = {row[name] for row in document["llm_comparisons"] for name in ("essay_a_id", "essay_b_id")}
    assert inputs == compared == {row["essay_id"] for row in document["bt_summary"]}
    assert document["metadata"]["runner_mode"] == "dry-run"
    assert document["metadata"]["is_simulated"] is True
    with gzip.open(finished[2].parent / str(lines_of(document, REPLIES)), "rt", encoding="utf-8") as lines:
        replied = {json.loads(line)["request_id"] for line in lines}
    assert replied == {row["request_id"] for row in document["llm_comparisons"]}


def test_a_run_that_is_not_through_says_so_and_has_no_ranking(finished: tuple[Settings, Path, Path]) -> None:
    _, half, _ = finished
    document = read(half)
    status = document["validation"]["runner_status"]
    assert (status["partial_data"], status["n_requests"], status["n_outcomes"]) == (True, 28, 0)
    assert document["bt_summary"] == []
    findings = verify_run(half.parent)
    assert not has_failed(findings)
    assert any(finding.mark == "warn" and "0 of 28 outcomes" in finding.message for finding in findings)


def test_a_later_record_completes_a_partial_one_and_equal_runs_are_equal_bytes(
    finished: tuple[Settings, Path, Path], tmp_path: Path
) -> None:
    settings, half, whole = finished
    folder = tmp_path / "run"
    shutil.copytree(half.parent, folder)
    assert record(settings, folder).read_bytes() == whole.read_bytes()
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {
        path.name: path.read_bytes() for path in whole.parent.iterdir()
    }
    (folder / "notes.txt").write_text("mine", encoding="utf-8")
    assert failures(folder) == ["files"]
    with pytest.raises(ArtefactError, match="holds notes.txt"):
        record(settings, folder)


def test_one_changed_byte_of_any_file_is_found(finished: tuple[Settings, Path, Path], tmp_path: Path) -> None:
    whole = finished[2]
    assert failures(whole.parent) == []
    folder = tmp_path / "run"
    shutil.copytree(whole.parent, folder)
    names = sorted(path.name for path in folder.iterdir())
    assert len(names) == 3
    for name in names:
        data = (folder / name).read_bytes()
        for at in (0, 5, len(data) // 3, len(data) // 2, len(data) - 1):
            (folder / name).write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
            assert failures(folder) != [], f"byte {at} of {name}"
        (folder / name).write_bytes(data)
    assert failures(folder) == []


class Killed(BaseException):
    """What a kill looks like to the process that it ends: nothing is cleaned up."""


@pytest.mark.parametrize("point", ["_requests", "encoded", "is_leftover"])
def test_a_run_that_is_written_again_is_the_old_one_or_the_new_one_at_every_moment(
    finished: tuple[Settings, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    settings, half, whole = finished
    folder = tmp_path / "run"
    shutil.copytree(half.parent, folder)

    def die(*arguments: object) -> None:
        (folder / ".requests.1.tmp").write_bytes(b"half a line")
        raise Killed

    with monkeypatch.context() as patch:
        # The folder is looked over before anything is written, and cleared when all is.
        patch.setattr(artefact, point, die)
        if point == "is_leftover":
            patch.setattr(artefact, "_ensure_own", lambda *arguments: None)
        with pytest.raises(Killed):
            record(settings, folder)
    is_new = point == "is_leftover"
    assert (folder / RUN).read_bytes() == (whole if is_new else half).read_bytes()
    assert failures(folder) == []
    assert any(finding.mark == "warn" and "interrupted" in finding.message for finding in verify_run(folder))
    assert record(settings, folder).read_bytes() == whole.read_bytes()
    assert {path.name for path in folder.iterdir()} == {path.name for path in whole.parent.iterdir()}


def test_what_was_changed_and_sealed_again_still_does_not_follow(finished: tuple[Settings, Path, Path], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(finished[2].parent, folder)
    document = read(folder / RUN)
    document["bt_summary"][0]["theta"] += 1e-12
    document["llm_comparisons"][3]["prompt_hash"] = "0" * 64
    document["validation"]["artefact_checksum"] = checksum(document)
    (folder / RUN).write_bytes(encoded(document))
    assert failures(folder) == ["prompts", "ranking"]


def test_the_commands(finished: tuple[Settings, Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HULEEDU_HOME", str(finished[0].home))
    folder = tmp_path / "run"
    recorded = CliRunner().invoke(app, ["eng5", "record", "b1", "--output-dir", str(folder)])
    assert recorded.exit_code == 0, recorded.output
    verified = CliRunner().invoke(app, ["eng5", "verify", str(folder)])
    assert verified.exit_code == 0, verified.output
    assert "to the last digit" in verified.output
    next(folder.glob("replies-*")).unlink()
    assert CliRunner().invoke(app, ["eng5", "verify", str(folder)]).exit_code == 1
