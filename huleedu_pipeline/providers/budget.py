"""The gate on money: before anything is ordered, what it may cost is added to what is ordered and spent, and compared.

The estimate is what the requests cost at most: every prompt written to the cache and none read from it, every reply as long as
allowed. The limits are a batch's own ``max_cost_usd`` and the installation's ``HULEEDU_MAX_COST_USD_PER_NIGHT``, which holds
for any 24 hours.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.judging.spec import Judge
from huleedu_pipeline.ledger import BatchRecord, Ledger, RequestRecord
from huleedu_pipeline.providers.estimates import most_usd
from huleedu_pipeline.providers.limits import estimated_tokens

NIGHT = timedelta(hours=24)


class CostLimitError(HuleeduError):
    """An order that may cost more than a limit allows; nothing of it was sent."""


@dataclass(frozen=True)
class Gate:
    """The limits under which one batch spends; ``is_batch`` tells whether through the provider's batch API."""

    ledger: Ledger
    batch: BatchRecord
    judge: Judge
    is_batch: bool
    max_cost_usd: float | None
    max_cost_usd_per_night: float | None

    def estimate(self, requests: Sequence[RequestRecord]) -> float | None:
        """Return the most that ``requests`` cost in USD, or ``None`` where the price list does not say."""
        return most_usd(self.judge, [estimated_tokens(request.n_bytes) for request in requests], is_batch=self.is_batch)

    def check(self, estimate: float | None) -> None:
        """Let an order of that estimate pass.

        Raises:
            CostLimitError: with it, a limit may be exceeded, or a limit is set and the price is not known.

        """
        batch_id, model = self.batch.batch_id, self.judge.model
        limits = (
            (self.max_cost_usd, "max_cost_usd in batch.yaml", {"batch_id": batch_id}),
            (
                self.max_cost_usd_per_night,
                "HULEEDU_MAX_COST_USD_PER_NIGHT",
                {"judge_backend": self.batch.judge_backend, "since": datetime.now(UTC) - NIGHT},
            ),
        )
        for limit, name, of in limits:
            if limit is None:
                continue
            if estimate is None:
                raise CostLimitError(
                    f"batch {batch_id}: {name} is {limit:g} USD and the price of {model} is not on the list (choose a listed "
                    "model, or leave the limit out); nothing was sent"
                )
            cost = self.ledger.cost(**of)
            if cost.spent + cost.ordered + estimate > limit:
                raise CostLimitError(
                    f"batch {batch_id}: {name} is {limit:g} USD; {cost.spent:.4f} are spent and {cost.ordered:.4f} on order, "
                    f"and what is left to ask may cost {estimate:.4f} (raise the limit, or ask for less); nothing was sent"
                )
