"""The plan of a run: its inventory, its sizes and prices, what options change, and that it leaves nothing behind."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from huleedu_pipeline.cli.app import app
from huleedu_pipeline.eng5.plan import RunPlan, overridden, plan_run
from huleedu_pipeline.essays import IntakeError, read_batch
from huleedu_pipeline.essays.spec import SpecError
from huleedu_pipeline.judging.spec import BatchingMode
from huleedu_pipeline.scaling.expected_precision import expected_reliability, expected_se
from tests.kit import write_batch


def planned(folder: Path, mode: BatchingMode = "provider_batch_api", **judge: Any) -> RunPlan:
    batch = overridden(read_batch(folder), {}, judge)
    return plan_run(folder, batch, mode, spread=1.5, call_concurrency=4)


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


def test_another_provider_brings_its_own_model_and_options_are_checked_like_the_file(tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1", judge={"provider": "openai", "model": "gpt-6-luna"})
    assert planned(folder, provider="anthropic").model.startswith("claude-")
    batch = read_batch(folder)
    assert overridden(batch, {}, {}) == batch
    assert overridden(batch, {}, {"temperature": 0.0}).spec.judge.temperature == 0.0
    with pytest.raises(SpecError, match="options: judge.temperature"):
        overridden(batch, {}, {"temperature": 3.0})
    with pytest.raises(IntakeError, match="can not connect 8 essays"):
        plan_run(folder, overridden(batch, {"max_comparisons": 3}, {}), "per_request", spread=1.5, call_concurrency=4)


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
    refused = CliRunner().invoke(app, ["eng5", "plan", str(folder), "--expected-grade-scale", "cefr_6_level"])
    assert "its grade scale is eng5_np_legacy_9_step, and cefr_6_level is expected" in str(refused.exception)
