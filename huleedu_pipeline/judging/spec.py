"""Who judges: the settings a batch gives, and the judge's identity that follows from them.

A judge is everything that determines how it answers apart from the two essays: provider, model, prompt template, system
prompt, assignment, rubric and parameters. ``judge_id`` is a hash of all of it, so two judges with one id are the same
judge. Not here: what a prompt looks like (:mod:`.prompts`) or how a request travels (:mod:`huleedu_pipeline.providers`).
"""

from dataclasses import asdict, dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from huleedu_pipeline.canonical import short_hash

Provider = Literal["openai", "anthropic"]
BatchingMode = Literal["per_request", "serial_bundle", "provider_batch_api"]
ReasoningEffort = Literal["none", "low", "medium", "high"]
Verbosity = Literal["low", "medium", "high"]

DEFAULT_MODELS: dict[Provider, str] = {"openai": "gpt-6-luna", "anthropic": "claude-haiku-4-5-20251001"}
EMULATED_PREFIX = "emulated-"


class JudgeSettings(BaseModel):
    """The ``judge:`` part of ``batch.yaml``. Every value given here is really sent; nothing is dropped in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: Provider = Field(default="openai", description="Whose API judges: openai or anthropic.")
    model: str = Field(
        default="", description="Model name at the provider; empty means the project's default for that provider."
    )
    temperature: float | None = Field(
        default=None,
        ge=0,
        le=2,
        description="Sampling temperature; 0 means 0. Leave out to use the provider's default.",
    )
    max_output_tokens: int = Field(default=600, ge=64, le=32_000, description="Upper limit of a reply, in tokens.")
    reasoning_effort: ReasoningEffort | None = Field(
        default=None, description="How much the model thinks first, where the model offers it."
    )
    output_verbosity: Verbosity | None = Field(
        default=None, description="How long the model answers, where the model offers it (OpenAI)."
    )

    @model_validator(mode="after")
    def _only_what_the_provider_takes(self) -> "JudgeSettings":
        if self.provider == "anthropic" and self.temperature is not None:
            raise ValueError(
                "temperature: Anthropic's API version 2026-10-21 takes no sampling parameters (leave temperature out)"
            )
        if self.provider == "anthropic" and self.output_verbosity is not None:
            raise ValueError("output_verbosity: only OpenAI's models take it (leave output_verbosity out)")
        if self.provider == "anthropic" and self.reasoning_effort == "none":
            raise ValueError("reasoning_effort: Anthropic has no effort 'none' (use low, medium or high, or leave it out)")
        return self


@dataclass(frozen=True)
class Judge:
    """A judge: every field is sent, and together they give its identity."""

    provider: Provider
    model: str
    prompt_template: str
    system_prompt: str
    assignment_prompt: str
    rubric: str
    temperature: float | None
    max_output_tokens: int
    reasoning_effort: ReasoningEffort | None
    output_verbosity: Verbosity | None

    @property
    def judge_id(self) -> str:
        """Identity of this judge, the same on every machine: ``j_`` and 16 hexadecimal digits."""
        return "j_" + short_hash(asdict(self), 16)

    @property
    def is_simulated(self) -> bool:
        """Whether the local emulator stands in for the model."""
        return is_simulated(self.model)


def is_simulated(model: str) -> bool:
    """Whether ``model`` is served by the emulator; its name then begins with ``emulated-``."""
    return model.startswith(EMULATED_PREFIX)


def resolve_model(settings: JudgeSettings, *, is_emulated: bool) -> str:
    """Return the model name to request: the given one or the provider's default, marked when the emulator serves it."""
    model = settings.model or DEFAULT_MODELS[settings.provider]
    if is_emulated and not is_simulated(model):
        return EMULATED_PREFIX + model
    return model
