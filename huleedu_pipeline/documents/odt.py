"""OpenDocument texts (ISO/IEC 26300): the paragraphs of the main text, with all changes accepted.

Headers, footers, comments, notes and tracked deletions are left out and counted.
"""

import re
from collections import Counter
from xml.etree.ElementTree import Element

from huleedu_pipeline.documents.archive import DAMAGED, LOCKED, attribute, first_text, local_name, open_archive
from huleedu_pipeline.documents.document import Content, DocumentError, left_out, properties

LEFT_OUT = {"annotation": "comment", "note": "note", "image": "picture", "object": "embedded object"}
MAX_SPACES = 100
WHITE_SPACE = re.compile(r"[ \t\r\n]+")


def read_odt(data: bytes) -> Content:
    """Read an OpenDocument text.

    Raises:
        DocumentError: it is damaged, locked, too large, or not an OpenDocument text.

    """
    with open_archive(data) as archive:
        manifest = archive.xml("META-INF/manifest.xml")
        if manifest is not None and any(local_name(element) == "encryption-data" for element in manifest.iter()):
            raise DocumentError(LOCKED)
        content = archive.xml("content.xml")
        body = next((e for e in content.iter() if local_name(e) == "text"), None) if content is not None else None
        if body is None:
            raise DocumentError(DAMAGED)
        text = _Text()
        text.read(body)
        styles = archive.xml("styles.xml")
        for element in styles.iter() if styles is not None else ():
            name = local_name(element)
            if name in ("header", "footer") and any(piece.strip() for piece in element.itertext()):
                text.counts[name] += 1
        meta = archive.xml("meta.xml")
        author = first_text(meta, "initial-creator") or first_text(meta, "creator")
        return Content(
            tuple(text.paragraphs), left_out(text.counts), properties(author=author, title=first_text(meta, "title"))
        )


class _Text:
    """The paragraphs so far, and how many things were left out."""

    def __init__(self) -> None:
        self.paragraphs: list[str] = []
        self.counts: Counter[str] = Counter()

    def read(self, parent: Element) -> None:
        """Read the paragraphs and headings under ``parent``."""
        for child in parent:
            name = local_name(child)
            if name in ("p", "h"):
                self._paragraph(child)
            elif not self._is_left_out(child):
                self.counts["list number or bullet"] += name == "list-item"
                self.read(child)

    def _paragraph(self, paragraph: Element) -> None:
        boxes: list[Element] = []
        pieces: list[str] = []
        self._pieces(paragraph, pieces, boxes)
        self.paragraphs.append("".join(pieces))
        for box in boxes:
            self.read(box)

    def _pieces(self, parent: Element, pieces: list[str], boxes: list[Element]) -> None:
        pieces.append(WHITE_SPACE.sub(" ", parent.text or ""))
        for child in parent:
            name = local_name(child)
            if name == "s":
                n = attribute(child, "c") or "1"
                pieces.append(" " * (min(int(n[:4]), MAX_SPACES) if n.isascii() and n.isdigit() else 1))
            elif name in ("tab", "line-break"):
                pieces.append("\t" if name == "tab" else "\n")
            elif name == "text-box":
                boxes.append(child)
            elif not self._is_left_out(child):
                self._pieces(child, pieces, boxes)
            pieces.append(WHITE_SPACE.sub(" ", child.tail or ""))

    def _is_left_out(self, element: Element) -> bool:
        name = local_name(element)
        if name == "tracked-changes":
            self.counts["tracked deletion"] += sum(local_name(change) == "deletion" for change in element.iter())
            return True
        if name in LEFT_OUT:
            self.counts[LEFT_OUT[name]] += 1
            return True
        return name in ("sequence-decls", "variable-decls", "forms")
