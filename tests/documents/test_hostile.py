"""Hostile files: an error that says what and what to do, in little memory, whatever is in them."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huleedu_pipeline.documents import KINDS, DocumentError, parse_document, pdf
from tests.documents.kit import LOCKED, PNG, archive, docx_of, odt, pdf_of, stream, zip_bomb

ENTITIES = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]><x>&b;</x>'
EXTERNAL = '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><x>&a;</x>'
ODF_LOCKED = odt("<text:p>x</text:p>", {"META-INF/manifest.xml": "<m><file-entry><encryption-data/></file-entry></m>"})
MB = 1_000_000


@pytest.mark.parametrize(
    ("name", "data", "problem"),
    [
        pytest.param("a.docx", zip_bomb(), "unpacks to more than", id="zip bomb"),
        pytest.param("a.docx", archive({"word/document.xml": ENTITIES}), "declares entities", id="xml bomb"),
        pytest.param("a.odt", archive({"content.xml": EXTERNAL}), "declares entities", id="external entity"),
        pytest.param("a.docx", archive({"word/document.xml": "<a>" * 100_000}), "nests its parts", id="deep xml"),
        pytest.param("a.docx", archive({f"{i}": "" for i in range(5001)}), "has more than 5,000 parts", id="many parts"),
        pytest.param("a.docx", archive({"x.txt": "x"}), "is damaged", id="a zip"),
        pytest.param("a.docx", docx_of("Hello " * 200)[:-60], "is damaged or cut off", id="truncated docx"),
        pytest.param("a.docx", LOCKED, "is locked with a password", id="locked docx"),
        pytest.param("a.docx", LOCKED[:512], "of before 2007", id="old doc"),
        pytest.param("a.docx", PNG, "is a PNG picture inside", id="png"),
        pytest.param("a.docx", pdf_of(["x"]), "is a PDF inside", id="pdf named docx"),
        pytest.param("a.txt", docx_of("x"), "is a ZIP inside", id="docx named txt"),
        pytest.param("a.pdf", b"Hello", "is not a .pdf file inside", id="text named pdf"),
        pytest.param("a.odt", ODF_LOCKED, "is locked with a password", id="locked odt"),
        pytest.param("a.pdf", b"%PDF-1.4\n1 0 obj\n" + stream(bytes(200 * MB)), "unpacks to more than", id="pdf bomb"),
        pytest.param("a.odt", odt(f'<text:p><text:s text:c="{"9" * 5000}"/></text:p>')[:-9], "is damaged", id="cut off odt"),
        pytest.param("a.rtf", rb"{\rtf1 Hello", "is damaged or cut off", id="truncated rtf"),
        pytest.param("a.rtf", rb"{\rtf1 " + b"{" * 300 + b"}" * 301, "nests its parts", id="deep rtf"),
        pytest.param("a.rtf", rb"{\rtf1 " + b" " * 6 * MB + b"}", "has more than 5,000,000 bytes", id="large rtf"),
        pytest.param("a.txt", b"a\0b", "NUL character at offset 1", id="binary"),
        pytest.param("a.txt", b"a" * (20 * MB + 1), "is larger than", id="large file"),
        pytest.param("a.exe", b"MZ\x90", "is not a document of a kind that is read", id="program"),
    ],
)
def test_a_hostile_file_is_an_error_and_takes_little_memory(name: str, data: bytes, problem: str) -> None:
    tracemalloc.start()
    try:
        with pytest.raises(DocumentError, match=problem):
            parse_document(data, name)
        assert tracemalloc.get_traced_memory()[1] < 100 * MB
    finally:
        tracemalloc.stop()


@given(st.binary(max_size=200), st.sampled_from([kind for kind in KINDS if kind != "pdf"]), st.booleans())
def test_any_bytes_under_any_name_are_a_document_or_an_error(data: bytes, kind: str, has_head: bool) -> None:
    head = {"docx": b"PK\x03\x04", "odt": b"PK\x03\x04", "rtf": rb"{\rtf1 "}.get(kind, b"") if has_head else b""
    try:
        document = parse_document(head + data + (b"}" if kind == "rtf" else b""), f"a.{kind}")
    except DocumentError:
        return
    assert document.text.encode().decode() == document.text.strip()


@given(st.integers(0, 2**31), st.integers(0, 255))
def test_a_damaged_word_document_is_an_error_or_a_text(at: int, byte: int) -> None:
    data = bytearray(docx_of("Some words to damage.", "And some more."))
    data[at % len(data)] = byte
    try:
        document = parse_document(bytes(data), "a.docx")
    except DocumentError:
        return
    assert document.kind == "docx"
    assert document.text.strip() == document.text


def test_numbers_with_too_many_digits_are_no_trouble() -> None:
    body = f'<text:p>a<text:s text:c="{"9" * 5000}"/>b</text:p>'
    assert parse_document(odt(body), "a.odt").text == f"a{' ' * 100}b"


def test_a_pdf_made_of_beginnings_of_streams_is_read_in_the_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "MAX_SECONDS", 2.0)
    with pytest.raises(DocumentError, match=r"is damaged|within 2 seconds"):
        parse_document(b"%PDF-1.4\n" + b"stream\nx" * 1_000_000, "a.pdf")
