"""Preflight finds what would make judgements worthless, and says how to mend it, before anything is paid."""

from datetime import date
from pathlib import Path

import pytest
from typer.testing import CliRunner

from huleedu_pipeline.cli.app import app
from huleedu_pipeline.eng5.preflight import examine_batch
from huleedu_pipeline.essays.registered import NOTHING_REGISTERED
from huleedu_pipeline.findings import Finding
from huleedu_pipeline.settings import Settings
from tests.kit import ANCHORS, write_batch

TODAY = date(2026, 11, 20)


def found(folder: Path, mark: str) -> list[tuple[str, str]]:
    _, findings = examine_batch(folder, NOTHING_REGISTERED, on=TODAY)
    return [(finding.subject, finding.message) for finding in findings if finding.mark == mark]


def test_a_good_batch_passes_with_what_is_to_be_known(tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1")
    assert found(folder, "fail") == []
    assert [subject for subject, _ in found(folder, "ok")] == ["texts", "injection", "assignment", "model", "names"]
    missing, few = (message for _, message in found(folder, "warn"))
    assert missing.startswith("none of grade E-, E+, D-, C-, C+, B: ")
    assert few.startswith("3: ")


def test_what_can_not_be_read_fails_with_its_place_and_no_batch(tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1")
    (folder / "essays" / "anna.txt").write_bytes(b"")
    (folder / "rubric.md").unlink()
    batch, _ = examine_batch(folder, NOTHING_REGISTERED, on=TODAY)
    assert batch is None
    failed = found(folder, "fail")
    assert {subject for subject, _ in failed} == {"texts", "assignment"}
    assert any("essays/anna.txt: " in message for _, message in failed)


def test_a_model_that_is_not_in_the_manifest_fails_and_the_nearest_is_named(tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1", judge={"provider": "openai", "model": "gpt-6-lunar"})
    ((subject, message),) = found(folder, "fail")
    assert subject == "model"
    assert "gpt-6-luna" in message


def test_anchors_of_one_grade_can_grade_nobody(tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1", anchors={"anchor_003_A": ANCHORS["anchor_003_A"]})
    ((subject, message),) = found(folder, "fail")
    assert (subject, "1 different grades" in message) == ("anchors", True)


@pytest.mark.parametrize("name", ["anna.txt", "Bertil", "anchor_001_F+"])
def test_a_name_that_every_request_would_tell_fails(tmp_path: Path, name: str) -> None:
    folder = write_batch(tmp_path / "b1")
    (folder / "prompt.md").write_text(f"Write about ({name}).", encoding="utf-8")
    assert [subject for subject, _ in found(folder, "fail")] == ["names"]


def test_a_text_that_is_signed_is_to_be_known_and_a_part_of_a_word_is_no_name(tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1")
    (folder / "essays" / "elin.txt").write_text("My name is Elin and I like the sea.", encoding="utf-8")
    (folder / "essays" / "cilla.txt").write_text("A cillanic day is a good day.", encoding="utf-8")
    assert [message.partition(":")[0] for subject, message in found(folder, "warn") if subject == "names"] == ["elin"]


def test_the_command_looks_at_the_installation_too_and_ends_with_a_code(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HULEEDU_HOME", str(settings.home))
    monkeypatch.setenv("HULEEDU_JUDGE_BACKEND", "provider")
    folder = write_batch(tmp_path / "b1")
    refused = CliRunner().invoke(app, ["eng5", "preflight", str(folder)])
    assert refused.exit_code == 1
    assert "fail  openai: OPENAI_API_KEY: is not set" in refused.stdout
    monkeypatch.setenv("HULEEDU_JUDGE_BACKEND", "emulator")
    passed = CliRunner().invoke(app, ["eng5", "preflight", str(folder)])
    assert passed.exit_code == 0, passed.stdout
    subjects = [line.split()[1] for line in passed.stdout.splitlines()]
    assert subjects[:4] == ["home:", "disk:", "ledger:", "openai:"]
    assert str(Finding("ok", "model", "").subject) + ":" in subjects
