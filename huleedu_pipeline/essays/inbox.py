"""The inbox: where batch folders are dropped to be run, and how one is put there whole.

A folder counts as arrived when nothing in it has changed for a few seconds, because whoever copies it may still be copying.
"""

import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path

from filelock import FileLock

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.essays.batch import Batch
from huleedu_pipeline.essays.batch_folder import read_batch, read_spec, spec_text
from huleedu_pipeline.essays.class_list import CLASS_FILES
from huleedu_pipeline.essays.overrides import NO_OVERRIDES, Overrides
from huleedu_pipeline.essays.registered import NOTHING_REGISTERED, Registry
from huleedu_pipeline.files import replacing
from huleedu_pipeline.permissions import make_private

SETTLE_SECONDS = 30.0


class InboxError(HuleeduError):
    """A batch is to be read and the inbox has no folder for it, or several."""


@dataclass(frozen=True)
class Arrival:
    """A folder in the inbox; ``problem`` is set when it has no batch id that can be read."""

    folder: Path
    batch_id: str | None
    problem: str | None


def stage(folder: Path, inbox: Path, registry: Registry = NOTHING_REGISTERED, overrides: Overrides = NO_OVERRIDES) -> Path:
    """Copy the batch in ``folder`` into the inbox, where it appears whole or not at all, and return its place there.

    The ``batch.yaml`` of the copy has ``overrides`` written into it: whoever reads it there reads what was asked for.

    Raises:
        IntakeError: the folder is not a valid batch; nothing is copied.

    """
    batch = read_batch(folder, registry, overrides)
    batch_id = batch.spec.batch_id
    inbox.mkdir(parents=True, exist_ok=True)
    with FileLock(inbox.with_name(f"{inbox.name}.lock")):
        if not _holds(inbox / batch_id, batch, registry):
            _replace(folder, inbox, batch_id, overrides)
        else:
            _bring_class_files(folder, inbox / batch_id)
    return inbox / batch_id


def _bring_class_files(folder: Path, target: Path) -> None:
    """Bring the class list and what was decided about matches up to date: they are no part of a batch's identity."""
    for name in CLASS_FILES:
        source, copy = folder / name, target / name
        if not source.exists():
            copy.unlink(missing_ok=True)
        elif not copy.exists() or copy.read_bytes() != source.read_bytes():
            with replacing(copy) as temporary:
                shutil.copyfile(source, temporary)


def _holds(target: Path, batch: Batch, registry: Registry) -> bool:
    """Whether the inbox has this very batch already; it is then left alone, because a run may be reading it."""
    try:
        return read_batch(target, registry).content_sha256 == batch.content_sha256
    except HuleeduError:
        return False


def _replace(folder: Path, inbox: Path, batch_id: str, overrides: Overrides) -> None:
    target = inbox / batch_id
    copy, old = inbox / f".{batch_id}.new", inbox / f".{batch_id}.old"
    shutil.rmtree(copy, ignore_errors=True)
    # Hidden files are no part of a batch, and one of them may be the home folder that holds this very inbox.
    shutil.copytree(folder, copy, ignore=shutil.ignore_patterns(".*"))
    if overrides:
        # Its name may have come from the folder's, and the copy's folder has another one.
        named = replace(overrides, fields={**overrides.fields, "batch_id": batch_id})
        (copy / "batch.yaml").write_text(spec_text(folder, named), encoding="utf-8")
    make_private(copy)
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():
        target.rename(old)
    copy.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def arrivals(inbox: Path) -> list[Arrival]:
    """Return the folders in the inbox, by name; hidden ones are still being made."""
    if not inbox.is_dir():
        return []
    found = []
    for folder in sorted(path for path in inbox.iterdir() if path.is_dir() and not path.name.startswith(".")):
        try:
            found.append(Arrival(folder, read_spec(folder).batch_id, None))
        except HuleeduError as error:
            found.append(Arrival(folder, None, str(error)))
    return found


def find(inbox: Path, batch_id: str) -> Path:
    """Return the inbox folder of ``batch_id``.

    Raises:
        InboxError: there is none, or more than one.

    """
    folders = [arrival.folder for arrival in arrivals(inbox) if arrival.batch_id == batch_id]
    if not folders:
        raise InboxError(f"batch {batch_id}: {inbox} has no folder for it (put its folder there, or `huleedu run BATCH_DIR`)")
    if len(folders) > 1:
        names = " and ".join(folder.name for folder in folders)
        raise InboxError(f"batch {batch_id}: {names} in {inbox} both carry this batch_id (change it in one of them)")
    return folders[0]


def is_settled(folder: Path) -> bool:
    """Whether nothing in ``folder`` has changed for :data:`SETTLE_SECONDS`."""
    newest = max(_changed_at(path) for path in [folder, *folder.rglob("*")])
    return time.time() - newest >= SETTLE_SECONDS


def _changed_at(path: Path) -> float:
    try:
        return path.lstat().st_mtime
    except FileNotFoundError:
        return time.time()  # gone since it was listed: somebody is at work
