"""What each way of saving money is worth: a plan's price from the dearest way of asking down to the way it is asked. Pure.

The dearest way asks live and at the list price, every pair in both orders, all in one wave, with nothing in the cache and
with long reasons. Each saving is told twice: what the plan costs with it and all savings before it, and what it would save
alone. Prices are the manifest's; how many comparisons a saving spares was found in simulation, as named beside each figure.
What caching brings is an assumption that the caller can change, and that the ledger's cached tokens will confirm or not.
"""

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from huleedu_pipeline.judging.costs import FLEX, cost_usd
from huleedu_pipeline.judging.manifest import manifest
from huleedu_pipeline.judging.outcome import Usage
from huleedu_pipeline.judging.replies import expected_reply_tokens

SavingName = Literal["batch_or_flex", "one_order", "waves", "cached_prefix", "shared_first_essay", "short_reason"]

# Calls that both orders of every pair take, as a multiple of one balanced order at equal accuracy: 1.3 to 1.65 by how much
# the two verdicts agree (docs/designs.md); here for a correlation of .7.
BOTH_ORDERS_FACTOR = 1.55
# Share of comparisons that so many waves of local_rank spare at a rank correlation of .80 (docs/designs.md): at .90 it is more.
WAVES_SPARE = {1: 0.0, 2: 0.192, 3: 0.238, 5: 0.278, 10: 0.297}
# The middle of what was seen in message batches, .30 to .98, where caching is best effort.
HIT_RATE = 0.64


@dataclass(frozen=True)
class PromptTokens:
    """How large requests are, in tokens.

    Attributes:
        context: Everything before the first essay: system prompt, schema, assignment, criteria, how to answer.
        essay: One essay.
        short_reply: A reply with a short reason.
        long_reply: A reply with a long reason.

    """

    context: int
    essay: int
    short_reply: int = expected_reply_tokens("short")
    long_reply: int = expected_reply_tokens("long")


@dataclass(frozen=True)
class Way:
    """A way of asking: which savings it has; ``waves`` is 1 without that one."""

    is_batch: bool = False
    service_tier: str | None = None
    is_one_order: bool = False
    waves: int = 1
    has_cached_prefix: bool = False
    has_shared_first_essay: bool = False
    has_short_reason: bool = False


@dataclass(frozen=True)
class Saving:
    """What one saving is worth.

    Attributes:
        name: The saving.
        is_used: Whether the plan has it; batch jobs have no waves, and live calls at the list price no discount.
        n_comparisons: Comparisons with it and all savings before it.
        usd: Cost of these, in USD; ``None`` where a price is unknown.
        share_alone: Share of the dearest way's cost that it would save alone; below 0 where it would cost more, ``None``
            where a price is unknown.

    """

    name: SavingName
    is_used: bool
    n_comparisons: float
    usd: float | None
    share_alone: float | None


@dataclass(frozen=True)
class Savings:
    """The dearest way's comparisons and cost in USD (``None`` where a price is unknown), and each saving in its order."""

    dearest_n_comparisons: float
    dearest_usd: float | None
    steps: tuple[Saving, ...]


def savings_of(
    model: str, way: Way, tokens: PromptTokens, *, n_essays: int, n_comparisons: int, hit_rate: float = HIT_RATE
) -> Savings:
    """Return what each saving of a plan is worth.

    Args:
        model: The model that judges.
        way: How the plan asks.
        tokens: How large its requests are.
        n_essays: Essays, anchors included; each is shown first in equally many comparisons.
        n_comparisons: Comparisons of the plan, asked in its way.
        hit_rate: Share of requests that find in the cache what was written there, 0..1.

    Raises:
        ValueError: fewer than two essays, no comparison, a hit rate that is none, or waves in a provider's batch jobs.

    """
    if n_essays < 2 or n_comparisons < 1:
        raise ValueError(f"{n_comparisons} comparisons of {n_essays} essays save nothing (give at least 1 of at least 2)")
    if not 0 <= hit_rate <= 1:
        raise ValueError(f"hit_rate: {hit_rate:g} is no share (give a number from 0 to 1)")
    if way.is_batch and way.waves > 1:
        raise ValueError(f"waves: {way.waves}, but a provider's batch jobs are one wave (set waves to 1, or is_batch to False)")
    needed = n_comparisons / _comparisons_factor(way)  # by the dearest way

    def price(of: Way) -> tuple[float, float | None]:
        n = needed * _comparisons_factor(of)
        # Those with the same first essay lie together in a wave, and between waves the cache forgets.
        each = _expected_usd(model, of, tokens, n / n_essays / of.waves, hit_rate)
        return n, None if each is None else n * each

    dearest_n, dearest_usd = price(Way())
    steps, so_far = [], Way()
    for name, changes in _changes(way):
        so_far = replace(so_far, **changes)
        n, usd = price(so_far)
        alone = price(replace(Way(), **changes))[1]
        share = None if alone is None or dearest_usd is None else 1 - alone / dearest_usd
        steps.append(Saving(name, replace(Way(), **changes) != Way(), n, usd, share))
    return Savings(dearest_n, dearest_usd, tuple(steps))


