"""Spans are off, and nothing of them imported, until asked for; then each bears the correlation id, and quotes nothing."""

import subprocess
import sys
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from huleedu_pipeline import logs
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.logs import spans
from huleedu_pipeline.providers.advance import advance_batch
from huleedu_pipeline.settings import Settings
from tests.providers.kit import BATCH, plan

OFF = """
import sys
from huleedu_pipeline import logs
from huleedu_pipeline.logs.spans import span
from huleedu_pipeline.settings import Settings
logs.begin(Settings.load, command="test")
with span("run"):
    print([name for name in sys.modules if name.startswith("opentelemetry")])
"""


@pytest.fixture
def told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> InMemorySpanExporter:
    """Spans of an installation that asks for them."""
    exporter = InMemorySpanExporter()
    tracer = spans.tracer_to(exporter, is_batched=False)
    monkeypatch.setattr(spans, "_to_the_collector", lambda: tracer)
    asked = settings.model_copy(update={"tracing": "otlp"})
    logs.begin(lambda: asked, command="test", run_id="run-1")
    return exporter


def test_nothing_is_imported_while_spans_are_off(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", OFF], capture_output=True, text=True, cwd=tmp_path)
    assert (done.stdout, done.stderr) == ("[]\n", "")


@pytest.mark.parametrize("mode", ["per_request", "provider_batch_api"])
def test_paid_work_is_told_under_the_correlation_id_of_its_batch(
    ledger: Ledger, settings: Settings, told: InMemorySpanExporter, tmp_path: Path, mode: str
) -> None:
    plan(ledger, settings, tmp_path, llm_batching_mode=mode)
    advance_batch(ledger, settings, BATCH)
    found = told.get_finished_spans()
    # A span ends before the one around it.
    assert [span.name for span in found][-2:] == ["wave" if mode == "per_request" else "submit", "run"]
    correlation_id = ledger.batch(BATCH).correlation_id
    for span in found:
        attributes = dict(span.attributes or {})
        assert attributes["huleedu.correlation_id"] == correlation_id
        assert (attributes["huleedu.batch_id"], attributes["huleedu.mode"]) == (BATCH, mode)
        assert span.resource.attributes["service.name"] == "huleedu-pipeline"
    assert {span.parent.span_id for span in found[:-1] if span.parent} == {found[-1].context.span_id}


def test_an_error_is_told_by_its_kind_and_not_in_its_words(told: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="Anna Zqvist"), spans.span("score", n_requests=3):
        raise ValueError("Anna Zqvist")
    (span,) = told.get_finished_spans()
    assert (span.attributes or {})["error.type"] == "ValueError"
    assert "Anna" not in span.to_json()


def test_the_process_gets_no_provider_of_spans_from_us(told: InMemorySpanExporter) -> None:
    from opentelemetry import trace

    with spans.span("run"), trace.get_tracer("a library").start_as_current_span("what it sends"):
        pass
    assert [span.name for span in told.get_finished_spans()] == ["run"]


def test_spans_that_can_not_be_made_stop_nothing(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    spans._to_the_collector.cache_clear()
    asked = settings.model_copy(update={"tracing": "otlp"})
    logs.begin(lambda: asked, command="test")
    for _ in range(2):
        with spans.span("run"):
            pass
    spans._to_the_collector.cache_clear()
    assert capsys.readouterr().err == "WARNING: HULEEDU_TRACING needs the extra 'tracing'; nothing is traced\n"
