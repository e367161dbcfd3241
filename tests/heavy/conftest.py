"""What holds for all heavy suites: none of this machine's settings reach their processes, and a summary with durations."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("tests.heavy.agreement")

_OF_THIS_MACHINE = ("HULEEDU_", "DAGSTER_", "OPENAI_", "ANTHROPIC_")


# Not for the session: what is set for other tests is there again after these.
@pytest.fixture(scope="module", autouse=True)
def _no_settings_of_this_machine_for_processes() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith(_OF_THIS_MACHINE)]:
            patch.delenv(name)
        yield


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Tell of each suite how its tests ended and how long it took, its processes included."""
    if config.option.markexpr != "heavy":
        return
    seconds: defaultdict[str, float] = defaultdict(float)
    ended: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for outcome in ("passed", "failed", "error", "skipped"):
        for report in terminalreporter.stats.get(outcome, []):
            if suite := _suite(report.nodeid):
                ended[suite][outcome] += 1
    for reports in terminalreporter.stats.values():
        for report in reports:
            if isinstance(report, pytest.TestReport) and (suite := _suite(report.nodeid)):
                seconds[suite] += report.duration
    if ended:
        terminalreporter.section("heavy suites")
        for suite, counts in ended.items():
            said = ", ".join(f"{n} {outcome}" for outcome, n in counts.items())
            terminalreporter.line(f"{suite:24} {seconds[suite]:6.0f} s  {said}")


def _suite(nodeid: str) -> str | None:
    """Return the suite of a test: what stands in brackets, without the group that follows where suites run side by side."""
    _, is_suite, rest = nodeid.partition("[")
    return rest.partition("]")[0] if is_suite else None
