"""Word documents (Office Open XML, ISO/IEC 29500): the paragraphs of the main text, as they stand with all changes accepted.

Runs are joined, because Word cuts words into runs at will. Headers, footers, comments, notes, hidden text and tracked deletions
are left out and counted; pictures and macros are not looked at. python-docx is not used: it drops tracked insertions silently.
"""

import posixpath
from collections import Counter
from collections.abc import Mapping
from xml.etree.ElementTree import Element

from huleedu_pipeline.documents.archive import DAMAGED, Archive, attribute, first_text, local_name, open_archive
from huleedu_pipeline.documents.document import Content, DocumentError, left_out, properties

WORD = (
    "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}",
    "{http://purl.oclc.org/ooxml/wordprocessingml/main}",
)
CHARACTERS: Mapping[str, str] = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
REFERENCES: Mapping[str, str] = {
    "commentReference": "comment",
    "footnoteReference": "footnote",
    "endnoteReference": "endnote",
    "drawing": "picture or drawing",
    "pict": "picture or drawing",
    "object": "embedded object",
}
IGNORED = frozenset({"pPr", "rPr", "sectPr", "tblPr", "trPr", "tcPr", "sdtPr", "instrText", "delText", "delInstrText"})


def read_docx(data: bytes) -> Content:
    """Read a Word document.

    Raises:
        DocumentError: it is damaged, locked, too large, or not a Word document.

    """
    with open_archive(data) as archive:
        root = archive.xml(_main_part(archive))
        body = next((child for child in root if local_name(child) == "body"), None) if root is not None else None
        if body is None:
            raise DocumentError(DAMAGED)
        text = _Text()
        text.read(body)
        for name in archive.names:
            base = posixpath.basename(name)
            for kind in ("header", "footer"):
                if base.startswith(kind) and base.endswith(".xml") and _has_words(archive.xml(name)):
                    text.counts[kind] += 1
        if any(name.endswith("vbaProject.bin") for name in archive.names):
            text.counts["macro project"] += 1
        core = archive.xml("docProps/core.xml")
        found = properties(author=first_text(core, "creator"), title=first_text(core, "title"))
    inserted = ("tracked insertions are read as if accepted",) if text.has_insertions else ()
    return Content(tuple(text.paragraphs), left_out(text.counts) + inserted, found)


def _main_part(archive: Archive) -> str:
    relations = archive.xml("_rels/.rels")
    for relation in relations if relations is not None else ():
        if relation.get("Type", "").endswith("/officeDocument"):
            return relation.get("Target", "").lstrip("/")
    return "word/document.xml"


def _has_words(root: Element | None) -> bool:
    return root is not None and any((element.text or "").strip() for element in root.iter() if _word(element) == "t")


def _word(element: Element) -> str:
    """Return the name of an element of a Word text; other vocabularies (formulas, drawings) have none."""
    return local_name(element) if element.tag.startswith(WORD) else ""


def _is_marked(element: Element, *path: str) -> bool:
    """Whether properties under ``path`` are there and not switched off."""
    for name in path:
        found = next((child for child in element if _word(child) == name), None)
        if found is None:
            return False
        element = found
    return attribute(element, "val") not in ("0", "false", "off")


class _Text:
    """The paragraphs so far, and how many things were left out."""

    def __init__(self) -> None:
        self.paragraphs: list[str] = []
        self.counts: Counter[str] = Counter()
        self.has_insertions = False
        self._open = ""

    def read(self, parent: Element) -> None:
        """Read the paragraphs under ``parent``, those in tables among them."""
        for child in parent:
            name = _word(child)
            if name == "p":
                self._paragraph(child)
            elif not self._is_left_out(child):
                self.read(child)
        self._flush()

    def _paragraph(self, paragraph: Element) -> None:
        boxes: list[Element] = []
        pieces: list[str] = []
        self.counts["list number or bullet"] += _is_marked(paragraph, "pPr", "numPr")
        self._runs(paragraph, pieces, boxes)
        self._open += "".join(pieces)
        if not _is_marked(paragraph, "pPr", "rPr", "del"):  # else the break after it was deleted: it goes on in the next one
            self._flush()
        for box in boxes:
            self._flush()
            self.read(box)

    def _runs(self, parent: Element, pieces: list[str], boxes: list[Element]) -> None:
        for child in parent:
            name = _word(child)
            if name == "t":
                pieces.append(child.text or "")
            elif name in CHARACTERS:
                pieces.append(CHARACTERS[name])
            elif name == "txbxContent":
                boxes.append(child)
            elif name == "r" and _is_marked(child, "rPr", "vanish"):
                self.counts["hidden passage"] += 1
            elif not self._is_left_out(child):
                has_box = any(_word(element) == "txbxContent" for element in child.iter()) if name in REFERENCES else False
                if name in REFERENCES and not has_box:
                    self.counts[REFERENCES[name]] += 1
                self._runs(child, pieces, boxes)

    def _is_left_out(self, element: Element) -> bool:
        name = _word(element)
        if local_name(element) == "oMath":
            self.counts["formula"] += 1
            return True
        if name in ("del", "moveFrom"):
            self.counts["tracked deletion"] += 1
            return True
        if name in ("ins", "moveTo"):
            self.has_insertions = True
        # A fallback repeats, for old programs, what stands beside it.
        return name in IGNORED or local_name(element) == "Fallback"

    def _flush(self) -> None:
        self.paragraphs.append(self._open)
        self._open = ""
