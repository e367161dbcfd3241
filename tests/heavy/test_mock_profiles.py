"""``make mock-profile PROFILE=…``: each mock profile through the whole pipeline, in one of its modes.

Real processes: Dagster's daemon and the emulator. The pipeline takes batches from the inbox, asks, scales and publishes; what
the published tables, the ledger and the emulator's books say is held against the profile's rule and the recorded run.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from huleedu_pipeline import open_warehouse
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.providers.emulator.config import ENDPOINT_FILE
from huleedu_pipeline.providers.emulator.mocks import MOCK_RULES
from huleedu_pipeline.providers.emulator.openai_requests import RESPONSES, read_request
from huleedu_pipeline.providers.traces import TraceSummary, capture, read_summary
from huleedu_pipeline.settings import Settings
from tests.emulator.kit import fetch
from tests.heavy.kit import judged_by_the_daemon
from tests.kit import emulator_books, write_batch

pytestmark = pytest.mark.heavy

TRACES = Path(__file__).parents[1] / "data" / "llm_traces"
BUNDLE_SIZE = 16


@dataclass(frozen=True)
class Suite:
    """One profile in one mode: how many batches of how many essays and pairs, and the recorded run with its tolerance."""

    profile: str
    mode: str
    n_batches: int
    n_essays: int
    n_pairs: int
    recording: str
    winner_tolerance: float


_GENERIC = ("cj_generic_batch", 2, 24, 60, "cj_lps_roundtrip_mock_20251205", 0.10)
_ANCHOR = ("eng5_anchor_gpt51_low", 1, 12, 66, "eng5_anchor_align_gpt51_low_20251201", 0.20)
_LOWER5 = ("eng5_lower5_gpt51_low", 3, 5, 10, "eng5_lower5_gpt51_low_20251202", 0.30)
SUITES = {
    f"{name}{ending}": Suite(profile, mode, *sizes)  # type: ignore[arg-type] # the tuples above
    for name, (profile, *sizes) in {"cj-generic": _GENERIC, "eng5-anchor": _ANCHOR, "eng5-lower5": _LOWER5}.items()
    for ending, mode in (("", "serial_bundle"), ("-batch-api", "provider_batch_api"))
}


@dataclass(frozen=True)
class Ran:
    """A suite that has run: its tables, its ledger, and what the emulator says of itself."""

    suite: Suite
    settings: Settings
    ledger: Ledger
    tables: dict[str, pd.DataFrame]
    books: dict[str, Any]
    mock_mode: dict[str, Any]

    @property
    def n_requests(self) -> int:
        return self.suite.n_batches * self.suite.n_pairs

    @property
    def recording(self) -> TraceSummary:
        return read_summary(TRACES / self.suite.recording)


@pytest.fixture(scope="module", params=list(SUITES))
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    suite, folder = SUITES[request.param], tmp_path_factory.mktemp(request.param)
    settings = Settings(
        home=folder / "home",
        emulator_profile=suite.profile,
        emulator_idle_exit_seconds=900,
        preferred_bundle_size=BUNDLE_SIZE,
    ).absolute()
    batches = [_write(folder / f"batch-{n}", suite) for n in range(suite.n_batches)]
    with judged_by_the_daemon(settings, batches) as ledger:
        base_url = json.loads((settings.emulator_dir / ENDPOINT_FILE).read_text(encoding="utf-8"))["base_url"]
        with open_warehouse(settings.warehouse_path) as warehouse:
            names = ("batch_status", "llm_judgements", "provider_jobs", "cj_rankings")
            tables = {name: warehouse.frame(name) for name in names}
        yield Ran(suite, settings, ledger, tables, emulator_books(settings.emulator_dir), fetch(f"{base_url}/admin/mock-mode"))


def _write(folder: Path, suite: Suite) -> Path:
    spec = {"max_comparisons": suite.n_pairs, "llm_batching_mode": suite.mode, "seed": 1}
    path = write_batch(folder, anchors={}, **spec)
    for essay in (path / "essays").iterdir():
        essay.unlink()
    for n in range(suite.n_essays):
        (path / "essays" / f"synthetic{n:02}.txt").write_text(f"This is the only sentence of essay {n}.\n", encoding="utf-8")
    return path


def test_the_emulator_tells_its_profile(ran: Ran) -> None:
    assert (ran.mock_mode["use_mock_llm"], ran.mock_mode["mock_mode"]) == (True, ran.suite.profile)
    assert ran.mock_mode["is_simulated"] is True


def test_every_batch_is_completed_without_a_failure(ran: Ran) -> None:
    status = ran.tables["batch_status"]
    assert len(status) == ran.suite.n_batches
    for row in status.to_dict("records"):
        assert row["client_status"] == "completed_successfully"
        assert row["llm_batching_mode"] == ran.suite.mode
        assert (row["n_requests"], row["n_succeeded"], row["n_failed"], row["n_expired"]) == ((ran.suite.n_pairs,) * 2 + (0, 0))
        assert row["completed_at"] is not None
        metadata = json.loads(row["processing_metadata"])
        assert metadata["llm_batching_mode"] == ran.suite.mode
        overrides = metadata["original_request"]["batch_config_overrides"]
        assert overrides["llm_batching_mode_override"] == ran.suite.mode
    assert ran.tables["cj_rankings"].groupby("batch_id").size().tolist() == [ran.suite.n_essays] * ran.suite.n_batches


def test_every_request_has_one_verdict_marked_as_simulated(ran: Ran) -> None:
    judgements = ran.tables["llm_judgements"]
    assert len(judgements) == judgements["custom_id"].nunique() == ran.n_requests
    assert set(judgements["outcome"]) == {"success"}
    assert judgements["model"].str.startswith("emulated-").all()
    assert judgements["justification"].str.startswith("Mock verdict").all()
    assert judgements["n_attempts"].eq(1).all()
    pairs = [(batch, frozenset(pair)) for batch, *pair in judgements[["batch_id", "essay_a_id", "essay_b_id"]].to_numpy()]
    assert max(Counter(pairs).values()) == 1


def test_winners_follow_the_profiles_rule_and_lie_near_the_recording(ran: Ran) -> None:
    rule, judgements = MOCK_RULES[ran.suite.profile], ran.tables["llm_judgements"]
    of_prompt: dict[str, set[str]] = {}
    for row in judgements.to_dict("records"):
        asked = read_request(RESPONSES, json.loads(ran.ledger.body(row["custom_id"])))
        v = int(hashlib.sha256(asked.user.encode()).hexdigest()[:8], 16)
        winner = "essay_a_id" if v % rule.of < rule.a_wins else "essay_b_id"
        assert row["winner_essay_id"] == row[winner]
        of_prompt.setdefault(row["prompt_sha256"], set()).add(row["winner_essay_id"])
    assert all(len(winners) == 1 for winners in of_prompt.values())  # the same in every batch
    share = (judgements["winner_essay_id"] == judgements["essay_a_id"]).mean()
    recorded = ran.recording.winner_counts.get("Essay A", 0) / ran.recording.total_events
    assert abs(share - recorded) <= ran.suite.winner_tolerance


def test_tokens_keep_to_the_floors_and_to_the_recording(ran: Ran) -> None:
    rule, judgements, usage = MOCK_RULES[ran.suite.profile], ran.tables["llm_judgements"], ran.recording.token_usage
    assert judgements["input_tokens"].min() >= rule.least_input_tokens
    assert judgements["output_tokens"].min() >= rule.least_output_tokens
    assert abs(judgements["output_tokens"].mean() - usage.completion.mean) <= max(5, 0.5 * usage.completion.mean)
    if ran.suite.profile.startswith("eng5"):  # the generic recording's prompts were five words long
        assert abs(judgements["input_tokens"].mean() - usage.prompt.mean) <= max(5, 0.5 * usage.prompt.mean)


def test_both_books_tell_the_same_of_how_it_was_asked(ran: Ran) -> None:
    jobs, billed = ran.tables["provider_jobs"], ran.books["billed"]["openai"]
    assert billed["requests"] == ran.books["requests_judged"] == ran.n_requests
    assert billed["input_tokens"] == ran.tables["llm_judgements"]["input_tokens"].sum()
    assert ran.books["batch_jobs_created"] == {"openai": len(jobs), "anthropic": 0}
    live = ran.books["calls"].get("POST /v1/responses", 0)
    if ran.suite.mode == "provider_batch_api":
        assert len(jobs) >= ran.suite.n_batches
        assert set(jobs["status"]) == {"collected"}
        assert jobs.groupby("batch_id")["n_requests"].sum().tolist() == [ran.suite.n_pairs] * ran.suite.n_batches
        assert (jobs["collected_at"] >= jobs["submitted_at"]).all()
        assert live == 0
    else:
        assert (len(jobs), live) == (0, ran.n_requests)


def test_live_answers_take_as_long_as_the_profile_thinks_and_batch_jobs_have_no_times(ran: Ran) -> None:
    rule = MOCK_RULES[ran.suite.profile]
    summary, events = capture(ran.ledger, "batch-0", "heavy")
    assert summary.total_events == ran.suite.n_pairs
    if ran.suite.mode == "provider_batch_api":
        assert summary.response_time_ms is None
    else:
        assert min(event.response_time_ms or 0.0 for event in events) >= rule.latency_ms
