"""The emulator that all rows of the conformance table share."""

from collections.abc import Iterator

import pytest

from huleedu_pipeline.providers.backend import emulator_config
from huleedu_pipeline.providers.emulator.launcher import ensure_emulator, stop_emulator

pytest.register_assert_rewrite("tests.providers.conformance.run")

from tests.providers.conformance.run import Account  # noqa: E402 - once its assertions are to be explained


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    made = Account(tmp_path_factory.mktemp("account"))
    made.open(ensure_emulator(emulator_config(made.settings)))
    yield made
    made.http.close()
    stop_emulator(made.settings.emulator_dir)
