"""The conformance table as a page, and as the parameters of its tests.

Run ``python -m tests.providers.conformance.table > docs/faults.md`` after a change; a test holds the two together.
"""

import sys
from collections.abc import Iterable
from typing import Any

import pytest

from tests.providers.conformance import contents, creation, life, live
from tests.providers.conformance.cases import BOTH, Case
from tests.providers.conformance.elsewhere import ELSEWHERE

JOBS = (*creation.CASES, *life.CASES)
LINES = (*contents.CASES, *live.CASES)
PARTS = (
    ("Creating a job", creation.CASES, "tests/providers/test_conformance_jobs.py"),
    ("The life of a job", life.CASES, "tests/providers/test_conformance_jobs.py"),
    ("Results and replies", contents.CASES, "tests/providers/test_conformance_lines.py"),
    ("Live calls", live.CASES, "tests/providers/test_conformance_lines.py"),
)
HEAD = """# Faults and what comes of them

One row for each fault, with the right outcome and the test that shows it. Made from the rows in `tests/providers/conformance`,
which are run as they stand: a small batch is planned in a fresh ledger, the real adapters with the real SDKs talk to the
[emulator](emulator.md) while the fault happens, and the batch is advanced again and again, as the daemon does.

Afterwards our ledger is compared with the emulator's books. Every request has exactly one outcome, and every verdict is that
of a run without faults. As many batch jobs were created and as many requests billed as the row says, and no SDK repeated a
creation. What we recorded as paid is what was billed, to the cent, or is recorded as unknown, and nothing is on order. A
complete batch is left alone. A row in which "a person" acts checks first that nothing is sent until then.

The numbers are those of the project's list of failure modes; 2.2 and 2.4 are what the SDKs do with servers that misbehave.
"""
COLUMNS = "| no. | provider | fault | right outcome | shown by |\n|---|---|---|---|---|"


def parameters(rows: Iterable[Case]) -> list[Any]:
    """Return the runs of ``rows``: each row with each of its providers."""
    return [pytest.param(case, provider, id=f"{case.name}-{provider}") for case in rows for provider in case.providers]


def faults_page() -> str:
    """Return the conformance table as Markdown."""
    n_rows = len(JOBS) + len(LINES) + len(ELSEWHERE)
    parts = [HEAD, f"{n_rows} rows."]
    for title, rows, file in PARTS:
        parts.append(f"\n## {title}\n\nThe tests are `{file}::test_the_right_outcome[...]`.\n\n{COLUMNS}")
        parts += [_row(case.numbers, _providers(case), case.fault, case.outcome, _ids(case)) for case in rows]
    parts.append(f"\n## Shown by other tests\n\n{COLUMNS}")
    parts += [_row(row.numbers, row.provider, row.fault, row.outcome, f"`{row.test}`") for row in ELSEWHERE]
    return "\n".join(parts) + "\n"


def _row(*cells: str) -> str:
    return "| " + " | ".join(cells) + " |"


def _providers(case: Case) -> str:
    return "both" if case.providers == BOTH else case.providers[0]


def _ids(case: Case) -> str:
    return ", ".join(f"`{case.name}-{provider}`" for provider in case.providers)


if __name__ == "__main__":
    sys.stdout.write(faults_page())
