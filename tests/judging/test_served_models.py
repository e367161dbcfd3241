"""What a provider serves against what the manifest says: nothing, something broken, new variants, new families."""

from datetime import date
from typing import Any

import pytest

from huleedu_pipeline.judging.manifest import Manifest
from huleedu_pipeline.judging.served_models import Comparison, ServedModel, compare_models

TODAY = date(2026, 11, 20)
LISTED = Manifest.model_validate(
    {
        "as_of": "2026-11-20",
        "sources": {"s": {"title": "a source", "as_of": "2026-11-20"}},
        "providers": {
            "openai": {
                "default_model": "gpt-6-luna",
                "batch_factor": 0.5,
                "structured_output": "json_schema",
                "source": ["s"],
                "unlisted": ["*-image*"],
            },
        },
        "models": {
            "gpt-6-luna": {
                "provider": "openai",
                "family": "gpt-6",
                "source": ["s"],
                "also": ["gpt-6-luna-1"],
                "context_tokens": 100,
                "shutdown": "2027-01-01",
            },
            "gpt-5": {"provider": "openai", "family": "gpt-5", "source": ["s"], "shutdown": "2026-11-19"},
            "claude-x": {"provider": "anthropic", "family": "claude", "source": ["s"]},
        },
    }
)
LUNA = ServedModel("gpt-6-luna")


def compared(*served: ServedModel) -> Comparison:
    return compare_models("openai", served, on=TODAY, listed=LISTED)


def test_what_is_served_as_listed_is_up_to_date() -> None:
    assert compared(LUNA) == Comparison("openai", 1, (), (), ())


@pytest.mark.parametrize("facts", [{}, {"context_tokens": 100}, {"max_output_tokens": 7}, {"shutdown": date(2027, 1, 1)}])
def test_what_agrees_or_is_not_known_on_one_side_breaks_nothing(facts: dict[str, Any]) -> None:
    assert compared(ServedModel("gpt-6-luna", **facts)).breaking == ()


def test_a_model_is_there_under_any_of_its_names() -> None:
    assert compared(ServedModel("gpt-6-luna-1")) == Comparison("openai", 1, (), (), ())


@pytest.mark.parametrize(
    ("served", "says"),
    [
        ([], "gpt-6-luna: is not served any more, or not to this account"),
        ([ServedModel("gpt-6-luna", is_retired=True)], "gpt-6-luna: is not served any more, or not to this account"),
        ([ServedModel("gpt-6-luna", context_tokens=99)], "the longest prompt in tokens is 99, and the manifest says 100"),
        (
            [ServedModel("gpt-6-luna", shutdown=date(2026, 12, 1))],
            "is shut down on 2026-12-01, and the manifest says 2027-01-01",
        ),
    ],
)
def test_what_is_no_longer_true_is_told(served: list[ServedModel], says: str) -> None:
    (line,) = compared(*served).breaking
    assert line.endswith(says)


def test_a_model_that_is_past_its_end_is_not_missed() -> None:
    assert all("gpt-5" not in line for line in compared().breaking)


def test_new_names_are_told_by_family() -> None:
    found = compared(LUNA, *map(ServedModel, ["gpt-6-nova", "gpt-6.2", "gpt-60", "gpt-7-sol", "gpt-6-image-1", "gpt-5-mini"]))
    assert found.breaking == ()
    assert found.new_variants == ("gpt-5-mini", "gpt-6-nova", "gpt-6.2")
    assert found.new_families == ("gpt-60", "gpt-7-sol")
