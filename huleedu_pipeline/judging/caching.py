"""What a provider's prompt cache did for one reply, read from the tokens that it reports. Pure.

Not here: which prompts share a beginning, and how they are marked (:mod:`huleedu_pipeline.providers.prefixes`).
"""

from enum import StrEnum
from functools import lru_cache

from huleedu_pipeline.judging.manifest import manifest
from huleedu_pipeline.judging.outcome import Usage


class CacheResult(StrEnum):
    """What became of a prompt in the cache."""

    HIT = "hit"
    MISS = "miss"
    BYPASS = "bypass"


def cache_result(model: str, usage: Usage) -> CacheResult | None:
    """Return what the cache did for a reply, or ``None`` where no tokens were reported.

    ``hit``: some of the prompt was read from the cache. ``miss``: none was, although some was written to it, or the prompt is
    as long as what the model keeps. ``bypass``: the prompt is shorter than that, or it is not known that the model has a cache.

    Args:
        model: The model, by the name under which it was asked for.
        usage: The tokens of the reply.

    """
    if usage.cached_input_tokens:
        return CacheResult.HIT
    if not usage.input_tokens:
        return None
    n_written = (
        usage.cache_write_5m_tokens + usage.cache_write_30m_tokens + usage.cache_write_1h_tokens + usage.cache_write_12h_tokens
    )
    least = _least_cached_tokens(model)
    if n_written or (least is not None and usage.input_tokens >= least):
        return CacheResult.MISS
    return CacheResult.BYPASS


@lru_cache(maxsize=256)
def _least_cached_tokens(model: str) -> int | None:
    return manifest().least_cached_tokens(model)
