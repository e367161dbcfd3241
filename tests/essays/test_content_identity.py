"""content_sha256: equal content is the same batch, any other content is another one."""

from pathlib import Path

import pytest

from huleedu_pipeline.essays import read_batch
from huleedu_pipeline.essays.spec import BatchSpec
from huleedu_pipeline.judging.spec import JudgeSettings
from tests.essays.kit import GOOD_BATCH, Changes, write_batch

YAML = GOOD_BATCH["batch.yaml"]

CHANGES: dict[str, Changes] = {
    "a word of an essay": {"essays/anna.txt": "I like the lake behind our house."},
    "a space inside an essay": {"essays/anna.txt": "I like the  lake behind our school."},
    "the name of an essay": {"essays/anna.txt": None, "essays/ann.txt": "I like the lake behind our school."},
    "the ending of an essay": {"essays/anna.txt": None, "essays/anna.md": "I like the lake behind our school."},
    "one more essay": {"essays/cilla.txt": "One more."},
    "the texts change places": {"essays/anna.txt": GOOD_BATCH["essays/bo.txt"], "essays/bo.txt": GOOD_BATCH["essays/anna.txt"]},
    "one anchor fewer": {"anchors/anchor_001_F+.txt": None},
    "the text of an anchor": {"anchors/anchor_001_F+.txt": "i like home"},
    "the grade of an anchor": {"anchors/anchors.csv": "file_name,grade\nanchor_001_F+.txt,E-\nanchor_002_B.txt,B\n"},
    "the prompt": {"prompt.md": "Describe a place that you dislike."},
    "the rubric": {"rubric.md": "Judge content."},
    "batch_id": {"batch.yaml": YAML.replace("class-7b", "class-7c")},
    "assignment": {"batch.yaml": YAML + "assignment: Places"},
    "course_code": {"batch.yaml": YAML + "course_code: ENG5"},
    "course_id": {"batch.yaml": YAML + "course_id: eng5-b"},
    "language": {"batch.yaml": YAML + "language: sv"},
    "spellcheck": {"batch.yaml": YAML + "spellcheck: off"},
    "judge_text": {"batch.yaml": YAML + "judge_text: corrected"},
    "compare_anchors_with": {"batch.yaml": "batch_id: class-7b\ngrade_scale: eng5_np_legacy_9_step\ncompare_anchors_with: b0"},
    "grade_scale": {"batch.yaml": "batch_id: class-7b\ngrade_scale: swedish_8_anchor", "anchors/anchor_001_F+.txt": None},
    "llm_batching_mode": {"batch.yaml": YAML + "llm_batching_mode: per_request"},
    "max_comparisons": {"batch.yaml": YAML + "max_comparisons: 5"},
    "pairs": {"batch.yaml": YAML + "pairs: [[anna, bo], [bo, anchor_001_F+], [anchor_001_F+, anchor_002_B]]"},
    "max_cost_usd": {"batch.yaml": YAML + "max_cost_usd: 5"},
    "waves": {"batch.yaml": YAML + "waves: 3"},
    "min_comparisons_for_stability_check": {"batch.yaml": YAML + "min_comparisons_for_stability_check: 20"},
    "score_stability_threshold": {"batch.yaml": YAML + "score_stability_threshold: 0.1"},
    "target_mean_se": {"batch.yaml": YAML + "llm_batching_mode: per_request\ntarget_mean_se: 0.3"},
    "target_reliability": {"batch.yaml": YAML + "llm_batching_mode: per_request\ntarget_reliability: 0.8"},
    "completion_threshold_pct": {"batch.yaml": YAML + "completion_threshold_pct: 90"},
    "seed": {"batch.yaml": YAML + "seed: 2"},
    "judge.provider": {"batch.yaml": YAML + "judge: {provider: anthropic}"},
    "judge.model": {"batch.yaml": YAML + "judge: {model: gpt-6-sol}"},
    "judge.is_unlisted_model": {"batch.yaml": YAML + "judge: {model: own, is_unlisted_model: true}"},
    "judge.temperature": {"batch.yaml": YAML + "judge: {temperature: 0}"},
    "judge.max_output_tokens": {"batch.yaml": YAML + "judge: {max_output_tokens: 601}"},
    "judge.reasoning_effort": {"batch.yaml": YAML + "judge: {reasoning_effort: low}"},
    "judge.output_verbosity": {"batch.yaml": YAML + "judge: {output_verbosity: low}"},
    "judge.api": {"batch.yaml": YAML + "judge: {api: chat_completions}"},
    "judge.prompt_template": {"batch.yaml": YAML + "judge: {prompt_template: usage-guard-1}"},
    "judge.reason_length": {"batch.yaml": YAML + "judge: {reason_length: long}"},
    "judge.system_prompt": {"batch.yaml": YAML + "judge: {system_prompt: You are a teacher.}"},
    "judge.rubric": {"batch.yaml": YAML + "judge: {rubric: Judge content.}"},
    "judge.service_tier": {"batch.yaml": YAML + "llm_batching_mode: per_request\njudge: {service_tier: flex}"},
}
NO_CHANGES: dict[str, Changes] = {
    "line ends and a byte-order mark": {"essays/anna.txt": b"\xef\xbb\xbfI like the lake behind our school.\r\n"},
    "space around the prompt": {"prompt.md": "\n\nDescribe a place that you like."},
    "a comment": {"batch.yaml": "# our batch\n" + YAML},
    "the order of keys": {"batch.yaml": "grade_scale: eng5_np_legacy_9_step\nbatch_id: class-7b\n"},
    "a default spelled out": {"batch.yaml": YAML + "seed: 1\njudge: {provider: openai}"},
    "a hidden file": {"essays/.DS_Store": b"\0"},
    "a file that nobody reads": {"README.md": "About this batch."},
    "grades from a table": {"anchors/anchors.csv": "file_name,grade\nanchor_002_B.txt,B\nanchor_001_F+.txt,F+\n"},
    "essays from a table": {
        "essays/anna.txt": None,
        "essays/bo.txt": None,
        "essays.csv": "text,file_name,essay_id\n"
        f"{GOOD_BATCH['essays/bo.txt'].strip()},bo.txt,bo\n{GOOD_BATCH['essays/anna.txt'].strip()},anna.txt,anna\n",
    },
}


def content(folder: Path, changes: Changes | None = None) -> str:
    return read_batch(write_batch(folder, changes or {})).content_sha256


@pytest.mark.parametrize("changes", CHANGES.values(), ids=CHANGES.keys())
def test_any_change_of_content_is_another_batch(tmp_path: Path, changes: Changes) -> None:
    assert content(tmp_path / "new", changes) != content(tmp_path / "old")


def test_every_field_of_the_specification_was_changed_above() -> None:
    fields = {*BatchSpec.model_fields, *(f"judge.{name}" for name in JudgeSettings.model_fields)} - {"judge"}
    fields -= {"assignment_id"}  # tests/context/test_batches.py changes what it names
    assert fields <= CHANGES.keys()


@pytest.mark.parametrize("changes", NO_CHANGES.values(), ids=NO_CHANGES.keys())
def test_anything_else_is_the_same_batch(tmp_path: Path, changes: Changes) -> None:
    assert content(tmp_path / "new", changes) == content(tmp_path / "old")
