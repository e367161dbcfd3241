"""What the command line says of batches that wait, of those that are blocked, and of the mode that a batch is judged in."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from huleedu_pipeline.cli import runner
from huleedu_pipeline.cli.app import app
from huleedu_pipeline.cli.runner import take_in
from huleedu_pipeline.cli.show import print_batch, print_batches
from huleedu_pipeline.essays import PromptNotAttachedError
from huleedu_pipeline.ledger import BatchStatus, Ledger
from huleedu_pipeline.providers.planning import FixedModeError
from huleedu_pipeline.settings import Settings, SettingsError
from tests.kit import write_batch


def test_a_mode_is_named_once_and_shown_with_its_reason(
    ledger: Ledger, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_batch(tmp_path / "b1")
    monkeypatch.setenv("HULEEDU_HOME", str(settings.home))
    monkeypatch.setattr(runner, "run_batch", lambda *_, **__: BatchStatus.AWAITING_JUDGEMENTS)
    command = ["run", str(folder), "--no-wait", "--llm-batching-mode", "per_request"]
    assert CliRunner().invoke(app, command).exit_code == 0
    print_batch(ledger, "b1")
    shown = capsys.readouterr().out
    assert "3 anchors, per_request, backend emulator" in shown
    assert "per_request: named when the batch was first run" in shown
    with pytest.raises(FixedModeError, match="was first run with mode per_request, and is now to be run in mode serial_bundle"):
        take_in(folder, settings, mode_hint="serial_bundle")


def test_what_waits_for_the_night_says_so(ledger: Ledger, settings: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    inbox = settings.inbox_dir
    take_in(write_batch(inbox / "b1"), settings)
    write_batch(inbox / "live", llm_batching_mode="per_request")
    write_batch(inbox / "new")
    (write_batch(inbox / "mute") / "prompt.md").unlink()
    nightly = settings.model_copy(update={"batch_api_mode": "nightly"})
    print_batches(ledger, nightly)
    shown = capsys.readouterr().out
    for name in ("b1", "new"):
        assert f"inbox/{name}: waits for the night (02:00 Europe/Stockholm); at once with `huleedu run`" in shown
    assert "inbox/live: waiting for the daemon" in shown
    assert "inbox/mute: refused: batch mute: prompt.md: is missing" in shown
    ledger.move_batch("b1", BatchStatus.AWAITING_JUDGEMENTS)
    print_batches(ledger, nightly)
    assert "inbox/b1" not in capsys.readouterr().out
    print_batches(ledger, settings)
    assert "inbox/new: waiting for the daemon" in capsys.readouterr().out


def test_a_batch_without_its_assignment_is_blocked_before_anything_is_recorded(
    ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    folder = write_batch(tmp_path / "b1")
    (folder / "prompt.md").write_text("", encoding="utf-8")
    for _ in range(2):
        with pytest.raises(PromptNotAttachedError, match="blocked: prompt_not_attached"):
            take_in(folder, settings)
    assert ledger.count_blocks("prompt_not_attached") == {"cj_assessment": 1}
    assert ledger.batches() == []
    assert not settings.inbox_dir.exists()


def test_settings_that_can_not_be_used_are_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = {
        "HULEEDU_NIGHTLY_TIME_ZONE": "Europe/Lund",
        "HULEEDU_NIGHTLY_AT": "02:00:30",
        "HULEEDU_LLM_BATCH_API_ALLOWED_PROVIDERS": "openai, google",
        "HULEEDU_PREFERRED_BUNDLE_SIZE": "65",
        "HULEEDU_BATCH_API_MODE": "weekly",
    }
    for name, value in wrong.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        Settings.load()
    assert {line.partition(":")[0] for line in str(refused.value).splitlines()} == wrong.keys()


def test_settings_survive_the_way_into_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HULEEDU_LLM_BATCH_API_ALLOWED_PROVIDERS", "anthropic")
    monkeypatch.setenv("HULEEDU_NIGHTLY_AT", "22:15")
    read = Settings.load()
    assert (read.llm_batch_api_allowed_providers, f"{read.nightly_at:%H:%M}") == (("anthropic",), "22:15")
    assert Settings(**read.model_dump(mode="json", exclude_none=True)) == read
