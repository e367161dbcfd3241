"""Values that stand in for those of a ``batch.yaml``: read like the file's own, and written into what is put into the inbox."""

from pathlib import Path

import pytest

from huleedu_pipeline.essays import IntakeError, read_batch
from huleedu_pipeline.essays.batch_folder import read_spec
from huleedu_pipeline.essays.inbox import stage
from huleedu_pipeline.essays.overrides import NO_OVERRIDES, Overrides
from huleedu_pipeline.essays.registered import NOTHING_REGISTERED
from huleedu_pipeline.essays.spec import SpecError
from huleedu_pipeline.providers.planning import make_judge
from tests.kit import write_batch


def test_they_are_checked_like_the_file_and_leave_the_rest_alone(tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1", seed=3, judge={"provider": "openai", "temperature": 0.5})
    assert not NO_OVERRIDES
    assert read_spec(folder, NO_OVERRIDES) == read_spec(folder)
    changed = read_spec(folder, Overrides({"max_comparisons": 20, "batch_id": "again"}, {"temperature": 0.0}))
    assert (changed.batch_id, changed.max_comparisons, changed.seed) == ("again", 20, 3)
    assert (changed.judge.provider, changed.judge.temperature) == ("openai", 0.0)
    for wrong, says in (
        (Overrides({}, {"temperature": 3.0}), "batch.yaml with options: judge.temperature"),
        (Overrides({"batch_id": "No Name"}), "can not name a batch"),
        (Overrides({}, {"rubric": " "}), "judge.rubric"),
    ):
        with pytest.raises(SpecError, match=says):
            read_spec(folder, wrong)
    (folder / "batch.yaml").write_text("judge: [openai]\n", encoding="utf-8")
    with pytest.raises(SpecError, match="judge"):
        read_spec(folder, Overrides({}, {"provider": "anthropic"}))


def test_another_provider_brings_its_own_model_and_keeps_how_it_is_asked(tmp_path: Path) -> None:
    judge = {"provider": "openai", "model": "gpt-6-luna", "temperature": 0, "max_output_tokens": 900, "reason_length": "long"}
    folder = write_batch(tmp_path / "b1", judge=judge)
    other = read_spec(folder, Overrides({}, {"provider": "anthropic"})).judge
    assert (other.provider, other.model, other.temperature) == ("anthropic", "", None)
    assert (other.max_output_tokens, other.reason_length) == (900, "long")
    assert read_spec(folder, Overrides({}, {"provider": "openai"})) == read_spec(folder)


def test_what_lies_in_the_inbox_is_what_was_asked_for(tmp_path: Path) -> None:
    folder, inbox = write_batch(tmp_path / "b1"), tmp_path / "inbox"
    (folder / "batch.yaml").write_text("grade_scale: eng5_np_legacy_9_step\n", encoding="utf-8")
    overrides = Overrides({"max_comparisons": 20}, {"rubric": "Judge the language."})
    asked = read_batch(folder, NOTHING_REGISTERED, overrides)
    place = stage(folder, inbox, NOTHING_REGISTERED, overrides)
    assert read_batch(place).content_sha256 == asked.content_sha256
    assert read_batch(folder).content_sha256 != asked.content_sha256
    before = (place / "batch.yaml").stat().st_mtime_ns
    assert stage(folder, inbox, NOTHING_REGISTERED, overrides) == place
    assert (place / "batch.yaml").stat().st_mtime_ns == before, "a batch that lies there may be being read"


def test_a_system_prompt_and_criteria_of_ones_own_make_another_judge(tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1")
    own = Overrides({}, {"system_prompt": "You are a teacher.", "rubric": "Judge the language."})
    judge = make_judge(read_batch(folder, NOTHING_REGISTERED, own), is_emulated=False)
    usual = make_judge(read_batch(folder), is_emulated=False)
    assert (judge.system_prompt, judge.rubric) == ("You are a teacher.", "Judge the language.")
    assert judge.judge_id != usual.judge_id
    with pytest.raises(IntakeError, match="a human judge has no such setting"):
        read_batch(write_batch(tmp_path / "b2", judge={"provider": "human"}), NOTHING_REGISTERED, own)
