"""The model manifest: what is known of each model that may judge, as the data file ``models.yaml`` states it.

One file for names, families, days, limits, parameters and prices, every entry with its sources and their dates. Whatever no
source states is ``None``: unknown, which is not the same as nothing. Here: reading and looking up. Not here: what a reply
costs (:mod:`.costs`), whether a judge may be asked for (:mod:`.overrides`), what a provider serves now
(:mod:`.served_models`).
"""

from collections.abc import Iterator
from datetime import date
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

ModelProvider = Literal["openai", "anthropic"]

EMULATED_PREFIX = "emulated-"


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Source(_Entry):
    """Where facts are from, and the day on which they were read there."""

    title: str
    as_of: date


class PriceTier(_Entry):
    """List prices in USD per million tokens, for prompts of up to so many tokens; ``None`` is an unknown price."""

    up_to_input_tokens: int | None = Field(default=None, gt=0)
    input: float = Field(ge=0)
    cached_input: float | None = Field(default=None, ge=0)
    cache_write_5m: float | None = Field(default=None, ge=0)
    cache_write_30m: float | None = Field(default=None, ge=0)
    cache_write_1h: float | None = Field(default=None, ge=0)
    cache_write_12h: float | None = Field(default=None, ge=0)
    output: float = Field(ge=0)


class ModelEntry(_Entry):
    """What is known of one model; ``None`` (of ``tiers``: none) is unknown.

    Attributes:
        provider: Whose model it is.
        family: Its line of models.
        source: Keys of the manifest's sources.
        also: Other names of the very same model.
        released: Day of its release.
        deprecated: Day since which its provider advises against it.
        shutdown: Day on which its provider shuts it down.
        context_tokens: Longest prompt, in tokens.
        max_output_tokens: Longest reply, in tokens.
        least_cached_tokens: Shortest prefix that is kept in the cache, in tokens.
        cache_breakpoints: Whether a request marks up to where its prompt is kept.
        takes_temperature: Whether it takes a sampling temperature.
        reasoning_efforts: Efforts that it takes.
        verbosities: Verbosities that it takes.
        tiers: Prices, by the size of the prompt.

    """

    provider: ModelProvider
    family: str
    source: tuple[str, ...] = Field(min_length=1)
    also: tuple[str, ...] = ()
    released: date | None = None
    deprecated: date | None = None
    shutdown: date | None = None
    context_tokens: int | None = Field(default=None, gt=0)
    max_output_tokens: int | None = Field(default=None, gt=0)
    least_cached_tokens: int | None = Field(default=None, gt=0)
    cache_breakpoints: bool = False
    takes_temperature: bool | None = None
    reasoning_efforts: tuple[str, ...] | None = None
    verbosities: tuple[str, ...] | None = None
    tiers: tuple[PriceTier, ...] = ()

    @model_validator(mode="after")
    def _tiers_rise(self) -> "ModelEntry":
        limits = [tier.up_to_input_tokens for tier in self.tiers]
        known = [limit for limit in limits if limit is not None]
        if None in limits[:-1] or known != sorted(set(known)):
            raise ValueError(f"tiers: their limits {limits} do not rise (order them; only the last may be without one)")
        return self

    def tier(self, input_tokens: int) -> PriceTier | None:
        """Return the prices that hold for a prompt of so many tokens, or ``None`` where none are known."""
        for tier in self.tiers:
            if tier.up_to_input_tokens is None or input_tokens <= tier.up_to_input_tokens:
                return tier
        return None

    @property
    def is_leaving(self) -> bool:
        """Whether its provider advises against it or has named the day of its end."""
        return self.deprecated is not None or self.shutdown is not None


class ProviderEntry(_Entry):
    """What holds for all models of a provider; see the head of ``models.yaml`` for the fields."""

    default_model: str
    batch_factor: float = Field(gt=0, le=1)
    flex_factor: float | None = Field(default=None, gt=0, le=1)
    least_cached_tokens: int | None = Field(default=None, gt=0)
    cache_keys: bool = False
    structured_output: str
    source: tuple[str, ...] = Field(min_length=1)
    unlisted: tuple[str, ...] = ()


class Manifest(_Entry):
    """The whole file; look models up by :meth:`find`, which knows every name."""

    as_of: date
    sources: dict[str, Source]
    providers: dict[ModelProvider, ProviderEntry]
    models: dict[str, ModelEntry]

    @model_validator(mode="after")
    def _holds_together(self) -> "Manifest":
        names = [name for key, entry in self.models.items() for name in (key, *entry.also)]
        if repeated := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"models: {repeated[0]} stands there twice (a name is of one model)")
        cited = {source for entry in self.models.values() for source in entry.source}
        cited |= {source for about in self.providers.values() for source in about.source}
        if unknown := sorted(cited - self.sources.keys()):
            raise ValueError(f"sources: {unknown[0]} is cited and not listed (add it, with its date)")
        for provider, about in self.providers.items():
            default = self.models.get(about.default_model)
            if default is None or default.provider != provider:
                raise ValueError(f"providers.{provider}: the default {about.default_model} is none of its models")
        return self

    def find(self, model: str) -> ModelEntry | None:
        """Return what is known of a model by any of its names, emulated or not, or ``None`` for one that is not listed."""
        name = self.key_of(model)
        return None if name is None else self.models[name]

    def key_of(self, model: str) -> str | None:
        """Return the name under which a model is listed, or ``None``."""
        plain = model.removeprefix(EMULATED_PREFIX)
        if plain in self.models:
            return plain
        return next((key for key, entry in self.models.items() if plain in entry.also), None)

    def of_provider(self, provider: str) -> dict[str, ModelEntry]:
        """Return a provider's models by name."""
        return {name: entry for name, entry in self.models.items() if entry.provider == provider}

    def nearest(self, model: str, provider: str) -> str | None:
        """Return the name of the provider's model that is most like ``model``, or ``None`` when none is."""
        wanted = model.removeprefix(EMULATED_PREFIX).lower()
        near = get_close_matches(wanted, list(self._names(provider)), n=1)
        return near[0] if near else None

    def is_passed_over(self, model: str, provider: ModelProvider) -> bool:
        """Return whether a name that is not listed is known to be none of a judge."""
        return any(fnmatchcase(model, pattern) for pattern in self.providers[provider].unlisted)

    def least_cached_tokens(self, model: str) -> int | None:
        """Return the shortest prefix that is kept in the cache for ``model``, in tokens, or ``None`` where unknown."""
        entry = self.find(model)
        if entry is None:
            return None
        return entry.least_cached_tokens or self.providers[entry.provider].least_cached_tokens

    def _names(self, provider: str) -> Iterator[str]:
        for name, entry in self.of_provider(provider).items():
            yield name
            yield from entry.also


@cache
def manifest() -> Manifest:
    """Return the manifest that ships with this version."""
    text = files("huleedu_pipeline.judging").joinpath("models.yaml").read_text(encoding="utf-8")
    return Manifest.model_validate(yaml.safe_load(text))
