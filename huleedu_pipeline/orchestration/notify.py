"""Telling people: what there is to tell, and the ways in which it is told. Always the log; a webhook where one is set.

A message says what failed, which batch, why, and what to do next. It never holds a pupil's text or a key. Not here: when
something is to be told (:mod:`.alarms`).
"""

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Protocol

import httpx2

from huleedu_pipeline.logs import events
from huleedu_pipeline.settings import Settings

TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True)
class Message:
    """Something that a person should know of.

    Attributes:
        event: What kind of thing happened: run_failed, batch_failed, needs_a_person or job_overdue.
        batch_id: The batch; ``None`` when it is about none, or many.
        reason: Why, in one sentence.
        next_step: What to do, or what happens by itself.
        run_id: Dagster's run, where one failed.

    """

    event: str
    batch_id: str | None
    reason: str
    next_step: str
    run_id: str | None = None

    @property
    def text(self) -> str:
        """The whole message in one line."""
        about = f"batch {self.batch_id}: " if self.batch_id else ""
        return f"{about}{self.event.replace('_', ' ')}: {self.reason}. Next: {self.next_step}"

    def payload(self) -> Mapping[str, str | None]:
        """Return the JSON that is posted; ``text`` is what chat programs show of it."""
        return {"text": self.text, **asdict(self)}


class Notifier(Protocol):
    """A way of telling."""

    def tell(self, message: Message) -> bool:
        """Tell, and return whether it arrived. Never raises for what another machine does."""


@dataclass(frozen=True)
class LogNotifier:
    """Writes messages to a log."""

    log: logging.Logger

    def tell(self, message: Message) -> bool:
        """Write the message as an error."""
        self.log.error("%s", message.text)
        events.ALARM_RAISED.tell(batch_id=message.batch_id, alarm=message.event, about_run_id=message.run_id)
        return True


@dataclass(frozen=True)
class WebhookNotifier:
    """Posts messages as JSON to an address, which is a secret: it is written nowhere."""

    url: str
    log: logging.Logger

    def __repr__(self) -> str:
        return "WebhookNotifier()"

    def tell(self, message: Message) -> bool:
        """Post the message; where it does not arrive, the log says why."""
        # The library's line about each request holds the whole address.
        logging.getLogger("httpx2").setLevel(logging.WARNING)
        status = None
        try:
            httpx2.post(self.url, json=dict(message.payload()), timeout=TIMEOUT_SECONDS).raise_for_status()
        except httpx2.HTTPStatusError as error:
            kind, status = type(error).__name__, error.response.status_code
            self.log.warning("HULEEDU_NOTIFY_WEBHOOK: answered %d, and the message may be lost", status)
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            # Without its words, which may hold the address.
            kind = type(error).__name__
            self.log.warning("HULEEDU_NOTIFY_WEBHOOK: can not be reached (%s)", kind)
        else:
            return True
        events.ALARM_UNDELIVERED.tell(batch_id=message.batch_id, alarm=message.event, error_type=kind, http_status=status)
        return False


def notifiers_of(settings: Settings, log: logging.Logger) -> list[Notifier]:
    """Return the ways in which an installation tells its people; the log comes first, so that nothing depends on the others."""
    ways: list[Notifier] = [LogNotifier(log)]
    if settings.notify_webhook is not None:
        ways.append(WebhookNotifier(settings.notify_webhook.get_secret_value(), log))
    return ways
