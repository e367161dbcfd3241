"""The vocabulary of the logs: each event once, with what it says and the fields that it may have.

Nothing else can be logged. A field is a name that we or a provider gave, a count, an amount or one of a few words; never
a sentence, because sentences quote: a provider's refusal may hold a pupil's text, and a message about a file the pupil's
name. Who wants the sentence finds it with ``huleedu status BATCH``. Not here: writing (:mod:`.writing`).
"""

import logging
from dataclasses import dataclass

from huleedu_pipeline.logs.writing import FIRST_LINE, Value, write

INFO, WARNING, ERROR = logging.INFO, logging.WARNING, logging.ERROR

_JOB = ("provider", "model", "job", "provider_job_id", "n_requests")
_OUTCOMES = ("n_succeeded", "n_failed", "n_expired")


@dataclass(frozen=True)
class Event:
    """Something that happens: its name, when that is, the fields that it may have besides the bound ones, and its level."""

    name: str
    when: str
    fields: tuple[str, ...] = ()
    level: int = INFO

    def tell(self, **values: Value) -> None:
        """Write a line. Never raises: what is being done counts more than that it is told.

        Args:
            values: Fields that are declared, and any of the bound ones, which go before what is bound. Others are left out.

        """
        write(self.name, self.level, values, self.fields)


# A command, or a process of Dagster's.
RUNNER_INVOCATION = Event(FIRST_LINE, "a process writes its first line", ("version",))
COMMAND_FAILED = Event("command_failed", "a command ended with an error", ("error_type", "place"), ERROR)

# A batch.
BATCH_REGISTERED = Event(
    "batch_registered",
    "a batch was recorded for the first time",
    ("n_essays", "n_anchors", "assignment_id", "assignment_version"),
)
BATCH_BLOCKED = Event(
    "batch_blocked", "a batch was not taken in because something it needs is not there", ("code", "pipeline_name"), WARNING
)
BATCH_STATE_CHANGED = Event("batch_state_changed", "a batch went from one state to another", ("from_state", "to_state"))
BATCH_CONCLUDED = Event("batch_concluded", "nothing more is asked for a batch, and how it will end is decided", ("ends_as",))
BATCH_REOPENED = Event("batch_reopened", "a person brought a batch back", ("from_state", "to_state", "n_without_verdict"))
BATCH_PUBLISHED = Event("batch_published", "what a batch came to reached the warehouse")
BATCH_RECOVERED = Event("batch_recovered", "the watch-dog ended a batch past its deadline", ("ends_as",), WARNING)
REQUESTS_PLANNED = Event("requests_planned", "requests of a batch were recorded, before any is sent", ("wave", "n_requests"))
WAVE_DECIDED = Event(
    "wave_decided", "a wave was judged, and what follows is decided", ("decision", "decided_by", "n_more", *_OUTCOMES)
)
JUDGEMENTS_IMPORTED = Event("judgements_imported", "judgements of people were recorded", ("n_new", "n_known"))

# Money.
COST_LIMIT_SET = Event("cost_limit_set", "a person set what a batch may cost", ("limit_usd",))
COST_GATE_PASSED = Event("cost_gate_passed", "an order fits every limit on cost", ("estimated_cost_usd",))
COST_GATE_CLOSED = Event(
    "cost_gate_closed",
    "an order might exceed a limit on cost, so nothing of it was sent",
    ("limit", "limit_usd", "spent_usd", "ordered_usd", "estimated_cost_usd"),
    WARNING,
)

# Batch jobs at a provider.
JOB_CREATED = Event("job_created", "requests were put into a job, which is not sent yet", (*_JOB, "estimated_cost_usd"))
JOB_STATE_CHANGED = Event("job_state_changed", "a job went from one state to another", (*_JOB, "from_state", "to_state"))
JOB_SUBMITTED = Event("job_submitted", "the provider has a job", (*_JOB, "is_adopted"))
JOB_QUARANTINED = Event("job_quarantined", "only a person can say what became of a job", (*_JOB, "from_state"), ERROR)
JOB_COLLECTED = Event(
    "job_collected",
    "a job's answers were recorded",
    (*_JOB, *_OUTCOMES, "n_to_ask_again", "n_dead_letters", "input_tokens", "output_tokens", "cost_usd"),
)
JOB_STATUS_UNKNOWN = Event(
    "job_status_unknown", "a provider shows a status that is not known", (*_JOB, "provider_status"), WARNING
)
JOB_CANCEL_REFUSED = Event("job_cancel_refused", "a provider did not cancel a job now", (*_JOB, "http_status"))
PROVIDER_UNSEEN = Event("provider_unseen", "a provider's jobs could not be looked at", ("provider", "error_type"), WARNING)

# Live calls.
ROUND_STARTED = Event("live_round_started", "a round of live calls begins", ("provider", "model", "n_requests", "bundle_size"))
ROUND_ENDED = Event(
    "live_round_ended",
    "a round of live calls has ended; counts are of the whole batch",
    ("provider", "model", "n_requests", *_OUTCOMES, "input_tokens", "output_tokens", "cost_usd"),
)
CALL_RETRIED = Event(
    "call_retried",
    "a live call brought no answer and is made again",
    ("provider", "model", "request", "n_tries", "error_type", "http_status"),
    WARNING,
)
LANE_OPENED = Event(
    "lane_opened", "nothing is sent to a provider's model for a while", ("provider", "model", "retry_at"), WARNING
)
LANE_CLOSED = Event("lane_closed", "a provider's model takes calls again", ("provider", "model"))

# What people see.
WAREHOUSE_PUBLISHED = Event("warehouse_published", "the warehouse was published", ("n_rows", "n_left_out"))
ARTEFACT_WRITTEN = Event(
    "runner_validation_state",
    "a run's artefact was written",
    ("artefact_checksum", "n_files", "runner_mode", "is_partial", "n_requests", "n_outcomes"),
)
SUBJECT_EXPORTED = Event("subject_exported", "everything about one pupil was written to a folder", ("n_essays",))
COLLECTOR_TIMEOUT = Event("collector_timeout", "a runner stopped waiting", ("timeout_seconds",), WARNING)
RUNNER_EXECUTION_COMPLETE = Event("runner_execution_complete", "a runner is through", ("to_state",))
ANCHOR_ALIGN_COMPLETE = Event(
    "anchor_align_test_complete", "an alignment was reported", ("n_anchors", "n_requests", "n_succeeded")
)

# The daemon.
NIGHT_DECIDED = Event("night_decided", "a night began", ("n_submitted", "n_left"))
DEAD_RUN_BURIED = Event("dead_run_buried", "a run whose process is gone was marked as failed", ("dead_run_id",), WARNING)
ALARM_RAISED = Event("alarm_raised", "people were told of something", ("alarm", "about_run_id"), ERROR)
ALARM_UNDELIVERED = Event(
    "alarm_undelivered", "the webhook did not take a message", ("alarm", "error_type", "http_status"), WARNING
)

EVENTS: tuple[Event, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Event))
