"""Rich Text Format: the body; headers, footers, comments, notes, hidden text and tracked deletions are left out and counted."""

import re
from collections import Counter

from striprtf.striprtf import rtf_to_text

from huleedu_pipeline.documents.archive import DAMAGED
from huleedu_pipeline.documents.document import Content, DocumentError, left_out, properties

# What may come right after the brace that opens a group, and what the group then is.
LEFT_OUT = {
    "header": "header", "headerl": "header", "headerr": "header", "headerf": "header",
    "footer": "footer", "footerl": "footer", "footerr": "footer", "footerf": "footer",
    "annotation": "comment", "footnote": "note", "pict": "picture", "object": "embedded object",
}  # fmt: skip
STARRED_OR_PLAIN = re.compile(rb"\{\s*(?:\\\*\s*)?\\([a-z]+)")
HIDDEN = re.compile(rb"\\(deleted|v)(?![a-z0-9-])")
TOKEN = re.compile(rb"\\bin(-?\d+) ?|\\[^a-z]|[{}]", re.DOTALL)
PROPERTY = {name: re.compile(rb"\{\\" + name.encode() + rb" ([^{}]*)\}") for name in ("author", "title")}
MAX_DEPTH = 200
MAX_BODY_BYTES = 5_000_000  # without pictures


def read_rtf(data: bytes) -> Content:
    """Read a Rich Text document.

    Raises:
        DocumentError: it is damaged, or cut off.

    """
    kept, counts = _body(data)
    if len(kept) > MAX_BODY_BYTES:
        raise DocumentError(
            f"has more than {MAX_BODY_BYTES:,} bytes without its pictures; that is no essay (save its text anew)"
        )
    found = {name: pattern.search(data) for name, pattern in PROPERTY.items()}
    try:
        text = _plain(kept.decode("latin-1"))
        said = {name: _plain(r"{\rtf1\ansi " + m[1].decode("latin-1") + "}") for name, m in found.items() if m}
    except (ValueError, LookupError, IndexError, TypeError, OverflowError):
        raise DocumentError(DAMAGED) from None
    return Content(tuple(text.split("\n")), left_out(counts), properties(**said))


def _plain(rtf: str) -> str:
    text: str = rtf_to_text(rtf, errors="replace")  # type: ignore[no-untyped-call]
    return text


def _body(data: bytes) -> tuple[bytes, Counter[str]]:
    """Return the document without the groups that are no part of its body, and how many there were of each kind."""
    counts: Counter[str] = Counter()
    kept: list[bytes] = []
    depth, left_at, since, i = 0, 0, 0, 0
    while match := TOKEN.search(data, i):
        i = match.end()
        if match[1] is not None:
            i += max(int(match[1][:9]), 0)  # raw bytes, braces among them
        elif match[0] == b"{":
            depth += 1
            what = None if left_at else _left_out(data, match.start())
            if what:
                counts[what] += 1
                kept.append(data[since : match.start()])
                left_at = depth
        elif match[0] == b"}":
            if depth == left_at:
                left_at, since = 0, i
            depth -= 1
            if depth == 0:
                break
        if depth > MAX_DEPTH:
            raise DocumentError(f"nests its parts more than {MAX_DEPTH} deep (save its text as a new document)")
    if depth != 0:
        raise DocumentError(DAMAGED)
    kept.append(data[since:i])
    return b"".join(kept), counts


def _left_out(data: bytes, start: int) -> str | None:
    """Return what a group that begins at ``start`` is, if it is no part of the body."""
    head = data[start : start + 300]
    match = STARRED_OR_PLAIN.match(head)
    if match is None:
        return None
    what = LEFT_OUT.get(match[1].decode())
    if what is not None:
        return what
    # Only what stands before the group's first text or inner group says how all of it is set.
    properties_of_group = re.match(rb"\{(?:\s*\\\*?[a-z]*-?\d*)+", head)
    hidden = HIDDEN.search(properties_of_group[0]) if properties_of_group else None
    if hidden is None:
        return None
    return "tracked deletion" if hidden[1] == b"deleted" else "hidden passage"
