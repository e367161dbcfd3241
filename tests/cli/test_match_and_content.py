"""`huleedu match` for eyes, for machines and for review, and `huleedu content`."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from huleedu_pipeline.canonical import sha256_hex
from huleedu_pipeline.cli.app import app
from huleedu_pipeline.content import ContentStore, Reference
from huleedu_pipeline.essays.inbox import stage
from huleedu_pipeline.settings import Settings
from tests.essays.kit import write_batch

ROSTER = "student_id,name\ns1001,Anna Lindqvister\ns1002,Bo Bergdal\n"


@pytest.fixture(autouse=True)
def _at_home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HULEEDU_HOME", str(settings.home))


def test_matches_are_shown_and_written_for_review(tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1", {"roster.csv": ROSTER, "essays/cilla.txt": "Bo Bergdal\nThe town is quiet."})
    shown = CliRunner().invoke(app, ["match", str(folder)])
    assert shown.exit_code == 0, shown.stdout
    assert "? Anna Lindqvister" in shown.stdout
    assert not (folder / "matches.csv").exists()
    found = json.loads(CliRunner().invoke(app, ["match", str(folder), "--format", "json"]).stdout)
    assert {row["file_name"]: (row["student_id"], row["name"], row["status"]) for row in found}["anna.txt"] == (
        "s1001",
        "Anna Lindqvister",
        "review",
    )
    written = CliRunner().invoke(app, ["match", str(folder), "--write"])
    assert written.exit_code == 0
    assert "anna.txt,s1001,review" in (folder / "matches.csv").read_text()


def test_a_guest_batch_has_nobody_to_match_and_one_that_was_never_run_nothing_to_publish(tmp_path: Path) -> None:
    guest = CliRunner().invoke(app, ["match", str(write_batch(tmp_path / "guest"))])
    assert "roster.csv: is missing" in str(guest.exception)
    folder = write_batch(tmp_path / "b1", {"roster.csv": ROSTER})
    unknown = CliRunner().invoke(app, ["match", str(folder), "--publish"])
    assert unknown.exit_code == 1
    assert "class-7b" in str(unknown.exception)


def test_contents_are_verified_and_what_no_batch_refers_to_is_removed_on_request(settings: Settings, tmp_path: Path) -> None:
    store, gone, kept = ContentStore(settings.content_dir), sha256_hex("Gone."), sha256_hex("Kept.")
    store.keep("gone", [Reference("a", "a.txt", gone, None)], {gone: "Gone."}, {})
    store.keep("class-7b", [Reference("a", "a.txt", kept, None)], {kept: "Kept."}, {})
    stage(write_batch(tmp_path / "b1"), settings.inbox_dir)
    assert CliRunner().invoke(app, ["content", "verify"]).exit_code == 0
    counted = CliRunner().invoke(app, ["content", "gc"])
    assert counted.stdout.startswith("1 files, 5 bytes, of 1 batches that are gone: would be removed")
    assert store.text(gone)
    assert "removed" in CliRunner().invoke(app, ["content", "gc", "--delete"]).stdout
    assert (store.batches(), store.path("texts", gone).exists()) == (["class-7b"], False)
    store.path("texts", kept).unlink()
    broken = CliRunner().invoke(app, ["content", "verify"])
    assert (broken.exit_code, f"texts/{kept} is missing" in broken.stdout) == (1, True)


def test_an_essay_in_another_language_is_warned_of_before_anything_is_paid(tmp_path: Path) -> None:
    swedish = (
        "Min mormor bor vid en sjö och jag brukar hälsa på henne varje sommar. "
        "Vi fiskar från bryggan, och ibland får vi en gädda."
    )
    folder = write_batch(tmp_path / "b1", {"essays/anna.txt": swedish})
    told = CliRunner().invoke(app, ["estimate", str(folder)])
    assert told.exit_code == 0
    assert "WARNING: anna.txt: 100% of its 24 words read as Swedish, and the batch says English" in told.stdout
    assert "mormor" not in told.stdout
