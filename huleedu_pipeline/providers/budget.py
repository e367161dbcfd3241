"""The gate on money: before anything is ordered, what it may cost is added to what is ordered and spent, and compared.

The estimate is what the requests cost at most: every prompt written to the cache and none read from it, every reply as long as
allowed. The limits are a batch's own ``max_cost_usd`` and the installation's ``HULEEDU_MAX_COST_USD_PER_NIGHT``, which holds
from one night to the next.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.judging.spec import Judge
from huleedu_pipeline.ledger import BatchRecord, Ledger, RequestRecord
from huleedu_pipeline.logs import events
from huleedu_pipeline.providers.estimates import most_usd
from huleedu_pipeline.providers.limits import estimated_tokens
from huleedu_pipeline.providers.nights import Night


class CostLimitError(HuleeduError):
    """An order that may cost more than a limit allows; nothing of it was sent."""


@dataclass(frozen=True)
class Limit:
    """A limit in USD, what counts against it (``spent``, and ``ordered`` at most for answers still out), how it is raised."""

    name: str
    usd: float
    spent: float
    ordered: float
    remedy: str


def limits_on(
    ledger: Ledger, batch: BatchRecord, max_cost_usd: float | None, max_cost_usd_per_night: float | None, night: Night
) -> list[Limit]:
    """Return the limits under which a batch spends, as they stand now; none for one that nothing limits.

    Args:
        ledger: Where every cost is recorded.
        batch: The batch.
        max_cost_usd: Its own limit.
        max_cost_usd_per_night: The installation's, over all batches on the same backend.
        night: When a night begins, and with it that limit anew.

    """
    found = []
    if max_cost_usd is not None:
        cost = ledger.cost(batch_id=batch.batch_id)
        found.append(
            Limit("max_cost_usd", max_cost_usd, cost.spent, cost.ordered, f"huleedu limit {batch.batch_id} USD raises it")
        )
    if max_cost_usd_per_night is not None:
        cost = ledger.cost(judge_backend=batch.judge_backend, since=night.began_at(datetime.now(UTC)))
        found.append(Limit("HULEEDU_MAX_COST_USD_PER_NIGHT", max_cost_usd_per_night, cost.spent, cost.ordered, "raise it"))
    return found


@dataclass(frozen=True)
class Gate:
    """The limits under which one batch spends; ``is_batch`` tells whether through the provider's batch API."""

    ledger: Ledger
    batch: BatchRecord
    judge: Judge
    is_batch: bool
    max_cost_usd: float | None
    max_cost_usd_per_night: float | None
    night: Night

    def estimate(self, requests: Sequence[RequestRecord]) -> float | None:
        """Return the most that ``requests`` cost in USD, or ``None`` where the price list does not say."""
        return most_usd(self.judge, [estimated_tokens(request.n_bytes) for request in requests], is_batch=self.is_batch)

    def check(self, estimate: float | None) -> None:
        """Let an order of that estimate pass.

        Raises:
            CostLimitError: with it, a limit may be exceeded, or a limit is set and the price is not known.

        """
        batch_id, model = self.batch.batch_id, self.judge.model
        for limit in limits_on(self.ledger, self.batch, self.max_cost_usd, self.max_cost_usd_per_night, self.night):
            if estimate is None or limit.spent + limit.ordered + estimate > limit.usd:
                money = {"limit_usd": limit.usd, "spent_usd": limit.spent, "ordered_usd": limit.ordered}
                events.COST_GATE_CLOSED.tell(**self.batch.log_fields, limit=limit.name, **money, estimated_cost_usd=estimate)
            if estimate is None:
                raise CostLimitError(
                    f"batch {batch_id}: {limit.name} is {limit.usd:g} USD and the price of {model} is not on the list (choose "
                    "a listed model, or leave the limit out); nothing was sent"
                )
            if limit.spent + limit.ordered + estimate > limit.usd:
                raise CostLimitError(
                    f"batch {batch_id}: {limit.name} is {limit.usd:g} USD; {limit.spent:.4f} are spent and "
                    f"{limit.ordered:.4f} on order, and what is left to ask may cost {estimate:.4f} ({limit.remedy}, "
                    "or ask for less); nothing was sent"
                )
        events.COST_GATE_PASSED.tell(**self.batch.log_fields, estimated_cost_usd=estimate)
