"""Circuit breakers: opened by failures in a row or by the provider's own word, closed by a probe, shared through the ledger."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from huleedu_pipeline.ledger import LaneRecord, Ledger
from huleedu_pipeline.providers.lanes import (
    FAILURES_TO_OPEN,
    FIRST_OPENING_SECONDS,
    LASTING_REFUSAL_SECONDS,
    LONGEST_OPENING_SECONDS,
    PROBE_SECONDS,
    Lane,
    PausedError,
    after_failure,
    after_success,
    opened,
    pause_reason,
    waiting_until,
)
from huleedu_pipeline.providers.protocols import AmbiguousError, RejectedError

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
CLOSED = LaneRecord("openai", "m")


def seconds_open(lane: LaneRecord) -> float:
    assert lane.retry_at is not None
    return (lane.retry_at - NOW).total_seconds()


def test_a_lane_opens_after_failures_in_a_row_and_a_success_starts_the_count_again() -> None:
    lane = CLOSED
    for n in range(1, FAILURES_TO_OPEN):
        lane = after_failure(lane, NOW, "down")
        assert (lane.state, lane.n_failures) == ("closed", n)
    assert after_success(lane) == CLOSED
    lane = after_failure(lane, NOW, "down")
    assert (lane.state, seconds_open(lane)) == ("open", FIRST_OPENING_SECONDS)


def test_each_opening_in_a_row_is_longer_up_to_a_longest() -> None:
    lane, lengths = CLOSED, []
    for _ in range(8):
        lane = after_failure(replace(opened(lane, NOW, "down"), state="half_open"), NOW, "down")
        lengths.append(seconds_open(lane))
    assert lengths == sorted(lengths)
    assert lengths[0] == 2 * FIRST_OPENING_SECONDS
    assert lengths[-1] == LONGEST_OPENING_SECONDS


def test_an_open_lane_waits_until_its_time_and_says_for_what() -> None:
    lane = opened(CLOSED, NOW, "the provider answered 503", 60.0)
    assert waiting_until(lane, NOW + timedelta(seconds=59)) == NOW + timedelta(seconds=60)
    assert waiting_until(lane, NOW + timedelta(seconds=60)) is None
    said = "openai m: nothing is sent before 09:01:00 UTC (the provider answered 503)"
    assert pause_reason(lane, NOW) == said
    assert pause_reason(CLOSED, NOW) is None


def test_a_probe_that_never_ended_does_not_keep_the_lane_closed_for_good() -> None:
    lane = replace(opened(CLOSED, NOW, "down"), state="half_open", updated_at=NOW)
    assert waiting_until(lane, NOW + timedelta(seconds=PROBE_SECONDS - 1)) is not None
    assert waiting_until(lane, NOW + timedelta(seconds=PROBE_SECONDS + 1)) is None


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (RejectedError("402", status=402, lasting="spend_limit"), LASTING_REFUSAL_SECONDS),
        (RejectedError("401", status=401, lasting="no_access"), LASTING_REFUSAL_SECONDS),
        (RejectedError("429", status=429, is_temporary=True, retry_after_seconds=300.0), 300.0),
    ],
)
def test_a_provider_that_says_how_long_is_taken_at_its_word_at_once(
    error: RejectedError, seconds: float, ledger: Ledger
) -> None:
    lane = Lane(ledger, "openai", "m")
    assert lane.enter() is False
    lane.failed(error)
    with pytest.raises(PausedError) as paused:
        Lane(ledger, "openai", "m").enter()
    assert (paused.value.retry_at - datetime.now(UTC)).total_seconds() == pytest.approx(seconds, abs=5)
    assert Lane(ledger, "openai", "other").enter() is False  # each model has its own lane


def test_only_one_process_probes_a_lane_whose_time_has_come(ledger: Ledger) -> None:
    first, second = Lane(ledger, "openai", "m"), Lane(ledger, "openai", "m")
    first.failed(RejectedError("429", is_temporary=True, retry_after_seconds=0.0))
    assert first.enter() is True
    with pytest.raises(PausedError):
        second.enter()
    first.succeeded()
    assert second.enter() is False


def test_a_call_that_began_before_the_lane_opened_does_not_close_it(ledger: Ledger) -> None:
    lane = Lane(ledger, "openai", "m")
    lane.failed(RejectedError("429", is_temporary=True, retry_after_seconds=60.0))
    lane.succeeded()
    with pytest.raises(PausedError):
        lane.enter()
    lane.reopen()
    assert lane.enter() is False


def test_a_refusal_of_one_request_says_nothing_about_the_lane(ledger: Ledger) -> None:
    lane = Lane(ledger, "openai", "m")
    for _ in range(2 * FAILURES_TO_OPEN):
        lane.failed(RejectedError("400: too long", status=400))
    assert lane.enter() is False
    for _ in range(FAILURES_TO_OPEN):
        lane.failed(AmbiguousError("no usable answer"))
    with pytest.raises(PausedError):
        lane.enter()
