"""The content store: each content once, whole or not there, and cleared up only where nothing refers to it."""

import hashlib
import stat
import threading
from pathlib import Path

import pytest

from huleedu_pipeline.canonical import sha256_hex
from huleedu_pipeline.content import ORIGINALS, TEXTS, ContentError, ContentStore, Reference

TEXT, DATA = "I like the lake.", b"I like the lake.\r\n"
TEXT_SHA256, DATA_SHA256 = sha256_hex(TEXT), hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> ContentStore:
    return ContentStore(tmp_path / "content")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "anna.txt"
    path.write_bytes(DATA)
    return path


def keep(store: ContentStore, batch_id: str, file: Path, name: str = "anna.txt") -> None:
    references = [Reference("anna", name, TEXT_SHA256, DATA_SHA256)]
    store.keep(batch_id, references, {TEXT_SHA256: TEXT}, {DATA_SHA256: file})


def objects(store: ContentStore) -> set[str]:
    return {path.name for kind in (TEXTS, ORIGINALS) for path in (store.root / kind).glob("*/*/*")}


def test_however_many_batches_use_a_text_it_is_kept_once(store: ContentStore, file: Path) -> None:
    keep(store, "b1", file)
    inode = store.path(TEXTS, TEXT_SHA256).stat().st_ino
    keep(store, "b2", file, name="other.txt")
    assert objects(store) == {TEXT_SHA256, DATA_SHA256}
    assert store.path(TEXTS, TEXT_SHA256).stat().st_ino == inode
    assert store.text(TEXT_SHA256) == TEXT
    assert store.path(ORIGINALS, DATA_SHA256).read_bytes() == DATA
    assert [store.references(batch_id)[0].file_name for batch_id in store.batches()] == ["anna.txt", "other.txt"]
    assert list(store.verify()) == []


def test_only_the_owner_can_read_it(store: ContentStore, file: Path) -> None:
    keep(store, "b1", file)
    for path in [store.root, *store.root.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_file_that_changed_since_it_was_read_is_refused(store: ContentStore, file: Path) -> None:
    file.write_bytes(b"Another text.")
    with pytest.raises(ContentError, match=r"^batch b1: anna\.txt has changed while it was taken in"):
        keep(store, "b1", file)
    assert store.batches() == []


def test_what_is_damaged_or_missing_is_named(store: ContentStore, file: Path) -> None:
    keep(store, "b1", file)
    store.path(TEXTS, TEXT_SHA256).write_text("I like the sea.")
    store.path(ORIGINALS, DATA_SHA256).unlink()
    damaged, missing = store.verify()
    assert damaged.startswith(f"texts/{TEXT_SHA256}: is damaged")
    assert missing == f"batch b1: anna.txt: originals/{DATA_SHA256} is missing"
    with pytest.raises(ContentError, match="is damaged"):
        store.text(TEXT_SHA256)
    with pytest.raises(ContentError, match="no text 000000000000 is kept"):
        store.text("0" * 64)
    keep(store, "b1", file)
    assert store.path(ORIGINALS, DATA_SHA256).read_bytes() == DATA


def test_damaged_references_are_named_and_nothing_is_cleared_up_by_them(store: ContentStore, file: Path) -> None:
    keep(store, "b1", file)
    (store.root / "batches" / "b1.json").write_text("[{")
    (problem,) = store.verify()
    assert "b1.json is damaged" in problem
    with pytest.raises(ContentError):
        store.collect_garbage(lambda: {"b1"}, remove=True)
    assert objects(store) == {TEXT_SHA256, DATA_SHA256}


def test_what_no_batch_refers_to_is_counted_and_then_removed(store: ContentStore, file: Path) -> None:
    keep(store, "b1", file)
    keep(store, "b2", file)
    other = sha256_hex("Gone.")
    store.keep("b3", [Reference("bo", "bo", other, None)], {other: "Gone."}, {})
    (store.path(TEXTS, other).parent / ".half.tmp").write_text("half")
    assert store.collect_garbage(lambda: {"b1", "b2", "b3"}, remove=False).n_files == 1
    found = store.collect_garbage(lambda: {"b2"}, remove=False)
    assert (found.n_files, found.n_bytes, found.batches, found.is_removed) == (2, 9, ("b1", "b3"), False)
    assert other in objects(store)
    assert store.collect_garbage(lambda: {"b2"}, remove=True).is_removed
    assert (objects(store), store.batches()) == ({TEXT_SHA256, DATA_SHA256}, ["b2"])
    assert store.collect_garbage(tuple, remove=True).n_files == 2
    assert objects(store) == set()


def test_a_batch_that_changes_before_it_is_sent_leaves_its_old_text_to_be_cleared_up(store: ContentStore, file: Path) -> None:
    keep(store, "b1", file)
    new = sha256_hex("New.")
    store.keep("b1", [Reference("anna", "anna.txt", new, None)], {new: "New."}, {})
    store.collect_garbage(lambda: {"b1"}, remove=True)
    assert objects(store) == {new}


def test_clearing_up_waits_for_an_intake_and_an_intake_for_clearing_up(store: ContentStore, file: Path) -> None:
    is_asked, may_go_on = threading.Event(), threading.Event()

    def living() -> set[str]:
        is_asked.set()
        may_go_on.wait()
        return set()

    clearing = threading.Thread(target=lambda: store.collect_garbage(living, remove=True))
    clearing.start()
    is_asked.wait()
    intake = threading.Thread(target=keep, args=(store, "b1", file))
    intake.start()
    assert not (store.root / "batches" / "b1.json").exists()
    may_go_on.set()
    clearing.join()
    intake.join()
    assert list(store.verify()) == []
    assert objects(store) == {TEXT_SHA256, DATA_SHA256}
