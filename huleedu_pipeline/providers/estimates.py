"""What a batch would cost at most, before anything is planned or sent."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from huleedu_pipeline.essays import Batch, check_judge
from huleedu_pipeline.judging.batching import BATCH_API
from huleedu_pipeline.judging.costs import cost_usd
from huleedu_pipeline.judging.manifest import manifest
from huleedu_pipeline.judging.outcome import Usage
from huleedu_pipeline.judging.spec import BatchingMode, Judge
from huleedu_pipeline.ledger.records import MIN_PUPILS_ESSAYS
from huleedu_pipeline.providers.limits import estimated_tokens
from huleedu_pipeline.providers.planning import in_mode, make_frame, make_judge, most_comparisons_of, request_sizes


@dataclass(frozen=True)
class Estimate:
    """Size and price of a batch when each request is asked once; ``cost_usd`` is ``None`` where a price is unknown.

    ``warnings`` say what is to be known of the judge before it is paid.
    """

    model: str
    n_requests: int
    input_tokens: int
    output_tokens: int
    cost_usd: float | None
    warnings: tuple[str, ...]


def estimate_batch(batch: Batch, mode: BatchingMode) -> Estimate:
    """Return what judging ``batch`` by the real provider costs at most.

    Every prompt is then written to the cache and none read from it, and every reply is as long as allowed.

    Args:
        batch: The batch.
        mode: The mode in which it is judged.

    Raises:
        IntakeError: the manifest of models speaks against its judge.

    """
    warnings = check_judge(batch)
    judge = make_judge(batch, is_emulated=False)
    grades = {essay.essay_id: essay.anchor_grade for essay in batch.essays}
    is_enough = list(grades.values()).count(None) >= MIN_PUPILS_ESSAYS
    pairs = most_comparisons_of(in_mode(batch.spec, mode), batch.scale, grades) if is_enough else []
    sizes = [estimated_tokens(n_bytes) for n_bytes in request_sizes(judge, pairs, batch.judged_texts)]
    return Estimate(
        model=judge.model,
        n_requests=len(pairs),
        input_tokens=sum(sizes),
        output_tokens=judge.max_output_tokens * len(pairs),
        cost_usd=most_usd(judge, sizes, is_batch=mode == BATCH_API),
        warnings=warnings,
    )


def most_usd(judge: Judge, sizes: Sequence[int], *, is_batch: bool) -> float | None:
    """Return the most that requests of these prompt sizes, in tokens, cost in USD; ``None`` where a price is unknown.

    At its dearest a prompt is written to the cache and read by nobody, which costs more than reading it afresh.
    """
    frame = make_frame(judge)
    context = estimated_tokens(len(frame.body("", "").encode()))
    prices = [_most_usd_of(judge, size, min(context, size), is_batch=is_batch) for size in sizes]
    known = [price for price in prices if price is not None]
    return sum(known) if len(known) == len(prices) else None


def _most_usd_of(judge: Judge, size: int, context: int, *, is_batch: bool) -> float | None:
    """Return the most that one request costs; its ``context`` are the tokens of all but the two essays."""
    afresh = Usage(input_tokens=size, output_tokens=judge.max_output_tokens)
    least = manifest().least_cached_tokens(judge.model)
    if least is not None and size < least:
        written = afresh  # too short for any cache, by an estimate that is rather too long
    elif judge.provider == "anthropic":
        # As the body marks it: the context for an hour, the first essay (here: both) for five minutes.
        written = replace(afresh, cache_write_1h_tokens=context, cache_write_5m_tokens=size - context)
    else:
        written = replace(afresh, cache_write_30m_tokens=size)
    prices = [cost_usd(judge.model, usage, is_batch=is_batch, service_tier=judge.service_tier) for usage in (afresh, written)]
    # Where writing has no price of its own, it is not charged for.
    return prices[0] if prices[0] is None or prices[1] is None else max(prices[0], prices[1])
