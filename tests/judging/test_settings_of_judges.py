"""What may be asked of a judge: what an API does not take is refused with a remedy, and nothing is dropped in silence."""

from typing import Any

import pytest
from pydantic import ValidationError

from huleedu_pipeline.essays.spec import BatchSpec
from huleedu_pipeline.judging.spec import JudgeSettings


def refusal(**values: Any) -> str:
    with pytest.raises(ValidationError) as refused:
        JudgeSettings(**values)
    return str(refused.value.errors()[0]["msg"]).removeprefix("Value error, ")


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"provider": "anthropic", "api": "chat_completions"}, "api"),
        ({"provider": "anthropic", "api": "decisions"}, "api"),
        ({"provider": "anthropic", "service_tier": "flex"}, "service_tier"),
        ({"api": "decisions", "model": "gpt-6-sol"}, "model"),
        ({"api": "decisions", "model": "emulated-gpt-6-sol"}, "model"),
        ({"api": "decisions", "temperature": 0}, "temperature"),
        ({"api": "decisions", "max_output_tokens": 900}, "max_output_tokens"),
        ({"api": "decisions", "reasoning_effort": "low"}, "reasoning_effort"),
        ({"api": "decisions", "output_verbosity": "low"}, "output_verbosity"),
        ({"api": "decisions", "service_tier": "flex"}, "service_tier"),
        ({"api": "decisions", "reason_length": "long"}, "reason_length"),
        ({"provider": "human", "model": "human"}, "model"),
        ({"provider": "human", "prompt_template": "usage-guard-1"}, "prompt_template"),
        ({"provider": "human", "temperature": 0}, "temperature"),
        ({"provider": "human", "max_output_tokens": 601}, "max_output_tokens"),
        ({"provider": "human", "reasoning_effort": "none"}, "reasoning_effort"),
        ({"provider": "human", "output_verbosity": "low"}, "output_verbosity"),
        ({"provider": "human", "api": "decisions"}, "api"),
        ({"provider": "human", "service_tier": "flex"}, "service_tier"),
    ],
)
def test_what_is_not_taken_is_named_with_its_remedy(values: dict[str, Any], part: str) -> None:
    message = refusal(**values)
    assert message.startswith(f"{part}: ")
    assert f"leave {part} out" in message


@pytest.mark.parametrize(
    "values",
    [
        {"api": "responses", "service_tier": "flex"},
        {"api": "chat_completions", "service_tier": "flex", "temperature": 0, "reasoning_effort": "low", "model": "own"},
        {"api": "decisions"},
        {"api": "decisions", "model": "gpt-6-luna"},
        {"api": "decisions", "model": "emulated-gpt-6-luna"},
        {"provider": "human"},
    ],
)
def test_what_is_taken_survives_a_round_trip(values: dict[str, Any]) -> None:
    judge = JudgeSettings(**values)
    assert JudgeSettings.model_validate(judge.model_dump(mode="json")) == judge


@pytest.mark.parametrize("judge", [{"api": "decisions"}, {"service_tier": "flex"}])
def test_live_calls_only_means_no_batch_jobs(judge: dict[str, Any]) -> None:
    (part,) = judge
    with pytest.raises(ValidationError, match=f"judge.{part}: .*set llm_batching_mode to per_request or serial_bundle"):
        BatchSpec(batch_id="b", judge=JudgeSettings(**judge))
    for mode in ("per_request", "serial_bundle"):
        spec = BatchSpec.model_validate({"batch_id": "b", "judge": judge, "llm_batching_mode": mode})
        assert BatchSpec.model_validate(spec.model_dump(mode="json")) == spec


@pytest.mark.parametrize("mode", ["provider_batch_api", "per_request", "serial_bundle"])
def test_people_judge_in_any_mode(mode: str) -> None:
    spec = BatchSpec.model_validate({"batch_id": "b", "judge": {"provider": "human"}, "llm_batching_mode": mode})
    assert spec.judge.provider == "human"
