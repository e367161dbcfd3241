"""Spans for OpenTelemetry: how long the steps of paid work take, each with the batch's correlation id and what else is bound.

Off, and nothing of it imported, unless ``HULEEDU_TRACING=otlp``; then spans go to the collector that the standard variables
name (``OTEL_EXPORTER_OTLP_ENDPOINT`` and the like). The provider of spans is ours alone and never the process's: a library
that traces by itself, as an SDK may, would put into its spans what it sends. Needs the extra ``tracing``.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING

from huleedu_pipeline.logs.writing import Value, bound_now, place_of_logs, plain

if TYPE_CHECKING:
    from opentelemetry.sdk.trace.export import SpanExporter
    from opentelemetry.trace import Tracer

SERVICE = "huleedu-pipeline"


@contextmanager
def span(name: str, **attributes: Value) -> Iterator[None]:
    """Measure the block as a span; of an error it keeps the kind, and not the words, which may quote."""
    tracer = _tracer()
    if tracer is None:
        yield
        return
    told = {f"huleedu.{key}": plain(value) for key, value in {**bound_now(), **attributes}.items()}
    known = {key: value for key, value in told.items() if value is not None}
    with tracer.start_as_current_span(name, attributes=known, record_exception=False, set_status_on_exception=False) as current:
        try:
            yield
        except BaseException as error:
            current.set_attribute("error.type", type(error).__name__)
            raise


def tracer_to(exporter: "SpanExporter", *, is_batched: bool) -> "Tracer":
    """Return a tracer whose spans go to ``exporter``, one by one or gathered in the background."""
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": SERVICE}), shutdown_on_exit=False)
    # What is gathered goes out at the end of this process, also of one that Dagster started, which calls nothing of atexit.
    Finalize(None, provider.shutdown, exitpriority=1)
    provider.add_span_processor(BatchSpanProcessor(exporter) if is_batched else SimpleSpanProcessor(exporter))
    return provider.get_tracer(SERVICE)


def _tracer() -> "Tracer | None":
    place = place_of_logs()
    return None if place is None or place.tracing == "off" else _to_the_collector()


@cache
def _to_the_collector() -> "Tracer | None":
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        return tracer_to(OTLPSpanExporter(), is_batched=True)
    except ImportError:
        print("WARNING: HULEEDU_TRACING needs the extra 'tracing'; nothing is traced", file=sys.stderr)  # noqa: T201
        return None
