"""`huleedu prompts`: what is shown is what is sent, byte for byte, planned or not."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from huleedu_pipeline.cli.app import app
from huleedu_pipeline.essays import read_batch
from huleedu_pipeline.judging.batching import BATCH_API
from huleedu_pipeline.judging.templates import load_templates
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.providers.planning import plan_comparisons, plan_requests, planned_spec, register
from huleedu_pipeline.providers.rendering import NoSuchPairError, as_text, render_folder, render_planned
from huleedu_pipeline.settings import Settings
from tests.kit import PUPILS, write_batch
from tests.providers.kit import BATCH

JUDGES = [
    {"provider": "openai"},
    {"provider": "openai", "api": "chat_completions", "prompt_template": "usage-guard-1"},
    {"provider": "anthropic", "reason_length": "long", "prompt_template": "language-control-1"},
]


@pytest.fixture
def at_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("HULEEDU_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("HULEEDU_JUDGE_BACKEND", raising=False)
    (tmp_path / "home").mkdir()
    return Settings.load()


def prompts(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["prompts", *arguments])


@pytest.mark.parametrize("judge", JUDGES)
def test_what_a_folder_would_send_is_what_is_recorded_when_it_is_planned(
    judge: dict[str, str], at_home: Settings, tmp_path: Path
) -> None:
    folder = write_batch(tmp_path / BATCH, judge=judge)
    batch = read_batch(folder)
    ledger = Ledger(at_home.ledger_url)
    register(ledger, at_home, batch)
    pairs = plan_comparisons(
        planned_spec(ledger, BATCH), batch.scale, {essay.essay_id: essay.anchor_grade for essay in batch.essays}
    )
    requests = plan_requests(ledger, BATCH, pairs, {essay.essay_id: essay.text for essay in batch.essays})
    for number, request in enumerate(requests, start=1):
        before = render_folder(batch, number, BATCH_API, is_emulated=True)
        assert before == render_planned(ledger, BATCH, number)
        assert before.body == ledger.body(request.custom_id)
    assert before.number == before.n_pairs == len(requests)
    ledger.close()
    by_folder, by_id = (prompts("render", name, "--pair", "2", "--format", "json") for name in (str(folder), BATCH))
    assert by_folder.stdout == by_id.stdout == render_folder(batch, 2, BATCH_API, is_emulated=True).body + "\n"


def test_people_read_every_text_that_a_judge_reads_and_every_parameter(at_home: Settings, tmp_path: Path) -> None:
    for judge in JUDGES:
        batch = read_batch(write_batch(tmp_path / judge["provider"] / str(len(judge)), judge=judge))
        rendered = render_folder(batch, 1, BATCH_API, is_emulated=False)
        told, body = as_text(rendered.body), json.loads(rendered.body)
        assert batch.prompt in told
        assert batch.rubric in told
        assert told.count("<essay label=") == 2
        assert f'"model": "{body["model"]}"' in told
        assert ("cache_control" in told) == (judge["provider"] == "anthropic")
        assert any(text in told for text in PUPILS.values())
        assert json.dumps(body).count("You are an experienced examiner") == told.count("You are an experienced examiner") == 1


@pytest.mark.parametrize("number", [29, 1000])
def test_a_pair_that_there_is_not_is_refused(number: int, tmp_path: Path) -> None:
    batch = read_batch(write_batch(tmp_path / BATCH))
    with pytest.raises(NoSuchPairError, match=f"batch small: has no pair {number} \\(it has 1 to 28\\)"):
        render_folder(batch, number, BATCH_API, is_emulated=True)


def test_people_are_sent_nothing(tmp_path: Path) -> None:
    batch = read_batch(write_batch(tmp_path / BATCH, judge={"provider": "human"}))
    with pytest.raises(NoSuchPairError, match="people judge it, and nothing is sent"):
        render_folder(batch, 1, BATCH_API, is_emulated=True)


def test_a_batch_without_requests_and_an_unknown_one_are_refused(at_home: Settings, tmp_path: Path) -> None:
    ledger = Ledger(at_home.ledger_url)
    register(ledger, at_home, read_batch(write_batch(tmp_path / BATCH)))
    with pytest.raises(NoSuchPairError, match="nothing is planned yet"):
        render_planned(ledger, BATCH, 1)
    ledger.close()
    assert "is not in the ledger" in str(prompts("render", "nobody").exception)


def test_templates_are_listed_and_shown_whole() -> None:
    told = prompts("list").stdout
    assert told.startswith("default-1 (the default): ")
    listed = json.loads(prompts("list", "--format", "json").stdout)
    for template, record in zip(load_templates(), listed, strict=True):
        assert template.sha256 in told
        assert record["sha256"] == template.sha256
        shown = prompts("show", template.name).stdout
        assert all(part in shown for part in (template.system, template.answer.short, template.answer.long, template.sha256))
        assert json.loads(prompts("show", template.name, "--format", "json").stdout)["system"] == template.system
    assert "did you mean 'default-1'" in str(prompts("show", "defalt-1").exception)
