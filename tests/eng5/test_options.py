"""The options of a run: stored as part of the request, refused where they may not be, and for registered assignments too."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from huleedu_pipeline.cli.app import app
from huleedu_pipeline.context import AnchorInput, AssessmentContext, AssignmentInput, ScaleInput, TextInput, WholeAssignment
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.providers.emulator.launcher import stop_emulator
from huleedu_pipeline.settings import Settings
from tests.eng5.kit import RUN
from tests.kit import PUPILS, write_batch

POOR = "my dog is nice he run and run and i run to. it is fun alot and my dog is nice and he is big and it eat alot of food. "
GOOD = "Gradually, however, those quiet conversations with my coach altered how I regard mistakes; I had been ashamed of them. "


@pytest.fixture
def own(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """An installation whose commands find it, with batch jobs that are quick."""
    monkeypatch.setenv("HULEEDU_HOME", str(settings.home))
    monkeypatch.setenv("HULEEDU_EMULATOR_SECONDS_PER_JOB", "0.3")
    monkeypatch.setenv("HULEEDU_POLL_INTERVAL_SECONDS", "0.1")
    yield settings
    if (settings.home / "dry-run" / "emulator").is_dir():
        stop_emulator(settings.home / "dry-run" / "emulator")


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(app, ["eng5", *(str(argument) for argument in arguments)])


def artefact(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / RUN).read_bytes())
    return found


def test_every_option_is_part_of_the_request_that_is_stored(own: Settings, tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1")
    told, criteria = tmp_path / "system.md", tmp_path / "criteria.md"
    told.write_text("You are a teacher of English.\n", encoding="utf-8")
    criteria.write_text("Judge the language.\n", encoding="utf-8")
    options = {
        "batch-id": "trial-2",
        "course-id": "eng5-b",
        "grade-scale": "eng5_np_legacy_9_step",
        "max-comparisons": "16",
        "llm-provider": "openai",
        "llm-model": "gpt-6-luna",
        "llm-temperature": "0",
        "llm-max-tokens": "700",
        "reasoning-effort": "low",
        "output-verbosity": "low",
        "llm-batching-mode": "serial_bundle",
        "system-prompt": str(told),
        "rubric": str(criteria),
        "max-cost-usd": "5",
        "seed": "9",
    }
    given = [part for name, value in options.items() for part in (f"--{name}", value)]
    done = run("execute", folder, *given, "--await-completion", "--output-dir", tmp_path / "run")
    assert done.exit_code == 0, (done.output, done.exception)
    metadata = artefact(tmp_path / "run")["metadata"]
    request, judge = metadata["request"], metadata["judge"]
    assert (request["batch_id"], metadata["course_id"], request["seed"]) == ("trial-2", "eng5-b", 9)
    assert (request["max_comparisons"], request["max_cost_usd"], metadata["llm_batching_mode"]) == (16, 5.0, "serial_bundle")
    assert (judge["model"], judge["temperature"], judge["max_output_tokens"]) == ("emulated-gpt-6-luna", 0.0, 700)
    assert (judge["reasoning_effort"], judge["output_verbosity"]) == ("low", "low")
    assert (judge["system_prompt"], judge["rubric"]) == ("You are a teacher of English.", "Judge the language.")
    assert artefact(tmp_path / "run")["inputs"]["instructions"]["source_path"] == "judge.rubric"
    ledger = Ledger(own.ledger_url)
    try:
        stored = json.loads(ledger.batch("trial-2").original_request)["batch"]
        assert ledger.tally("trial-2").n_requests == 16
    finally:
        ledger.close()
    assert stored == request


def test_what_may_not_be_asked_is_refused_before_anything_is_sent(own: Settings, tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1")
    (tmp_path / "empty.md").write_text(" \n", encoding="utf-8")
    for option, value, says in (
        ("--grade-scale", "cefr_6_level", "cefr_6_level is expected"),
        ("--llm-model", "gpt-6-lunar", "did you mean 'gpt-6-luna'"),
        ("--rubric", str(tmp_path / "empty.md"), "file is empty"),
        ("--assignment-id", "nobodys", "nobodys"),
    ):
        for command in ("plan", "preflight", "dry-run", "execute"):
            refused = run(command, folder, option, value)
            assert refused.exit_code == 1, (command, option)
            assert says in f"{refused.output} {refused.exception}", (command, option)
    ledger = Ledger(own.ledger_url)
    try:
        assert ledger.batches() == []
    finally:
        ledger.close()


def register(settings: Settings, origin: Any) -> None:
    anchors = tuple(
        AnchorInput(label=f"{grade}-{n}", grade=grade, text=text + f"Number {n}.")
        for grade, text in (("low", POOR), ("good", GOOD))
        for n in (1, 2)
    )
    scale = ScaleInput(scale_id="own", description="Our own", grades=("low", "good"))
    assignment = AssignmentInput(
        assignment_id="person", instructions="Assess a short text.", grade_scale="own", context_origin=origin
    )
    texts = {"prompt": "Write about a person.", "rubric": "Judge language."}
    ledger = Ledger(settings.ledger_url)
    try:
        context = AssessmentContext(ledger)
        context.put_all(WholeAssignment(assignment=assignment, anchors=anchors, scales=(scale,), **texts), by="ada")
        context.put_prompt("person", TextInput(text="Write about a person whom you know."), by="ada")
    finally:
        ledger.close()


def of_assignment(folder: Path) -> Path:
    (folder / "essays").mkdir(parents=True)
    (folder / "batch.yaml").write_text(yaml.safe_dump({"batch_id": folder.name}), encoding="utf-8")
    for name, text in PUPILS.items():
        (folder / "essays" / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


def test_a_registered_assignment_with_its_own_scale_is_planned_rehearsed_and_executed(own: Settings, tmp_path: Path) -> None:
    register(own, "research_experiment")
    named = (of_assignment(tmp_path / "b1"), "--assignment-id", "person", "--expected-grade-scale", "own")
    planned = run("plan", *named)
    assert planned.exit_code == 0, (planned.output, planned.exception)
    assert "Anchors by grade: low 2, good 2." in planned.output
    for command in (("dry-run", *named), ("execute", *named, "--await-completion")):
        done = run(*command)
        assert done.exit_code == 0, (done.output, done.exception)
    rehearsed, executed = (artefact(home / "runs" / "b1") for home in (own.home / "dry-run", own.home))
    for document in (rehearsed, executed):
        metadata = document["metadata"]
        assert (metadata["assignment_id"], metadata["assignment_version"], metadata["grade_scale"]) == ("person", 2, "own")
        assert {row["grade"] for row in document["grade_projections"]} <= {"low", "good"}
        assert document["grade_projections"]
    assert rehearsed["bt_summary"] == executed["bt_summary"]


def test_a_national_test_is_judged_by_its_own_criteria(own: Settings, tmp_path: Path) -> None:
    register(own, "canonical_national")
    criteria = tmp_path / "criteria.md"
    criteria.write_text("Judge handwriting.\n", encoding="utf-8")
    folder = of_assignment(tmp_path / "b1")
    for command in ("plan", "preflight", "dry-run", "execute"):
        refused = run(command, folder, "--assignment-id", "person", "--rubric", criteria)
        assert refused.exit_code == 1
        assert "judged by its own criteria" in f"{refused.output} {refused.exception}", command
    (folder / "batch.yaml").write_text(yaml.safe_dump({"assignment_id": "person", "judge": {"rubric": "x"}}), encoding="utf-8")
    with pytest.raises(HuleeduError, match="judged by its own criteria"):
        CliRunner().invoke(app, ["run", str(folder)], catch_exceptions=False)
