"""Circuit breakers: one for each provider and model, with its state in the ledger, shared by every process.

A lane that failed :data:`FAILURES_TO_OPEN` times in a row opens: nothing is sent for a while, longer each time. Then one call
goes through as a probe, and its end closes the lane or opens it again. A lane is also opened at once, for as long as it takes,
when the provider names a time to wait or refuses every call (credit, spending limit, key). Not here: who waits, or how.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from huleedu_pipeline.ledger import LaneRecord, Ledger
from huleedu_pipeline.logs import events
from huleedu_pipeline.providers.protocols import AmbiguousError, ProviderError, RejectedError

FAILURES_TO_OPEN = 5
FIRST_OPENING_SECONDS, LONGEST_OPENING_SECONDS = 30.0, 900.0
LASTING_REFUSAL_SECONDS = 3600.0
PROBE_SECONDS = 150.0


class PausedError(ProviderError):
    """A lane is open: nothing was sent, nothing is lost, and it goes on by itself after ``retry_at``."""

    def __init__(self, message: str, retry_at: datetime) -> None:
        super().__init__(message)
        self.retry_at = retry_at


def opened(lane: LaneRecord, now: datetime, reason: str, seconds: float | None = None) -> LaneRecord:
    """Return the lane opened for ``seconds``, or else for a time that doubles with each opening in a row."""
    own = min(FIRST_OPENING_SECONDS * 2**lane.n_openings, LONGEST_OPENING_SECONDS)
    until = now + timedelta(seconds=own if seconds is None else seconds)
    return replace(lane, state="open", n_failures=0, n_openings=min(lane.n_openings + 1, 16), reason=reason, retry_at=until)


def after_failure(lane: LaneRecord, now: datetime, reason: str) -> LaneRecord:
    """Return the lane after a call that failed for no fault of its own."""
    if lane.state == "half_open" or lane.n_failures + 1 >= FAILURES_TO_OPEN:
        return opened(lane, now, reason)
    return replace(lane, n_failures=lane.n_failures + 1, reason=reason)


def after_success(lane: LaneRecord) -> LaneRecord:
    """Return the lane after a call that the provider took."""
    return replace(lane, state="closed", n_failures=0, n_openings=0, reason=None, retry_at=None)


def waiting_until(lane: LaneRecord, now: datetime) -> datetime | None:
    """Return until when nothing may be sent, or ``None`` when a call may go; a probe that never ended is forgotten."""
    if lane.state == "closed" or lane.retry_at is None:
        return None
    if lane.state == "half_open":
        probe_ends = (lane.updated_at or now) + timedelta(seconds=PROBE_SECONDS)
        return probe_ends if probe_ends > now else None
    return lane.retry_at if lane.retry_at > now else None


def pause_reason(lane: LaneRecord, now: datetime) -> str | None:
    """Return what a waiting lane waits for, as one line for people, or ``None`` when it takes calls."""
    until = waiting_until(lane, now)
    if until is None:
        return None
    return f"{lane.provider} {lane.model}: nothing is sent before {until:%H:%M:%S} UTC ({lane.reason})"


@dataclass
class Lane:
    """One provider's model, as one process uses it: asks before a call, and tells afterwards how the call went."""

    ledger: Ledger
    provider: str
    model: str

    def __post_init__(self) -> None:
        self.record = self.ledger.lane(self.provider, self.model)

    def enter(self) -> bool:
        """Ask to make a call, and return whether it is the probe of a lane that was open.

        Raises:
            PausedError: nothing may be sent now.

        """
        pause = self.pause()
        if pause is not None:
            raise pause
        if self.record.state == "closed":
            return False
        if not self._change(replace(self.record, state="half_open")):
            message = f"{self.provider} {self.model}: another process probes whether it answers again"
            raise PausedError(message, datetime.now(UTC))
        return True

    def pause(self) -> PausedError | None:
        """Look, without asking to make a call, whether and until when nothing may be sent."""
        self.record = self.ledger.lane(self.provider, self.model)
        now = datetime.now(UTC)
        until, reason = waiting_until(self.record, now), pause_reason(self.record, now)
        return None if until is None or reason is None else PausedError(reason, until)

    def succeeded(self) -> None:
        """Tell that the provider took the call; one that began before the lane opened does not close it again."""
        if self.record.state != "open" and self.record != (better := after_success(self.record)):
            self._change(better)

    def failed(self, error: ProviderError) -> None:
        """Tell that a call failed: what the provider asks for is kept to, and failures in a row open the lane."""
        now = datetime.now(UTC)
        if isinstance(error, RejectedError) and error.lasting is not None:
            self._change(opened(self.record, now, str(error), LASTING_REFUSAL_SECONDS))
        elif isinstance(error, RejectedError) and error.retry_after_seconds is not None:
            self._change(opened(self.record, now, str(error), error.retry_after_seconds))
        elif isinstance(error, AmbiguousError) or (isinstance(error, RejectedError) and error.is_temporary):
            self._change(after_failure(self.record, now, str(error)))
        elif self.record.state == "half_open":
            self.succeeded()  # the provider answers again, and what it said is about this one call

    def wait_for_room(self, reason: str, *, enqueued_token_limit: int) -> None:
        """Wait a while for room among the provider's batch jobs, and remember how much there seems to be."""
        now = datetime.now(UTC)
        learned = replace(self.record, enqueued_token_limit=enqueued_token_limit, limit_learned_at=now)
        self._change(opened(learned, now, reason, FIRST_OPENING_SECONDS))

    def reopen(self) -> None:
        """Close the breaker by a person's decision: the next call goes through."""
        if self.record != (closed := after_success(self.record)):
            self._change(closed)

    def _change(self, to: LaneRecord) -> bool:
        before, is_ours = self.record, self.ledger.change_lane(self.record, to)
        self.record = self.ledger.lane(self.provider, self.model)
        if is_ours and to.state == "open":
            events.LANE_OPENED.tell(provider=self.provider, model=self.model, retry_at=to.retry_at)
        elif is_ours and to.state == "closed" and before.state != "closed":
            events.LANE_CLOSED.tell(provider=self.provider, model=self.model)
        return is_ours
