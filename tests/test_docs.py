"""The documents that follow from the code are up to date, and the README's commands exist."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from huleedu_pipeline.cli.app import app
from huleedu_pipeline.cli.reference import reference
from huleedu_pipeline.lake import tables
from huleedu_pipeline.lake.dictionary import data_dictionary
from huleedu_pipeline.metrics.page import metrics_page
from tests.providers.conformance.elsewhere import ELSEWHERE
from tests.providers.conformance.table import JOBS, LINES, faults_page

ROOT = Path(__file__).resolve().parents[1]


def text(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def test_the_data_dictionary_is_up_to_date() -> None:
    assert text("docs/tables.md") == data_dictionary()


def test_the_page_of_metrics_is_up_to_date() -> None:
    assert text("docs/metrics.md") == metrics_page()


def test_every_column_of_the_statistical_tables_is_explained() -> None:
    page = text("docs/statistics.md")
    statistical = (
        tables.CJ_RANKINGS,
        tables.SCALING_SUMMARY,
        tables.JUDGE_DIAGNOSTICS,
        tables.GRADE_PROJECTIONS,
        tables.GRADE_BOUNDARIES,
        tables.ANCHOR_DIAGNOSTICS,
        tables.GRADING_SUMMARY,
    )
    known = {"batch_id", "essay_id", "file_name", "is_anchor", "judge_id", "provider", "model"}
    names = {column.name for table in statistical for column in table.columns} - known
    assert [name for name in sorted(names) if f"`{name}`" not in page and f"**{name}**" not in page] == []


def test_the_sections_that_links_point_to_exist() -> None:
    for path in (ROOT / "docs").rglob("*.md"):
        for target, section in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", path.read_text(encoding="utf-8")):
            page = path.parent / target if target else path
            headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), flags=re.MULTILINE)
            slugs = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
            assert section in slugs, f"{path.name}: {target}#{section}"


def test_the_reference_is_up_to_date() -> None:
    assert text("docs/reference.md") == reference()


def test_the_conformance_table_is_up_to_date_and_the_tests_that_it_names_exist() -> None:
    assert text("docs/faults.md") == faults_page()
    for row in ELSEWHERE:
        file, name = row.test.split("::")
        assert re.search(rf"^(async )?def {name}\(", text(file), flags=re.MULTILINE), row.test
    runs = [(case.name, provider) for case in (*JOBS, *LINES) for provider in case.providers]
    assert len(set(runs)) == len(runs), "a test id stands for two rows"
    assert len(JOBS) + len(LINES) >= 45


def test_the_readme_names_only_commands_and_targets_that_exist() -> None:
    commands = set(get_command(app).commands)  # type: ignore[attr-defined]
    targets = set(re.findall(r"^([a-z-]+):.*##", text("Makefile"), flags=re.MULTILINE))
    used = text("README.md") + text("CONTRIBUTING.md")
    assert set(re.findall(r"\bhuleedu ([a-z]+(?:-[a-z]+)?)\b", used)) <= commands
    assert set(re.findall(r"\bmake ([a-z-]+)\b", used)) <= targets
    assert {"demo", "test", "lint", "ui", "clean"} <= targets


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "CONTRIBUTING.md",
        "SECURITY.md",
        "deploy/proxy/README.md",
        *(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")),
    ],
)
def test_links_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", text(name)):
        assert ((ROOT / name).parent / target).exists(), target


def test_both_doors_of_the_proxy_ask_for_a_login_and_lead_to_this_machine_only() -> None:
    # A site begins in the first column with its host, and ends with a brace there.
    sites = dict(re.findall(r"^\{\$(\w+)\} \{\n(.*?)^\}", text("deploy/proxy/Caddyfile"), flags=re.MULTILINE | re.DOTALL))
    assert set(sites) == {"HULEEDU_UI_HOST", "HULEEDU_READ_HOST"}
    guide = text("deploy/proxy/README.md")
    commands = {"HULEEDU_UI_HOST": "huleedu ui --port {}", "HULEEDU_READ_HOST": "--read-only -h 127.0.0.1 -p {}"}
    for name, site in sites.items():
        assert site.index("basic_auth {") < site.index("reverse_proxy")
        (target,) = re.findall(r"reverse_proxy (\S+)$", site, flags=re.MULTILINE)
        host, port = target.split(":")
        assert host == "127.0.0.1"
        assert commands[name].format(port) in guide


def test_every_dependency_is_justified() -> None:
    declared = re.findall(r'^  "([a-z0-9-]+)[=<>]', text("pyproject.toml").split("[dependency-groups]")[0], flags=re.MULTILINE)
    page = text("docs/dependencies.md")
    assert declared
    assert [name for name in declared if name not in page] == []


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-dev.lock", "requirements-audit.lock"])
def test_the_locks_pin_everything_by_hash_and_name_no_registry(name: str) -> None:
    lock = text(name)
    pins = re.findall(r"^([a-zA-Z0-9._\[\],-]+)==", lock, flags=re.MULTILINE)
    assert len(pins) > (30 if name == "requirements-audit.lock" else 90)
    assert "://" not in lock
    assert not re.findall(r"^[a-zA-Z0-9._-]+==[^\n\\]+$", lock, flags=re.MULTILINE), "a pin without hashes"
    tools = {"pip-audit==2.10.1", "cyclonedx-bom==7.5.0"}
    assert all(pin in lock for pin in (tools if name == "requirements-audit.lock" else {"dagster==1.13.27", "duckdb==1.5.5"}))
