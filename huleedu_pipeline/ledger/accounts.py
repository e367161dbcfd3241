"""What the whole ledger says of a provider's model and of money: lanes, what waits at the provider, what was spent."""

from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from huleedu_pipeline.ledger.attempts import ENDED
from huleedu_pipeline.ledger.book import Book
from huleedu_pipeline.ledger.moves import now
from huleedu_pipeline.ledger.records import (
    Cost,
    LaneRecord,
)
from huleedu_pipeline.ledger.schema import attempts, batches, lanes, provider_jobs, requests
from huleedu_pipeline.ledger.states import AT_PROVIDER, FINISHED_AT_PROVIDER


class Accounts(Book):
    """The part of the ledger about lanes and money."""

    def lane(self, provider: str, model: str) -> LaneRecord:
        """Return how a provider's model takes calls now; one that nothing was recorded about takes them."""
        here = (lanes.c.provider == provider, lanes.c.model == model)
        with self.read() as connection:
            row = connection.execute(sa.select(lanes).where(*here)).mappings().one_or_none()
        return LaneRecord(provider, model) if row is None else LaneRecord(**row)

    def change_lane(self, seen: LaneRecord, to: LaneRecord) -> bool:
        """Record ``to`` if the lane is still as ``seen``, and return whether it was."""
        values = {**asdict(to), "updated_at": now()}
        here = (lanes.c.provider == seen.provider, lanes.c.model == seen.model)
        with self.engine.begin() as connection:
            known = connection.execute(sa.select(lanes).where(*here)).mappings().one_or_none()
            if known is None:
                if seen.updated_at is not None:
                    return False
                connection.execute(lanes.insert().values(**values))
                return True
            if LaneRecord(**known) != seen:
                return False
            connection.execute(lanes.update().where(*here).values(**values))
            return True

    def enqueued_bytes(self, provider: str, model: str) -> int:
        """Return the size of all requests that are, or may be, waiting in a provider's batch jobs for one model."""
        here = (provider_jobs.c.provider == provider, provider_jobs.c.model == model)
        query = sa.select(sa.func.coalesce(sa.func.sum(provider_jobs.c.n_bytes), 0))
        with self.read() as connection:
            return int(connection.scalar(query.where(*here, provider_jobs.c.state.in_(list(AT_PROVIDER)))) or 0)

    def cost(self, *, batch_id: str | None = None, judge_backend: str | None = None, since: datetime | None = None) -> Cost:
        """Return what was spent and what is on order, of one batch or of all on one backend, perhaps since an instant."""
        spent = (
            sa.select(sa.func.coalesce(sa.func.sum(attempts.c.cost_usd), 0.0))
            .join(requests, requests.c.custom_id == attempts.c.custom_id)
            .join(batches, batches.c.batch_id == requests.c.batch_id)
            .where(ENDED)
        )
        ordered = (
            sa.select(sa.func.coalesce(sa.func.sum(provider_jobs.c.estimated_cost_usd), 0.0))
            .join(batches, batches.c.batch_id == provider_jobs.c.batch_id)
            .where(provider_jobs.c.state.in_(list(AT_PROVIDER | FINISHED_AT_PROVIDER)))
        )
        for condition in (
            None if batch_id is None else batches.c.batch_id == batch_id,
            None if judge_backend is None else batches.c.judge_backend == judge_backend,
        ):
            if condition is not None:
                spent, ordered = spent.where(condition), ordered.where(condition)
        if since is not None:
            spent = spent.where(attempts.c.ended_at >= since)
        with self.read() as connection:
            return Cost(float(connection.scalar(spent) or 0.0), float(connection.scalar(ordered) or 0.0))
