"""Every number of the exposition, counted by hand from the ledger's rows. Not here: who holds the two against each other."""

from huleedu_pipeline.ledger import Ledger
from tests.metrics.kit import Scrape, count

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


def differences(ledger: Ledger, scrape: Scrape) -> dict[tuple[str, ...], tuple[object, object]]:
    """Return what is scraped and what is counted, by name and labels, wherever the two differ."""
    both = {shown: (scrape.by(*shown), count(ledger, query)) for shown, query in BY_HAND.items()}
    return {shown: (scraped, counted) for shown, (scraped, counted) in both.items() if scraped != counted}
