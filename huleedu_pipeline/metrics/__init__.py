"""Metrics in Prometheus' format, computed from the ledger; never counted beside it."""

from huleedu_pipeline.metrics.collector import LedgerCollector
from huleedu_pipeline.metrics.declared import METRICS, Label, Metric
from huleedu_pipeline.metrics.exposition import exposition, serve
from huleedu_pipeline.metrics.hints import Hint, hints

__all__ = ["METRICS", "Hint", "Label", "LedgerCollector", "Metric", "exposition", "hints", "serve"]
