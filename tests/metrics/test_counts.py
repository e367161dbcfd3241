"""After real runs in all three modes, with faults, every number is the one that is counted by hand from the tables."""

import pytest

from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.metrics import METRICS
from tests.metrics.kit import Scrape, count, drift

ATTEMPTS = "FROM attempts a JOIN requests r ON r.custom_id = a.custom_id JOIN batches b ON b.batch_id = r.batch_id"
ENDED = f"{ATTEMPTS} WHERE a.ended_at IS NOT NULL AND r.provider <> 'human'"
MODE = "CASE b.llm_batching_mode WHEN 'provider_batch_api' THEN 'batch_api' ELSE b.llm_batching_mode END"
EVENTS = "FROM provider_job_events e JOIN provider_jobs j ON j.token = e.token"
JOB_STATUS = "CASE e.to_state WHEN 'submitted' THEN 'scheduled' WHEN 'ended' THEN 'completed' ELSE e.to_state END"
RANKED = "status IN ('completed_stable', 'completed_max_comparisons', 'completed_forced_recovery')"
REPLIED = "(a.outcome = 'success' OR a.error_code NOT IN ('not_run', 'no_answer') AND a.sent_at IS NOT NULL)"

# Name and labels of what is scraped, and the same counted by hand: the labels, and the number last.
BY_HAND: dict[tuple[str, ...], str] = {
    ("llm_provider_batch_api_jobs_total", "provider", "model", "status"): (
        f"SELECT j.provider, j.model, {JOB_STATUS}, count(*) {EVENTS} "
        "WHERE e.to_state IN ('submitted', 'ended', 'failed', 'expired', 'cancelled') GROUP BY 1, 2, 3"
    ),
    ("llm_provider_batch_api_items_per_job_count", "provider", "model"): (
        f"SELECT j.provider, j.model, count(*) {EVENTS} WHERE e.to_state = 'submitted' GROUP BY 1, 2"
    ),
    ("llm_provider_batch_api_items_per_job_sum", "provider", "model"): (
        f"SELECT j.provider, j.model, sum(j.n_requests) {EVENTS} WHERE e.to_state = 'submitted' GROUP BY 1, 2"
    ),
    ("llm_provider_batch_api_job_duration_seconds_count", "provider", "model"): (
        f"SELECT j.provider, j.model, count(*) {EVENTS} WHERE e.to_state IN ('ended', 'failed', 'expired', 'cancelled') "
        "GROUP BY 1, 2"
    ),
    ("llm_provider_queue_wait_time_seconds_count", "queue_processing_mode", "result"): (
        f"SELECT {MODE}, a.outcome, count(*) {ENDED} AND (a.error_code IS NULL OR a.error_code <> 'not_run') GROUP BY 1, 2"
    ),
    ("llm_provider_queue_processing_time_seconds_count", "provider", "status"): (
        f"SELECT r.provider, a.outcome, count(*) {ENDED} AND {REPLIED} GROUP BY 1, 2"
    ),
    ("llm_provider_comparison_callbacks_total", "queue_processing_mode", "result"): (
        f"SELECT {MODE}, a.outcome, count(*) {ENDED} AND a.is_final GROUP BY 1, 2"
    ),
    ("llm_provider_queue_expiry_total", "provider", "queue_processing_mode", "expiry_reason"): (
        f"SELECT r.provider, {MODE}, 'ttl', count(*) {ENDED} AND a.outcome = 'expired' GROUP BY 1, 2"
    ),
    ("llm_provider_queue_expiry_age_seconds_count", "provider", "queue_processing_mode"): (
        f"SELECT r.provider, {MODE}, count(*) {ENDED} AND a.outcome = 'expired' GROUP BY 1, 2"
    ),
    ("llm_provider_serial_bundle_calls_total", "provider", "model"): (
        "SELECT provider, model, count(*) FROM serial_bundles GROUP BY 1, 2"
    ),
    ("llm_provider_serial_bundle_items_per_call_sum", "provider", "model"): (
        f"SELECT r.provider, r.model, count(*) {ENDED} AND b.llm_batching_mode = 'serial_bundle' GROUP BY 1, 2"
    ),
    ("llm_provider_requests_total", "provider", "model", "status"): (
        "SELECT provider, model, 'queued', count(*) FROM requests GROUP BY 1, 2 "
        f"UNION ALL SELECT r.provider, r.model, a.outcome, count(*) {ENDED} AND a.is_final GROUP BY 1, 2, 3"
    ),
    ("llm_provider_errors_total", "provider", "model", "error_type"): (
        f"SELECT r.provider, r.model, a.error_code, count(*) {ENDED} AND a.error_code IS NOT NULL GROUP BY 1, 2, 3"
    ),
    ("llm_provider_tokens_used_total", "provider", "model", "token_type"): (
        f"SELECT r.provider, r.model, 'input', sum(a.input_tokens) {ENDED} GROUP BY 1, 2 "
        f"UNION ALL SELECT r.provider, r.model, 'output', sum(a.output_tokens) {ENDED} GROUP BY 1, 2"
    ),
    ("llm_provider_response_duration_seconds_count", "provider", "model"): (
        f"SELECT r.provider, r.model, count(*) {ENDED} AND a.job_token IS NULL AND {REPLIED} GROUP BY 1, 2"
    ),
    ("llm_provider_prompt_cache_events_total", "provider", "model"): (
        f"SELECT r.provider, r.model, count(*) {ENDED} AND a.input_tokens > 0 GROUP BY 1, 2"
    ),
    ("llm_provider_prompt_cache_events_total", "result"): (
        f"SELECT a.cache_result, count(*) {ENDED} AND a.cache_result IS NOT NULL GROUP BY 1"
    ),
    ("llm_provider_prompt_cache_tokens_total", "provider", "direction"): (
        f"SELECT r.provider, 'read', sum(a.cached_input_tokens) {ENDED} GROUP BY 1 "
        "UNION ALL SELECT r.provider, 'write', sum(a.cache_write_5m_tokens + a.cache_write_30m_tokens "
        f"+ a.cache_write_1h_tokens + a.cache_write_12h_tokens) {ENDED} GROUP BY 1"
    ),
    ("cj_llm_requests_total", "batching_mode"): (
        "SELECT b.llm_batching_mode, count(*) FROM requests r JOIN batches b ON b.batch_id = r.batch_id GROUP BY 1"
    ),
    ("cj_llm_batches_started_total", "batching_mode"): (
        "SELECT b.llm_batching_mode, count(DISTINCT b.batch_id) FROM requests r JOIN batches b ON b.batch_id = r.batch_id "
        "GROUP BY 1"
    ),
    ("cj_workflow_decisions_total", "decision"): "SELECT decision, count(*) FROM workflow_decisions GROUP BY 1",
    ("cj_bt_se_inflated_batches_total",): "SELECT count(*) FROM scalings WHERE mean_theta_se > 0.4 OR max_theta_se > 0.8",
    ("cj_bt_sparse_coverage_batches_total",): "SELECT count(*) FROM scalings WHERE 2.0 * n_comparisons < n_essays",
    ("cj_callbacks_processed_total", "status"): f"SELECT a.outcome, count(*) {ENDED} GROUP BY 1",
    ("cj_comparisons_total", "status"): "SELECT outcome, count(*) FROM attempts WHERE is_final GROUP BY 1",
    ("cj_failed_comparisons_total", "failure_reason"): (
        "SELECT error_code, count(*) FROM attempts WHERE is_final AND error_code IS NOT NULL GROUP BY 1"
    ),
    ("cj_stuck_batches_recovered_total",): "SELECT count(*) FROM batches WHERE status = 'completed_forced_recovery'",
    ("cj_stuck_batches_failed_total",): "SELECT count(*) FROM batches WHERE status = 'failed'",
    ("cj_batch_state", "state"): "SELECT status, count(*) FROM batches GROUP BY 1",
    ("cj_iterations_per_batch_count",): f"SELECT count(*) FROM batches WHERE {RANKED}",
    ("cj_iterations_per_batch_sum",): (
        "SELECT count(DISTINCT b.batch_id || '/' || r.wave) FROM requests r JOIN batches b ON b.batch_id = r.batch_id "
        f"WHERE {RANKED}"
    ),
    ("huleedu_cj_comparisons_made_sum",): f"SELECT count(*) {ATTEMPTS} WHERE a.is_final AND a.outcome = 'success' AND {RANKED}",
    ("huleedu_cj_assessment_duration_seconds_count",): f"SELECT count(*) FROM batches WHERE {RANKED}",
    ("huleedu_cj_prompt_fetch_failures_total", "reason"): "SELECT reason, count(*) FROM prompt_fetch_failures GROUP BY 1",
    ("huleedu_bcs_prompt_prerequisite_blocked_total", "pipeline_name"): (
        "SELECT pipeline_name, count(*) FROM prerequisite_blocks WHERE code = 'prompt_not_attached' GROUP BY 1"
    ),
    ("cj_admin_instruction_operations_total", "operation", "status"): (
        "SELECT action, 'success', count(*) FROM context_events GROUP BY 1 "
        "UNION ALL SELECT action, 'refused', count(*) FROM context_refusals GROUP BY 1"
    ),
}
# What is a gauge of now, or in the tables another unit, and has a test of its own.
ELSEWHERE = {
    "llm_provider_queue_depth",
    "llm_provider_cost_dollars_total",
    "cj_stuck_batches_detected",
    "cj_batch_progress_percentage",
}


@pytest.fixture(scope="module")
def scrape(judged: Ledger) -> Scrape:
    return Scrape(judged)


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
