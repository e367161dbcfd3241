"""PDF: lines become paragraphs in reading order; what stands at the edge of pages is left out; a scan is an error."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from huleedu_pipeline.documents import DocumentError, parse_document
from huleedu_pipeline.documents import pdf as pdf_module
from tests.documents.kit import pdf, pdf_of

ENCRYPTED = f"/Encrypt << /Filter /Standard /V 1 /R 2 /O <{'00' * 32}> /U <{'11' * 32}> /P -4 >> /ID [<00> <00>]"


def lines(x: float, texts: list[str], top: float = 700) -> list[tuple[float, float, str]]:
    return [(x, top - 14 * i, text) for i, text in enumerate(texts)]


def test_lines_become_paragraphs_and_properties_are_read() -> None:
    first = ["Jag tycker om sjön bakom skolan, för den är stor", "och djup, och på vintern ligger det tjock is", "på den."]
    data = pdf_of(first, ["En annan sak är köket."])
    document = parse_document(data, "a.pdf")
    assert document.paragraphs == (" ".join(first), "En annan sak är köket.")
    assert (document.kind, document.warnings) == ("pdf", ())
    said = parse_document(pdf([lines(72, ["Hej."])], info="/Author (Anna \xc5k) /Title (Min sj\xf6)"), "a.pdf").properties
    assert said == {"author": "Anna Åk", "title": "Min sjö"}


def test_columns_are_read_one_after_the_other_and_edges_are_left_out() -> None:
    left = [f"left {word} of the first column" for word in ("one", "two", "three", "four")]
    right = [f"right {word} of the second column" for word in ("one", "two", "three", "four")]
    edges = [[(72.0, 810.0, "Anna Ek 7B"), (290.0, 30.0, f"Sida {page} av 2")] for page in (1, 2)]
    data = pdf([[*lines(72, left), *lines(330, right), *edges[0]], [*lines(72, ["The end of it."]), *edges[1]]])
    document = parse_document(data, "a.pdf")
    assert document.text == " ".join([*left, *right, "The end of it."])
    assert set(document.warnings) == {"2 header or footer lines left out", "2 page numbers left out"}


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(pdf([[], []]), "it is a scan or a picture", id="scan"),
        pytest.param(pdf_of(["Hej."])[:500], "is damaged or cut off", id="cut off"),
        pytest.param(pdf([lines(72, ["x"])] * 61), "has more than 60 pages", id="too many pages"),
        pytest.param(pdf([lines(72, ["x"])], trailer=ENCRYPTED), "is locked with a password", id="locked"),
    ],
)
def test_what_can_not_be_read_says_why(data: bytes, problem: str) -> None:
    with pytest.raises(DocumentError, match=problem):
        parse_document(data, "a.pdf")


def test_a_reader_that_does_not_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf_module, "MAX_SECONDS", 0.01)
    with pytest.raises(DocumentError, match=r"within 0\.01 seconds"):
        parse_document(pdf_of(["Only this test has this text."]), "a.pdf")


def test_a_file_beside_the_documents_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(7)", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert parse_document(pdf_of(["Read in a strange place."]), "a.pdf").text == "Read in a strange place."


def test_the_reader_is_started_once_for_each_document_and_knows_no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    started: list[Mapping[str, str]] = []
    real = subprocess.run

    def counting(*arguments: Any, **options: Any) -> Any:
        started.append(options["env"])
        return real(*arguments, **options)

    monkeypatch.setattr(subprocess, "run", counting)
    data = pdf_of(["Read twice, started once."])
    assert parse_document(data, "a.pdf") == parse_document(data, "a.pdf")
    assert [("OPENAI_API_KEY" in environment, "PATH" in environment) for environment in started] == [(False, True)]
