"""Designs of an alignment: who is compared with whom, in which order, how often, and which requests are refused."""

from collections import Counter
from pathlib import Path

import pytest
import yaml

from huleedu_pipeline.eng5.alignment_batch import (
    NoAnchorsError,
    batch_fields,
    blind_names,
    default_batch_id,
    read_folder,
    write_batch_folder,
)
from huleedu_pipeline.eng5.alignment_design import DesignError, boundary_pairs, read_pairs, repeated, round_robin
from huleedu_pipeline.essays import IntakeError, read_batch
from huleedu_pipeline.essays.registered import NOTHING_REGISTERED
from huleedu_pipeline.grading.scales import BUILT_IN
from tests.kit import ANCHORS, write_batch

LABELS = ["a", "b", "c", "d", "e"]
GRADES = {"a": "A1", "b": "A1", "c": "B1", "d": "C1"}
SCALE = BUILT_IN["cefr_6_level"]


def test_a_round_robin_has_every_pair_once_and_everybody_first_as_often_as_second() -> None:
    pairs = round_robin(LABELS, 1)
    assert Counter(frozenset(pair) for pair in pairs) == Counter(frozenset((a, b)) for a in LABELS for b in LABELS if a < b)
    assert {label: sum(first == label for first, _ in pairs) for label in LABELS} == dict.fromkeys(LABELS, 2)
    assert round_robin(LABELS, 1) == pairs


def test_one_anchor_is_no_round_robin() -> None:
    with pytest.raises(DesignError, match="1 anchors can not be compared"):
        round_robin(["a"], 1)


def test_repeats_keep_the_order_and_both_orders_add_the_other() -> None:
    assert repeated([("a", "b")], iterations=3, both_orders=False) == [("a", "b")] * 3
    assert Counter(repeated([("a", "b")], iterations=2, both_orders=True)) == {("a", "b"): 2, ("b", "a"): 2}


def test_pairs_from_a_file_are_asked_in_the_order_written_and_so_many_times(tmp_path: Path) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text("first,second,times\nb,a,2\na,c,\n", encoding="utf-8")
    assert read_pairs(path, LABELS) == [("b", "a"), ("b", "a"), ("a", "c")]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ("first,other\na,b\n", "pairs.csv: has no column 'second'"),
        ("first,second\nanchor_1,b\n", "line 2: there is no anchor 'anchor_1'"),
        ("first,second\na,a\n", "line 2: an anchor is paired with itself"),
        ("first,second,times\na,b,0\n", "line 2: times: is no number from 1 to 1000"),
        ("first,second\n", "names no pair"),
    ],
)
def test_a_file_of_pairs_that_can_not_be_asked_is_refused_with_the_line(tmp_path: Path, rows: str, message: str) -> None:
    path = tmp_path / "pairs.csv"
    path.write_text(rows, encoding="utf-8")
    with pytest.raises(DesignError, match=message):
        read_pairs(path, LABELS)


def test_boundary_pairs_show_the_grade_in_front_first() -> None:
    assert boundary_pairs("B1:A1, C1:B1", GRADES, SCALE) == [("c", "a"), ("c", "b"), ("d", "c")]


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("A1", "'A1' does not name two grades"),
        ("A1:A1", "'A1:A1' does not name two grades"),
        ("A1:Z", "'Z' is not on cefr_6_level"),
        ("A1:C2", "no anchor carries the grade C2"),
    ],
)
def test_boundary_pairs_that_nobody_can_judge_are_refused(wanted: str, message: str) -> None:
    with pytest.raises(DesignError, match=message):
        boundary_pairs(wanted, GRADES, SCALE)


def test_in_the_batch_nothing_tells_an_anchors_name_or_grade(tmp_path: Path) -> None:
    source = read_folder(write_batch(tmp_path / "source"), NOTHING_REGISTERED)
    names = blind_names(source, 1)
    assert sorted(names) == sorted(ANCHORS)
    assert sorted(names.values()) == ["essay_01", "essay_02", "essay_03"]
    asked = round_robin(list(names), 1)
    fields = batch_fields(source, asked, names, judge={"model": "gpt-6-sol"}, mode="per_request", max_cost_usd=1, seed=1)
    folder = tmp_path / "blind"
    write_batch_folder(folder, source, names, {"batch_id": "blind", **fields})
    batch = read_batch(folder)
    assert {essay.essay_id: essay.text for essay in batch.essays} == {names[one.essay_id]: one.text for one in source.anchors}
    assert {essay.anchor_grade for essay in batch.essays} == {None}
    assert batch.spec.grade_scale is None
    assert batch.spec.judge.model == "gpt-6-sol"
    written = [str(path.relative_to(folder)) for path in folder.rglob("*")] + [
        (folder / "batch.yaml").read_text(encoding="utf-8")
    ]
    assert [label for label in ANCHORS if any(label in text for text in written)] == []
    assert len(yaml.safe_load(written[-1])["pairs"]) == 3


def test_the_same_question_has_the_same_batch_id_and_another_has_another(tmp_path: Path) -> None:
    source = read_folder(write_batch(tmp_path / "source"), NOTHING_REGISTERED)
    assert default_batch_id(source, {"seed": 1}) == default_batch_id(source, {"seed": 1})
    assert default_batch_id(source, {"seed": 1}) != default_batch_id(source, {"seed": 2})
    limited = {"seed": 1, "max_cost_usd": 2.0, "llm_batching_mode": "per_request"}
    assert default_batch_id(source, limited) == default_batch_id(source, {"seed": 1})
    assert default_batch_id(source, {}) != default_batch_id(source.only(sorted(ANCHORS)[:2]), {})


def test_another_providers_judge_does_not_inherit_the_folders_settings(tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "source", judge={"provider": "openai", "model": "gpt-6-sol"})
    source = read_folder(folder, NOTHING_REGISTERED)
    assert source.with_judge(None).judge == source.with_judge("openai").judge == {"model": "gpt-6-sol"}
    assert source.with_judge("anthropic").judge == {}


def test_anchors_with_the_same_text_are_refused_by_their_names(tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "source", {"one_A": "The same words.", "two_B": "The same words."})
    with pytest.raises(IntakeError, match="anchors one_A and two_B: have exactly the same text"):
        read_folder(folder, NOTHING_REGISTERED)


def test_a_folder_without_two_anchors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NoAnchorsError, match="has 1 graded anchors"):
        read_folder(write_batch(tmp_path / "source", {"one_A": "Some words."}), NOTHING_REGISTERED)


def test_anchors_are_judged_by_the_text_that_their_folder_names(tmp_path: Path) -> None:
    fields = {}
    for judge_text in ("raw", "corrected"):
        source = read_folder(write_batch(tmp_path / judge_text, judge_text=judge_text), NOTHING_REGISTERED)
        names = blind_names(source, 1)
        asked = [(source.anchors[0].essay_id, source.anchors[1].essay_id)]
        fields[judge_text] = batch_fields(source, asked, names, judge={}, mode=None, max_cost_usd=None, seed=1)
    assert "judge_text" not in fields["raw"], "a run of before is the same run"
    assert fields["corrected"] == {**fields["raw"], "judge_text": "corrected"}
