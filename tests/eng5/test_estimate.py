"""What a plan expects and what the ledger says afterwards, on the example: both providers, batch jobs and live calls."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from huleedu_pipeline.cli.app import app
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.providers.emulator.launcher import stop_emulator
from huleedu_pipeline.settings import Settings

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "eng5-role-model"
MOST_APART = 0.10
N = 120


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """An empty installation, which both providers and modes share."""
    folder = tmp_path_factory.mktemp("estimate") / "home"
    yield folder
    stop_emulator(folder / "emulator")


@pytest.fixture(autouse=True)
def _in_that_installation(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HULEEDU_HOME", str(home))
    monkeypatch.setenv("HULEEDU_EMULATOR_SECONDS_PER_JOB", "0.3")
    monkeypatch.setenv("HULEEDU_POLL_INTERVAL_SECONDS", "0.1")


def planned(*options: str) -> dict[str, Any]:
    shown = CliRunner().invoke(app, ["eng5", "plan", str(EXAMPLE), *options, "--format", "json"], catch_exceptions=False)
    found: dict[str, Any] = json.loads(shown.stdout)
    return found


@pytest.mark.parametrize("mode", ["provider_batch_api", "per_request"])
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_the_estimate_is_within_a_tenth_of_the_ledger(home: Path, provider: str, mode: str) -> None:
    batch_id = f"{provider}-{mode}".replace("_", "-")
    options = ["--llm-provider", provider, "--llm-batching-mode", mode, "--batch-id", batch_id, "--max-comparisons", str(N)]
    plan = planned(*options)
    done = CliRunner().invoke(app, ["eng5", "execute", str(EXAMPLE), *options, "--await-completion"])
    assert done.exit_code == 0, (done.output, done.exception)
    ledger = Ledger(Settings(home=home).ledger_url)
    try:
        tally = ledger.tally(batch_id)
    finally:
        ledger.close()
    usd = {(price["is_batch"], price["has_cached_prefix"]): price["usd"] for price in plan["prices"]}
    assert tally.n_requests == plan["n_comparisons"] == N
    # The emulator keeps no cache.
    for expected, seen in (
        (plan["input_tokens"], tally.input_tokens),
        (plan["input_tokens"] + plan["output_tokens"], tally.input_tokens + tally.output_tokens),
        (usd[mode == "provider_batch_api", False], tally.cost_usd),
    ):
        assert expected == pytest.approx(seen, rel=MOST_APART)
    again = planned(*options, "--seed", "2")
    assert again["measured_replies"]["n_replies"] >= N
    assert again["measured_replies"]["model"].startswith("emulated-")
    assert again["output_tokens"] == pytest.approx(tally.output_tokens, rel=0.03)
