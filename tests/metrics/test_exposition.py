"""The exposition: labels within their bounds, scrapes over HTTP that end cleanly, and the same from any process."""

import os
import re
import signal
import subprocess
import sys
import urllib.request
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as text_string_to_openmetrics_families
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from huleedu_pipeline.cli.app import app
from huleedu_pipeline.judging.caching import CacheResult, cache_result
from huleedu_pipeline.judging.outcome import Usage
from huleedu_pipeline.ledger import BatchStatus, JobState, Ledger
from huleedu_pipeline.ledger.moves import now
from huleedu_pipeline.ledger.schema import batches
from huleedu_pipeline.metrics import METRICS, exposition
from huleedu_pipeline.metrics.collector import LedgerCollector
from huleedu_pipeline.metrics.declared import MODEL
from huleedu_pipeline.settings import Settings
from tests.metrics.kit import Driver, Scrape, outcome_of

SERVE = "from huleedu_pipeline.cli.app import main; main()"


def test_no_label_is_without_a_bound(judged: Ledger) -> None:
    scrape = Scrape.of(judged)
    declared = {metric.name: metric for metric in METRICS}
    for name, samples in scrape.samples.items():
        metric = declared.get(name) or declared[re.sub(r"_(bucket|sum|count)$", "", name)]
        allowed = {label.name: label for label in metric.labels}
        for labels in samples:
            shown = dict(labels)
            shown.pop("le", None)
            assert shown.keys() == allowed.keys(), name
            for label, value in shown.items():
                assert allowed[label].bounded(value) == value, f"{name}: {label}={value}"
    assert not re.search(r"batch_id|custom_id|token=", scrape.text)


@pytest.mark.parametrize(
    ("model", "shown"),
    [
        ("gpt-6-luna", "gpt-6-luna"),
        ("emulated-gpt-6-luna", "emulated-gpt-6-luna"),
        ("ft:gpt-6-luna:my-school", "unlisted"),
        ("emulated-mine", "emulated-unlisted"),
    ],
)
def test_a_model_is_one_of_the_manifest_and_a_simulation_is_seen(model: str, shown: str) -> None:
    assert MODEL.bounded(model) == shown


def test_models_that_are_not_listed_are_counted_together(ledger: Ledger) -> None:
    driver = Driver(ledger)
    for model in ("mine", "yours"):
        batch_id = driver.start("per_request", "openai", model, 3)
        driver.answer(driver.open_ids(batch_id), [outcome_of("short")], None)
    assert Scrape.of(ledger).by("llm_provider_requests_total", "model", "status") == {
        ("unlisted", "queued"): 6,
        ("unlisted", "success"): 6,
    }


def test_buckets_are_cumulative_numbers_and_end_with_the_count(judged: Ledger) -> None:
    families = {family.name: family for family in text_string_to_metric_families(exposition(judged))}
    histograms = [metric for metric in METRICS if metric.kind == "histogram"]
    assert len(histograms) == 10
    for metric in histograms:
        rows: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
        counts = {}
        for sample in families[metric.name].samples:
            key = tuple(sorted((name, value) for name, value in sample.labels.items() if name != "le"))
            if sample.name.endswith("_bucket"):
                rows.setdefault(key, []).append((float(sample.labels["le"]), sample.value))
            elif sample.name.endswith("_count"):
                counts[key] = sample.value
        assert rows.keys() == counts.keys()
        for key, buckets in rows.items():
            assert [bound for bound, _ in buckets] == [*metric.bounds, float("inf")]
            values = [value for _, value in buckets]
            assert values == sorted(values)
            assert values[-1] == counts[key]


def test_a_value_on_a_bound_is_in_its_bucket(ledger: Ledger) -> None:
    driver = Driver(ledger)
    for n_requests in (1, 8, 9, 64):
        batch_id = driver.start("serial_bundle", "openai", "gpt-6-luna", n_requests)
        driver.answer(driver.open_ids(batch_id), [outcome_of("short")], 0.1)
    scrape = Scrape.of(ledger)
    found = {
        le: scrape("llm_provider_serial_bundle_items_per_call_bucket", le=le) for le in ("1.0", "4.0", "8.0", "16.0", "32.0")
    }
    assert found == {"1.0": 1, "4.0": 1, "8.0": 2, "16.0": 3, "32.0": 3}
    assert scrape("llm_provider_serial_bundle_items_per_call_count") == 4
    assert scrape("llm_provider_serial_bundle_items_per_call_sum") == 82


