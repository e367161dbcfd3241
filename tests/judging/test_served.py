"""Whether the model that answered is the one that was asked for."""

import pytest

from huleedu_pipeline.judging.served import is_as_requested


@pytest.mark.parametrize(
    ("requested", "answered", "is_same"),
    [
        ("gpt-6-luna", "gpt-6-luna", True),
        ("gpt-6-luna", "gpt-6-luna-2026-08-01", True),
        ("claude-haiku-4-5", "claude-haiku-4-5-20251001", True),
        ("gpt-6-luna", "gpt-6-luna-mini", False),
        ("gpt-6-luna", "gpt-6-sol", False),
        ("gpt-6-luna-2026-08-01", "gpt-6-luna", False),
        ("gpt-6-luna-2026-08-01", "gpt-6-luna-2026-09-01", False),
        ("emulated-gpt-6-luna", "emulated-gpt-6-luna", True),
        ("emulated-gpt-6-luna", "gpt-6-luna", False),
        ("gpt-6-luna", "emulated-gpt-6-luna", False),
        ("human", "human", True),
    ],
)
def test_a_name_stands_for_itself_and_for_its_dated_snapshots(requested: str, answered: str, is_same: bool) -> None:
    assert is_as_requested(requested, answered) is is_same
