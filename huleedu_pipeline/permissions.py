"""Who may read what this system writes: its owner, and nobody else (folders 0700, files 0600). POSIX permissions only.

Processes keep that by their umask, set where one begins; what is copied with another's permissions is made private after it.
Not here: who may use a machine, or look at a web page.
"""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

OTHERS = 0o077


def keep_private() -> None:
    """Make whatever this process and its children create from now on readable for its owner alone."""
    os.umask(OTHERS)


def make_private(root: Path) -> None:
    """Take every permission of others from ``root`` and everything under it; what is not ours to change is left."""
    for path, mode in _open_to_others(root):
        path.chmod(mode & ~OTHERS)


def open_to_others(root: Path) -> list[Path]:
    """Return everything at and under ``root`` that its group or anybody else may read, change or enter."""
    return [path for path, _ in _open_to_others(root)]


def _open_to_others(root: Path) -> Iterator[tuple[Path, int]]:
    for path in [root, *sorted(root.rglob("*"))]:
        try:
            found = path.lstat()
        except FileNotFoundError:
            continue  # gone since it was listed: others are at work
        # A link has no permissions of its own.
        if not stat.S_ISLNK(found.st_mode) and found.st_mode & OTHERS:
            yield path, stat.S_IMODE(found.st_mode)
