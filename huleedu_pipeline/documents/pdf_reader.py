"""The process that reads one PDF: bytes on standard input, JSON on standard output.

Lines are put together and ordered by pdfminer's layout analysis; lines become paragraphs by the gaps between them, by indents,
and, at the end of a page or column, by whether a sentence has ended. Page numbers and lines that recur at the edge of pages are
left out. Not here: limits on time.
"""

import io
import json
import re
import statistics
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from huleedu_pipeline.documents.archive import DAMAGED, LOCKED
from huleedu_pipeline.documents.document import DocumentError, left_out

MAX_PAGES = 60
MAX_MEMORY_BYTES = 1_500_000_000
MAX_CHARACTERS = 2_000_000
MAX_STREAM_BYTES = 100_000_000  # of one unpacked stream; a scanned page in colour has 25 million
STREAM, FLATE = b"stream", b"\x78"
EDGE = 0.1  # of a page's height, at the top and at the bottom: where headers and footers stand
NEW_PARAGRAPH_GAP = 1.35  # times the usual distance of lines
INDENT_POINTS = 8.0
SHORT_LINE = 0.75  # times the width of the text
PAGE_NUMBER = re.compile(
    r"(?:(?:page|p\.|sida|sid\.|s\.) )?\(?[-–]? ?\d{1,3} ?[-–]?\)?(?: ?(?:/|av|of) ?\d{1,3})?", re.IGNORECASE
)
DIGITS = re.compile(r"\d+")
SENTENCE_END = (".", "!", "?", "…", ":", "”", '"', "’", ")")
NO_TEXT = "has pages and no text: it is a scan or a picture (run text recognition on it, or type the text)"


@dataclass(frozen=True)
class Line:
    """A line of text; x and y in points, y upwards from the foot of the page."""

    text: str
    page: int
    x0: float
    x1: float
    y: float
    is_at_edge: bool


def main() -> None:
    """Read standard input and answer."""
    _limit_memory()
    try:
        answer = read(sys.stdin.buffer.read())
    except DocumentError as error:
        answer = {"error": str(error)}
    except MemoryError:
        answer = {"error": "takes more memory than an essay (print it to a new PDF)"}
    sys.stdout.write(json.dumps(answer))


def read(data: bytes) -> dict[str, Any]:
    """Return paragraphs, warnings and properties.

    Raises:
        DocumentError: it is damaged, locked, too long, or has no text.

    """
    from pdfminer.pdfdocument import PDFDocument, PDFPasswordIncorrect
    from pdfminer.pdfparser import PDFParser
    from pdfminer.utils import decode_text

    _refuse_bomb(data)
    try:
        document = PDFDocument(PDFParser(io.BytesIO(data)))
        lines, n_pages, n_pictures = _lines(document)
    except PDFPasswordIncorrect:
        raise DocumentError(LOCKED) from None
    except (DocumentError, MemoryError):
        raise
    except Exception as error:  # noqa: BLE001 - a broken PDF makes pdfminer raise anything; its kind is said
        raise DocumentError(f"{DAMAGED}; {type(error).__name__}") from None
    if n_pages == 0:
        raise DocumentError(DAMAGED)
    if not any(character.isalnum() for line in lines for character in line.text):
        raise DocumentError(NO_TEXT)
    counts: Counter[str] = Counter({"picture": n_pictures})
    body = list(_without_edges(lines, n_pages, counts))
    warnings = list(left_out(counts))
    n_unknown = sum(line.text.count("(cid:") for line in body)
    if n_unknown:
        warnings.append(f"{n_unknown} characters have no known letter and stand as (cid:...)")
    info = document.info[0] if document.info else {}
    said = {name.lower(): info.get(name) for name in ("Author", "Title")}
    texts = {name: decode_text(value) for name, value in said.items() if isinstance(value, bytes)}
    return {"paragraphs": list(_paragraphs(body)), "warnings": warnings, "properties": texts}


def _limit_memory() -> None:
    """Limit this process's memory where the system can (Linux; elsewhere only time and sizes are limited)."""
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))


def _refuse_bomb(data: bytes) -> None:
    """Raise DocumentError where a compressed stream unpacks to more than any page has."""
    at = data.find(STREAM)
    while at >= 0:
        start = at + len(STREAM)
        while data[start : start + 1] in (b"\r", b"\n"):
            start += 1
        if data[start : start + 1] == FLATE:
            _refuse_large(data, start)
        at = data.find(STREAM, start)


