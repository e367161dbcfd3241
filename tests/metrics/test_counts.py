"""After real runs in all three modes, with faults, every number is the one that is counted by hand from the tables."""

import pytest

from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.metrics import METRICS
from tests.metrics.by_hand import BY_HAND, ELSEWHERE, ENDED, MODE
from tests.metrics.kit import Scrape, count, drift


@pytest.fixture(scope="module")
def scrape(judged: Ledger) -> Scrape:
    return Scrape.of(judged)


@pytest.mark.parametrize("shown", BY_HAND, ids="-".join)
def test_a_number_is_the_one_that_is_counted_by_hand(judged: Ledger, scrape: Scrape, shown: tuple[str, ...]) -> None:
    name, *labels = shown
    assert scrape.by(name, *labels) == count(judged, BY_HAND[shown])


def test_every_metric_is_counted_by_hand() -> None:
    counted = {name for name, *_ in BY_HAND}
    assert [
        metric.name
        for metric in METRICS
        if metric.name not in ELSEWHERE and not counted & {metric.name, f"{metric.name}_count", f"{metric.name}_sum"}
    ] == []


def test_the_sums_that_the_database_keeps_are_those_of_a_recount(judged: Ledger) -> None:
    assert drift(judged) == []


def test_the_faults_are_seen_in_the_numbers(scrape: Scrape) -> None:
    assert scrape("llm_provider_batch_api_jobs_total", status="scheduled") == 2
    assert scrape("llm_provider_batch_api_jobs_total", status="expired") == 1
    assert scrape("llm_provider_queue_expiry_total", expiry_reason="ttl") > 0
    assert scrape("llm_provider_errors_total", error_type="invalid_verdict") > 0
    assert scrape("llm_provider_errors_total", error_type="no_answer") == 1
    assert scrape("cj_failed_comparisons_total", failure_reason="refusal") > 0
    assert scrape("llm_provider_prompt_cache_events_total", result="hit") > 0
    assert scrape("cj_stuck_batches_failed_total") == 1
    assert scrape("llm_provider_prompt_cache_tokens_total", direction="read") > 0
    assert scrape("huleedu_cj_prompt_fetch_failures_total", reason="missing_entry") == 1
    assert scrape("huleedu_cj_prompt_fetch_failures_total", reason="empty_content") == 1
    assert scrape("huleedu_bcs_prompt_prerequisite_blocked_total") == 1
    assert scrape("cj_admin_instruction_operations_total", status="refused") == 1
    for decision in ("WAIT_FOR_CALLBACKS", "REQUEST_MORE_COMPARISONS", "FINALIZE_SCORING"):
        assert scrape("cj_workflow_decisions_total", decision=decision) > 0


def test_jobs_that_are_scheduled_end_and_their_requests_come_back(scrape: Scrape) -> None:
    ended = scrape("llm_provider_batch_api_jobs_total") - scrape("llm_provider_batch_api_jobs_total", status="scheduled")
    assert ended == scrape("llm_provider_batch_api_jobs_total", status="scheduled")
    assert scrape("llm_provider_comparison_callbacks_total", queue_processing_mode="batch_api") == 28
    assert scrape("cj_llm_requests_total", batching_mode="serial_bundle") == 28
    assert scrape("llm_provider_comparison_callbacks_total", queue_processing_mode="serial_bundle") == 28


def test_the_cost_is_the_sum_of_all_attempts(judged: Ledger, scrape: Scrape) -> None:
    by_hand = count(judged, f"SELECT r.provider, r.model, sum(a.cost_usd) {ENDED} GROUP BY 1, 2")
    scraped = scrape.by("llm_provider_cost_dollars_total", "provider", "model")
    assert scraped.keys() == by_hand.keys()
    assert {key: value / by_hand[key] for key, value in scraped.items()} == {key: pytest.approx(1) for key in by_hand}


def test_simulated_judges_are_labelled_as_simulated(scrape: Scrape) -> None:
    models = {dict(labels)["model"] for labels in scrape.samples["llm_provider_requests_total"]}
    assert models
    assert all(model.startswith("emulated-") for model in models)


def test_waiting_is_waiting_only(judged: Ledger, scrape: Scrape) -> None:
    by_hand = count(judged, f"SELECT {MODE}, max(a.accepted_at), count(*) {ENDED} AND a.accepted_at > a.sent_at GROUP BY 1")
    # A provider tells when it took a job in whole seconds, so that may seem to be before it was sent.
    assert {key[0] for key in by_hand} <= {"batch_api"}
    waited = scrape("llm_provider_queue_wait_time_seconds_sum")
    processed = scrape("llm_provider_queue_processing_time_seconds_sum", provider="openai")
    assert waited >= 0
    assert processed > 0


def test_the_queue_is_empty_when_everything_has_ended(scrape: Scrape) -> None:
    assert scrape("llm_provider_queue_depth", queue_type="total") == 0
    assert scrape("cj_batch_progress_percentage") == 100
    assert scrape("cj_stuck_batches_detected") == 0
