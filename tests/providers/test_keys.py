"""Where keys come from, which files are refused, and that they are blotted out of what comes back."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huleedu_pipeline.providers import keys
from huleedu_pipeline.providers.keys import KeyFileError, key_of, pieces_without_keys, without_any_key, without_keys

KEY = "secret-of-a-server-01"


@pytest.fixture(autouse=True)
def _nothing_read_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys, "_read_here", set())


def key_file(folder: Path, text: str, mode: int, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = folder / "key"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    monkeypatch.setenv("OPENAI_API_KEY_FILE", str(path))
    return path


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o440])
def test_a_key_is_read_from_its_file(mode: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key_file(tmp_path, f"{KEY}\n", mode, monkeypatch)
    assert key_of("openai") == KEY
    assert without_keys(f"with {KEY}, twice {KEY}") == "with (key), twice (key)"


@pytest.mark.parametrize(
    ("text", "mode", "said"),
    [
        (KEY, 0o644, "can be read or changed by everybody"),
        (KEY, 0o602, "can be read or changed by everybody"),
        ("", 0o600, "holds 0 words"),
        (f"OPENAI_API_KEY = {KEY}", 0o600, "holds 3 words"),
    ],
)
def test_a_file_that_is_no_secret_or_holds_no_key_is_refused_without_quoting_it(
    text: str, mode: int, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key_file(tmp_path, text, mode, monkeypatch)
    with pytest.raises(KeyFileError, match=f"OPENAI_API_KEY_FILE: .*{said}") as refused:
        key_of("openai")
    assert KEY not in str(refused.value)


def test_a_file_that_is_not_there_and_a_key_given_twice_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key_file(tmp_path, KEY, 0o600, monkeypatch).unlink()
    with pytest.raises(KeyFileError, match="can not be read: No such file"):
        key_of("openai")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    with pytest.raises(KeyFileError, match="OPENAI_API_KEY and OPENAI_API_KEY_FILE: are both set"):
        key_of("openai")


def test_a_placeholder_is_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "EMPTY")
    assert key_of("openai") == "EMPTY"
    assert without_keys("EMPTY words") == "EMPTY words"
    assert without_any_key("Incorrect API key provided: sk-proj-****abcd.") == "Incorrect API key provided: (key)"


@given(parts=st.lists(st.sampled_from([KEY, KEY[:9], KEY[9:], "word ", "å"]), max_size=12), cuts=st.lists(st.integers(0, 99)))
def test_a_key_is_blotted_out_wherever_the_pieces_end(parts: list[str], cuts: list[int]) -> None:
    keys._read_here.add(KEY)
    body = "".join(parts).encode()
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    pieces = [body[start:end] for start, end in pairwise(places)]
    assert b"".join(pieces_without_keys(pieces)) == body.replace(KEY.encode(), b"(key)")
