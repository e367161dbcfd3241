"""`huleedu compare-text`: both texts are judged, the other variant as a batch of its own, and nothing twice or unasked."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from huleedu_pipeline.cli import compare_text as command
from huleedu_pipeline.cli.app import app
from huleedu_pipeline.cli.compare_text import variant_id
from huleedu_pipeline.cli.runner import take_in
from huleedu_pipeline.eng5.artefact import write_run
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.judging.spec import default_model
from huleedu_pipeline.lake import Lake
from huleedu_pipeline.lake.tables import SPELLCHECKED_ESSAYS
from huleedu_pipeline.ledger import Ledger, UnknownBatchError
from huleedu_pipeline.providers.planning import planned_judge, planned_spec
from huleedu_pipeline.settings import Settings
from tests.kit import emulator_books, write_batch


@pytest.fixture(autouse=True)
def _home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HULEEDU_HOME", str(settings.home))
    monkeypatch.setenv("HULEEDU_EMULATOR_SECONDS_PER_JOB", "0.3")
    monkeypatch.setenv("HULEEDU_POLL_INTERVAL_SECONDS", "0.1")
    monkeypatch.setenv("COLUMNS", "200")


def invoke(*arguments: str | Path, answer: str | None = None) -> Result:
    return CliRunner().invoke(app, ["compare-text", *map(str, arguments)], input=answer)


def test_both_texts_are_judged_once_and_set_beside_each_other(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1")
    first = invoke(folder, "--format", "json")
    assert first.exit_code == 0, first.output
    assert "b1-corrected (corrected): 28 comparisons by gpt-6-luna, at most" in first.stderr
    assert "The emulator judges: nothing is paid." in first.stderr
    found = json.loads(first.stdout)
    assert (found["is_simulated"], found["batch_raw"], found["batch_corrected"]) == (True, "b1", "b1-corrected")
    assert len(found["essays"]) == 8
    assert {"theta_raw_se", "theta_corrected_se", "rank_change", "correction_density", "is_clear"} <= found["essays"][0].keys()
    assert found["slope"] is not None
    texts = [planned_spec(ledger, batch_id).judge_text for batch_id in ("b1", "b1-corrected")]
    assert texts == ["raw", "corrected"]
    assert planned_judge(ledger, "b1") == planned_judge(ledger, "b1-corrected")
    lake = Lake(settings.lake_dir)
    judged = {row["essay_id"]: row["text_sha256"] for row in lake.read_rows(SPELLCHECKED_ESSAYS, "b1-corrected")}
    for batch_id, note in (("b1", None), ("b1-corrected", "judged with its spelling corrected, as the text of SHA-256 {}")):
        run = write_run(ledger, lake, batch_id, tmp_path / f"run-{batch_id}", at=datetime.now(UTC))
        for essay in json.loads(run.read_bytes())["inputs"]["students"]:
            assert essay["notes"] == (note and note.format(judged[essay["essay_id"]]))
    bought = emulator_books(settings.emulator_dir)["batch_jobs_created"]["openai"]
    again = invoke("b1")
    assert again.exit_code == 0, again.output
    assert emulator_books(settings.emulator_dir)["batch_jobs_created"]["openai"] == bought == 2
    assert again.stderr.splitlines()[:2] == [
        "b1 (raw): is completed_max_comparisons, and nothing more is asked",
        "b1-corrected (corrected): is completed_max_comparisons, and nothing more is asked",
    ]
    assert "SIMULATED by the local emulator" in again.stdout
    assert "the same texts judged twice as precisely as these would read about" in again.stdout
    for essay in found["essays"]:
        assert essay["file_name"] in again.stdout


def test_nothing_is_asked_or_even_recorded_before_somebody_agrees(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HULEEDU_JUDGE_BACKEND", "provider")
    judged: list[list[Path]] = []
    monkeypatch.setattr(command, "_judge", lambda folders, _: judged.append(folders))
    monkeypatch.setattr(command, "_show", lambda *_: None)
    folder = write_batch(tmp_path / "b1", judge_text="corrected", llm_batching_mode="per_request")
    refused = invoke(folder, answer="n\n")
    assert (refused.exit_code, judged) == (1, [])
    assert "b1 (corrected): 28 comparisons by gpt-6-luna, at most" in refused.stderr
    assert "b1-raw (raw): 28 comparisons by gpt-6-luna, at most" in refused.stderr
    with pytest.raises(UnknownBatchError):
        ledger.batch("b1-raw")
    assert invoke(folder, answer="y\n").exit_code == 0
    assert invoke(folder, "--yes").exit_code == 0
    assert len(judged) == 2


def test_the_variant_keeps_what_was_settled_for_the_batch(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1", max_cost_usd=2.0, seed=7)
    live = settings.model_copy(update={"llm_batching_mode": "per_request"})
    take_in(folder, live)
    with command._variants(folder, settings, ledger) as ((_, own), (place, other)):
        assert place.is_dir()
        assert (own.spec.llm_batching_mode, other.spec.llm_batching_mode) == (None, "per_request")
        assert (other.spec.max_cost_usd, other.spec.seed, other.spec.judge.model) == (2.0, 7, "gpt-6-luna")
        assert (other.essays, other.prompt, other.rubric) == (own.essays, own.prompt, own.rubric)
    assert not place.exists()


def test_a_model_that_is_named_stays_named(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    folder = write_batch(tmp_path / "b1", judge={"provider": "openai", "model": "gpt-6-sol"})
    with command._variants(folder, settings, ledger) as (_, (_, other)):
        assert other.spec.judge.model == "gpt-6-sol"
    take_in(folder, settings)
    write_batch(tmp_path / "b1", judge={"provider": "anthropic"})
    with command._variants(folder, settings, ledger) as ((_, own), (_, other)):
        assert (own.spec.judge.provider, other.spec.judge.provider) == ("anthropic", "anthropic")
        assert other.spec.judge.model == default_model("anthropic"), "nothing was planned for the model of before"


def test_what_can_not_be_compared_is_refused(tmp_path: Path) -> None:
    human = invoke(write_batch(tmp_path / "b1", judge={"provider": "human"}))
    assert isinstance(human.exception, HuleeduError)
    assert "batch b1: people judge it, and nobody is asked" in str(human.exception)
    assert "no folder for it" in str(invoke("unknown").exception)


def test_the_name_of_a_variant_is_a_name() -> None:
    assert variant_id("b1", "corrected") == "b1-corrected"
    long = variant_id("x" * 60, "corrected")
    assert (len(long), long.endswith("-corrected")) == (60, True)
    assert long != variant_id("x" * 59 + "y", "corrected")
