"""The exposition: as text, and over HTTP for Prometheus to scrape."""

from collections.abc import Callable
from threading import Event

from prometheus_client import CollectorRegistry, generate_latest, start_http_server

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.metrics.collector import LedgerCollector


class CanNotListenError(HuleeduError):
    """The address at which metrics are to be served is taken, or is none of this machine's."""


def exposition(ledger: Ledger) -> str:
    """Return all metrics in Prometheus' text format, as ``ledger`` has them now."""
    return generate_latest(_registry(ledger)).decode("utf-8")


def serve(ledger: Ledger, *, host: str, port: int, on_ready: Callable[[str], None], until: Event) -> None:
    """Answer scrapes until an event is set.

    Args:
        ledger: The ledger; each scrape reads it anew.
        host: Address to listen at.
        port: Port to listen at; 0 takes a free one.
        on_ready: Told the address of the metrics once it answers.
        until: Ends the serving.

    Raises:
        CanNotListenError: the address can not be listened at.

    """
    try:
        server, thread = start_http_server(port, addr=host, registry=_registry(ledger))
    except OSError as error:
        raise CanNotListenError(
            f"{host}, port {port}: can not be listened at: {error.strerror or error} (choose another with --port or --host)"
        ) from None
    try:
        on_ready(f"http://{host}:{server.server_port}/metrics")
        until.wait()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _registry(ledger: Ledger) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(LedgerCollector(ledger))
    return registry
