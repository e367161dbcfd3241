"""`huleedu eng5 anchor-align` as a researcher runs it: blind, through the ledger, and never paid for twice."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from huleedu_pipeline.cli.app import app
from huleedu_pipeline.context import AnchorInput, AssessmentContext, AssignmentInput, TextInput
from huleedu_pipeline.eng5.alignment_report import read_report
from huleedu_pipeline.essays import IntakeError
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.settings import Settings
from tests.cli.kit import huleedu
from tests.kit import ANCHORS, write_batch


def in_process(home: Path, *arguments: str | Path) -> int:
    """Return the exit code of a command that asks nobody anything; raises what it refuses."""
    command = ["eng5", "anchor-align", *(str(argument) for argument in arguments)]
    result = CliRunner().invoke(app, command, env={"HULEEDU_HOME": str(home)})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code


def test_anchors_are_judged_blind_in_both_orders_and_once_only(home: Path, tmp_path: Path) -> None:
    source = write_batch(tmp_path / "source")
    command = ("eng5", "anchor-align", source, "--both-orders", "--batch-id", "blind", "--llm-batching-mode", "per_request")
    result = huleedu(home, *command, "--output-dir", tmp_path / "runs")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("SIMULATED: ")
    report = read_report(tmp_path / "runs" / "blind")
    assert report.is_simulated
    assert sorted(anchor.label for anchor in report.alignment.anchors) == sorted(ANCHORS)
    assert (report.run.n_requests, report.run.n_succeeded, report.alignment.consistency.both_orders.n) == (6, 6, 3)

    ledger = Ledger(Settings(home=home).ledger_url)
    try:
        requests = ledger.requests("blind")
        fragments = ledger.fragments("blind")
        recorded = ledger.batch("blind").original_request
        n_attempts = ledger.tally("blind").n_attempts
        bodies = [
            frame.body(fragments[request.fragment_a_id], fragments[request.fragment_b_id])
            for request in requests
            for frame in [ledger.frames("blind")[request.frame_id]]
        ]
        asked = {(request.essay_a_id, request.essay_b_id) for request in requests}
        assert asked == {(second, first) for first, second in asked}
        assert {request.custom_id for request in requests} == {line.custom_id for line in report.alignment.verdicts}
        told = [*report.blind_names, *report.blind_names.values(), "anchor_", "blind"]
        assert [word for word in told for body in bodies if word in body] == []
        # Not even the batch knows which text is which.
        assert [label for label in ANCHORS if label in recorded] == []
        assert json.loads(recorded)["scale"] is None

        again = huleedu(home, *command, "--output-dir", tmp_path / "again")
        assert again.returncode == 0, again.stderr
        assert read_report(tmp_path / "again" / "blind") == report
        assert ledger.tally("blind").n_attempts == n_attempts == 6
    finally:
        ledger.close()


def test_a_national_tests_criteria_can_not_be_replaced(home: Path, tmp_path: Path) -> None:
    ledger = Ledger(Settings(home=home).ledger_url)
    try:
        context = AssessmentContext(ledger)
        wanted = AssignmentInput(
            assignment_id="national",
            grade_scale="eng5_np_legacy_9_step",
            context_origin="canonical_national",
            instructions="Judge what the pupil can do with the language.",
        )
        context.put_assignment(wanted, by="test")
        context.put_prompt("national", TextInput(text="Write about a person who matters to you."), by="test")
        context.put_rubric("national", TextInput(text="Judge content, structure and language together."), by="test")
        anchors = [AnchorInput(label=name, grade=name.split("_")[-1], text=f"{text} {text}") for name, text in ANCHORS.items()]
        context.put_anchors("national", anchors, by="test")
        own = tmp_path / "own.md"
        own.write_text("Judge handwriting only.\n", encoding="utf-8")
        with pytest.raises(IntakeError, match="assignment national is a national test's, which is judged by its own criteria"):
            in_process(home, "--assignment-id", "national", "--rubric", own)
        assert ledger.batches() == []
    finally:
        ledger.close()


def test_what_to_judge_is_named_once(home: Path, tmp_path: Path) -> None:
    for arguments in ((), (tmp_path, "--assignment-id", "x"), ("--compare", tmp_path)):
        assert in_process(home, *arguments) == 2
