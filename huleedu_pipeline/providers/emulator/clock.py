"""The life of a batch as a pure function of its creation time, the present, its speed and a cancellation.

Here: phases, shares and the moments between them, for both providers. Not here: what a phase does to stored results.
All times are Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

WINDOW_SECONDS = 24 * 3600
VALIDATING_SHARE = 0.10
RUNNING_UNTIL_SHARE = 0.90
CANCELLING_SHARE = 0.10

OpenAIPhase = Literal["validating", "in_progress", "finalizing", "completed", "cancelling", "cancelled"]
AnthropicPhase = Literal["in_progress", "canceling", "ended"]


@dataclass(frozen=True)
class JobClock:
    """The clock of one job: created at ``created_at``, over after ``seconds``, unless cancelled at ``cancel_at``.

    ``stuck_share`` is the share of its life at which it stands still for good.
    """

    created_at: float
    seconds: float
    cancel_at: float | None = None
    stuck_share: float | None = None

    def reached(self, now: float) -> float:
        """Return the moment up to which the job has lived at ``now``."""
        return now if self.stuck_share is None else min(now, self.created_at + self.stuck_share * self.seconds)

    def openai_moment(self, share: float) -> float:
        """Return when the share of an OpenAI batch's lines has run."""
        return self.validated_at + share * (self.finalizing_at - self.validated_at)

    @property
    def validated_at(self) -> float:
        """When OpenAI's validation ends."""
        return self.created_at + VALIDATING_SHARE * self.seconds

    @property
    def finalizing_at(self) -> float:
        """When OpenAI's last line has run."""
        return self.created_at + RUNNING_UNTIL_SHARE * self.seconds

    @property
    def completed_at(self) -> float:
        """When an undisturbed job is over."""
        return self.created_at + self.seconds

    @property
    def over_at(self) -> float:
        """When the job is over, by completion or by cancellation."""
        if self.cancel_at is None:
            return self.completed_at
        return self.cancel_at + CANCELLING_SHARE * self.seconds

    @property
    def expires_at(self) -> float:
        """When the completion window of 24 hours closes."""
        return self.created_at + WINDOW_SECONDS

    @property
    def validation_reached(self) -> bool:
        """Whether the job got past OpenAI's validation before it was cancelled."""
        return self.cancel_at is None or self.cancel_at >= self.validated_at

    def _effective(self, now: float) -> float:
        return now if self.cancel_at is None else min(now, self.cancel_at)

    def openai_phase(self, now: float) -> OpenAIPhase:
        """Return the status of an OpenAI batch whose validation succeeds."""
        if self.cancel_at is not None:
            return "cancelling" if now < self.over_at else "cancelled"
        if now < self.validated_at:
            return "validating"
        if now < self.finalizing_at:
            return "in_progress"
        return "finalizing" if now < self.completed_at else "completed"

    def openai_share_run(self, now: float) -> float:
        """Return the share (0 to 1) of an OpenAI batch's lines that have run; none run after a cancellation."""
        run = (self._effective(now) - self.validated_at) / (self.finalizing_at - self.validated_at)
        return max(0.0, min(1.0, run))

    def anthropic_phase(self, now: float) -> AnthropicPhase:
        """Return the processing status of an Anthropic batch."""
        if now >= self.over_at:
            return "ended"
        return "in_progress" if self.cancel_at is None else "canceling"

    def anthropic_share_run(self, now: float) -> float:
        """Return the share (0 to 1) of an Anthropic batch's requests that have run."""
        return max(0.0, min(1.0, (self._effective(now) - self.created_at) / self.seconds))
