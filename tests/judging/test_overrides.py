"""Whether a judge may be asked for: errors with a remedy, warnings for what is not known, and never a dropped parameter."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from huleedu_pipeline.judging.manifest import Manifest, manifest
from huleedu_pipeline.judging.overrides import Validation, validate_judge, validate_llm_overrides
from huleedu_pipeline.judging.spec import JudgeSettings

TODAY = date(2026, 11, 20)
LISTED = Manifest.model_validate(
    {
        "as_of": "2026-11-20",
        "sources": {"s": {"title": "a source", "as_of": "2026-11-20"}},
        "providers": {
            "openai": {"default_model": "clear", "batch_factor": 0.5, "structured_output": "json_schema", "source": ["s"]}
        },
        "models": {
            "clear": {
                "provider": "openai",
                "family": "f",
                "source": ["s"],
                "max_output_tokens": 900,
                "takes_temperature": True,
                "reasoning_efforts": ["low", "high"],
                "verbosities": [],
            },
            "vague": {"provider": "openai", "family": "f", "source": ["s"]},
            "old": {"provider": "openai", "family": "f", "source": ["s"], "deprecated": "2026-01-01"},
            "ending": {"provider": "openai", "family": "f", "source": ["s"], "shutdown": "2026-11-20"},
        },
    }
)


def checked(model: str, provider: str = "openai", **values: Any) -> Validation:
    return validate_llm_overrides(provider, model, **{"on": TODAY, "listed": LISTED, **values})


@pytest.mark.parametrize("model", ["", "clear", "emulated-clear"])
def test_a_judge_with_only_what_its_model_takes_is_taken(model: str) -> None:
    assert checked(model, temperature=0.0, reasoning_effort="high", max_output_tokens=900) == Validation()


@pytest.mark.parametrize(
    ("provider", "model", "says"),
    [
        ("opnai", "clear", "provider: 'opnai' is unknown (did you mean 'openai'?)"),
        ("google", "clear", "provider: 'google' is unknown (there are: openai)"),
        ("openai", "cleer", "model 'cleer' is not in the manifest of 2026-11-20 (did you mean 'clear'?"),
        ("openai", "Vague", "model 'Vague' is not in the manifest of 2026-11-20 (did you mean 'vague'?"),
        ("openai", "xyz", "model 'xyz' is not in the manifest of 2026-11-20 (`huleedu models list` shows those that are."),
    ],
)
def test_an_unknown_provider_or_model_is_an_error_that_suggests_the_nearest(provider: str, model: str, says: str) -> None:
    (error,) = checked(model, provider).errors
    assert error.startswith(says)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"reasoning_effort": "medium"}, "reasoning_effort: clear does not take this value (use low, high, or leave"),
        ({"reasoning_effort": "none"}, "reasoning_effort: clear does not take this value (use low, high, or leave"),
        ({"output_verbosity": "low"}, "output_verbosity: clear does not take it (leave output_verbosity out, or use another"),
        ({"max_output_tokens": 901}, "max_output_tokens: clear writes at most 900 (ask for no more)"),
    ],
)
def test_a_parameter_that_the_model_does_not_take_is_an_error(values: dict[str, Any], says: str) -> None:
    (error,) = checked("clear", **values).errors
    assert error.startswith(says)


def test_temperature_0_is_a_temperature() -> None:
    refused = validate_llm_overrides("openai", "gpt-5.1", on=TODAY, temperature=0.0)
    assert refused.errors == ("temperature: gpt-5.1 does not take it (leave temperature out, or use another model)",)
    assert validate_llm_overrides("openai", "gpt-5.1", on=TODAY).errors == ()
    assert validate_llm_overrides("openai", "gpt-4.1", on=TODAY, temperature=0.0).errors == ()


def test_what_is_not_known_is_a_warning_for_each_parameter_that_is_asked_for() -> None:
    found = checked("vague", temperature=0.0, reasoning_effort="low", output_verbosity="low", max_output_tokens=32_000)
    assert found.errors == ()
    assert [line.partition(":")[0] for line in found.warnings] == ["temperature", "reasoning_effort", "output_verbosity"]
    assert checked("vague") == Validation()


def test_a_deprecated_model_is_a_warning() -> None:
    assert checked("old") == Validation(warnings=("model: the provider advises against old since 2026-01-01",))


def test_a_model_warns_until_the_day_of_its_end_and_is_refused_after_it() -> None:
    assert checked("ending") == Validation(warnings=("model: the provider shuts ending down on 2026-11-20",))
    gone = checked("ending", on=TODAY + timedelta(days=1))
    assert gone == Validation(errors=("model 'ending' was shut down on 2026-11-20 (use another model)",))


def test_an_unlisted_model_is_taken_when_it_is_meant_and_said_to_be_unknown() -> None:
    (warning,) = checked("own", is_unlisted_model=True, temperature=0.0).warnings
    assert warning == "model: 'own' is not in the manifest: its price, limits and parameters are unknown"
    # What is listed is checked whatever is said of it.
    assert checked("clear", is_unlisted_model=True, output_verbosity="low").errors


def test_people_are_not_checked() -> None:
    assert checked("human", "human") == Validation()


@given(
    st.sampled_from(sorted(manifest().models)),
    st.sampled_from([None, 0.0, 1.0]),
    st.sampled_from([None, "low", "medium", "high"]),
    st.sampled_from([None, "low", "high"]),
)
def test_a_parameter_is_taken_refused_or_warned_of_and_never_passed_over(
    model: str, temperature: float | None, effort: str | None, verbosity: str | None
) -> None:
    entry = manifest().models[model]
    found = validate_llm_overrides(
        entry.provider, model, on=TODAY, temperature=temperature, reasoning_effort=effort, output_verbosity=verbosity
    )
    told = {line.partition(":")[0] for line in (*found.errors, *found.warnings)}
    asked = {"temperature": temperature, "reasoning_effort": effort, "output_verbosity": verbosity}
    known = {
        "temperature": entry.takes_temperature is True,
        "reasoning_effort": effort in (entry.reasoning_efforts or ()),
        "output_verbosity": verbosity in (entry.verbosities or ()),
    }
    assert told - {"model"} == {name for name, value in asked.items() if value is not None and not known[name]}


def test_every_setting_of_a_batch_is_checked() -> None:
    judge = JudgeSettings(model="gpt-5.1", temperature=0, reasoning_effort="low", output_verbosity="low")
    found = validate_judge(judge, on=TODAY)
    assert [line.partition(":")[0] for line in found.errors] == ["temperature"]
    assert [line.partition(":")[0] for line in found.warnings] == ["model", "reasoning_effort", "output_verbosity"]
    assert validate_judge(JudgeSettings(model="own"), on=TODAY).errors
    assert validate_judge(JudgeSettings(model="own", is_unlisted_model=True), on=TODAY).errors == ()
    assert validate_judge(JudgeSettings(model="gpt-4.1", max_output_tokens=20_000), on=TODAY).errors
