"""Dashboards, rules and hints: every expression can be parsed, and reads what is exposed after real runs."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from huleedu_pipeline.cli.app import app
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.metrics import METRICS, hints
from huleedu_pipeline.project_files import project_file
from tests.metrics.kit import Scrape
from tests.metrics.promql import UnfitError, labels_of, names_in, parsed

FOLDER = project_file("deploy/observability")
RULES: list[dict[str, Any]] = [
    rule for group in yaml.safe_load((FOLDER / "rules.yaml").read_text())["groups"] for rule in group["rules"]
]
DASHBOARDS = {path.stem: json.loads(path.read_text()) for path in sorted((FOLDER / "dashboards").glob("*.json"))}
RECORDED = {rule["record"]: labels_of(parsed(rule["expr"]), {}) for rule in RULES if "record" in rule}
PROMTOOL = shutil.which("promtool")


def expressions() -> Iterator[tuple[str, str]]:
    """Yield every expression with its place."""
    for rule in RULES:
        yield rule.get("record") or rule["alert"], rule["expr"]
    for hint in hints():
        yield f"hint: {hint.shows}", hint.expr
    for name, dashboard in DASHBOARDS.items():
        for panel in dashboard["panels"]:
            for target in panel["targets"]:
                yield f"{name}: {panel['title']} {target['refId']}", target["expr"]


EXPRESSIONS = dict(expressions())


@pytest.mark.parametrize("place", EXPRESSIONS)
def test_an_expression_reads_what_is_declared(place: str) -> None:
    labels_of(parsed(EXPRESSIONS[place]), RECORDED)


def test_all_that_is_read_is_exposed_after_real_runs(judged: Ledger) -> None:
    exposed = Scrape.of(judged).samples.keys() | RECORDED.keys()
    read = {name for expr in EXPRESSIONS.values() for name in names_in(parsed(expr))}
    assert read - exposed == set()


def test_every_metric_is_on_a_dashboard() -> None:
    shown = {
        re.sub(r"_(bucket|sum|count)$", "", name)
        for dashboard in DASHBOARDS.values()
        for panel in dashboard["panels"]
        for target in panel["targets"]
        for name in names_in(parsed(target["expr"]))
    }
    assert [metric.name for metric in METRICS if metric.name not in shown] == []


@pytest.mark.parametrize(
    ("expr", "why"),
    [
        ("sum(cj_llm_request_total)", "is no metric"),
        ("rate(llm_provider_queue_wait_time_seconds[5m])", "is no metric"),
        ('cj_comparisons_total{status="succes"}', "is never succes"),
        ('cj_comparisons_total{environment="prod"}', "has no label"),
        ("sum by (environment) (cj_comparisons_total)", "no labels of what is aggregated"),
        ("sum by (status) (cj_comparisons_total) / sum(cj_comparisons_total)", "never match"),
        ("histogram_quantile(0.9, sum by (provider) (llm_provider_response_duration_seconds_bucket))", "no buckets"),
    ],
)
def test_an_expression_that_reads_what_is_not_there_is_found(expr: str, why: str) -> None:
    with pytest.raises(UnfitError, match=why):
        labels_of(parsed(expr), {})


def test_an_expression_that_is_none_is_found() -> None:
    with pytest.raises(ValueError, match="parenthesis"):
        parsed("sum by (status (cj_comparisons_total)")


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_is_whole(name: str) -> None:
    dashboard = DASHBOARDS[name]
    panels = dashboard["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    for panel in panels:
        assert panel["description"]
        assert panel["datasource"]["uid"] == "${datasource}"
        for target in panel["targets"]:
            named = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            given = labels_of(parsed(target["expr"]), RECORDED)
            assert named == given, f"{panel['title']}: the legend names {named}, and the series have {given}"
    places = [(p["gridPos"]["x"], p["gridPos"]["y"], p["gridPos"]["w"], p["gridPos"]["h"]) for p in panels]
    cells = [(x + i, y + j) for x, y, w, h in places for i in range(w) for j in range(h)]
    assert len(set(cells)) == len(cells), "panels lie on each other"
    assert max(x for x, _ in cells) < 24


def test_dashboards_have_names_of_their_own() -> None:
    assert len({dashboard["uid"] for dashboard in DASHBOARDS.values()}) == len(DASHBOARDS) == 6


def test_simulated_judges_are_told_apart_where_money_is_shown() -> None:
    for panel in DASHBOARDS["cost"]["panels"]:
        for target in panel["targets"]:
            is_one_kind = "emulated-" in target["expr"]
            assert "model" in labels_of(parsed(target["expr"]), RECORDED) or is_one_kind, panel["title"]


def test_alerts_say_what_to_do_with_commands_that_exist() -> None:
    commands = set(get_command(app).commands)  # type: ignore[attr-defined]
    for rule in RULES:
        if "alert" not in rule:
            continue
        said = rule["annotations"]
        assert rule["labels"]["severity"] in {"info", "warning", "critical"}
        assert set(re.findall(r"`huleedu ([a-z0-9]+)", said["remedy"])) <= commands, rule["alert"]
        named = set(re.findall(r"\$labels\.(\w+)", said["summary"]))
        assert named <= labels_of(parsed(rule["expr"]), RECORDED), rule["alert"]


def test_every_alert_has_a_unit_test_in_which_it_fires() -> None:
    tests = yaml.safe_load((FOLDER / "rules_test.yaml").read_text())["tests"]
    fired = {case["alertname"] for test in tests for case in test["alert_rule_test"] if case["exp_alerts"]}
    assert fired == {rule["alert"] for rule in RULES if "alert" in rule}


def test_hints_are_those_of_the_mode() -> None:
    live, jobs = ({hint.expr for hint in hints(mode)} for mode in ("per_request", "provider_batch_api"))
    assert any("batch_api_jobs" in expr for expr in jobs)
    assert not any("batch_api_jobs" in expr for expr in live)
    assert live & jobs
    assert live | jobs < {hint.expr for hint in hints()}


@pytest.mark.skipif(PROMTOOL is None, reason="promtool (Debian's package prometheus) is not installed")
@pytest.mark.parametrize(
    "arguments",
    [("check", "config", "prometheus.yaml"), ("check", "rules", "rules.yaml"), ("test", "rules", "rules_test.yaml")],
    ids=" ".join,
)
def test_promtool_finds_the_rules_right(arguments: tuple[str, ...]) -> None:
    done = subprocess.run([str(PROMTOOL), *arguments], cwd=FOLDER, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.skipif(PROMTOOL is None, reason="promtool (Debian's package prometheus) is not installed")
def test_promtool_finds_a_rule_that_does_not_fire(tmp_path: Path) -> None:
    for name in ("rules.yaml", "rules_test.yaml"):
        text = (FOLDER / name).read_text(encoding="utf-8")
        (tmp_path / name).write_text(text.replace("max(cj_stuck_batches_detected) > 0", "max(cj_stuck_batches_detected) > 2"))
    done = subprocess.run([str(PROMTOOL), "test", "rules", "rules_test.yaml"], cwd=tmp_path, capture_output=True, timeout=300)
    assert done.returncode != 0


@pytest.mark.skipif(PROMTOOL is None, reason="promtool (Debian's package prometheus) is not installed")
def test_promtool_finds_the_exposition_right(judged: Ledger) -> None:
    done = subprocess.run(
        [str(PROMTOOL), "check", "metrics"], input=Scrape.of(judged).text, capture_output=True, text=True, timeout=60
    )
    # The names are those of the system before this one, and a few end as its style advises against.
    assert "error" not in done.stderr.lower(), done.stderr
