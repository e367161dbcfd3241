"""The nightly workflow really runs the heavy suites: it is held against the Makefile, and that against the suites."""

import re
import subprocess
from collections.abc import Collection
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.heavy.test_cj_scenarios import SCENARIOS
from tests.heavy.test_mock_profiles import SUITES

ROOT = Path(__file__).resolve().parents[1]
FILE = ROOT / ".github/workflows/eng5-heavy-suites.yml"
# BaseLoader: with the others, YAML takes the key "on" for true.
WORKFLOW: dict[str, Any] = yaml.load(FILE.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
VARIABLES: dict[str, tuple[str, str, Collection[str]]] = {
    "suite-cj": ("SCENARIO", "SCENARIOS", SCENARIOS),
    "mock-profile": ("PROFILE", "PROFILES", SUITES),
}


def makefile() -> str:
    return (ROOT / "Makefile").read_text(encoding="utf-8")


def commands() -> list[str]:
    """Return every `make` command that the workflow runs, one for each combination of its job's matrix."""
    found = []
    for job in WORKFLOW["jobs"].values():
        matrix: dict[str, list[str]] = job.get("strategy", {}).get("matrix", {})
        for values in product(*matrix.values()):
            for step in job["steps"]:
                command = step.get("run", "")
                for name, value in zip(matrix, values, strict=True):
                    command = command.replace(f"${{{{ matrix.{name} }}}}", value)
                if command.startswith("make "):
                    found.append(command)
    return found


def test_the_workflow_runs_every_suite_and_the_rules_once_and_nothing_else() -> None:
    suites = [f"make {target} {name}={value}" for target, (name, _, values) in VARIABLES.items() for value in values]
    assert sorted(commands()) == sorted([*suites, "make check-rules"])


@pytest.mark.parametrize("target", VARIABLES)
def test_the_makefile_knows_the_suites_that_there_are(target: str) -> None:
    _, listed, values = VARIABLES[target]
    assert sorted(re.findall(rf"^{listed} := (.*)$", makefile(), flags=re.MULTILINE)[0].split()) == sorted(values)


def test_make_takes_every_command_of_the_workflow_and_runs_what_it_names() -> None:
    for command in commands():
        # What is installed already is no part of the question.
        shown = subprocess.run(
            [*command.split(), "--dry-run", "--assume-old=.venv/dev"], cwd=ROOT, capture_output=True, text=True
        )
        assert shown.returncode == 0, f"{command}: {shown.stderr}"
        if "=" in command:
            assert "pytest -m heavy tests/heavy/" in shown.stdout
            assert f'-k "[{command.partition("=")[2]}]"' in shown.stdout
        else:
            assert "promtool test rules" in shown.stdout


@pytest.mark.parametrize("wrong", ["suite-cj", "suite-cj SCENARIO=regul", "mock-profile", "mock-profile PROFILE=default"])
def test_make_refuses_a_suite_that_there_is_not_and_names_those_that_there_are(wrong: str) -> None:
    said = subprocess.run(["make", *wrong.split(), "--dry-run"], cwd=ROOT, capture_output=True, text=True)
    assert said.returncode != 0
    assert "is one of: " in said.stderr


def test_all_heavy_suites_are_part_of_make_heavy() -> None:
    shown = subprocess.run(["make", "heavy", "--dry-run"], cwd=ROOT, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr
    assert re.search(r"pytest -m heavy tests/heavy (?!.*-k)", shown.stdout)
    assert "check-rules" in shown.stdout


def test_it_runs_by_hand_on_tags_and_each_night_at_three() -> None:
    assert set(WORKFLOW["on"]) == {"workflow_dispatch", "push", "schedule"}
    assert WORKFLOW["on"]["push"] == {"tags": ["v*"]}
    assert WORKFLOW["on"]["schedule"] == [{"cron": "0 3 * * *"}]


def test_no_step_may_fail_unseen() -> None:
    text = FILE.read_text(encoding="utf-8")
    assert "continue-on-error" not in text
    assert not re.search(r"\bif:|\|\| true", text)


def test_the_page_names_every_suite_and_nothing_else() -> None:
    page = (ROOT / "docs/operations/heavy-suites.md").read_text(encoding="utf-8")
    comes_to, _, can_fail = page.partition("## That they can fail")
    assert set(re.findall(r"^\| `([a-z-]+)` \|", comes_to, flags=re.MULTILINE)) == set(SCENARIOS)
    assert set(re.findall(r"^\| `([a-z0-9-]+)` \|", can_fail, flags=re.MULTILINE)) <= {*SCENARIOS, *SUITES}
    assert set(re.findall(r"\bmake ([a-z-]+)", page)) <= set(re.findall(r"^([a-z-]+):.*##", makefile(), flags=re.MULTILINE))
