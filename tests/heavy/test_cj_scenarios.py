"""``make suite-cj SCENARIO=…``: whole batches through the pipeline, held against what the scenario must come to.

Real processes: the emulator, Dagster's daemon and the metrics server. Asserted are the published tables, the ledger and the
metrics as they are scraped. The judge is a mock profile, so nothing here says anything about essays.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pytest

from huleedu_pipeline.comparisons.exposure import MAX_SKEW, exposures
from huleedu_pipeline.essays.overrides import NO_OVERRIDES, Overrides
from huleedu_pipeline.settings import Settings
from tests.heavy.agreement import assert_metrics_agree
from tests.heavy.kit import BUNDLE_SIZE, Judged, judged_by_the_daemon, write_essays

pytestmark = pytest.mark.heavy

REGULAR, LOWER5 = "cj_generic_batch", "eng5_lower5_gpt51_low"
SERIAL, JOBS = "serial_bundle", "provider_batch_api"
# Above any budget here: what is to be seen is the end of the graph and the caps, and no stopping early.
NEVER_STABLE = {"min_comparisons_for_stability_check": 10_000}


@dataclass(frozen=True)
class Expected:
    """What one batch of a scenario must come to; ``decisions`` are those after its waves, with their reasons."""

    n_essays: int
    n_possible_pairs: int
    budget: int
    n_requests: int
    n_pairs: int
    n_resampling_passes: int
    decisions: list[tuple[str, str]]


@dataclass(frozen=True)
class Scenario:
    """An installation's profile and mode, and its batches: what stands in each ``batch.yaml``, and what must come of it."""

    profile: str
    mode: str
    specs: dict[str, dict[str, Any]]
    expected: dict[str, Expected]
    overrides: Overrides = NO_OVERRIDES
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def n_requests(self) -> int:
        return sum(batch.n_requests for batch in self.expected.values())


COVERAGE, RESAMPLING = ("REQUEST_MORE_COMPARISONS", "coverage"), ("REQUEST_MORE_COMPARISONS", "resampling")
EXHAUSTED, CAPPED = ("FINALIZE_SCORING", "graph_exhausted"), ("FINALIZE_SCORING", "max_comparisons")
SCENARIOS = {
    "regular": Scenario(
        REGULAR,
        SERIAL,
        {"regular": {"max_comparisons": 192, "llm_batching_mode": SERIAL, **NEVER_STABLE}},
        {"regular": Expected(24, 276, 192, 192, 192, 0, [COVERAGE] * 3 + [CAPPED])},
    ),
    # Four essays are no small net: the rule is seen on both sides.
    "small-net": Scenario(
        LOWER5,
        SERIAL,
        {
            "three": {"max_comparisons": 100, "llm_batching_mode": SERIAL, **NEVER_STABLE},
            "four": {"max_comparisons": 100, "llm_batching_mode": SERIAL, **NEVER_STABLE},
        },
        {
            "three": Expected(3, 3, 100, 15, 3, 4, [RESAMPLING] * 4 + [EXHAUSTED]),
            "four": Expected(4, 6, 100, 12, 6, 1, [RESAMPLING, EXHAUSTED]),
        },
        settings={"emulator_mock": "latency_scale=0"},
    ),
    "resampling": Scenario(
        REGULAR,
        SERIAL,
        {"resampling": {"max_comparisons": 600, "llm_batching_mode": SERIAL, **NEVER_STABLE}},
        {"resampling": Expected(24, 276, 600, 552, 276, 1, [COVERAGE, RESAMPLING, EXHAUSTED])},
    ),
    # The installation and batch.yaml name another mode: what whoever runs the batch asks for is what counts.
    "batch-api": Scenario(
        REGULAR,
        JOBS,
        {"batch-api": {"max_comparisons": 60, "llm_batching_mode": SERIAL}},
        {"batch-api": Expected(24, 276, 60, 60, 60, 0, [("FINALIZE_SCORING", "single_wave_complete")])},
        overrides=Overrides(fields={"llm_batching_mode": JOBS}),
        settings={"llm_batching_mode": SERIAL},
    ),
}


@dataclass(frozen=True)
class Ran:
    """A scenario that has run."""

    scenario: Scenario
    judged: Judged

    def rows(self, table: str, batch_id: str) -> pd.DataFrame:
        frame = self.judged.tables[table]
        return frame[frame["batch_id"] == batch_id]


