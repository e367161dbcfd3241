"""Documents made for the tests, byte by byte, so that each holds exactly what its test is about."""

import io
import zipfile
import zlib
from collections.abc import Mapping, Sequence

WORD = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
ODF = (
    'xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" '
    'xmlns:text="urn:oasis:names:tc:opendocument:xmlns:text:1.0" '
    'xmlns:style="urn:oasis:names:tc:opendocument:xmlns:style:1.0" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/"'
)
PNG = b"\x89PNG\r\n\x1a\n" + bytes(60)
# What a password makes of a Word document: a compound file with an encrypted package in it.
LOCKED = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504) + "EncryptedPackage".encode("utf-16-le") + bytes(400)

# A line of a PDF: x and y in points from the foot of the page, and the text.
PdfLine = tuple[float, float, str]


def archive(parts: Mapping[str, str | bytes]) -> bytes:
    """Return a zip archive."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as zip_file:
        for name, content in parts.items():
            zip_file.writestr(name, content)
    return buffer.getvalue()


def run(text: str) -> str:
    """Return a run of a Word text."""
    return f'<w:r><w:t xml:space="preserve">{text}</w:t></w:r>'


def docx(body: str, parts: Mapping[str, str | bytes] | None = None) -> bytes:
    """Return a Word document of the paragraphs' XML."""
    return archive({"word/document.xml": f"<w:document {WORD}><w:body>{body}</w:body></w:document>", **(parts or {})})


def docx_of(*paragraphs: str) -> bytes:
    """Return a Word document of plain paragraphs."""
    return docx("".join(f"<w:p>{run(text)}</w:p>" for text in paragraphs))


def odt(body: str, parts: Mapping[str, str | bytes] | None = None) -> bytes:
    """Return an OpenDocument text of the paragraphs' XML."""
    content = f"<office:document-content {ODF}><office:body><office:text>{body}</office:text></office:body>"
    return archive({"content.xml": f"{content}</office:document-content>", **(parts or {})})


def pdf(pages: Sequence[Sequence[PdfLine]], *, trailer: str = "", info: str = "") -> bytes:
    """Return a PDF of lines in Helvetica of 12 points on A4; a page without lines has a picture, as a scan does."""
    n = len(pages)
    font, picture = 3 + 2 * n, 4 + 2 * n
    objects = {
        1: b"<< /Type /Catalog /Pages 2 0 R >>",
        2: f"<< /Type /Pages /Count {n} /Kids [{' '.join(f'{3 + 2 * i} 0 R' for i in range(n))}] >>".encode(),
        font: b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        picture: stream(
            bytes(4), "/Type /XObject /Subtype /Image /Width 2 /Height 2 /BitsPerComponent 8 /ColorSpace /DeviceGray"
        ),
        picture + 1: f"<< {info} >>".encode("cp1252"),
    }
    for i, lines in enumerate(pages):
        drawn = "".join(f"BT /F1 12 Tf 1 0 0 1 {x} {y} Tm ({text}) Tj ET\n" for x, y, text in lines)
        content = drawn or "q 500 0 0 700 40 40 cm /Im1 Do Q"
        objects[3 + 2 * i] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {4 + 2 * i} 0 R "
            f"/Resources << /Font << /F1 {font} 0 R >> /XObject << /Im1 {picture} 0 R >> >> >>"
        ).encode()
        objects[4 + 2 * i] = stream(content.encode("cp1252"))
    return _assembled(objects, f"/Root 1 0 R /Info {picture + 1} 0 R {trailer}")


def stream(data: bytes, entries: str = "") -> bytes:
    """Return a compressed stream object."""
    packed = zlib.compress(data, 9)
    head = f"<< /Length {len(packed)} /Filter /FlateDecode {entries} >>\nstream\n"
    return head.encode() + packed + b"\nendstream"


def _assembled(objects: Mapping[int, bytes], trailer: str) -> bytes:
    out, offsets = b"%PDF-1.4\n", []
    for number, content in sorted(objects.items()):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    head = f"xref\n0 {len(offsets) + 1}\n0000000000 65535 f \n{table}"
    return out + f"{head}trailer\n<< /Size {len(offsets) + 1} {trailer} >>\nstartxref\n{len(out)}\n%%EOF\n".encode()


def pdf_of(*paragraphs: Sequence[str]) -> bytes:
    """Return a PDF of one page; each paragraph is given by its lines, and stands apart from the next."""
    lines: list[PdfLine] = []
    y = 700.0
    for paragraph in paragraphs:
        for text in paragraph:
            lines.append((72.0, y, text))
            y -= 14.0
        y -= 14.0
    return pdf([lines])


def zip_bomb() -> bytes:
    """Return a small Word document that unpacks to 200 million bytes."""
    return archive({"word/document.xml": b"<w:document>" + b" " * 200_000_000})


def xlsx(rows: Sequence[Sequence[str]]) -> bytes:
    """Return a workbook with one sheet; the first cell of each row stands in it, the others are shared."""
    shared: list[str] = []
    written = []
    for number, row in enumerate(rows, 1):
        cells = [f'<c r="A{number}" t="inlineStr"><is><t>{row[0]}</t></is></c>']
        for column, text in enumerate(row[1:], 1):
            cells.append(f'<c r="{chr(65 + column)}{number}" t="s"><v>{len(shared)}</v></c>')
            shared.append(f"<si><r><t>{text[:3]}</t></r><r><t>{text[3:]}</t></r></si>")
        written.append(f'<row r="{number}">{"".join(cells)}</row>')
    return archive(
        {
            "xl/workbook.xml": '<w xmlns:r="x"><sheets><sheet name="S" sheetId="9" r:id="rId7"/></sheets></w>',
            "xl/_rels/workbook.xml.rels": '<r><Relationship Id="rId7" Target="worksheets/one.xml"/></r>',
            "xl/worksheets/one.xml": f"<s><sheetData>{''.join(written)}</sheetData></s>",
            "xl/sharedStrings.xml": f"<sst>{''.join(shared)}</sst>",
        }
    )
