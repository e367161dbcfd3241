"""What judging costs: a dated price list, the price of one reply, and an estimate before anything is asked.

Prices live in ``prices.yaml``, never in code. An emulated model is priced as the model it stands for, so that a rehearsal
shows what the real thing would cost; its name says that nothing was paid. A price that is not on the list is unknown
(``None``), never 0.
"""

from datetime import date
from functools import cache
from importlib.resources import files

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from huleedu_pipeline.judging.outcome import PERHAPS_BILLED, Outcome, OutcomeKind, Usage
from huleedu_pipeline.judging.spec import EMULATED_PREFIX

FLEX = "flex"
# Names under which the providers serve a call at the list price; a reply that names none was served so, too.
_LIST_PRICE_TIERS = frozenset({"auto", "default", "standard"})


class PriceTier(BaseModel):
    """List prices in USD per million tokens, for prompts of up to so many tokens; ``None`` is an unknown price."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    up_to_input_tokens: int | None = Field(default=None, gt=0)
    input: float = Field(ge=0)
    cached_input: float | None = Field(default=None, ge=0)
    cache_write_5m: float | None = Field(default=None, ge=0)
    cache_write_30m: float | None = Field(default=None, ge=0)
    cache_write_1h: float | None = Field(default=None, ge=0)
    cache_write_12h: float | None = Field(default=None, ge=0)
    output: float = Field(ge=0)


class ModelPrice(BaseModel):
    """What one model costs; ``sunset`` is the day on which its provider shuts it down, where that is known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    provider: str
    sunset: date | None = None
    tiers: tuple[PriceTier, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _tiers_rise(self) -> "ModelPrice":
        limits = [tier.up_to_input_tokens for tier in self.tiers]
        known = [limit for limit in limits if limit is not None]
        if None in limits[:-1] or known != sorted(set(known)):
            raise ValueError(f"tiers: their limits {limits} do not rise (order them; only the last may be without one)")
        return self

    def tier(self, input_tokens: int) -> PriceTier | None:
        """Return the prices that hold for a prompt of so many tokens, or ``None`` above the last tier."""
        for tier in self.tiers:
            if tier.up_to_input_tokens is None or input_tokens <= tier.up_to_input_tokens:
                return tier
        return None


class PriceList(BaseModel):
    """All prices, with the day on which they were read."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    as_of: date
    batch_factor: float
    flex_factor: float
    models: dict[str, ModelPrice]


@cache
def price_list() -> PriceList:
    """Return the price list that ships with this version."""
    text = files("huleedu_pipeline.judging").joinpath("prices.yaml").read_text(encoding="utf-8")
    return PriceList.model_validate(yaml.safe_load(text))


def cost_usd(model: str, usage: Usage, *, is_batch: bool, service_tier: str | None = None) -> float | None:
    """Return the price of one reply in USD, or ``None`` where the list does not say.

    Args:
        model: Name of the model that served the request; ``emulated-`` names cost what the real model would.
        usage: Tokens of the reply; each class is priced by its own price.
        is_batch: Whether it came through the provider's batch API, which has one price whatever the tier is called.
        service_tier: What the provider says served it.

    """
    price, factor = _listed(model), _factor(is_batch, service_tier)
    tier = None if price is None else price.tier(usage.input_tokens)
    if tier is None or factor is None:
        return None
    beside = (
        (usage.cached_input_tokens, tier.cached_input),
        (usage.cache_write_5m_tokens, tier.cache_write_5m),
        (usage.cache_write_30m_tokens, tier.cache_write_30m),
        (usage.cache_write_1h_tokens, tier.cache_write_1h),
        (usage.cache_write_12h_tokens, tier.cache_write_12h),
    )
    afresh = usage.input_tokens - sum(tokens for tokens, _ in beside)
    if afresh < 0:
        return None  # counts that contradict each other have no price
    total = afresh * tier.input + usage.output_tokens * tier.output
    for tokens, each in beside:
        if tokens and each is None:
            return None
        total += tokens * (each or 0.0)
    return total / 1e6 * factor


def cost_of(model: str, outcome: Outcome, *, is_batch: bool) -> float | None:
    """Return what one attempt cost in USD: 0 where nothing was run, ``None`` where that, or the price, is not known.

    Args:
        model: The model that was asked.
        outcome: What the attempt came to.
        is_batch: Whether it came through the provider's batch API.

    """
    if outcome.error_code in PERHAPS_BILLED:
        return None
    if outcome.usage == Usage() and outcome.kind is not OutcomeKind.SUCCESS:
        return 0.0
    return cost_usd(model, outcome.usage, is_batch=is_batch, service_tier=outcome.service_tier)


def estimate_usd(
    model: str, *, input_tokens: int, output_tokens: int, is_batch: bool, service_tier: str | None = None
) -> float | None:
    """Return the price of one reply of that size in USD with nothing cached, or ``None`` where the list does not say."""
    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    return cost_usd(model, usage, is_batch=is_batch, service_tier=service_tier)


def sunset_of(model: str) -> date | None:
    """Return the day on which ``model`` is shut down, or ``None`` where the list names none."""
    price = _listed(model)
    return None if price is None else price.sunset


def _listed(model: str) -> ModelPrice | None:
    return price_list().models.get(model.removeprefix(EMULATED_PREFIX))


def _factor(is_batch: bool, service_tier: str | None) -> float | None:
    """Return the share of the list price that is charged, or ``None`` for a tier whose price is not on the list."""
    if is_batch:
        return price_list().batch_factor
    if service_tier == FLEX:
        return price_list().flex_factor
    return 1.0 if service_tier is None or service_tier in _LIST_PRICE_TIERS else None
