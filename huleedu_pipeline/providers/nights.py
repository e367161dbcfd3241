"""The night: when it begins, and what it may still cost. Not here: the batches that wait for it (:mod:`.waiting`)."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.settings import Settings


@dataclass(frozen=True)
class Night:
    """When nights begin: each day as a clock on the wall of ``zone`` shows ``at``; one lasts until the next begins."""

    at: time
    zone: str

    @classmethod
    def of(cls, settings: Settings) -> "Night":
        """Return an installation's nights."""
        return cls(settings.nightly_at, settings.nightly_time_zone)

    def __str__(self) -> str:
        """Return the beginning as people say it."""
        return f"{self.at:%H:%M} {self.zone}"

    def began_at(self, now: datetime) -> datetime:
        """Return when the night began that holds at ``now``, as an instant in UTC.

        Where a clock that is put forward skips the time, the night begins as it is put forward; where one that is put back
        shows it twice, the second time counts: Dagster's schedules do the same. A night is 23, 24 or 25 hours long, and each
        day begins one.
        """
        today = now.astimezone(ZoneInfo(self.zone)).date()
        return next(begin for begin in (self._begins_on(today - timedelta(days=n)) for n in (0, 1)) if begin <= now)

    def _begins_on(self, day: date) -> datetime:
        wall = datetime.combine(day, self.at, ZoneInfo(self.zone))
        return max(wall.replace(fold=fold).astimezone(UTC) for fold in (0, 1))


def usd_left(ledger: Ledger, settings: Settings, now: datetime) -> float | None:
    """Return what may still be ordered in the night that holds at ``now``, in USD; ``None`` when there is no limit."""
    if settings.max_cost_usd_per_night is None:
        return None
    cost = ledger.cost(judge_backend=settings.judge_backend, since=Night.of(settings).began_at(now))
    return settings.max_cost_usd_per_night - cost.spent - cost.ordered
