"""In which batching mode a batch is really judged, and why. Pure.

Resolved once, when a batch is first recorded, from what the batch, its runner and the installation ask for and from what
its provider can do; read from the ledger ever after. Not here: what each mode does.
"""

from collections.abc import Collection
from dataclasses import dataclass

from huleedu_pipeline.judging.spec import HUMAN, BatchingMode

BATCH_API: BatchingMode = "provider_batch_api"
BUNDLED: BatchingMode = "serial_bundle"


@dataclass(frozen=True)
class EffectiveMode:
    """The mode in which a batch is judged, and why it is this one."""

    mode: BatchingMode
    reason: str


def effective_mode(
    provider: str,
    *,
    override: BatchingMode | None,
    hint: BatchingMode | None,
    default: BatchingMode,
    allowed_providers: Collection[str],
) -> EffectiveMode:
    """Resolve a batch's mode.

    Args:
        provider: Who judges.
        override: The mode that the batch itself names (``llm_batching_mode`` in ``batch.yaml``), if any.
        hint: The mode that whoever runs the batch names; it counts where the batch leaves the mode open.
        default: The installation's mode (``HULEEDU_LLM_BATCHING_MODE``).
        allowed_providers: Providers whose batch jobs may be used (``HULEEDU_LLM_BATCH_API_ALLOWED_PROVIDERS``).

    Returns:
        The mode asked for; where that is ``provider_batch_api`` and the provider is not allowed it, the installation's mode,
        or ``serial_bundle`` where that is the same.

    """
    if override is not None:
        asked, by = override, "batch.yaml names it"
    elif hint is not None:
        asked, by = hint, "named when the batch was first run"
    else:
        asked, by = default, "the installation's mode (HULEEDU_LLM_BATCHING_MODE)"
    if asked != BATCH_API or provider in allowed_providers or provider == HUMAN:
        return EffectiveMode(asked, by)
    instead, why = (default, "the installation's mode") if default != BATCH_API else (BUNDLED, "as is usual then")
    return EffectiveMode(
        instead, f"{why}: {asked} ({by}) is not for {provider} (HULEEDU_LLM_BATCH_API_ALLOWED_PROVIDERS does not name it)"
    )
