"""docs/operations: settings as they are, queries that answer on a warehouse of real runs, advice for every alert."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from typer.main import get_command
from typer.testing import CliRunner

from assets.ranking import INFLATED_MAX_SE, INFLATED_MEAN_SE, SPARSE_COMPARISONS
from huleedu_pipeline.cli.app import app
from huleedu_pipeline.cli.settings_tables import BATCH_YAML, SETTINGS, UnknownFieldError, filled, named
from huleedu_pipeline.judging.outcome import ErrorCode
from huleedu_pipeline.lake import open_warehouse
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.metrics.hints import HINTS_FILE
from huleedu_pipeline.project_files import project_file
from huleedu_pipeline.providers.recovery import JOBS_DEADLINE, LIVE_DEADLINE
from huleedu_pipeline.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs" / "operations").glob("*.md"))}
ASSESSMENT, OBSERVABILITY = PAGES["cj-assessment"], PAGES["observability"]


def blocks(kind: str) -> Iterator[tuple[str, str]]:
    """Yield the code blocks of a kind with their place."""
    for name, page in PAGES.items():
        for number, block in enumerate(re.findall(rf"^```{kind}\n(.*?)^```", page, re.DOTALL | re.MULTILINE), 1):
            yield f"{name} {number}", block


QUERIES = dict(blocks("sql"))


def test_the_tables_of_settings_are_up_to_date() -> None:
    assert {name: filled(page) for name, page in PAGES.items()} == PAGES


def test_every_setting_stands_on_one_of_the_pages() -> None:
    shown = [name for page in PAGES.values() for name in named(page, SETTINGS)]
    assert sorted(shown) == sorted(Settings.model_fields)
    assert "completion_threshold_pct" in named(ASSESSMENT, BATCH_YAML)


def test_a_setting_that_there_is_not_is_refused() -> None:
    with pytest.raises(UnknownFieldError, match="settings: hom: no such field"):
        filled("<!-- settings: hom -->\n<!-- end -->")


@pytest.mark.parametrize("place", QUERIES)
def test_every_query_answers(place: str, installed: tuple[Settings, Ledger]) -> None:
    with open_warehouse(installed[0].warehouse_path) as warehouse:
        found = warehouse.sql(QUERIES[place])
    assert len(found) > 0
    empty = [name for name in found.columns if found[name].isna().all()]
    # Nobody asked for these, or nothing of that kind happened: the columns are there all the same.
    assert set(empty) <= {"current_phase", "status_reason", "both_orders_agreement", "unavailable_because", "until_collected"}


def test_the_query_of_standard_errors_says_what_the_counters_count(installed: tuple[Settings, Ledger]) -> None:
    settings, ledger = installed
    query = next(query for query in QUERIES.values() if "is_se_inflated" in query)
    with open_warehouse(settings.warehouse_path) as warehouse:
        shown = {row.batch_id: (row.is_se_inflated, row.is_coverage_sparse) for row in warehouse.sql(query).itertuples()}
    with ledger.read() as connection:
        kept = connection.exec_driver_sql("SELECT batch_id, is_se_inflated, is_coverage_sparse FROM scalings").all()
    assert shown == {batch_id: (bool(inflated), bool(sparse)) for batch_id, inflated, sparse in kept}
    assert len(shown) == 3


def test_limits_are_said_as_they_are() -> None:
    assert (INFLATED_MEAN_SE, INFLATED_MAX_SE, SPARSE_COMPARISONS) == (0.4, 0.8, 1.0)
    assert "above 0.4 logits" in ASSESSMENT
    assert "above 0.8 logits" in ASSESSMENT
    hours = [round(deadline.total_seconds() / 3600) for deadline in (JOBS_DEADLINE, LIVE_DEADLINE)]
    assert f"| {hours[0]} h without anything happening | {hours[1]} h | {hours[1]} h |" in ASSESSMENT


def test_every_error_code_has_its_advice() -> None:
    assert [code for code in ErrorCode if f"`{code}`" not in ASSESSMENT] == []


def test_every_alert_and_dashboard_has_its_line() -> None:
    folder = project_file(HINTS_FILE).parent
    groups = yaml.safe_load((folder / "rules.yaml").read_text(encoding="utf-8"))["groups"]
    alerts = {rule["alert"]: rule["labels"]["severity"] for group in groups for rule in group["rules"] if "alert" in rule}
    assert dict(re.findall(r"^\| `(HuleEdu\w+)` \| (\w+) \|", OBSERVABILITY, re.MULTILINE)) == alerts
    shown = set(re.findall(r"`dashboards/([a-z-]+)\.json`", OBSERVABILITY))
    assert shown == {path.stem for path in (folder / "dashboards").glob("*.json")}


def test_commands_exist_and_those_marked_as_tried_work(
    installed: tuple[Settings, Ledger], monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = set(get_command(app).commands)  # type: ignore[attr-defined]
    assert {name for page in PAGES.values() for name in re.findall(r"`huleedu ([a-z0-9-]+)", page)} <= commands
    settings = installed[0]
    monkeypatch.setenv("HULEEDU_HOME", str(settings.home))
    if settings.database_url:
        monkeypatch.setenv("HULEEDU_DATABASE_URL", settings.database_url)
    lines = [line for _, block in blocks("sh tried") for line in block.splitlines()]
    assert len(lines) >= 4
    for line in lines:
        done = CliRunner().invoke(app, line.split()[1:])
        assert done.exit_code == 0, (line, done.output)
