"""A batch for a judge without its assignment is blocked before anything is planned, and counted once for each content."""

from pathlib import Path

import pytest

from huleedu_pipeline.essays import IntakeError, PromptNotAttachedError
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.providers.admission import admit
from tests.human_kit import human_batch
from tests.kit import write_batch

CODE = "prompt_not_attached"


def blocked(ledger: Ledger, folder: Path) -> str:
    with pytest.raises(PromptNotAttachedError) as refused:
        admit(ledger, folder)
    assert refused.value.code == CODE
    return str(refused.value)


@pytest.mark.parametrize(
    ("text", "what"), [(None, "is missing"), ("", "is empty"), (" \n\n", "is empty"), ("---\n", "has no words")]
)
def test_a_missing_or_empty_prompt_blocks(ledger: Ledger, tmp_path: Path, text: str | None, what: str) -> None:
    prompt = write_batch(tmp_path / "b1") / "prompt.md"
    prompt.unlink()
    if text is not None:
        prompt.write_text(text, encoding="utf-8")
    first, last = blocked(ledger, tmp_path / "b1").splitlines()
    assert first.startswith(f"batch b1: prompt.md: {what}")
    assert last == "batch b1: blocked: prompt_not_attached; no judge is asked without the assignment"
    assert ledger.count_blocks(CODE) == {"cj_assessment": 1}
    assert ledger.batches() == []


def test_each_content_counts_once_however_often_it_is_seen(ledger: Ledger, tmp_path: Path) -> None:
    for name in ("b1", "b2"):
        (write_batch(tmp_path / name) / "prompt.md").unlink()
        for _ in range(3):
            blocked(ledger, tmp_path / name)
    (tmp_path / "b1" / "essays" / "anna.txt").write_text("Another text altogether.", encoding="utf-8")
    blocked(ledger, tmp_path / "b1")
    assert [block.batch_id for block in ledger.blocks()] == ["b1", "b2", "b1"]
    assert ledger.count_blocks(CODE) == {"cj_assessment": 3}
    assert ledger.count_blocks("another_code") == {}


def test_a_block_names_the_other_problems_as_well(ledger: Ledger, tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1")
    (folder / "prompt.md").unlink()
    (folder / "essays" / "anna.txt").write_text("", encoding="utf-8")
    assert "batch b1: essays/anna.txt: file is empty" in blocked(ledger, folder)


def test_a_batch_with_its_prompt_is_admitted_once_it_is_there(ledger: Ledger, tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1")
    text = (folder / "prompt.md").read_text(encoding="utf-8")
    (folder / "prompt.md").unlink()
    blocked(ledger, folder)
    (folder / "prompt.md").write_text(text, encoding="utf-8")
    assert admit(ledger, folder).prompt == text.strip()
    assert ledger.count_blocks(CODE) == {"cj_assessment": 1}


@pytest.mark.parametrize("change", ["rubric.md", "batch.yaml", "essays/anna.txt"])
def test_what_is_refused_for_something_else_is_not_counted(ledger: Ledger, tmp_path: Path, change: str) -> None:
    folder = write_batch(tmp_path / "b1")
    (folder / change).write_text("", encoding="utf-8") if change != "batch.yaml" else (folder / change).unlink()
    with pytest.raises(IntakeError) as refused:
        admit(ledger, folder)
    assert not isinstance(refused.value, PromptNotAttachedError)
    assert ledger.blocks() == []


def test_a_prompt_that_can_not_be_read_is_attached(ledger: Ledger, tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1")
    (folder / "prompt.md").write_bytes(b"\xe5")
    with pytest.raises(IntakeError, match="not UTF-8") as refused:
        admit(ledger, folder)
    assert not isinstance(refused.value, PromptNotAttachedError)


def test_people_need_no_prompt(ledger: Ledger, tmp_path: Path) -> None:
    folder = human_batch(tmp_path / "b1")
    (folder / "prompt.md").unlink(missing_ok=True)
    assert admit(ledger, folder).prompt == ""
    assert ledger.blocks() == []
