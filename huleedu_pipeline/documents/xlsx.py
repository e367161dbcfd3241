"""The first sheet of an Excel workbook (Office Open XML, ISO/IEC 29500) as rows of text.

Cells are kept where they are and nothing is laid out, so that a sheet with one cell in its last row costs no more than one in
its first. Values of formulas are those that were saved; nothing is computed. Not here: what the columns mean.
"""

import posixpath
import re
from xml.etree.ElementTree import Element

from huleedu_pipeline.documents.archive import DAMAGED, LOCKED, Archive, attribute, local_name, open_archive
from huleedu_pipeline.documents.document import MAX_BYTES, DocumentError

OLE = b"\xd0\xcf\x11\xe0"
COLUMN = re.compile(r"[A-Z]{1,3}")
MAX_COLUMNS = 200

# The number of a row in the sheet, and its cells by column from 0 on.
Row = tuple[int, dict[int, str]]


def read_xlsx(data: bytes) -> list[Row]:
    """Return the rows of the first sheet that have anything in them.

    Raises:
        DocumentError: it is damaged, locked, too large, or not a workbook.

    """
    if len(data) > MAX_BYTES:
        raise DocumentError(f"is larger than {MAX_BYTES:,} bytes (split it)")
    if data.startswith(OLE):
        raise DocumentError(f"{LOCKED}, or is of before 2007 (save it as .xlsx)")
    with open_archive(data) as archive:
        sheet = archive.xml(_first_sheet(archive))
        if sheet is None:
            raise DocumentError(DAMAGED)
        strings = archive.xml("xl/sharedStrings.xml")
        shared = [_text(one) for one in strings] if strings is not None else []
    rows = []
    for place, row in enumerate((one for one in sheet.iter() if local_name(one) == "row"), 1):
        cells = dict(_cell(cell, at, shared) for at, cell in enumerate(row))
        if any(text.strip() for text in cells.values()):
            said = row.get("r", "")
            rows.append((int(said) if said.isascii() and said.isdigit() and len(said) < 8 else place, cells))
    return rows


def _first_sheet(archive: Archive) -> str:
    book, relations = archive.xml("xl/workbook.xml"), archive.xml("xl/_rels/workbook.xml.rels")
    if book is None or relations is None:
        return "xl/worksheets/sheet1.xml"
    sheet = next((one for one in book.iter() if local_name(one) == "sheet"), None)
    targets = {one.get("Id"): one.get("Target", "") for one in relations}
    # The sheet has an id of its own as well, without a namespace and with another name.
    target = targets.get(attribute(sheet, "id"), "") if sheet is not None else ""
    return target.lstrip("/") if target.startswith("/") else posixpath.normpath(posixpath.join("xl", target))


def _cell(cell: Element, at: int, shared: list[str]) -> tuple[int, str]:
    """Return a cell's column, and what stands in it."""
    name = COLUMN.match(cell.get("r", ""))
    column = _column(name[0]) if name else at
    if column >= MAX_COLUMNS:
        raise DocumentError(f"has more than {MAX_COLUMNS} columns (remove those that are not needed)")
    value = next((child.text or "" for child in cell if local_name(child) == "v"), "")
    kind = cell.get("t", "n")
    if kind == "inlineStr":
        return column, "".join(_text(child) for child in cell if local_name(child) == "is")
    if kind == "s":
        if not (value.isascii() and value.isdigit() and len(value) < 10 and int(value) < len(shared)):
            raise DocumentError(DAMAGED)
        return column, shared[int(value)]
    return column, value


def _column(name: str) -> int:
    number = 0
    for letter in name:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _text(element: Element) -> str:
    """Return a text with its runs joined, without what says how it is pronounced."""
    if local_name(element) == "t":
        return element.text or ""
    return "".join(_text(child) for child in element if local_name(child) in ("t", "r"))
