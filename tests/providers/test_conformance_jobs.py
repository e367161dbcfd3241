"""The conformance table, first half: whatever goes wrong with a batch job, the right thing comes of it.

The rows are in :mod:`tests.providers.conformance`, and docs/faults.md is made from them.
"""

from pathlib import Path

import pytest

from huleedu_pipeline.judging.spec import Provider as ProviderName
from tests.providers.conformance.cases import Case
from tests.providers.conformance.run import Account, run
from tests.providers.conformance.table import JOBS, parameters


@pytest.mark.parametrize(("case", "provider"), parameters(JOBS))
def test_the_right_outcome(
    case: Case, provider: ProviderName, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(case, provider, account, tmp_path, monkeypatch)
