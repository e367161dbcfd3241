"""The page of metrics: docs/metrics.md, made from the declarations.

Run ``python -m huleedu_pipeline.metrics.page > docs/metrics.md`` after a change; a test holds the two together.
"""

import sys

from huleedu_pipeline.metrics.declared import METRICS, MODELS_SHOWN, N_LATEST, Label, Metric

HEAD = """# Metrics

Made from the declarations in `huleedu_pipeline/metrics`. `huleedu metrics serve` answers Prometheus' scrapes at
`http://127.0.0.1:9464/metrics`, `huleedu metrics dump` prints the same once. Every number is computed from the ledger at the
moment of the scrape, so counters survive restarts and agree with the tables. The database keeps sums over its rows
(`*_totals`) in the transaction that adds a row; `SELECT * FROM <name>_facts` gives the rows that a sum counts.

Nothing names a batch. A model is one of: {models}. A name that begins with `emulated-` is a simulation and no real judgement.
Series are there at 0 before they count anything, those of a model from when a first request to it is planned; where the labels
have many values, they come when they count.

A scraper that asks for OpenMetrics, as Prometheus does, gets an exemplar with the buckets of histograms: the newest
observation there, with the `correlation_id` of its batch
([from a number to the bytes](operations/observability.md#from-a-number-to-the-bytes)). An exemplar is no label, so it needs
no bound. It is one of the {n_latest} newest rows of its kind; attempts of which the provider said nothing have none.

Dashboards, alerting rules and the expressions that `huleedu eng5 execute` names are in `deploy/observability`.
"""


def metrics_page() -> str:
    """Return the page as Markdown."""
    rows = [f"| `{metric.name}` | {metric.kind} | {metric.says} |" for metric in METRICS]
    overview = "\n".join(["| metric | kind | says |", "|---|---|---|", *rows])
    return "\n".join(
        [HEAD.format(models=MODELS_SHOWN, n_latest=N_LATEST), overview, "", *(_section(metric) for metric in METRICS)]
    )


def _section(metric: Metric) -> str:
    lines = [f"## {metric.name}\n", f"{metric.says}\n"]
    lines += [f"- `{label.name}`: {_values(label)}" for label in metric.labels]
    if metric.bounds:
        lines.append(f"- buckets up to: {', '.join(f'{bound:g}' for bound in metric.bounds)}")
    return "\n".join([*lines, *([""] if metric.labels or metric.bounds else []), "```sql", metric.query, "```\n"])


def _values(label: Label) -> str:
    return "a model, as above" if label.values is None else ", ".join(f"`{value}`" for value in label.values)


if __name__ == "__main__":
    sys.stdout.write(metrics_page())
