"""The report in its three forms, and runs compared: nothing is lost, nothing runs, and a simulation says what it is."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from huleedu_pipeline.eng5.alignment_compare import ComparisonError, compare_runs, mcnemar
from huleedu_pipeline.eng5.alignment_models import AlignmentReport
from huleedu_pipeline.eng5.alignment_report import (
    ReportError,
    comparison_document,
    read_report,
    report_document,
    write_comparison,
    write_report,
)
from huleedu_pipeline.eng5.documents import Document, Heading, Paragraph, Table, as_html, as_markdown
from tests.eng5.kit import ALL_AS_GRADED, Verdict, report

INVERTED: list[Verdict] = [("low", "mid", "low"), *ALL_AS_GRADED[1:]]


def test_what_is_written_can_be_read_again(tmp_path: Path) -> None:
    written = report(INVERTED)
    files = write_report(tmp_path / "run", written)
    assert [path.name for path in files] == ["alignment_report.json", "alignment_report.md", "alignment_report.html"]
    assert read_report(tmp_path / "run") == written


def test_a_simulation_says_so_in_every_form_and_under_every_heading(tmp_path: Path) -> None:
    as_json, as_md, as_page = (path.read_text(encoding="utf-8") for path in write_report(tmp_path, report(INVERTED)))
    assert json.loads(as_json)["is_simulated"] is True
    assert "SIMULATED: an emulator stood in for the model" in json.loads(as_json)["notice"]
    headings = [line for line in as_md.splitlines() if line.startswith("#")]
    assert [line for line in headings if "SIMULATED" not in line] == []
    assert "nothing was paid; the real model would have cost" in as_md
    assert "<title>SIMULATED: " in as_page
    assert '<p class="notice">SIMULATED: ' in as_page


def test_a_real_judge_is_not_called_simulated(tmp_path: Path) -> None:
    for path in write_report(tmp_path, report(INVERTED, is_simulated=False)):
        assert "SIMULATED" not in path.read_text(encoding="utf-8")


def test_the_report_holds_what_was_asked_of_it() -> None:
    page = as_markdown(report_document(report(INVERTED)))
    for part in ("tau-b between grade and theta: ", "reason 1", "Anchors without a win", "tied in grade", "| A1 | B1 | yes |"):
        assert part in page


def test_one_sided_anchors_are_marked_as_resting_on_the_prior() -> None:
    assert "rest on the prior" in as_markdown(report_document(report(ALL_AS_GRADED)))


def test_without_a_common_scale_the_report_says_so_and_shows_no_theta() -> None:
    page = as_markdown(report_document(report([("low", "mid", "mid"), ("mid-too", "high", "high")])))
    assert "2 groups of anchors that no comparison connects" in page
    assert "tau-b between grade and theta: not defined here" in page
    assert "(1)" not in page


class Tags(HTMLParser):
    """The tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert {name for name, _ in attrs} <= {"lang", "charset", "class"}
        self.found.append(tag)


HOSTILE = "<script>alert(1)</script> | [a](javascript:b) `c` *d*\n# e"


def test_nothing_that_a_judge_writes_becomes_markup() -> None:
    document = Document(HOSTILE, [Heading(HOSTILE), Paragraph(HOSTILE), Table((HOSTILE, "b"), [(HOSTILE, "c")])])
    assert set(Tags(as_html(document)).found) == {
        *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "table", "thead", "tbody", "tr", "th", "td")
    }
    lines = as_markdown(document).splitlines()
    assert "<script" not in "".join(lines).replace("\\<", "")
    row = next(line for line in lines if line.endswith("| c |"))
    assert row.replace("\\|", "").count("|") == 3


def test_a_folder_without_a_report_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(ReportError, match=r"is not there \(give the folder of a run"):
        read_report(tmp_path)
    (tmp_path / "alignment_report.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ReportError, match="is no alignment report of this version"):
        read_report(tmp_path)


def test_two_runs_are_compared_on_the_pairs_that_both_decided(tmp_path: Path) -> None:
    inverted: list[Verdict] = [("low", "mid", "low"), ("mid", "high", "mid"), *ALL_AS_GRADED[1:4], ALL_AS_GRADED[5]]
    found = compare_runs([report(ALL_AS_GRADED), report([*inverted, *inverted], "two")])
    (pair,) = found.pairs
    assert (pair.same_winner.k, pair.same_winner.n) == (4, 6)
    assert (pair.only_first_agrees, pair.only_second_agrees, pair.p_value) == (2, 0, 0.5)
    assert pair.tau_b.tau_b is not None
    assert found.is_simulated
    assert write_comparison(tmp_path, found)[0].name == "alignment_comparison.json"
    assert "SIMULATED" in as_markdown(comparison_document(found))


def test_a_comparison_with_a_simulated_run_is_simulated() -> None:
    mixed = compare_runs([report(INVERTED, is_simulated=False), report(INVERTED, "two")])
    assert mixed.is_simulated
    assert mixed.notice is not None


def test_mcnemars_test_is_exact() -> None:
    assert mcnemar(0, 0) is None
    assert mcnemar(5, 0) == pytest.approx(2 * 0.5**5)
    assert mcnemar(3, 3) == 1


def with_grade(one: AlignmentReport, grade: str) -> AlignmentReport:
    anchors = tuple(a.model_copy(update={"grade": grade}) if a.label == "low" else a for a in one.alignment.anchors)
    return one.model_copy(update={"alignment": one.alignment.model_copy(update={"anchors": anchors})})


def test_runs_that_have_nothing_to_be_compared_by_are_refused() -> None:
    one, two = report(INVERTED), report(INVERTED, "two")
    other_scale = two.model_copy(update={"run": two.run.model_copy(update={"grade_scale": "other"})})
    for reports, message in (
        ([one], "a comparison needs two or more"),
        ([one, one], "a comparison needs two or more"),
        ([one, other_scale], "different grade scales"),
        ([one, with_grade(two, "A2")], "anchor low carries another grade"),
    ):
        with pytest.raises(ComparisonError, match=message):
            compare_runs(reports)
