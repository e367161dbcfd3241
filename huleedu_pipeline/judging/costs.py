"""What judging costs: the price of one reply, and an estimate before anything is asked.

Prices are those of the manifest, never of code. An emulated model is priced as the model it stands for, so that a rehearsal
shows what the real thing would cost; its name says that nothing was paid. A price that is not listed is unknown (``None``),
never 0.
"""

from huleedu_pipeline.judging.manifest import ModelEntry, manifest
from huleedu_pipeline.judging.outcome import PERHAPS_BILLED, Outcome, OutcomeKind, Usage

FLEX = "flex"
# Names under which the providers serve a call at the list price; a reply that names none was served so, too.
_LIST_PRICE_TIERS = frozenset({"auto", "default", "standard"})


def cost_usd(model: str, usage: Usage, *, is_batch: bool, service_tier: str | None = None) -> float | None:
    """Return the price of one reply in USD, or ``None`` where the manifest does not say.

    Args:
        model: Name of the model that served the request; ``emulated-`` names cost what the real model would.
        usage: Tokens of the reply; each class is priced by its own price.
        is_batch: Whether it came through the provider's batch API, which has one price whatever the tier is called.
        service_tier: What the provider says served it.

    """
    entry = manifest().find(model)
    if entry is None:
        return None
    tier, factor = entry.tier(usage.input_tokens), _factor(entry, is_batch, service_tier)
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
    """Return the price of one reply of that size in USD with nothing cached, or ``None`` where the manifest does not say."""
    usage = Usage(input_tokens=input_tokens, output_tokens=output_tokens)
    return cost_usd(model, usage, is_batch=is_batch, service_tier=service_tier)


def _factor(entry: ModelEntry, is_batch: bool, service_tier: str | None) -> float | None:
    """Return the share of the list price that is charged, or ``None`` for a tier whose price is not listed."""
    provider = manifest().providers[entry.provider]
    if is_batch:
        return provider.batch_factor
    if service_tier == FLEX:
        return provider.flex_factor
    return 1.0 if service_tier is None or service_tier in _LIST_PRICE_TIERS else None