def test_what_may_raise_an_alarm_is_there_before_it_happens(ledger: Ledger) -> None:
    Driver(ledger).start("provider_batch_api", "openai", "gpt-6-luna", 2)
    samples = Scrape.of(ledger).samples["llm_provider_batch_api_jobs_total"]
    assert set(samples.values()) == {0}
    assert {dict(labels)["status"] for labels in samples} == {"scheduled", "completed", "failed", "expired", "cancelled"}


def test_counters_never_go_down_when_a_batch_is_brought_back(ledger: Ledger) -> None:
    driver = Driver(ledger)
    batch_id = driver.start("per_request", "openai", "gpt-6-luna", 4)
    driver.answer(driver.open_ids(batch_id), [outcome_of("short"), outcome_of("refusal")], 0.1)
    before = Scrape.of(ledger)
    driver.fail_and_reopen(batch_id)
    after = Scrape.of(ledger)
    for metric in METRICS:
        if metric.kind == "counter":
            for labels, value in before.samples.get(metric.name, {}).items():
                assert after.samples[metric.name][labels] >= value, metric.name
    assert after("llm_provider_queue_depth", queue_type="total") == 2
    driver.answer(driver.open_ids(batch_id), [outcome_of("short")], 0.1)
    assert Scrape.of(ledger)("llm_provider_queue_depth", queue_type="total") == 0


def test_the_queue_counts_what_waits_and_what_is_at_a_provider(ledger: Ledger) -> None:
    driver = Driver(ledger)
    batch_id = driver.start("provider_batch_api", "openai", "gpt-6-luna", 10)
    assert Scrape.of(ledger).by("llm_provider_queue_depth", "queue_type") == {("total",): 10, ("queued",): 10}
    job = driver.job(batch_id, 6)
    assert job is not None
    assert Scrape.of(ledger).by("llm_provider_queue_depth", "queue_type") == {("total",): 10, ("queued",): 4}
    driver.collect(job, JobState.ENDED, [outcome_of("hit")], 0.1)
    scrape = Scrape.of(ledger)
    assert scrape.by("llm_provider_queue_depth", "queue_type") == {("total",): 4, ("queued",): 4}
    assert scrape("cj_batch_progress_percentage") == 60
    assert scrape("llm_provider_batch_api_job_duration_seconds_bucket", le="7200.0") == 0
    assert scrape("llm_provider_batch_api_job_duration_seconds_bucket", le="14400.0") == 1


def test_a_stuck_batch_is_seen(ledger: Ledger) -> None:
    driver = Driver(ledger)
    batch_id = driver.start("per_request", "openai", "gpt-6-luna", 2)
    assert Scrape.of(ledger)("cj_stuck_batches_detected") == 0
    with ledger.engine.begin() as connection:
        connection.execute(batches.update().values(updated_at=now() - timedelta(hours=5)))
    assert Scrape.of(ledger)("cj_stuck_batches_detected") == 1
    # Something has happened since, although the batch itself was not touched.
    driver.answer(driver.open_ids(batch_id)[:1], [outcome_of("short")], 0.1)
    assert Scrape.of(ledger)("cj_stuck_batches_detected") == 0


def test_a_batch_that_is_ranked_is_told_of_once(ledger: Ledger) -> None:
    driver = Driver(ledger)
    batch_id = driver.start("per_request", "openai", "gpt-6-luna", 4)
    driver.answer(driver.open_ids(batch_id), [outcome_of("short")], 0.1)
    driver.plan(batch_id, "openai", "gpt-6-luna", 2)
    driver.answer(driver.open_ids(batch_id), [outcome_of("short")], 0.1)
    driver.finish(batch_id, is_forced=True)
    ledger.complete_batch(batch_id)
    scrape = Scrape.of(ledger)
    assert (scrape("cj_iterations_per_batch_count"), scrape("cj_iterations_per_batch_sum")) == (1, 2)
    assert scrape("huleedu_cj_comparisons_made_sum") == 6
    assert scrape("cj_stuck_batches_recovered_total") == 1
    assert scrape("cj_bt_se_inflated_batches_total") == 1
    assert scrape("cj_bt_sparse_coverage_batches_total") == 0
    assert scrape("cj_batch_state", state=BatchStatus.COMPLETED_FORCED_RECOVERY) == 1