def _refuse_large(data: bytes, start: int) -> None:
    end = data.find(b"endstream", start)
    unpacker, n_bytes = zlib.decompressobj(), 0
    pending = data[start : end if end >= 0 else len(data)]
    while pending and not unpacker.eof:
        try:
            n_bytes += len(unpacker.decompress(pending, 1_000_000))
        except zlib.error:
            return
        if n_bytes > MAX_STREAM_BYTES:
            raise DocumentError(f"unpacks to more than {MAX_STREAM_BYTES:,} bytes; that is no essay (print it to a new PDF)")
        pending = unpacker.unconsumed_tail


def _lines(document: Any) -> tuple[list[Line], int, int]:
    """Return the lines of all pages in reading order, the number of pages, and the number of pictures."""
    from pdfminer.converter import PDFPageAggregator
    from pdfminer.layout import LAParams, LTFigure, LTImage, LTTextBox
    from pdfminer.pdfinterp import PDFPageInterpreter, PDFResourceManager
    from pdfminer.pdfpage import PDFPage

    resources = PDFResourceManager()
    device = PDFPageAggregator(resources, laparams=LAParams(all_texts=True))
    interpreter = PDFPageInterpreter(resources, device)
    lines: list[Line] = []
    n_pages = n_pictures = n_characters = 0
    for n_pages, page in enumerate(PDFPage.create_pages(document), 1):
        if n_pages > MAX_PAGES:
            raise DocumentError(f"has more than {MAX_PAGES} pages; that is no essay (save the pages of the essay alone)")
        interpreter.process_page(page)
        layout = device.get_result()
        pending = list(layout)
        while pending:
            item = pending.pop(0)
            if isinstance(item, LTFigure):
                pending[:0] = list(item)
            elif isinstance(item, LTImage):
                n_pictures += 1
            elif isinstance(item, LTTextBox):
                for line in sorted(item, key=lambda one: -one.y1):
                    text = " ".join(line.get_text().split())
                    n_characters += len(text)
                    if text:
                        height = (line.y0 - layout.y0) / max(layout.height, 1.0)
                        lines.append(Line(text, n_pages, line.x0, line.x1, line.y0, not EDGE < height < 1 - EDGE))
        if n_characters > MAX_CHARACTERS:
            raise DocumentError(f"has more than {MAX_CHARACTERS:,} characters; that is no essay")
    return lines, n_pages, n_pictures


def _without_edges(lines: list[Line], n_pages: int, counts: Counter[str]) -> Iterator[Line]:
    """Yield the lines that are no page number, header or footer; the others are counted."""
    on_pages: dict[str, set[int]] = {}
    for line in lines:
        if line.is_at_edge:
            on_pages.setdefault(DIGITS.sub("#", line.text), set()).add(line.page)
    for line in lines:
        if line.is_at_edge and PAGE_NUMBER.fullmatch(line.text):
            counts["page number"] += 1
        elif line.is_at_edge and n_pages > 1 and len(on_pages[DIGITS.sub("#", line.text)]) > n_pages / 2:
            counts["header or footer line"] += 1
        else:
            yield line


def _paragraphs(lines: list[Line]) -> Iterator[str]:
    """Yield paragraphs of lines that are in reading order."""
    if not lines:
        return
    gaps = [before.y - line.y for before, line in pairwise(lines) if _is_below(before, line)]
    usual = statistics.median_low(gaps) if gaps else 0.0
    width = statistics.quantiles([line.x1 - line.x0 for line in lines], n=10)[-1] if len(lines) > 1 else 0.0
    text = lines[0].text
    for before, line in pairwise(lines):
        if _begins_paragraph(before, line, usual, width):
            yield text
            text = line.text
        else:
            text = f"{text} {line.text}" if text else line.text
    yield text


def _is_below(before: Line, line: Line) -> bool:
    return before.page == line.page and before.y > line.y


def _begins_paragraph(before: Line, line: Line, usual: float, width: float) -> bool:
    has_ended = before.text.endswith(SENTENCE_END)
    is_short = before.x1 - before.x0 < SHORT_LINE * width
    if not _is_below(before, line):  # the next column or page
        return has_ended and is_short
    if before.y - line.y > NEW_PARAGRAPH_GAP * usual:
        return True
    return (has_ended and is_short) or (line.x0 - before.x0 > INDENT_POINTS and has_ended)


if __name__ == "__main__":
    main()
