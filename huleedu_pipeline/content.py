"""The content store: every text once under the SHA-256 of its UTF-8 bytes, and the original bytes of its file under theirs.

::

    content/texts/ab/cd/abcd…       a text as it is judged
    content/originals/12/34/1234…   the bytes of a file as it was handed in
    content/batches/<batch_id>.json which of them a batch refers to, under which file name

Files appear whole or not at all, and only their owner can read them: they are pupils' work, and the originals bear names.
Whoever writes, and whoever clears up, holds the store's lock, so that nothing is cleared up that is being taken in. Not here:
which batches there still are.
"""

import hashlib
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock

from huleedu_pipeline.canonical import sha256_hex
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.files import replacing

LOCK_TIMEOUT_SECONDS = 300
TEXTS, ORIGINALS, BATCHES = "texts", "originals", "batches"


class ContentError(HuleeduError):
    """Contents that are not what they are said to be."""


@dataclass(frozen=True)
class Reference:
    """A text of a batch: the name of its file, and the checksums of text and original (``None`` where there was no file)."""

    essay_id: str
    file_name: str
    text_sha256: str
    original_sha256: str | None


@dataclass(frozen=True)
class Collected:
    """What clearing up found: files that nothing refers to, and batches that are gone; removed where that was asked for."""

    n_files: int
    n_bytes: int
    batches: tuple[str, ...]
    is_removed: bool


class ContentStore:
    """The store in the folder ``root``."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def keep(
        self, batch_id: str, references: Sequence[Reference], texts: Mapping[str, str], originals: Mapping[str, Path]
    ) -> None:
        """Keep a batch's texts and originals, each once, and what the batch refers to.

        Args:
            batch_id: The batch; what it referred to before is forgotten.
            references: Its texts.
            texts: Each text by its checksum.
            originals: The file of each original by the checksum that it had when it was read.

        Raises:
            ContentError: a file is no longer what was read; nothing of the batch is then referred to anew.

        """
        with self._locked():
            for sha256, text in texts.items():
                self._put(TEXTS, sha256, text.encode())
            for sha256, path in originals.items():
                if self.path(ORIGINALS, sha256).exists():
                    continue
                data = path.read_bytes()
                if hashlib.sha256(data).hexdigest() != sha256:
                    raise ContentError(f"batch {batch_id}: {path.name} has changed while it was taken in (start it again)")
                self._put(ORIGINALS, sha256, data)
            manifest = json.dumps([asdict(one) for one in references], ensure_ascii=False, indent=1)
            self._write(self.root / BATCHES / f"{batch_id}.json", manifest.encode())

    def path(self, kind: str, sha256: str) -> Path:
        """Return where contents of that checksum are or would be; ``kind`` is texts or originals."""
        return self.root / kind / sha256[:2] / sha256[2:4] / sha256

    def text(self, sha256: str) -> str:
        """Return the text of that checksum.

        Raises:
            ContentError: it is not there, or damaged.

        """
        path = self.path(TEXTS, sha256)
        try:
            text = path.read_bytes().decode("utf-8", errors="replace")
        except FileNotFoundError:
            raise ContentError(f"content: no text {sha256[:12]} is kept (take its batch in again)") from None
        if sha256_hex(text) != sha256:
            raise ContentError(f"content: {path} is damaged (remove it, and take its batch in again)")
        return text

    def references(self, batch_id: str) -> list[Reference]:
        """Return what a batch refers to; nothing of one that was never kept."""
        path = self.root / BATCHES / f"{batch_id}.json"
        if not path.exists():
            return []
        try:
            return [Reference(**one) for one in json.loads(path.read_text(encoding="utf-8"))]
        except (ValueError, TypeError) as error:
            raise ContentError(f"content: {path} is damaged: {error} (remove it, and take its batch in again)") from None

    def batches(self) -> list[str]:
        """Return the batches that refer to anything."""
        return sorted(path.stem for path in (self.root / BATCHES).glob("*.json") if not path.name.startswith("."))

    def verify(self) -> Iterator[str]:
        """Yield everything that is wrong: contents that do not have their checksum, and references to what is not there."""
        for kind in (TEXTS, ORIGINALS):
            for path in self._files(kind):
                with path.open("rb") as file:
                    found = hashlib.file_digest(file, "sha256").hexdigest()
                if found != path.name:
                    yield f"{kind}/{path.name}: is damaged, its checksum is {found[:12]}…"
        for batch_id in self.batches():
            try:
                references = self.references(batch_id)
            except ContentError as error:
                yield str(error)
                continue
            for one in references:
                for kind, sha256 in ((TEXTS, one.text_sha256), (ORIGINALS, one.original_sha256)):
                    if sha256 is not None and not self.path(kind, sha256).exists():
                        yield f"batch {batch_id}: {one.file_name}: {kind}/{sha256} is missing"

    def collect_garbage(self, living: Callable[[], Collection[str]], *, remove: bool) -> Collected:
        """Clear up what no living batch refers to.

        Args:
            living: The batches that there still are; asked under the store's lock.
            remove: Whether to remove it, or only to count.

        """
        with self._locked():
            batches = living()
            gone = [batch_id for batch_id in self.batches() if batch_id not in batches]
            used = [one for batch_id in self.batches() if batch_id in batches for one in self.references(batch_id)]
            kept = {sha256 for one in used for sha256 in (one.text_sha256, one.original_sha256)}
            # Nobody writes now: a temporary file was left behind by a process that died.
            found = [path for kind in (TEXTS, ORIGINALS) for path in self._files(kind, hidden=True) if path.name not in kept]
            n_bytes = sum(path.stat().st_size for path in found)
            if remove:
                # References first: what is left of an interrupted removal is then garbage for the next one.
                for batch_id in gone:
                    (self.root / BATCHES / f"{batch_id}.json").unlink()
                for path in found:
                    path.unlink()
        return Collected(len(found), n_bytes, tuple(gone), remove)

    def _files(self, kind: str, *, hidden: bool = False) -> Iterable[Path]:
        return sorted(
            path for path in (self.root / kind).glob("*/*/*") if path.is_file() and (hidden or not path.name.startswith("."))
        )

    def _put(self, kind: str, sha256: str, data: bytes) -> None:
        path = self.path(kind, sha256)
        if not path.exists():
            self._write(path, data)

    def _write(self, path: Path, data: bytes) -> None:
        for folder in reversed([path.parent, *path.parent.parents]):
            if folder.is_relative_to(self.root):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with replacing(path) as temporary:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        with FileLock(self.root / ".lock", timeout=LOCK_TIMEOUT_SECONDS, mode=0o600):
            yield
