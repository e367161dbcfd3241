"""Which of the batches that wait to be submitted as batch jobs go now, and what the others wait for.

Not here: finding the batches in the inbox, and submitting them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from huleedu_pipeline.essays import Batch
from huleedu_pipeline.judging.batching import BATCH_API
from huleedu_pipeline.judging.spec import HUMAN
from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.providers.estimates import estimate_batch
from huleedu_pipeline.providers.nights import Night, usd_left
from huleedu_pipeline.providers.planning import in_mode, mode_of, rules_of
from huleedu_pipeline.providers.spelling import with_spelling
from huleedu_pipeline.settings import Settings
from huleedu_pipeline.waves import first_wave_size


@dataclass(frozen=True)
class Release:
    """The batches that go now, and for each of the others what it waits for."""

    goes: tuple[str, ...]
    stays: dict[str, str]


def may_wait(ledger: Ledger, settings: Settings, batch: Batch) -> bool:
    """Whether a batch waits to be let go by :func:`let_go`, and is not submitted as it arrives."""
    if settings.batch_api_mode == "disabled" or batch.spec.judge.provider == HUMAN:
        return False
    return mode_of(ledger, settings, batch) == BATCH_API


def let_go(ledger: Ledger, settings: Settings, batches: Sequence[Batch], *, now: datetime, is_night: bool) -> Release:
    """Decide which of the batches that may wait go now.

    In the night all go; before it none does, unless the mode is ``opportunistic`` and enough requests wait. Either way, only
    as many go as the limit of a night has room for; see :func:`within_limit`.

    Args:
        ledger: What was spent and ordered.
        settings: The installation's settings.
        batches: The batches for which :func:`may_wait` holds, in the order of their coming.
        now: This instant.
        is_night: Whether the night is what asks.

    """
    why_not = None if is_night else not_before_the_night(settings, sum(n_requests(batch) for batch in batches))
    if why_not is not None:
        return Release((), {batch.spec.batch_id: why_not for batch in batches})
    left = usd_left(ledger, settings, now)
    if settings.max_cost_usd_per_night is None or left is None:
        return Release(tuple(batch.spec.batch_id for batch in batches), {})
    most_usd = {b.spec.batch_id: estimate_batch(with_spelling(b, ledger), BATCH_API).cost_usd for b in batches}
    return within_limit(most_usd, limit=settings.max_cost_usd_per_night, left=left)


def n_requests(batch: Batch) -> int:
    """Return how many requests a batch becomes in batch jobs."""
    n_essays = len(batch.essays)
    return first_wave_size(rules_of(in_mode(batch.spec, BATCH_API), n_essays), n_essays)


def not_before_the_night(settings: Settings, n_waiting: int) -> str | None:
    """Return why nothing goes by day when so many requests wait, or ``None`` when it does."""
    night = f"the night ({Night.of(settings)})"
    if settings.batch_api_mode != "opportunistic":
        return f"waits for {night}"
    if n_waiting >= settings.opportunistic_requests:
        return None
    return f"waits until {settings.opportunistic_requests} requests do (now {n_waiting}), or for {night}"


def within_limit(most_usd: dict[str, float | None], *, limit: float, left: float) -> Release:
    """Decide which batches the limit of a night has room for by their estimates.

    First come, first served; what is too large for the room that is left lets smaller ones pass, until the next night, in which
    it comes first again. Pure.

    Args:
        most_usd: The most that each batch may cost in USD, in the order of their coming; ``None`` where a price is unknown.
        limit: The limit of a night in USD.
        left: What of it is left, in USD.

    """
    name = f"HULEEDU_MAX_COST_USD_PER_NIGHT ({limit:g} USD)"
    goes: list[str] = []
    stays: dict[str, str] = {}
    for batch_id, usd in most_usd.items():
        if usd is None:
            stays[batch_id] = f"never goes by itself: with {name} set, its model needs a price on the list (choose one)"
        elif usd > limit:
            stays[batch_id] = f"never goes by itself: it may cost {usd:.4f} USD, more than {name} (raise it, or ask for less)"
        elif usd > left:
            stays[batch_id] = f"waits for the next night: it may cost {usd:.4f} USD, and {left:.4f} are left of {name}"
        else:
            goes.append(batch_id)
            left -= usd
    return Release(tuple(goes), stays)
