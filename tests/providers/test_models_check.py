"""`huleedu models`: the real SDKs ask the emulator for its models, and the exit code says what came of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from huleedu_pipeline.cli.app import app
from huleedu_pipeline.judging import served_models
from huleedu_pipeline.judging.manifest import Manifest, manifest
from huleedu_pipeline.judging.served_models import ServedModel
from huleedu_pipeline.providers.anthropic_provider import AnthropicProvider
from huleedu_pipeline.providers.backend import open_provider
from huleedu_pipeline.providers.openai_provider import OpenAIProvider
from huleedu_pipeline.providers.protocols import AmbiguousError
from tests.providers.conformance.run import Account

FAULTS = {"rules": [{"endpoint": "GET /v1/models", "nth": "every", "fault": {"kind": "error", "status": 503}}]}
PAGE = {"rules": [{"endpoint": "GET /v1/models", "nth": "every", "fault": {"kind": "html"}}]}


@pytest.fixture
def at_home(account: Account, monkeypatch: pytest.MonkeyPatch) -> Account:
    monkeypatch.setenv("HULEEDU_HOME", str(account.settings.home))
    monkeypatch.delenv("HULEEDU_JUDGE_BACKEND", raising=False)
    return account


def check(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["models", "check", *arguments])


def without(*names: str) -> Manifest:
    """Return the manifest without some models of providers' families; a default goes to another model."""
    known = manifest()
    kept = {name: entry for name, entry in known.models.items() if name not in names}
    return known.model_copy(update={"models": kept})


def of_family(family: str) -> list[str]:
    return [name for name, entry in manifest().models.items() if entry.family == family]


def with_manifest(monkeypatch: pytest.MonkeyPatch, known: Manifest) -> None:
    monkeypatch.setattr(served_models, "manifest", lambda: known)


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_the_sdks_list_what_the_emulator_serves(provider: str, at_home: Account) -> None:
    served = open_provider(at_home.settings, provider).list_models()
    assert [model.name for model in served] == list(manifest().of_provider(provider))


def test_an_emulator_that_serves_the_manifest_is_up_to_date(at_home: Account) -> None:
    result = check()
    assert result.exit_code == 0, result.output
    assert "openai (the local emulator): serves 21 models; the manifest is up to date" in result.output
    assert "anthropic (the local emulator): serves 15 models; the manifest is up to date" in result.output


@pytest.mark.parametrize(("faults", "says"), [(FAULTS, "the provider answered 503"), (PAGE, "no usable answer")])
def test_a_provider_that_can_not_be_asked_is_2(faults: dict[str, Any], says: str, at_home: Account) -> None:
    at_home.http.put("/admin/faults", json=faults)
    try:
        result = check()
    finally:
        at_home.http.delete("/admin/faults")
    assert result.exit_code == 2
    assert result.stderr.count("could not be asked: listing models: ") == 2
    assert says in result.stderr


def test_a_model_that_is_no_longer_served_is_3(at_home: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    known = manifest()
    more = known.models | {"gpt-6-gone": known.models["gpt-6-sol"]}
    with_manifest(monkeypatch, known.model_copy(update={"models": more}))
    result = check()
    assert result.exit_code == 3
    assert "no longer true: gpt-6-gone: is not served any more" in result.output
    assert check("--provider", "anthropic").exit_code == 0


def test_a_new_variant_of_a_family_is_4(at_home: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    with_manifest(monkeypatch, without("gpt-6-sol"))
    result = check()
    assert result.exit_code == 4
    assert "new in a family of the manifest: gpt-6-sol" in result.output


def test_a_new_family_is_5(at_home: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    with_manifest(monkeypatch, without(*of_family("claude-fable")))
    result = check()
    assert result.exit_code == 5
    assert "of no family in the manifest: claude-fable-5-1" in result.output


def test_what_broke_goes_before_what_failed_and_that_before_what_is_new(
    at_home: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = without("gpt-6-sol", *of_family("claude-fable"))
    with_manifest(monkeypatch, known)
    assert check().exit_code == 4
    gone = known.models | {"gpt-6-gone": known.models["gpt-6-luna"]}
    with_manifest(monkeypatch, known.model_copy(update={"models": gone}))
    assert check().exit_code == 3
    # The second of two calls fails: Anthropic can not be asked.
    fault = {"endpoint": "GET /v1/models", "nth": 2, "count": 1, "fault": {"kind": "error", "status": 500}}
    for listed, code in ((known, 2), (known.model_copy(update={"models": gone}), 3)):
        with_manifest(monkeypatch, listed)
        at_home.http.put("/admin/faults", json={"rules": [fault]})
        try:
            assert check().exit_code == code
        finally:
            at_home.http.delete("/admin/faults")


def test_machines_get_json(at_home: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    with_manifest(monkeypatch, without("gpt-6-sol"))
    result = check("--provider", "openai", "--format", "json")
    assert result.exit_code == 4
    (found,) = json.loads(result.stdout)
    assert found["error"] is None
    assert found["comparison"]["new_variants"] == ["gpt-6-sol"]


def test_a_missing_key_is_2(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HULEEDU_HOME", str(tmp_path))
    monkeypatch.setenv("HULEEDU_JUDGE_BACKEND", "provider")
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    result = check("--provider", "openai")
    assert result.exit_code == 2
    assert "OPENAI_API_KEY: is not set" in result.stderr


def test_the_list_shows_what_is_known_and_what_is_not() -> None:
    told = CliRunner().invoke(app, ["models", "list", "--provider", "openai", "--format", "json"])
    assert told.exit_code == 0
    record = json.loads(told.stdout)
    assert set(record["models"]) == set(manifest().of_provider("openai"))
    assert record["models"]["gpt-6-luna"]["tiers"][0]["input"] == 0.1
    assert record["models"]["gpt-6-luna"]["context_tokens"] is None
    table = CliRunner().invoke(app, ["models", "list"], env={"COLUMNS": "200"}).stdout
    (line,) = [line for line in table.splitlines() if "claude-sonnet-4-5-20250929" in line]
    assert "2026-11-30" in line
    (line,) = [line for line in table.splitlines() if "gpt-6.1-sol" in line]
    assert line.count("unknown") == 7
    assert "openai-sdk: openai 3.51.0: model names and announced shutdowns, read on 2026-11-20" in table


def test_what_providers_say_of_a_model_is_read() -> None:
    assert OpenAIProvider.read_model({"id": "gpt-6-sol", "shutdown_date": "2027-01-14"}) == ServedModel(
        "gpt-6-sol", shutdown=manifest().models["gpt-4o-2024-11-20"].shutdown
    )
    item = {"id": "claude-x", "max_input_tokens": 9, "max_tokens": 8, "retires_at": "2026-11-30T00:00:00Z"}
    assert AnthropicProvider.read_model(item | {"lifecycle": "retired"}) == ServedModel(
        "claude-x", 9, 8, manifest().models["claude-sonnet-4-5-20250929"].shutdown, is_retired=True
    )
    for read in (OpenAIProvider.read_model, AnthropicProvider.read_model):
        with pytest.raises(AmbiguousError, match="without a name"):
            read({"object": "model"})