@pytest.mark.parametrize(
    ("model", "usage", "result"),
    [
        ("gpt-6-luna", Usage(input_tokens=1500, cached_input_tokens=1024), CacheResult.HIT),
        ("gpt-6-luna", Usage(input_tokens=1500), CacheResult.MISS),
        ("gpt-6-luna", Usage(input_tokens=900), CacheResult.BYPASS),
        ("emulated-gpt-6-luna", Usage(input_tokens=1500), CacheResult.MISS),
        ("mine", Usage(input_tokens=90_000), CacheResult.BYPASS),
        ("mine", Usage(input_tokens=900, cache_write_5m_tokens=10), CacheResult.MISS),
        ("mine", Usage(), None),
    ],
)
def test_what_the_cache_did_follows_from_the_tokens(model: str, usage: Usage, result: CacheResult | None) -> None:
    assert cache_result(model, usage) == result


def test_dump_prints_what_a_scrape_gives(judged: Ledger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HULEEDU_HOME", str(tmp_path))
    monkeypatch.setattr(Settings, "ledger_url", property(lambda _: judged.engine.url.render_as_string(hide_password=False)))
    result = CliRunner().invoke(app, ["metrics", "dump"])
    assert result.exit_code == 0
    assert result.stdout == exposition(judged)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_says_where_answers_and_ends_cleanly(ledger: Ledger, settings: Settings, number: int) -> None:
    driver = Driver(ledger)
    driver.start("per_request", "openai", "gpt-6-luna", 3)
    environment = {**os.environ, "HULEEDU_HOME": str(settings.home)}
    command = [sys.executable, "-u", "-c", SERVE, "metrics", "serve", "--port", "0"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+/metrics", said)
        assert address is not None, said
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(address[0], timeout=10) as response:
            assert response.read().decode() == exposition(ledger)
        batch_id = driver.start("per_request", "openai", "gpt-6-luna", 2)
        driver.answer(driver.open_ids(batch_id), [outcome_of("short")], 0.1)
        with opener.open(address[0], timeout=10) as response:
            assert response.read().decode() == exposition(ledger)
        process.send_signal(number)
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 0, errors
    assert "Traceback" not in errors


def test_serve_on_a_port_that_is_taken_says_so(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    import socket

    monkeypatch.setenv("HULEEDU_HOME", str(settings.home))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        command = [sys.executable, "-c", SERVE, "metrics", "serve", "--port", str(port)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "Traceback" not in done.stderr


def test_buckets_lead_to_a_batch_whose_value_lies_in_them(judged: Ledger) -> None:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(LedgerCollector(judged))
    by_batch = dict(_rows_of(judged, "SELECT batch_id, correlation_id FROM batches"))
    with_one: dict[str, set[str]] = {}
    text = generate_openmetrics(registry).decode()  # type: ignore[no-untyped-call]
    for family in text_string_to_openmetrics_families(text):  # type: ignore[no-untyped-call]
        below = float("-inf")
        for sample in family.samples:
            if not sample.name.endswith("_bucket"):
                below = float("-inf")
                continue
            if sample.exemplar is not None:
                assert below < sample.exemplar.value <= float(sample.labels["le"]), sample
                assert sample.value > 0, sample
                with_one.setdefault(family.name, set()).add(sample.exemplar.labels["correlation_id"])
            below = float(sample.labels["le"])
    assert {name for found in with_one.values() for name in found} <= set(by_batch.values())
    assert with_one.keys() == {metric.name for metric in METRICS if metric.kind == "histogram"}
    assert with_one["llm_provider_batch_api_job_duration_seconds"] == {by_batch["jobs"]}
    assert with_one["llm_provider_serial_bundle_items_per_call"] == {by_batch["bundles"]}
    assert with_one["llm_provider_response_duration_seconds"] <= {by_batch["bundles"], by_batch["calls"]}
    assert with_one["huleedu_cj_comparisons_made"] <= {by_batch[name] for name in ("jobs", "bundles", "calls")}
    assert "correlation_id" not in exposition(judged)


def _rows_of(ledger: Ledger, query: str) -> list[tuple[str, str]]:
    with ledger.read() as connection:
        return [(str(first), str(second)) for first, second in connection.exec_driver_sql(query)]