@pytest.fixture(scope="module", params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in SCENARIOS])
def ran(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    scenario, folder = SCENARIOS[request.param], tmp_path_factory.mktemp(request.param)
    settings = Settings(
        home=folder / "home",
        emulator_profile=scenario.profile,
        emulator_idle_exit_seconds=900,
        preferred_bundle_size=BUNDLE_SIZE,
        **scenario.settings,
    ).absolute()
    batches = [
        write_essays(folder / name, scenario.expected[name].n_essays, seed=1, **spec) for name, spec in scenario.specs.items()
    ]
    with judged_by_the_daemon(settings, batches, scenario.overrides) as judged:
        yield Ran(scenario, judged)


def test_every_batch_is_completed_within_its_budget_and_without_a_failure(ran: Ran) -> None:
    assert set(ran.judged.tables["batch_status"]["batch_id"]) == ran.scenario.expected.keys()
    for batch_id, expected in ran.scenario.expected.items():
        (status,) = ran.rows("batch_status", batch_id).to_dict("records")
        assert status["client_status"] == "completed_successfully"
        assert status["n_essays"] == expected.n_essays == len(ran.rows("cj_rankings", batch_id))
        assert (status["n_failed"], status["n_expired"]) == (0, 0)
        assert status["n_requests"] == status["n_succeeded"] == expected.n_requests <= expected.budget
        assert len(ran.rows("llm_judgements", batch_id)) == len(ran.rows("judge_requests", batch_id)) == expected.n_requests
        assert not pd.isna(status["completed_at"])


def test_the_mode_is_the_one_that_was_asked_for_and_is_stored_with_the_request(ran: Ran) -> None:
    for row in ran.judged.tables["batch_status"].to_dict("records"):
        assert row["llm_batching_mode"] == ran.scenario.mode
        metadata = json.loads(row["processing_metadata"])
        assert metadata["llm_batching_mode"] == ran.scenario.mode
        overrides = metadata["original_request"]["batch_config_overrides"]
        assert overrides["llm_batching_mode_override"] == ran.scenario.mode


def test_waves_follow_the_rules_to_the_end(ran: Ran) -> None:
    for batch_id, expected in ran.scenario.expected.items():
        waves = ran.rows("wave_decisions", batch_id).sort_values("wave")
        assert [(row.decision, row.reason) for row in waves.itertuples()] == expected.decisions
        last = waves.iloc[-1]
        assert round(last["n_pairs_judged"] / last["coverage_fraction"]) == expected.n_possible_pairs
        assert last["n_pairs_judged"] == expected.n_pairs
        assert last["n_resampling_passes"] == expected.n_resampling_passes
        is_small = expected.n_essays <= last["min_resampling_net_size"]
        net = "small_net" if is_small else "regular_batch"
        assert last["n_resampling_passes"] <= last[f"max_resampling_passes_for_{net}"]
        assert last["budget_remaining"] == expected.budget - expected.n_requests


def test_pairs_come_again_only_in_a_pass_of_their_own_and_then_the_other_way_round(ran: Ran) -> None:
    for batch_id, expected in ran.scenario.expected.items():
        judgements = ran.rows("llm_judgements", batch_id)
        shown = list(zip(judgements["essay_a_id"], judgements["essay_b_id"], strict=True))
        times = pd.Series([frozenset(pair) for pair in shown]).value_counts()
        assert len(times) == expected.n_pairs
        assert set(times) == {1 + expected.n_resampling_passes}
        for first, second in set(shown):
            assert abs(shown.count((first, second)) - shown.count((second, first))) <= 1


def test_every_essay_is_shown_about_as_often_first_as_second(ran: Ran) -> None:
    for batch_id, expected in ran.scenario.expected.items():
        judgements = ran.rows("llm_judgements", batch_id)
        found = exposures(zip(judgements["essay_a_id"], judgements["essay_b_id"], strict=True))
        assert len(found) == expected.n_essays
        assert max(one.skew for one in found) <= MAX_SKEW


def test_nothing_was_asked_twice_and_nothing_else_was_asked(ran: Ran) -> None:
    judgements, books = ran.judged.tables["llm_judgements"], ran.judged.books
    assert judgements["custom_id"].is_unique
    assert judgements["n_attempts"].eq(1).all()
    assert books["requests_judged"] == books["billed"]["openai"]["requests"] == ran.scenario.n_requests
    live = books["calls"].get("POST /v1/responses", 0)
    n_jobs = len(ran.judged.tables["provider_jobs"])
    assert books["batch_jobs_created"] == {"openai": n_jobs, "anthropic": 0}
    assert (live, n_jobs > 0) == ((0, True) if ran.scenario.mode == JOBS else (ran.scenario.n_requests, False))


def test_the_judge_is_shown_as_a_simulation(ran: Ran) -> None:
    assert ran.judged.mock_mode["mock_mode"] == ran.scenario.profile
    assert ran.judged.tables["llm_judgements"]["model"].str.startswith("emulated-").all()
    models = {dict(labels)["model"] for labels in ran.judged.scrape.samples["llm_provider_requests_total"]}
    assert models
    assert all(model.startswith("emulated-") for model in models)


def test_the_metrics_are_what_the_tables_count(ran: Ran) -> None:
    assert_metrics_agree(ran.judged, ran.scenario.mode)


def test_the_metrics_are_those_of_the_scenario(ran: Ran) -> None:
    scrape, mode = ran.judged.scrape, ran.scenario.mode
    batches = ran.scenario.expected.values()
    queue_mode = {JOBS: "batch_api", SERIAL: "serial_bundle"}[mode]
    assert scrape("cj_llm_requests_total", batching_mode=mode) == ran.scenario.n_requests
    assert scrape("cj_llm_batches_started_total", batching_mode=mode) == len(batches)
    assert scrape.by("llm_provider_comparison_callbacks_total", "queue_processing_mode", "result") == {
        (queue_mode, "success"): ran.scenario.n_requests
    }
    assert scrape.by("cj_failed_comparisons_total", "failure_reason") == {}
    assert scrape("huleedu_cj_comparisons_made_sum") == ran.scenario.n_requests
    assert scrape("cj_iterations_per_batch_sum") == sum(len(batch.decisions) for batch in batches)
    items, jobs = "llm_provider_batch_api_items_per_job", "llm_provider_batch_api_jobs_total"
    if mode == JOBS:
        assert scrape(jobs, status="scheduled") == scrape(jobs, status="completed") >= 1
        assert scrape(f"{items}_sum") == ran.scenario.n_requests
    else:
        assert scrape(f"{items}_sum") == 0
