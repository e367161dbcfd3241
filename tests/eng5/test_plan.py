"""The plan of a run: its inventory, its sizes and prices, what options change, and that it leaves nothing behind."""

import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from huleedu_pipeline.cli.app import app
from huleedu_pipeline.eng5.plan import RunPlan, plan_run
from huleedu_pipeline.eng5.reply_size import MeasuredReply
from huleedu_pipeline.essays import IntakeError, read_batch
from huleedu_pipeline.essays.overrides import Overrides
from huleedu_pipeline.essays.registered import NOTHING_REGISTERED
from huleedu_pipeline.judging.replies import REASON_WORDS
from huleedu_pipeline.judging.spec import BatchingMode
from huleedu_pipeline.judging.templates import load_templates
from huleedu_pipeline.scaling.expected_precision import expected_reliability, expected_se
from tests.kit import write_batch


def planned(
    folder: Path, mode: BatchingMode = "provider_batch_api", measured: MeasuredReply | None = None, **judge: Any
) -> RunPlan:
    batch = read_batch(folder, NOTHING_REGISTERED, Overrides({}, judge))
    return plan_run(folder, batch, mode, spread=1.5, call_concurrency=4, measured=measured)


def test_the_inventory_is_what_lies_in_the_folder(tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1")
    (folder / ".hidden").write_text("no part of the batch", encoding="utf-8")
    found = planned(folder)
    assert {file.path for file in found.files} == {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file() and path.name != ".hidden"
    }
    by_path = {file.path: file for file in found.files}
    anchor = by_path["anchors/anchor_003_A.txt"]
    data = (folder / anchor.path).read_bytes()
    assert (anchor.n_bytes, anchor.sha256, anchor.grade) == (len(data), hashlib.sha256(data).hexdigest(), "A")
    assert (by_path["essays/anna.txt"].n_words, by_path["essays/anna.txt"].grade) == (20, None)
    assert (found.n_pupils, found.n_anchors) == (5, 3)
    assert {grade for grade, n in found.anchors_by_grade.items() if n} == {"F+", "D+", "A"}


def test_precision_is_that_of_so_many_comparisons(tmp_path: Path) -> None:
    found = planned(write_batch(tmp_path / "b1", max_comparisons=20))
    assert found.n_comparisons == 20
    assert found.expected_se == expected_se(5.0, 1.5)
    assert found.expected_reliability == expected_reliability(5.0, 1.5)


def test_batch_jobs_are_half_price_and_longer_prompts_cost_more(tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1", waves=1)
    usd = {(price.is_batch, price.has_cached_prefix): price.usd for price in planned(folder).prices}
    live, batch = usd[False, False], usd[True, False]
    assert live is not None
    assert batch == pytest.approx(live / 2)
    short = planned(folder)
    (folder / "rubric.md").write_text("Judge content, structure and language together. " * 50, encoding="utf-8")
    assert planned(folder).input_tokens > short.input_tokens + 28 * 500


def test_another_provider_brings_its_own_model(tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1", judge={"provider": "openai", "model": "gpt-6-luna"})
    assert planned(folder, provider="anthropic").model.startswith("claude-")


def test_what_was_measured_on_the_judges_replies_is_what_is_expected(tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1")
    derived = planned(folder)
    seen = MeasuredReply(model="gpt-6-luna", n_replies=40, tokens=derived.output_tokens / 28 + 100, bytes_per_token=3.0)
    thinking = replace(seen, bytes_per_token=4.0)
    found = planned(folder, measured=seen)
    assert found.output_tokens == derived.output_tokens + 2_800
    assert found.input_tokens == pytest.approx(derived.input_tokens * 4 / 3, abs=1)
    # A longer reason makes the reply longer by itself, not by what is thought before.
    steps = [[step.usd or 0 for step in plan.savings.steps[-2:]] for plan in (derived, planned(folder, measured=thinking))]
    assert steps[0][0] - steps[0][1] == pytest.approx(steps[1][0] - steps[1][1])
    simulated = MeasuredReply(model="emulated-gpt-6-luna", n_replies=40, tokens=30, bytes_per_token=4.0)
    assert any("a simulated judge" in warning for warning in planned(folder, measured=simulated).warnings)
    assert any("thinks before it answers" in warning for warning in derived.warnings)
    assert not any("thinks before it answers" in warning for warning in found.warnings)


def test_templates_allow_a_reason_as_many_words_as_plans_reckon_with() -> None:
    for template in load_templates():
        for length, words in REASON_WORDS.items():
            assert f"at most {words} words" in " ".join(template.how_to_answer(length).split()), (template.name, length)


def test_what_people_judge_is_not_planned(tmp_path: Path) -> None:
    with pytest.raises(IntakeError, match="people judge it"):
        planned(write_batch(tmp_path / "b1", judge={"provider": "human"}))


def test_the_command_writes_and_sends_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, folder = tmp_path / "home", write_batch(tmp_path / "b1")
    monkeypatch.setenv("HULEEDU_HOME", str(home))
    shown = CliRunner().invoke(app, ["eng5", "plan", str(folder), "--max-cost-usd", "0.0001"])
    assert shown.exit_code == 0, shown.output
    for words in ("28 comparisons by gpt-6-luna", "by batch jobs", "short reason", "WARNING: max_cost_usd is 0.0001 USD"):
        assert words in shown.output
    told = CliRunner().invoke(app, ["eng5", "plan", str(folder), "--format", "json", "--seed", "7"])
    assert json.loads(told.stdout)["n_comparisons"] == 28
    assert not home.exists()
    for option in ("--expected-grade-scale", "--grade-scale"):
        refused = CliRunner().invoke(app, ["eng5", "plan", str(folder), option, "cefr_6_level"])
        assert "its grade scale is eng5_np_legacy_9_step, and cefr_6_level is expected" in str(refused.exception)
    few = CliRunner().invoke(app, ["eng5", "plan", str(folder), "--max-comparisons", "3"])
    assert "can not connect 8 essays" in str(few.exception)
