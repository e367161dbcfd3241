"""Who judges: the settings a batch gives, and the judge's identity that follows from them.

A judge is everything that determines how it answers apart from the two essays: provider, model, prompt template, system
prompt, assignment, rubric and parameters. ``judge_id`` is a hash of all of it, so two judges with one id are the same
judge. Not here: what a prompt looks like (:mod:`.prompts`) or how a request travels (:mod:`huleedu_pipeline.providers`).
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from huleedu_pipeline.canonical import short_hash
from huleedu_pipeline.judging.manifest import EMULATED_PREFIX, manifest
from huleedu_pipeline.judging.templates import DEFAULT_TEMPLATE, ReasonLength

Provider = Literal["openai", "anthropic", "human"]
Api = Literal["responses", "chat_completions", "decisions"]
ServiceTier = Literal["flex"]
BatchingMode = Literal["per_request", "serial_bundle", "provider_batch_api"]
ReasoningEffort = Literal["none", "low", "medium", "high"]
Verbosity = Literal["low", "medium", "high"]

# The provider, model and backend of judgements that people made: they are imported, and nobody is asked for them.
HUMAN: Literal["human"] = "human"
DECISIONS_MODEL = "gpt-6-luna"
# Parts of a judge that are newer than the first judgements. At their defaults they are no part of its identity, so that a
# judge who judged before they existed is still the same judge.
_LATER_PARTS = {"api": "responses", "service_tier": None, "reason_length": "short"}


class JudgeSettings(BaseModel):
    """The ``judge:`` part of ``batch.yaml``. Every value given here is really sent; nothing is dropped in silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: Provider = Field(
        default="openai",
        description="Whose API judges: openai or anthropic. human: people judge, and their judgements are "
        "imported (huleedu judgements import).",
    )
    model: str = Field(default="", description="Model name at the provider; empty means the default in `huleedu models list`.")
    is_unlisted_model: bool = Field(
        default=False,
        description="true: the model is not in the manifest (`huleedu models list`) and is meant: your own server's, a "
        "fine-tune, or newer than this version. Its price, limits and parameters are then unknown.",
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

    api: Api = Field(
        default="responses",
        description="Which of OpenAI's APIs answers. responses or chat_completions: a verdict with reasons (chat_completions "
        "for servers that only speak that). decisions: live only, a probability for each essay instead of reasons.",
    )
    service_tier: ServiceTier | None = Field(
        default=None, description="flex: OpenAI's slower live calls at half price. Leave out for the usual service."
    )

    prompt_template: str = Field(
        default=DEFAULT_TEMPLATE,
        description="The words around assignment, criteria and essays; `huleedu prompts list` shows the templates.",
    )
    reason_length: ReasonLength = Field(
        default="short",
        description="short: a reason of at most 30 words. long: of at most 60, which costs more.",
    )
    system_prompt: str | None = Field(
        default=None, pattern=r"\S", description="What the judge is told first, in place of the template's own words."
    )
    rubric: str | None = Field(
        default=None,
        pattern=r"\S",
        description="Criteria in place of rubric.md, or of the registered assignment's; not for a national test's assignment.",
    )

    @model_validator(mode="after")
    def _only_what_the_provider_takes(self) -> "JudgeSettings":
        checks = {"anthropic": self._check_anthropic, HUMAN: self._check_human}
        checks.get(self.provider, self._check_openai)()
        return self

    def _check_anthropic(self) -> None:
        if self.temperature is not None:
            raise ValueError(
                "temperature: Anthropic's API version 2026-10-21 takes no sampling parameters (leave temperature out)"
            )
        if self.output_verbosity is not None:
            raise ValueError("output_verbosity: only OpenAI's models take it (leave output_verbosity out)")
        if self.reasoning_effort == "none":
            raise ValueError("reasoning_effort: Anthropic has no effort 'none' (use low, medium or high, or leave it out)")
        if self.api != "responses":
            raise ValueError("api: only OpenAI has more than one (leave api out)")
        if self.service_tier is not None:
            raise ValueError("service_tier: only OpenAI has the tier flex (leave service_tier out)")

    def _check_openai(self) -> None:
        if self.api != "decisions":
            return
        if self.model.removeprefix(EMULATED_PREFIX) not in ("", DECISIONS_MODEL):
            raise ValueError(
                f"model: OpenAI's decisions are made by {DECISIONS_MODEL} only (leave model out, or use another api)"
            )
        untaken = ("temperature", "max_output_tokens", "reasoning_effort", "output_verbosity", "service_tier", "reason_length")
        if given := self._given(untaken):
            raise ValueError(
                f"{given[0]}: OpenAI's decisions answer with probabilities and take no such parameter (leave {given[0]} out, "
                "or use another api)"
            )

    def _check_human(self) -> None:
        if given := self._given(name for name in type(self).model_fields if name != "provider"):
            raise ValueError(f"{given[0]}: a human judge has no such setting (leave {given[0]} out)")

    def _given(self, names: Iterable[str]) -> list[str]:
        # Told by the value: a specification that is read back from the ledger names every field.
        fields = type(self).model_fields
        return [name for name in names if getattr(self, name) != fields[name].default]


@dataclass(frozen=True)
class Judge:
    """A judge: every field is sent that its API takes, and together they give its identity.

    ``api`` is the one of OpenAI's APIs that asks it; other providers have one only.
    """

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
    api: str = "responses"
    service_tier: str | None = None
    reason_length: ReasonLength = "short"

    @property
    def judge_id(self) -> str:
        """Identity of this judge, the same on every machine: ``j_`` and 16 hexadecimal digits."""
        parts = {name: value for name, value in asdict(self).items() if name not in _LATER_PARTS or value != _LATER_PARTS[name]}
        return "j_" + short_hash(parts, 16)

    @property
    def is_simulated(self) -> bool:
        """Whether the local emulator stands in for the model."""
        return is_simulated(self.model)


def is_simulated(model: str) -> bool:
    """Whether ``model`` is served by the emulator; its name then begins with ``emulated-``."""
    return model.startswith(EMULATED_PREFIX)


def default_model(provider: Provider) -> str:
    """Return the model that judges when none is named."""
    return HUMAN if provider == HUMAN else manifest().providers[provider].default_model


def resolve_model(settings: JudgeSettings, *, is_emulated: bool) -> str:
    """Return the model name to request: the given one or the provider's default, marked when the emulator serves it.

    People are never emulated: their judgements are real whatever the backend.
    """
    model = settings.model or default_model(settings.provider)
    if is_emulated and settings.provider != HUMAN and not is_simulated(model):
        return EMULATED_PREFIX + model
    return model
