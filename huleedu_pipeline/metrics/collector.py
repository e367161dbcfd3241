"""From the declarations to families of samples: a custom collector of ``prometheus_client`` that reads the ledger.

One scrape is one snapshot of the database, so that its numbers agree with each other. Nothing is kept between scrapes: any
process gives the same numbers, also one that has just been started. Not here: what is published (:mod:`.declared`).
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import product
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector
from prometheus_client.samples import Exemplar
from sqlalchemy.engine import Connection

from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.ledger.totals import WAVES_PLANNED
from huleedu_pipeline.metrics.declared import METRICS, MODEL, PROVIDER, Metric
from huleedu_pipeline.providers.recovery import JOBS_DEADLINE, LIVE_DEADLINE, is_stalled

# Series of a metric, or of one model, that are there from the start; where there may be more, they come when they count.
MOST_SERIES_AT_ZERO = 32
STUCK = "cj_stuck_batches_detected"

Values = tuple[str, ...]
Row = Mapping[str, Any]


class LedgerCollector(Collector):
    """Gives every declared metric as ``ledger`` has it now."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def collect(self) -> Iterator[Family]:
        """Yield the families."""
        with self._ledger.read() as connection:
            if connection.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ")  # noqa: PLW2901 - the same one
            rows = {metric.name: _rows(connection, metric) for metric in METRICS}
            latest = {metric.name: _read(connection, metric.latest) for metric in METRICS if metric.latest}
            asked = connection.exec_driver_sql(f"SELECT DISTINCT provider, model FROM {WAVES_PLANNED.name}").all()
        models = sorted({(PROVIDER.bounded(provider), MODEL.bounded(model)) for provider, model in asked})
        for metric in METRICS:
            if metric.name == STUCK:
                yield GaugeMetricFamily(metric.name, metric.says, value=self._n_stuck([row["batch_id"] for row in rows[STUCK]]))
            elif metric.kind == "histogram":
                yield _histogram(metric, rows[metric.name], latest[metric.name], _at_zero(metric, models))
            else:
                yield _simple(metric, rows[metric.name], _at_zero(metric, models))

    def describe(self) -> Iterator[Family]:
        """Yield nothing: a registry need not read the ledger to know that there are no two of one name."""
        return iter(())

    def _n_stuck(self, candidates: Sequence[str]) -> int:
        """Return how many of the batches that have not moved for long the watch-dog would end."""
        now = datetime.now(UTC)
        return sum(is_stalled(self._ledger, self._ledger.batch(batch_id), now) for batch_id in candidates)


def _rows(connection: Connection, metric: Metric) -> list[Row]:
    query = metric.query
    if metric.name == STUCK:
        now = datetime.now(UTC)
        deadlines = {"jobs_deadline": now - JOBS_DEADLINE, "live_deadline": now - LIVE_DEADLINE}
        query = query.format(**{name: at.isoformat(timespec="microseconds") for name, at in deadlines.items()})
    return _read(connection, query)


def _read(connection: Connection, query: str) -> list[Row]:
    return [dict(row) for row in connection.exec_driver_sql(query).mappings()]


def _at_zero(metric: Metric, models: Sequence[Values]) -> list[Values]:
    """Return the labels of the series that are there before anything has happened; ``models`` are providers with their models.

    Prometheus sees no increase in a series that begins with a 1: without these the first failure of all would raise no alarm.
    """
    firsts: Sequence[Values] = [()]
    others = list(metric.labels)
    if MODEL in others:
        if others[:2] != [PROVIDER, MODEL]:
            raise AssertionError(f"{metric.name}: provider and model are its first labels")
        firsts, others = models, others[2:]
    rests = list(product(*(label.values or () for label in others)))
    return [first + rest for first in firsts for rest in rests] if len(rests) <= MOST_SERIES_AT_ZERO else []


def _key(metric: Metric, row: Row) -> Values:
    return tuple(label.bounded(str(row[label.name])) for label in metric.labels)


def _simple(metric: Metric, rows: Sequence[Row], at_zero: Sequence[Values]) -> Family:
    family_of = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
    family = family_of(metric.name, metric.says, labels=[label.name for label in metric.labels])
    found: dict[Values, float] = dict.fromkeys(at_zero, 0)
    for row in rows:
        key = _key(metric, row)
        found[key] = found.get(key, 0) + (row["value"] or 0)
    for key, value in found.items():
        family.add_metric(key, float(value) / metric.per_unit)
    return family


def _exemplars(metric: Metric, latest: Sequence[Row]) -> dict[tuple[Values, int], Exemplar]:
    """Return the newest observation in each bucket of each series, with the correlation id of its batch.

    An exemplar is no label: it makes no series, and its id need have no bound.
    """
    found: dict[tuple[Values, int], Exemplar] = {}
    for row in latest:
        place = (_key(metric, row), min(int(row["bucket"]), len(metric.bounds)))
        if place not in found and row["correlation_id"] is not None:
            at = datetime.fromisoformat(row["at"]).timestamp()
            found[place] = Exemplar({"correlation_id": row["correlation_id"]}, row["value"] / metric.per_unit, at)
    return found


def _histogram(metric: Metric, rows: Sequence[Row], latest: Sequence[Row], at_zero: Sequence[Values]) -> Family:
    family = HistogramMetricFamily(metric.name, metric.says, labels=[label.name for label in metric.labels])
    counts: defaultdict[Values, list[int]] = defaultdict(lambda: [0] * (len(metric.bounds) + 1))
    totals: defaultdict[Values, int] = defaultdict(int)
    counts.update((key, [0] * (len(metric.bounds) + 1)) for key in at_zero)
    for row in rows:
        key = _key(metric, row)
        # A histogram that is cut short has its upper buckets in the last.
        counts[key][min(int(row["bucket"]), len(metric.bounds))] += int(row["n"])
        totals[key] += int(row["total"])
    names = [*(f"{float(bound)}" for bound in metric.bounds), "+Inf"]
    exemplars = _exemplars(metric, latest)
    for key, in_bucket in counts.items():
        up_to = 0
        buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
        for place, (name, n) in enumerate(zip(names, in_bucket, strict=True)):
            up_to += n
            exemplar = exemplars.get((key, place))
            buckets.append((name, up_to) if exemplar is None else (name, up_to, exemplar))
        family.add_metric(key, buckets=buckets, sum_value=totals[key] / metric.per_unit)
    return family
