"""Every event is declared once and told in one place, with declared fields only; nothing else in the project logs."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from huleedu_pipeline.logs import events
from huleedu_pipeline.logs.events import EVENTS, RUNNER_INVOCATION
from huleedu_pipeline.logs.page import log_page
from huleedu_pipeline.logs.writing import BOUND_FIELDS

ROOT = Path(__file__).resolve().parents[2]
SOURCES = [path for folder in ("huleedu_pipeline", "assets", "resources") for path in (ROOT / folder).rglob("*.py")]
NAMES = {name: value for name, value in vars(events).items() if isinstance(value, events.Event)}
# Python's own logging is named here to be written to (the logs themselves), to be silenced, or as Dagster hands it out.
MAY_NAME_LOGGING = {
    "huleedu_pipeline/logs/events.py",
    "huleedu_pipeline/logs/reading.py",
    "huleedu_pipeline/logs/writing.py",
    "huleedu_pipeline/cli/runner.py",
    "huleedu_pipeline/orchestration/notify.py",
    "huleedu_pipeline/orchestration/watch.py",
}


def tellings() -> Iterator[tuple[str, str, ast.Call]]:
    """Yield every call of an event's ``tell`` with the event's name and the place."""
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "tell":
                on = node.func.value
                if isinstance(on, ast.Attribute) and isinstance(on.value, ast.Name) and on.value.id == "events":
                    yield on.attr, f"{path.relative_to(ROOT)}:{node.lineno}", node


def test_every_event_is_told_in_exactly_one_place() -> None:
    told = Counter(name for name, _, _ in tellings())
    assert told == dict.fromkeys([name for name, event in NAMES.items() if event is not RUNNER_INVOCATION], 1)
    assert len({event.name for event in EVENTS}) == len(EVENTS) == len(NAMES)


def test_fields_that_are_named_where_an_event_is_told_are_declared() -> None:
    for name, place, call in tellings():
        given = {keyword.arg for keyword in call.keywords if keyword.arg is not None}
        assert given <= {*NAMES[name].fields, *BOUND_FIELDS}, place
        assert not call.args, place


def test_nothing_else_in_the_project_logs() -> None:
    naming = {
        str(path.relative_to(ROOT))
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import) and any(alias.name == "logging" for alias in node.names)
    }
    assert naming == MAY_NAME_LOGGING


def test_the_page_of_events_is_up_to_date() -> None:
    assert (ROOT / "docs" / "logs.md").read_text(encoding="utf-8") == log_page()
