"""What a PromQL expression reads and which labels it gives, from its syntax tree; anything unknown is refused."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import promql_parser as promql

from huleedu_pipeline.metrics import METRICS, Label, Metric

VARIABLES = {"$__rate_interval": "5m", "$__range": "24h"}
# Functions that give a series for each that they read.
KEEPS_LABELS = {"rate", "increase", "histogram_quantile"}
HAS_NO_LABELS = {"vector", "absent"}


@dataclass(frozen=True)
class Series:
    """What an expression may read: the labels of its series, and of what they can be."""

    labels: frozenset[str]
    values: Mapping[str, Label]


def series(metric: Metric) -> dict[str, Series]:
    """Return the names under which a metric's samples are read."""
    values = {label.name: label for label in metric.labels}
    plain = Series(frozenset(values), values)
    if metric.kind != "histogram":
        return {metric.name: plain}
    bucket = Series(plain.labels | {"le"}, values)
    return {f"{metric.name}_bucket": bucket, f"{metric.name}_sum": plain, f"{metric.name}_count": plain}


KNOWN: dict[str, Series] = {name: found for metric in METRICS for name, found in series(metric).items()}


class UnfitError(AssertionError):
    """An expression that reads what is not there."""


def parsed(expr: str) -> Any:
    """Parse an expression; Grafana's variables stand for a duration."""
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    return promql.parse(expr)


def names_in(node: Any) -> set[str]:
    """Return the names of the series that an expression reads."""
    if isinstance(node, promql.VectorSelector):
        return {str(node.name)}
    parts = [getattr(node, name, None) for name in ("lhs", "rhs", "expr", "vector_selector")]
    return {name for part in (*parts, *getattr(node, "args", ())) if part is not None for name in names_in(part)}


def labels_of(node: Any, recorded: Mapping[str, frozenset[str]]) -> frozenset[str]:
    """Return the labels of what an expression gives.

    Raises:
        UnfitError: it reads a series, a label or a value of a label that there is none of.

    """
    match node:
        case promql.VectorSelector():
            return _selected(node, recorded)
        case promql.MatrixSelector():
            return _selected(node.vector_selector, recorded)
        case promql.ParenExpr() | promql.UnaryExpr():
            return labels_of(node.expr, recorded)
        case promql.NumberLiteral():
            return frozenset()
        case promql.AggregateExpr():
            inside, by = labels_of(node.expr, recorded), _by(node)
            _ensure(by <= inside, f"{node}: {sorted(by - inside)} are no labels of what is aggregated")
            return by
        case promql.Call():
            given = [labels_of(argument, recorded) for argument in node.args]
            name = node.func.name
            _ensure(name in KEEPS_LABELS | HAS_NO_LABELS, f"{name}: a function that this test does not know")
            if name in HAS_NO_LABELS:
                return frozenset()
            if name == "histogram_quantile":
                _ensure("le" in given[-1], f"{node}: a quantile of what has no buckets")
            return given[-1] - {"le"} if name == "histogram_quantile" else given[-1]
        case promql.BinaryExpr():
            left, right = labels_of(node.lhs, recorded), labels_of(node.rhs, recorded)
            matching = None if node.modifier is None else node.modifier.matching
            on = frozenset(matching.labels) if matching is not None else None
            is_scalar = isinstance(node.lhs, promql.NumberLiteral) or isinstance(node.rhs, promql.NumberLiteral)
            if on is not None:
                _ensure(on <= left & right, f"{node}: {sorted(on)} are not labels of both sides")
            elif not is_scalar and str(node.op) != "or":
                _ensure(left == right, f"{node}: {sorted(left)} never match {sorted(right)}")
            return left or right
    raise UnfitError(f"{type(node).__name__}: an expression that this test does not know")


def _by(node: Any) -> frozenset[str]:
    if node.modifier is None:
        return frozenset()
    _ensure(node.modifier.type == promql.AggModifierType.By, f"{node}: aggregates without saying by what")
    return frozenset(node.modifier.labels)


def _selected(node: Any, recorded: Mapping[str, frozenset[str]]) -> frozenset[str]:
    if node.name in recorded:
        return recorded[node.name]
    _ensure(node.name in KNOWN, f"{node.name}: is no metric")
    found = KNOWN[node.name]
    for matcher in node.matchers.matchers:
        _ensure(matcher.name in found.values, f"{node.name}: has no label {matcher.name}")
        possible = found.values[matcher.name].values
        if possible is None:
            continue
        is_pattern = matcher.op in (promql.MatchOp.Re, promql.MatchOp.NotRe)
        for value in matcher.value.split("|") if is_pattern else [matcher.value]:
            _ensure(re.fullmatch(r"\w+", value) is not None, f"{node.name}: {value} is not a list of values")
            _ensure(value in possible, f"{node.name}: {matcher.name} is never {value}")
    return found.labels


def _ensure(holds: bool, otherwise: str) -> None:
    if not holds:
        raise UnfitError(otherwise)
