"""Replacements in a text, by place: how they are carried out, and how they are taken back to the letter.

An edit names its place in the text as it was, so a list of them says exactly what was changed, and the text before can be
made from the text after. Names of pupils are taken out of essays this way, and misspellings are corrected. Not here: what
deserves an edit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from huleedu_pipeline.errors import HuleeduError


class EditError(HuleeduError):
    """Edits that do not fit the text, or one another."""


@dataclass(frozen=True, order=True)
class Edit:
    """``text[start:end]``, which is ``original``, becomes ``replacement``. Places count characters from 0, ``end`` excluded."""

    start: int
    end: int
    original: str
    replacement: str


def apply_edits(text: str, edits: Sequence[Edit]) -> str:
    """Return ``text`` with all edits carried out, in whichever order they are given.

    Raises:
        EditError: an edit's original is not what stands at its place, or two edits overlap.

    """
    parts, reached = [], 0
    for edit in sorted(edits):
        if edit.start < reached:
            raise EditError(f"two edits overlap at {edit.start} (each character may be replaced once)")
        if edit.end != edit.start + len(edit.original) or text[edit.start : edit.end] != edit.original:
            raise EditError(f"the text from {edit.start} to {edit.end} is not what the edit replaces (it is of another text)")
        parts += [text[reached : edit.start], edit.replacement]
        reached = edit.end
    return "".join([*parts, text[reached:]])


def undo_edits(text: str, edits: Sequence[Edit]) -> str:
    """Return the text from which ``apply_edits`` with the same edits made ``text``.

    Raises:
        EditError: ``text`` is not what these edits leave.

    """
    backwards, moved_by = [], 0
    for edit in sorted(edits):
        start = edit.start + moved_by
        backwards.append(Edit(start, start + len(edit.replacement), edit.replacement, edit.original))
        moved_by += len(edit.replacement) - len(edit.original)
    return apply_edits(text, backwards)
