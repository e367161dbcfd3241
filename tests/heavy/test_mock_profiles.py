"""``make mock-profile PROFILE=…``: each mock profile through the whole pipeline, in one of its modes.

Real processes: the emulator, Dagster's daemon and the metrics server. The pipeline takes batches from the inbox, asks, scales
and publishes; what the published tables, the ledger, the emulator's books and the scraped metrics say is held against the
profile's rule, the recorded run, and each other.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pytest

from huleedu_pipeline.providers.emulator.mocks import MOCK_RULES
from huleedu_pipeline.providers.emulator.openai_requests import RESPONSES, read_request
from huleedu_pipeline.providers.traces import TraceSummary, capture, read_summary
from huleedu_pipeline.settings import Settings
from tests.heavy.agreement import assert_metrics_agree
from tests.heavy.kit import BUNDLE_SIZE, Judged, judged_by_the_daemon, write_essays

pytestmark = pytest.mark.heavy

TRACES = Path(__file__).parents[1] / "data" / "llm_traces"
# Share of the profile's time to think that is really waited.
LATENCY_SCALE = 0.25


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
    """A suite that has run, and what its installation came to."""

    suite: Suite
    judged: Judged

    @property
    def n_requests(self) -> int:
        return self.suite.n_batches * self.suite.n_pairs

    @property
    def recording(self) -> TraceSummary:
        return read_summary(TRACES / self.suite.recording)

    @property
    def judgements(self) -> pd.DataFrame:
        return self.judged.tables["llm_judgements"]


@pytest.fixture(scope="module", params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in SUITES])
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    suite, folder = SUITES[request.param], tmp_path_factory.mktemp(request.param)
    settings = Settings(
        home=folder / "home",
        emulator_profile=suite.profile,
        emulator_mock=f"latency_scale={LATENCY_SCALE}",
        emulator_idle_exit_seconds=900,
        preferred_bundle_size=BUNDLE_SIZE,
    ).absolute()
    spec = {"max_comparisons": suite.n_pairs, "llm_batching_mode": suite.mode, "seed": 1}
    batches = [write_essays(folder / f"batch-{n}", suite.n_essays, **spec) for n in range(suite.n_batches)]
    with judged_by_the_daemon(settings, batches) as judged:
        yield Ran(suite, judged)


def test_the_emulator_tells_its_profile(ran: Ran) -> None:
    assert (ran.judged.mock_mode["use_mock_llm"], ran.judged.mock_mode["mock_mode"]) == (True, ran.suite.profile)
    assert ran.judged.mock_mode["is_simulated"] is True


def test_every_batch_is_completed_without_a_failure(ran: Ran) -> None:
    status = ran.judged.tables["batch_status"]
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
    assert ran.judged.tables["cj_rankings"].groupby("batch_id").size().tolist() == [ran.suite.n_essays] * ran.suite.n_batches


def test_every_request_has_one_verdict_marked_as_simulated(ran: Ran) -> None:
    judgements = ran.judgements
    assert len(judgements) == judgements["custom_id"].nunique() == ran.n_requests
    assert set(judgements["outcome"]) == {"success"}
    assert judgements["model"].str.startswith("emulated-").all()
    assert judgements["justification"].str.startswith("Mock verdict").all()
    assert judgements["n_attempts"].eq(1).all()
    pairs = [(batch, frozenset(pair)) for batch, *pair in judgements[["batch_id", "essay_a_id", "essay_b_id"]].to_numpy()]
    assert max(Counter(pairs).values()) == 1


def test_winners_follow_the_profiles_rule_and_lie_near_the_recording(ran: Ran) -> None:
    rule, judgements = MOCK_RULES[ran.suite.profile], ran.judgements
    of_prompt: dict[str, set[str]] = {}
    for row in judgements.to_dict("records"):
        asked = read_request(RESPONSES, json.loads(ran.judged.ledger.body(row["custom_id"])))
        v = int(hashlib.sha256(asked.user.encode()).hexdigest()[:8], 16)
        winner = "essay_a_id" if v % rule.of < rule.a_wins else "essay_b_id"
        assert row["winner_essay_id"] == row[winner]
        of_prompt.setdefault(row["prompt_sha256"], set()).add(row["winner_essay_id"])
    assert all(len(winners) == 1 for winners in of_prompt.values())  # the same in every batch
    share = (judgements["winner_essay_id"] == judgements["essay_a_id"]).mean()
    recorded = ran.recording.winner_counts.get("Essay A", 0) / ran.recording.total_events
    assert abs(share - recorded) <= ran.suite.winner_tolerance


def test_tokens_keep_to_the_floors_and_to_the_recording(ran: Ran) -> None:
    rule, judgements, usage = MOCK_RULES[ran.suite.profile], ran.judgements, ran.recording.token_usage
    assert judgements["input_tokens"].min() >= rule.least_input_tokens
    assert judgements["output_tokens"].min() >= rule.least_output_tokens
    assert abs(judgements["output_tokens"].mean() - usage.completion.mean) <= max(5, 0.5 * usage.completion.mean)
    if ran.suite.profile.startswith("eng5"):  # the generic recording's prompts were five words long
        assert abs(judgements["input_tokens"].mean() - usage.prompt.mean) <= max(5, 0.5 * usage.prompt.mean)


def test_both_books_tell_the_same_of_how_it_was_asked(ran: Ran) -> None:
    jobs, billed = ran.judged.tables["provider_jobs"], ran.judged.books["billed"]["openai"]
    assert billed["requests"] == ran.judged.books["requests_judged"] == ran.n_requests
    assert billed["input_tokens"] == ran.judgements["input_tokens"].sum()
    assert ran.judged.books["batch_jobs_created"] == {"openai": len(jobs), "anthropic": 0}
    live = ran.judged.books["calls"].get("POST /v1/responses", 0)
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
    summary, events = capture(ran.judged.ledger, "batch-0", "heavy")
    assert summary.total_events == ran.suite.n_pairs
    if ran.suite.mode == "provider_batch_api":
        assert summary.response_time_ms is None
        assert ran.judged.scrape("llm_provider_response_duration_seconds_count") == 0
    else:
        assert min(event.response_time_ms or 0.0 for event in events) >= LATENCY_SCALE * rule.latency_ms
        took, n_calls = (ran.judged.scrape(f"llm_provider_response_duration_seconds_{part}") for part in ("sum", "count"))
        assert took / n_calls >= LATENCY_SCALE * rule.latency_ms / 1000


def test_the_metrics_are_what_the_tables_count(ran: Ran) -> None:
    assert_metrics_agree(ran.judged, ran.suite.mode)


def test_the_metrics_are_those_of_the_suite(ran: Ran) -> None:
    scrape, queue_mode = ran.judged.scrape, {"provider_batch_api": "batch_api"}.get(ran.suite.mode, ran.suite.mode)
    assert scrape("cj_llm_requests_total", batching_mode=ran.suite.mode) == ran.n_requests
    assert scrape("cj_llm_batches_started_total", batching_mode=ran.suite.mode) == ran.suite.n_batches
    assert scrape.by("llm_provider_comparison_callbacks_total", "queue_processing_mode", "result") == {
        (queue_mode, "success"): ran.n_requests
    }
    assert scrape.by("llm_provider_errors_total", "error_type") == {}
    rule = MOCK_RULES[ran.suite.profile]
    assert scrape("llm_provider_tokens_used_total", token_type="input") >= ran.n_requests * rule.least_input_tokens
    assert scrape("llm_provider_tokens_used_total", token_type="output") >= ran.n_requests * rule.least_output_tokens
