"""Which server judges: one setting decides, keys come from the environment and go nowhere else."""

from pathlib import Path

import httpx2
import pytest

from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.providers.advance import advance_batch
from huleedu_pipeline.providers.backend import JudgeBackendMismatchError, endpoint
from huleedu_pipeline.providers.http import json_object, translated
from huleedu_pipeline.providers.keys import MissingKeyError
from huleedu_pipeline.providers.planning import register
from huleedu_pipeline.providers.protocols import AmbiguousError, ProviderError
from huleedu_pipeline.settings import Settings
from tests.kit import emulator_books
from tests.providers.kit import BATCH, N_PAIRS, plan


def test_the_emulator_is_the_default_and_real_keys_and_addresses_are_not_looked_at(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, ledger: Ledger, tmp_path: Path
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-real")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/never")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    where = endpoint(settings, "openai")
    assert where.is_emulated
    assert where.base_url.startswith("http://127.0.0.1:")
    assert where.api_key == "emulator"
    plan(ledger, settings, tmp_path, llm_batching_mode="per_request")
    assert advance_batch(ledger, settings, BATCH).tally.n_succeeded == N_PAIRS


@pytest.mark.parametrize(("provider", "variable"), [("openai", "OPENAI_API_KEY"), ("anthropic", "ANTHROPIC_API_KEY")])
def test_the_real_provider_needs_a_key_and_says_which(provider: str, variable: str) -> None:
    with pytest.raises(
        MissingKeyError, match=f"{variable}: is not set, nor {variable}_FILE, .*set it, or unset HULEEDU_JUDGE_BACKEND"
    ):
        endpoint(Settings(judge_backend="provider"), provider)


def test_the_real_provider_is_reached_where_the_settings_say_whatever_the_sdks_variables_say(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/never")
    own = endpoint(Settings(judge_backend="provider", openai_base_url="http://127.0.0.1:8000/v1"), "openai")
    assert (own.base_url, own.api_key, own.is_emulated) == ("http://127.0.0.1:8000/v1", "sk-secret", False)
    assert endpoint(Settings(judge_backend="provider"), "openai").base_url == "https://api.openai.com/v1"


def test_a_key_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    assert "sk-secret" not in repr(endpoint(Settings(judge_backend="provider"), "openai"))
    assert "sk-secret" not in Settings(judge_backend="provider").model_dump_json()


def test_a_planned_batch_does_not_change_its_backend(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    plan(ledger, settings, tmp_path)
    other = settings.model_copy(update={"judge_backend": "provider"})
    with pytest.raises(JudgeBackendMismatchError, match="planned for HULEEDU_JUDGE_BACKEND=emulator .* now provider"):
        advance_batch(ledger, other, BATCH)


def test_a_batch_that_was_not_planned_yet_may_change_its_backend(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    from huleedu_pipeline.essays import read_batch
    from tests.kit import write_batch

    batch = read_batch(write_batch(tmp_path / BATCH))
    register(ledger, settings, batch)
    register(ledger, settings.model_copy(update={"judge_backend": "provider"}), batch)
    assert ledger.batch(BATCH).judge_backend == "provider"


def test_creating_a_job_is_never_repeated_by_the_sdk(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    plan(ledger, settings, tmp_path)
    advance_batch(ledger, settings, BATCH)
    assert emulator_books(settings.emulator_dir)["batch_create_retries"] == {"openai": 0, "anthropic": 0}


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("x"), AttributeError("x"), OSError("x"), httpx2.ReadTimeout("x")])
def test_whatever_an_sdk_raises_becomes_an_error_of_ours(error: Exception) -> None:
    with pytest.raises(AmbiguousError, match="trying: no usable answer"), translated("trying"):
        raise error


def test_what_a_test_means_by_stopping_is_not_swallowed() -> None:
    with pytest.raises(KeyboardInterrupt), translated("trying"):
        raise KeyboardInterrupt


@pytest.mark.parametrize("content", [b"<html>", b"[]", b'""', b"", b'{"id": "x"'])
def test_an_answer_that_is_no_json_object_proves_nothing(content: bytes) -> None:
    response = httpx2.Response(200, content=content, request=httpx2.Request("POST", "http://127.0.0.1/v1/batches"))
    with pytest.raises(ProviderError, match="/v1/batches: the answer is no JSON object"):
        json_object(response)
