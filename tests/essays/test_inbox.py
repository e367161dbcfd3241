"""The inbox: a batch appears there whole or not at all, and is found by its id."""

import os
from pathlib import Path

import pytest

from huleedu_pipeline.essays import IntakeError, read_batch
from huleedu_pipeline.essays.inbox import SETTLE_SECONDS, InboxError, arrivals, find, is_settled, stage
from tests.essays.kit import write_batch


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_staged_batch_is_the_same_batch(tmp_path: Path) -> None:
    folder, inbox = write_batch(tmp_path / "anything"), tmp_path / "home" / "inbox"
    place = stage(folder, inbox)
    assert place == inbox / "class-7b"
    assert read_batch(place) == read_batch(folder)
    assert find(inbox, "class-7b") == place
    assert [path.name for path in inbox.iterdir()] == ["class-7b"]


def test_a_batch_named_by_its_folder_keeps_its_name(tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "class-8a", {"batch.yaml": "grade_scale: eng5_np_legacy_9_step"})
    assert read_batch(stage(folder, tmp_path / "inbox")).spec.batch_id == "class-8a"


def test_an_invalid_batch_is_not_staged(tmp_path: Path) -> None:
    with pytest.raises(IntakeError):
        stage(write_batch(tmp_path / "batch", {"essays/anna.txt": ""}), tmp_path / "inbox")
    assert arrivals(tmp_path / "inbox") == []
    assert not (tmp_path / "inbox").exists()


def test_staging_again_replaces_the_folder_whole(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    stage(write_batch(tmp_path / "old", {"essays/cilla.txt": "Only in the old one."}), inbox)
    place = stage(write_batch(tmp_path / "new", {"essays/david.txt": "Only in the new one."}), inbox)
    assert names(place) == names(tmp_path / "new")
    assert [path.name for path in inbox.iterdir()] == ["class-7b"]


def test_the_very_same_batch_is_left_alone_because_a_run_may_be_reading_it(tmp_path: Path) -> None:
    folder, inbox = write_batch(tmp_path / "batch"), tmp_path / "inbox"
    place = stage(folder, inbox)
    before = place.stat().st_ino
    assert stage(folder, inbox).stat().st_ino == before
    write_batch(folder, {"essays/anna.txt": "Another text."})
    assert stage(folder, inbox).stat().st_ino != before


def test_an_invalid_batch_leaves_the_one_that_is_there(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    place = stage(write_batch(tmp_path / "good"), inbox)
    with pytest.raises(IntakeError):
        stage(write_batch(tmp_path / "bad", {"prompt.md": None}), inbox)
    assert names(place) == names(tmp_path / "good")


def test_a_batch_that_lies_in_the_inbox_stays_where_it_is(tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "inbox" / "class-7b")
    assert stage(folder, tmp_path / "inbox") == folder
    assert names(folder) >= {"batch.yaml", "essays/anna.txt"}


def test_what_an_interrupted_staging_left_is_neither_seen_nor_in_the_way(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    write_batch(inbox / ".class-7b.new", {"prompt.md": None})
    write_batch(inbox / ".class-7b.old")
    assert arrivals(inbox) == []
    stage(write_batch(tmp_path / "batch"), inbox)
    assert [path.name for path in inbox.iterdir()] == ["class-7b"]


def test_a_batch_folder_may_hold_the_home_folder(tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "batch", {".git/HEAD": "ref"})
    for home in (folder / ".huleedu", folder / "home"):
        place = stage(folder, home / "inbox")
        assert read_batch(place) == read_batch(folder)
        assert not (place / ".git").exists()
        assert not (place / ".huleedu").exists()


def test_arrivals_are_listed_by_name_with_id_or_problem(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    write_batch(inbox / "b", {"batch.yaml": "batch_id: second"})
    write_batch(inbox / "a", {"batch.yaml": "batch_id: first"})
    write_batch(inbox / "c", {"batch.yaml": "batch_id: Nobody"})
    write_batch(inbox / "d", {"batch.yaml": None})
    (inbox / "note.txt").write_text("not a folder")
    found = arrivals(inbox)
    assert [(arrival.folder.name, arrival.batch_id) for arrival in found] == [
        ("a", "first"),
        ("b", "second"),
        ("c", None),
        ("d", None),
    ]
    assert [arrival.problem is None for arrival in found] == [True, True, False, False]
    assert str(found[2].problem).startswith("batch.yaml: batch_id: 'Nobody' can not name a batch")
    assert found[3].problem == "batch.yaml: is missing (run `huleedu init DIR` for a commented template)"


def test_no_inbox_means_no_arrivals(tmp_path: Path) -> None:
    assert arrivals(tmp_path / "inbox") == []


def test_a_batch_that_never_arrived_is_not_found(tmp_path: Path) -> None:
    with pytest.raises(InboxError) as missing:
        find(tmp_path, "class-7b")
    assert str(missing.value) == (
        f"batch class-7b: {tmp_path} has no folder for it (put its folder there, or `huleedu run BATCH_DIR`)"
    )


def test_two_folders_with_one_id_are_refused_by_name(tmp_path: Path) -> None:
    write_batch(tmp_path / "one")
    write_batch(tmp_path / "two")
    with pytest.raises(InboxError) as refused:
        find(tmp_path, "class-7b")
    assert str(refused.value) == (
        f"batch class-7b: one and two in {tmp_path} both carry this batch_id (change it in one of them)"
    )


def test_a_folder_counts_as_arrived_when_nothing_in_it_is_new(tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "batch")
    assert not is_settled(folder)
    long_ago = folder.stat().st_mtime - SETTLE_SECONDS - 1
    paths = [folder, *folder.rglob("*")]
    for path in paths:
        os.utime(path, (long_ago, long_ago))
    assert is_settled(folder)
    os.utime(folder / "essays" / "bo.txt")
    assert not is_settled(folder)
