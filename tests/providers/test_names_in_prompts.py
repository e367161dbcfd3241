"""No name of a class in any request: proven on every body of a planned batch, and a name that is left is found."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from huleedu_pipeline.edits import Edit
from huleedu_pipeline.essays import Batch, read_batch
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.people.pupils import words
from huleedu_pipeline.providers.names_in_prompts import SHARED, prove_folder, prove_planned
from huleedu_pipeline.providers.planning import plan_comparisons, plan_requests, planned_spec, register
from huleedu_pipeline.providers.rendering import read_by_judge
from huleedu_pipeline.settings import Settings
from tests.essays.kit import write_batch

ROSTER = "student_id,name,email\ns1001,Zahra Lindqvister,zahra.lindqvister@skola.example\ns1002,Hope Bergdal,\n"
CLASS: Mapping[str, str] = {
    "roster.csv": ROSTER,
    "essays/anna.txt": "Zahra Lindqvister\n\nI like the lake with Hope, and bergdal likes it. I hope you do.\n",
    "essays/bo.txt": "Mail zahra.lindqvister@skola.example or s1002.\nZahras kitchen.\n",
}


def read(folder: Path, changes: Mapping[str, str] | None = None) -> Batch:
    return read_batch(write_batch(folder, {**CLASS, **(changes or {})}))


def with_a_name(batch: Batch, name: str) -> Batch:
    """Return the batch with a name left in an essay, as if nobody had taken it out."""
    first = batch.essays[0]
    spoiled = replace(first, text=f"{name} {first.text}", redactions=tuple(_moved(first.redactions, len(name) + 1)))
    return replace(batch, essays=(spoiled, *batch.essays[1:]))


def _moved(edits: tuple[Edit, ...], by: int) -> list[Edit]:
    return [replace(edit, start=edit.start + by, end=edit.end + by) for edit in edits]


def plan(ledger: Ledger, settings: Settings, batch: Batch) -> list[str]:
    register(ledger, settings, batch)
    batch_id = batch.spec.batch_id
    grades = {essay.essay_id: essay.anchor_grade for essay in batch.essays}
    pairs = plan_comparisons(planned_spec(ledger, batch_id), batch.scale, grades)
    requests = plan_requests(ledger, batch_id, pairs, {essay.essay_id: essay.text for essay in batch.essays})
    return [ledger.body(request.custom_id) for request in requests]


def test_every_request_of_a_batch_is_without_names(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    batch = read(tmp_path / "class-7b")
    bodies = plan(ledger, settings, batch)
    assert len(bodies) == 6
    for body in bodies:
        told = words(" ".join(read_by_judge(body)))
        assert not {"zahra", "zahras", "lindqvister", "bergdal", "s1001", "s1002"} & set(told)
    assert any("I like the lake with [name], and [name] likes it. I hope you do." in body for body in bodies)
    proof = prove_planned(ledger, batch)
    assert proof is not None
    assert (proof.named, proof.coinciding) == ((), ())
    assert proof.n_texts > len(batch.essays)
    folder = prove_folder(batch, is_emulated=True)
    assert folder is not None
    assert folder.named == ()


def test_a_name_that_is_left_is_found(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    for name in ("Zahra", "hope bergdal", "Lindqvisters", "S1002", "zahra.lindqvister"):
        proof = prove_folder(with_a_name(read(tmp_path / "class-7b"), name), is_emulated=True)
        assert proof is not None
        assert proof.named == ("anna",), name
    spoiled = with_a_name(read(tmp_path / "class-7b"), "Zahra")
    plan(ledger, settings, spoiled)
    planned = prove_planned(ledger, spoiled)
    assert planned is not None
    assert planned.named == ("anna",)


def test_a_whole_name_is_found_in_assignment_and_anchors_and_a_part_of_one_is_told(tmp_path: Path) -> None:
    said = {"prompt.md": "Write to Zahra.", "anchors/anchor_002_B.txt": "A harbour that Lindqvister knew."}
    proof = prove_folder(read(tmp_path / "1", said), is_emulated=True)
    assert proof is not None
    assert (proof.named, proof.coinciding) == ((), ("anchor_002_B",))
    named = {"prompt.md": "Write to Zahra Lindqvister.", "anchors/anchor_002_B.txt": "A harbour that Hope Bergdal knew."}
    proof = prove_folder(read(tmp_path / "2", named), is_emulated=True)
    assert proof is not None
    assert proof.named == (SHARED, "anchor_002_B")


def test_a_guest_batch_has_nothing_to_prove(tmp_path: Path) -> None:
    assert prove_folder(read_batch(write_batch(tmp_path)), is_emulated=True) is None
