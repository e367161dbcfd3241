"""What holds of the metrics after any heavy run: they are what the ledger's rows and the published tables count.

Not here: the numbers that one suite expects.
"""

from datetime import datetime

from huleedu_pipeline.ledger import Ledger
from tests.heavy.kit import Judged
from tests.metrics.by_hand import differences
from tests.metrics.kit import Labels, drift

_MILLISECOND = 0.001
QUEUE_MODES = {"serial_bundle": "serial_bundle", "provider_batch_api": "batch_api"}
RESULTS = {"success", "failure", "expired"}


def assert_metrics_agree(judged: Judged, mode: str) -> None:
    """Hold every scraped number against the ledger's rows, and those that the published tables have against these."""
    scrape = judged.scrape
    assert differences(judged.ledger, scrape) == {}
    assert drift(judged.ledger) == []
    judgements, jobs = judged.tables["llm_judgements"], judged.tables["provider_jobs"]
    n_requests = len(judged.tables["judge_requests"])
    assert n_requests == len(judgements) > 0
    assert scrape.by("cj_llm_requests_total", "batching_mode") == {(mode,): n_requests}
    assert scrape.by("cj_llm_batches_started_total", "batching_mode") == judged.counted("batch_status", "llm_batching_mode")
    assert scrape.by("cj_batch_state", "state") == judged.counted("batch_status", "status")
    assert scrape.by("cj_comparisons_total", "status") == judged.counted("llm_judgements", "outcome")
    assert scrape.by("llm_provider_requests_total", "model", "status") == {
        **judged.counted("llm_judgements", "model", "outcome"),
        **{(*key, "queued"): n for key, n in judged.counted("judge_requests", "model").items()},
    }
    outcomes = {(QUEUE_MODES[mode], *key): n for key, n in judged.counted("llm_judgements", "outcome").items()}
    assert scrape.by("llm_provider_comparison_callbacks_total", "queue_processing_mode", "result") == outcomes
    assert {result for _, result in outcomes} <= RESULTS
    for token_type in ("input", "output"):
        assert scrape("llm_provider_tokens_used_total", token_type=token_type) == judgements[f"{token_type}_tokens"].sum()
    assert abs(scrape("llm_provider_cost_dollars_total") - judgements["cost_usd"].sum()) < 1e-9
    for decision in ("REQUEST_MORE_COMPARISONS", "FINALIZE_SCORING", "FINALIZE_FAILURE"):
        n_decided = (judged.tables["wave_decisions"]["decision"] == decision).sum()
        assert scrape("cj_workflow_decisions_total", decision=decision) == n_decided
    waited, n_waited = (scrape(f"llm_provider_queue_wait_time_seconds_{part}") for part in ("sum", "count"))
    assert n_waited == n_requests
    assert abs(waited - _waited_seconds(judged.ledger)) <= n_requests * _MILLISECOND
    for queue_type in ("total", "queued"):
        assert scrape("llm_provider_queue_depth", queue_type=queue_type) == 0
    assert scrape("cj_batch_progress_percentage") == 100
    assert scrape("cj_stuck_batches_detected") == 0
    if mode == "provider_batch_api":
        _assert_jobs(judged, len(jobs), n_requests)
    else:
        _assert_bundles(judged, n_requests)


def _waited_seconds(ledger: Ledger) -> float:
    """Return how long all attempts waited to be sent; a provider that tells whole seconds may seem to answer too early."""
    with ledger.read() as connection:
        rows = connection.exec_driver_sql("SELECT accepted_at, sent_at FROM attempts WHERE sent_at IS NOT NULL").all()
    waits = (datetime.fromisoformat(sent) - datetime.fromisoformat(accepted) for accepted, sent in rows)
    return sum(max(0.0, wait.total_seconds()) for wait in waits)


def _assert_jobs(judged: Judged, n_jobs: int, n_requests: int) -> None:
    scrape, name = judged.scrape, "llm_provider_batch_api"
    assert scrape.by(f"{name}_jobs_total", "status") == {("scheduled",): n_jobs, ("completed",): n_jobs}
    assert n_jobs >= 1
    assert scrape(f"{name}_items_per_job_count") == scrape(f"{name}_job_duration_seconds_count") == n_jobs
    assert scrape(f"{name}_items_per_job_sum") == judged.tables["provider_jobs"]["n_requests"].sum() == n_requests
    assert scrape("llm_provider_serial_bundle_calls_total") == 0


def _assert_bundles(judged: Judged, n_requests: int) -> None:
    scrape, name = judged.scrape, "llm_provider_serial_bundle"
    n_calls = scrape(f"{name}_calls_total")
    assert n_calls == scrape(f"{name}_items_per_call_count") >= 1
    assert scrape(f"{name}_items_per_call_sum") == n_requests
    assert 1 <= _largest_bound(scrape.samples[f"{name}_items_per_call_bucket"]) <= judged.settings.preferred_bundle_size
    assert scrape("llm_provider_response_duration_seconds_count") == n_requests
    assert scrape("llm_provider_batch_api_jobs_total") == 0


def _largest_bound(buckets: dict[Labels, float]) -> float:
    """Return the upper bound of the last bucket that holds anything; infinity when that is the one without a bound."""
    largest = 0.0
    series: dict[Labels, dict[float, float]] = {}
    for labels, value in buckets.items():
        own = frozenset(pair for pair in labels if pair[0] != "le")
        series.setdefault(own, {})[float(dict(labels)["le"])] = value
    for values in series.values():
        n_calls = values[float("inf")]
        largest = max(largest, min((bound for bound, value in values.items() if value == n_calls > 0), default=0.0))
    return largest
