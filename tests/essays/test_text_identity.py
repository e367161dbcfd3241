"""Text identity: bytes become one text, and equal texts have one hash."""

import hashlib
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huleedu_pipeline.essays import Essay
from huleedu_pipeline.essays.text import TextError, count_words, decode, normalise

plain_texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\ufeff"))


def test_byte_order_mark_line_ends_and_outer_space_are_not_part_of_a_text() -> None:
    assert decode(b"\xef\xbb\xbf\r\n one\r\ntwo\rthree\n\nfour \n") == "one\ntwo\nthree\n\nfour"


def test_letters_are_composed_and_nothing_else_is_changed() -> None:
    assert decode("cafe\u0301".encode()) == "caf\u00e9"
    assert decode("a  b\tc ﬁ … “q” İ".encode()) == "a  b\tc ﬁ … “q” İ"


@given(plain_texts)
def test_normal_form_is_composed_without_carriage_returns_and_settled(text: str) -> None:
    once = normalise(text)
    assert unicodedata.is_normalized("NFC", once)
    assert "\r" not in once
    assert once == once.strip()
    assert normalise(once) == once


@given(plain_texts)
def test_however_a_text_is_saved_it_is_the_same_text(text: str) -> None:
    expected = normalise(text)
    unix = text.replace("\r\n", "\n").replace("\r", "\n")
    for version in (unix, unix.replace("\n", "\r\n"), unicodedata.normalize("NFD", unix), f"\n {unix}\t\n"):
        for mark in (b"", b"\xef\xbb\xbf"):
            assert decode(mark + version.encode()) == expected


def test_the_hash_is_that_of_the_utf_8_bytes() -> None:
    assert Essay("a", "a.txt", "Åsa\nund Öl").text_sha256 == hashlib.sha256("Åsa\nund Öl".encode()).hexdigest()


@given(st.binary())
def test_any_bytes_are_a_text_or_an_error_that_names_the_byte(data: bytes) -> None:
    try:
        text = decode(data)
    except TextError as error:
        kind, _, rest = str(error).partition(" at offset ")
        offset = int(rest.split(";")[0].split(" ")[0])
        if kind.startswith("not UTF-8: byte 0x"):
            assert int(kind.removeprefix("not UTF-8: byte 0x"), 16) == data[offset]
            assert data[:offset].decode() is not None
        else:
            assert kind == "NUL character"
            assert data[offset] == 0
    else:
        assert text == normalise(data.decode("utf-8-sig"))


def test_the_line_of_a_wrong_byte_is_named() -> None:
    with pytest.raises(TextError, match=r"byte 0xE5 at offset 6 \(line 3\)"):
        decode(b"a\nb\n\xc3\xa5\xe5")
    with pytest.raises(TextError, match=r"byte 0xC3 at offset 4 \(line 3\)"):
        decode(b"a\nb\n\xc3")


@given(st.lists(st.text(st.characters(categories=["L", "N", "P"]), min_size=1)))
def test_words_are_what_white_space_separates(words: list[str]) -> None:
    assert count_words(" \n\t".join(words)) == len(words)
