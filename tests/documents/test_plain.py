"""Plain text: the encoding is found out, and said where it was guessed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huleedu_pipeline.documents import DocumentError, parse_document

SWEDISH = "Sjön är blå, och på Åland står en “röd” älg – säger Édith.\n\nSlut."


@pytest.mark.parametrize(
    ("codec", "said"),
    [
        ("utf-8", None),
        ("utf-8-sig", None),
        ("utf-16", "read as UTF-16"),
        ("utf-32", "read as UTF-32"),
        ("cp1252", "read as Windows-1252"),
        ("mac_roman", "read as Mac Roman"),
    ],
)
def test_a_swedish_text_in_any_encoding_that_schools_write(codec: str, said: str | None) -> None:
    document = parse_document(SWEDISH.encode(codec), "a.txt")
    assert document.text == SWEDISH
    assert document.paragraphs == tuple(SWEDISH.split("\n\n"))
    assert (said is None) == (document.warnings == ())
    assert all(str(said) in warning for warning in document.warnings)


def test_a_text_from_dos() -> None:
    assert parse_document("Sjön är blå".encode("cp850"), "a.txt").text == "Sjön är blå"


@given(st.binary())
def test_any_bytes_are_a_text_or_an_error(data: bytes) -> None:
    try:
        document = parse_document(data, "a.txt")
    except DocumentError:
        return
    assert document.text.encode().decode() == document.text.strip()