def share_spared_by_waves(waves: int) -> float:
    """Return the share of comparisons that so many waves spare; between the numbers that were simulated, in proportion."""
    known = sorted(WAVES_SPARE)
    upper = bisect_right(known, waves)
    if upper == len(known):
        return WAVES_SPARE[known[-1]]
    below, above = known[upper - 1], known[upper]
    return WAVES_SPARE[below] + (WAVES_SPARE[above] - WAVES_SPARE[below]) * (waves - below) / (above - below)


def _changes(way: Way) -> Iterator[tuple[SavingName, dict[str, Any]]]:
    """Yield each saving with the parts of ``way`` that are it."""
    yield "batch_or_flex", {"is_batch": way.is_batch, "service_tier": way.service_tier}
    yield "one_order", {"is_one_order": way.is_one_order}
    yield "waves", {"waves": way.waves}
    yield "cached_prefix", {"has_cached_prefix": way.has_cached_prefix}
    yield "shared_first_essay", {"has_shared_first_essay": way.has_shared_first_essay}
    yield "short_reason", {"has_short_reason": way.has_short_reason}


def _comparisons_factor(way: Way) -> float:
    """Return the comparisons that a way needs, as a share of the dearest way's."""
    return (1 / BOTH_ORDERS_FACTOR if way.is_one_order else 1.0) * (1 - share_spared_by_waves(way.waves))


def _expected_usd(model: str, way: Way, tokens: PromptTokens, per_first_essay: float, hit_rate: float) -> float | None:
    """Return the expected price of one request in USD, or ``None`` where a price is unknown."""
    reply = tokens.short_reply if way.has_short_reason else tokens.long_reply
    afresh = Usage(input_tokens=tokens.context + 2 * tokens.essay, output_tokens=reply)
    total = 0.0
    for probability, usage in _cases(model, way, tokens, afresh, per_first_essay, hit_rate):
        usd = cost_usd(model, usage, is_batch=way.is_batch, service_tier=way.service_tier)
        if usd is None:
            return None
        total += probability * usd
    return total


def _cases(
    model: str, way: Way, tokens: PromptTokens, afresh: Usage, per_first_essay: float, hit_rate: float
) -> Iterator[tuple[float, Usage]]:
    """Yield what of a prompt is read from the cache or written to it, each with its probability."""
    if not way.has_cached_prefix and not way.has_shared_first_essay:
        yield 1.0, afresh
        return
    least = manifest().least_cached_tokens(model)
    shared = tokens.context + (tokens.essay if way.has_shared_first_essay else 0)
    if least is not None and shared < least:
        yield 1.0, afresh  # too short for any cache
        return
    is_context_kept = least is None or tokens.context >= least
    context = tokens.context if is_context_kept else 0
    # The first of those that share an essay finds nothing, and an essay that is first only once is only written.
    finds_essay = hit_rate * max(0.0, 1 - 1 / per_first_essay) if way.has_shared_first_essay else 0.0
    yield finds_essay, replace(afresh, cached_input_tokens=shared)
    yield hit_rate - finds_essay, _written(model, replace(afresh, cached_input_tokens=context), 0, shared - context)
    yield 1 - hit_rate, _written(model, afresh, context, shared - context)


def _written(model: str, usage: Usage, for_long: int, for_short: int) -> Usage:
    """Return the usage with so many tokens written to the cache, as each provider keeps them; nothing where that is free."""
    entry = manifest().find(model)
    tier = None if entry is None else entry.tier(usage.input_tokens)
    if entry is None or tier is None:
        return usage
    if entry.provider == "anthropic":
        return replace(usage, cache_write_1h_tokens=for_long, cache_write_5m_tokens=for_short)
    return usage if tier.cache_write_30m is None else replace(usage, cache_write_30m_tokens=for_long + for_short)


def flex_of(model: str) -> str | None:
    """Return the service tier that is half the price live, or ``None`` where the model's provider has none."""
    entry = manifest().find(model)
    has_flex = entry is not None and manifest().providers[entry.provider].flex_factor is not None
    return FLEX if has_flex else None
