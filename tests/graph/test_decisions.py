"""What is due for a batch: every row of the decision, as a table."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from huleedu_pipeline.ledger import BatchRecord, BatchStatus, JobRecord, JobState
from huleedu_pipeline.orchestration.decisions import (
    MAX_FAILED_RUNS,
    MOST_NAMED,
    Decision,
    Due,
    Situation,
    decide,
    duration,
    status_line,
)

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
AWAITING, SCORING = BatchStatus.AWAITING_JUDGEMENTS, BatchStatus.SCORING
DONE = BatchStatus.COMPLETED_MAX_COMPARISONS


def batch(status: BatchStatus, *, is_published: bool = False) -> BatchRecord:
    published = NOW if is_published else None
    return BatchRecord("b1", status, "provider_batch_api", "emulator", "c", "{}", 5, 0, NOW, NOW, None, published)


def job(state: JobState, n: int = 1, provider_status: str | None = None) -> JobRecord:
    job_id = f"job_{n}"
    return JobRecord(
        f"token_{n}",
        "b1",
        "openai",
        "m",
        state,
        job_id,
        None,
        provider_status,
        None,
        5,
        100,
        None,
        NOW,
        None,
        None,
        None,
        None,
        None,
        None,
    )


@pytest.mark.parametrize(
    ("status", "states", "extra", "due", "run_key"),
    [
        (BatchStatus.PENDING, [], {}, Due.SUBMIT, "b1:0"),
        (BatchStatus.PENDING, [], {"n_failed_submit_runs": 1}, Due.SUBMIT, "b1:1"),
        (BatchStatus.PENDING, [], {"n_failed_submit_runs": MAX_FAILED_RUNS}, Due.NOTHING, None),
        (BatchStatus.PENDING, [], {"has_run_in_progress": True}, Due.WAIT, None),
        (AWAITING, [JobState.PLANNED], {}, Due.SUBMIT, "token_1:b1:1.0:0"),
        (AWAITING, [JobState.INTENT], {}, Due.SUBMIT, "token_1:b1:1.0:0"),
        (AWAITING, [JobState.UNKNOWN], {"n_failed_submit_runs": 2}, Due.SUBMIT, "token_1:b1:1.0:2"),
        (AWAITING, [JobState.REJECTED], {"n_failed_submit_runs": 4}, Due.NOTHING, None),
        (AWAITING, [JobState.SUBMITTED, JobState.UNKNOWN], {}, Due.SUBMIT, "token_2:b1:2.0:0"),
        (AWAITING, [JobState.SUBMITTED], {}, Due.WAIT, None),
        (AWAITING, [JobState.SUBMITTED, JobState.ENDED], {}, Due.WAIT, None),
        # Five outcomes of the job that has finished, and fifteen before it.
        (AWAITING, [JobState.SUBMITTED, JobState.ENDED], {"n_outcomes": 15, "n_for_provisional": 21}, Due.WAIT, None),
        (AWAITING, [JobState.SUBMITTED, JobState.ENDED], {"n_outcomes": 15, "n_for_provisional": 20}, Due.COLLECT, "job_2:0"),
        (AWAITING, [JobState.SUBMITTED, JobState.COLLECTED], {"n_outcomes": 20, "n_for_provisional": 20}, Due.WAIT, None),
        (AWAITING, [JobState.ENDED], {}, Due.COLLECT, "job_1:0"),
        (AWAITING, [JobState.ENDED], {"has_run_in_progress": True}, Due.WAIT, None),
        (AWAITING, [JobState.EXPIRED, JobState.FAILED], {}, Due.COLLECT, "job_2:0"),
        (AWAITING, [JobState.ENDED], {"n_failed_collect_runs": 1, "seconds_since_failed_run": 59.0}, Due.WAIT, None),
        (AWAITING, [JobState.ENDED], {"n_failed_collect_runs": 1, "seconds_since_failed_run": 61.0}, Due.COLLECT, "job_1:1"),
        (AWAITING, [JobState.ENDED], {"n_failed_collect_runs": 3, "seconds_since_failed_run": 3000.0}, Due.WAIT, None),
        (AWAITING, [JobState.COLLECTED], {"n_failed_collect_runs": 2}, Due.COLLECT, "b1:1.0:2"),
        (AWAITING, [JobState.COLLECTED], {"n_failed_collect_runs": 4}, Due.NOTHING, None),
        (AWAITING, [], {"n_unasked": 28}, Due.SUBMIT, "b1:0.0:0"),
        (AWAITING, [], {"n_unasked": 28, "waits_for": "the lane is open"}, Due.WAIT, None),
        (AWAITING, [JobState.UNKNOWN], {"waits_for": "the lane is open"}, Due.WAIT, None),
        (AWAITING, [JobState.SUBMITTED], {"waits_for": "the lane is open"}, Due.WAIT, None),
        (AWAITING, [JobState.SUBMITTED], {"n_unasked": 28, "waits_for": "no room"}, Due.WAIT, None),
        (AWAITING, [JobState.SUBMITTED, JobState.ENDED], {"n_unasked": 3, "waits_for": "no room"}, Due.COLLECT, "job_2:0"),
        (AWAITING, [JobState.COLLECTED], {"n_unasked": 3, "n_outcomes": 25, "stamp": "17.5"}, Due.SUBMIT, "b1:1.25:17.5:0"),
        (AWAITING, [JobState.COLLECTED, JobState.QUARANTINED], {"n_unasked": 3}, Due.NOTHING, None),
        (SCORING, [JobState.COLLECTED], {"n_outcomes": 28}, Due.COLLECT, "b1:1.28:0"),
        (DONE, [JobState.COLLECTED], {"n_outcomes": 28}, Due.COLLECT, "b1:1.28:0"),
    ],
)
def test_every_situation_has_its_decision(
    status: BatchStatus, states: list[JobState], extra: dict[str, Any], due: Due, run_key: str | None
) -> None:
    jobs = [job(state, n) for n, state in enumerate(states, start=1)]
    decision = decide(Situation(batch(status), jobs, **extra))
    assert (decision.due, decision.run_key) == (due, run_key)


@pytest.mark.parametrize("mode", ["per_request", "serial_bundle"])
def test_live_judgements_are_asked_for_by_the_run_that_collects_them(mode: str) -> None:
    live = replace(batch(AWAITING), llm_batching_mode=mode)
    decision = decide(Situation(live, [], n_unasked=28))
    assert (decision.due, decision.run_key) == (Due.COLLECT, "b1:0.0:0")


@pytest.mark.parametrize(
    ("status", "extra", "due", "run_key"),
    [
        (BatchStatus.PENDING, {}, Due.WAIT, None),
        (BatchStatus.PENDING, {"n_outcomes": 9, "n_unlisted": 9}, Due.SUBMIT, "b1:imported.9:0"),
        (BatchStatus.PENDING, {"n_outcomes": 9}, Due.SUBMIT, "b1:imported.9:0"),
        (AWAITING, {"n_outcomes": 9}, Due.COLLECT, "b1:imported.9:0"),
        (AWAITING, {"n_outcomes": 12, "n_unlisted": 3}, Due.SUBMIT, "b1:imported.12:0"),
        (AWAITING, {"n_outcomes": 9, "n_failed_collect_runs": MAX_FAILED_RUNS}, Due.NOTHING, None),
        (SCORING, {"n_outcomes": 12, "n_unlisted": 3}, Due.SUBMIT, "b1:imported.12:0"),
        (DONE, {"n_outcomes": 9}, Due.COLLECT, "b1:imported.9:0"),
    ],
)
def test_what_people_judged_is_written_down_and_then_ranked(
    status: BatchStatus, extra: dict[str, Any], due: Due, run_key: str | None
) -> None:
    decision = decide(Situation(replace(batch(status), judge_backend="human"), [], **extra))
    assert (decision.due, decision.run_key) == (due, run_key)


@pytest.mark.parametrize(
    ("states", "provider_status", "due", "words"),
    [
        ([], None, Due.COLLECT, "failed, and not yet published"),
        ([JobState.COLLECTED], None, Due.COLLECT, "failed, and not yet published"),
        ([JobState.QUARANTINED], None, Due.COLLECT, "failed, and not yet published"),
        ([JobState.PLANNED], None, Due.COLLECT, "1 jobs are to be wound up"),
        ([JobState.UNKNOWN], None, Due.COLLECT, "1 jobs are to be wound up"),
        ([JobState.SUBMITTED], "in_progress", Due.COLLECT, "1 jobs are to be wound up"),
        ([JobState.SUBMITTED], "cancelling", Due.WAIT, "1 jobs at openai are being cancelled"),
        ([JobState.SUBMITTED, JobState.CANCELLED], "cancelling", Due.COLLECT, "2 jobs are to be wound up"),
    ],
)
def test_a_closed_batch_is_wound_up_and_then_published(
    states: list[JobState], provider_status: str | None, due: Due, words: str
) -> None:
    jobs = [job(state, n, provider_status) for n, state in enumerate(states, start=1)]
    decision = decide(Situation(batch(BatchStatus.FAILED), jobs, n_unasked=3))
    assert (decision.due, words in decision.reason) == (due, True), decision.reason


def test_a_batch_that_was_brought_back_is_asked_for_under_new_keys() -> None:
    again = replace(batch(AWAITING), reopened_at=NOW)
    before, after = (decide(Situation(one, [], n_unasked=3)).run_key for one in (batch(AWAITING), again))
    assert (before, after) == ("b1:0.0:0", f"b1:0.0:reopened.{NOW.timestamp():.0f}:0")


def test_a_batch_that_was_told_to_end_is_left_to_the_watch_dog_until_it_has_its_outcomes() -> None:
    told = replace(batch(AWAITING), ends_as=BatchStatus.COMPLETED_FORCED_RECOVERY, status_reason="late")
    assert decide(Situation(told, [job(JobState.SUBMITTED)], n_unasked=3)).due is Due.WAIT
    assert decide(Situation(told, [job(JobState.COLLECTED)], n_outcomes=28)).due is Due.COLLECT


def test_a_quarantined_job_is_named_with_the_command_that_settles_it() -> None:
    lost = replace(job(JobState.QUARANTINED), last_error="may be any of x, y")
    decision = decide(Situation(batch(AWAITING), [lost]))
    assert decision.reason == "QUARANTINED: may be any of x, y; decide with: huleedu reconcile b1"


@pytest.mark.parametrize("status", list(BatchStatus))
@pytest.mark.parametrize("state", [None, *JobState])
def test_the_decision_is_total_and_a_published_batch_needs_nothing(status: BatchStatus, state: JobState | None) -> None:
    jobs = [] if state is None else [job(state)]
    assert decide(Situation(batch(status), jobs)).due in Due
    assert decide(Situation(batch(status, is_published=True), jobs)).due is Due.NOTHING


def test_the_status_line_names_what_each_batch_waits_for() -> None:
    waiting = decide(
        Situation(batch(AWAITING), [job(JobState.SUBMITTED, provider_status="in_progress"), job(JobState.ENDED, 2)])
    )
    stuck = decide(Situation(batch(AWAITING), [job(JobState.ENDED)], n_failed_collect_runs=MAX_FAILED_RUNS))
    line = status_line([("b1", waiting), ("b2", stuck), ("b3", Decision(Due.NOTHING, "completed and published"))])
    assert line == (
        f"b2: STUCK after {MAX_FAILED_RUNS} failed runs (every job has finished); mend the cause, then start the run by hand; "
        "b1: 1 of 2 jobs at openai (in_progress)"
    )
    assert status_line([]) == "no batch is waiting"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (99, "99 s"), (100, "2 min"), (3540, "59 min"), (3599, "1 h 0 min"), (7800, "2 h 10 min")],
)
def test_a_time_reads_as_people_say_it(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_the_status_line_names_first_what_needs_a_person_and_not_more_than_a_screen_holds() -> None:
    waits = [(f"b{n}", Decision(Due.WAIT, "1 of 1 jobs at openai (in_progress)")) for n in range(MOST_NAMED)]
    line = status_line([*waits, ("b99", Decision(Due.NOTHING, "STUCK after 4 failed runs"))])
    assert line.startswith("b99: STUCK after 4 failed runs; b0: 1 of 1 jobs")
    assert line.endswith("; and 1 more batches")


def test_how_long_a_job_is_at_its_provider_is_said() -> None:
    there = Situation(batch(AWAITING), [job(JobState.SUBMITTED, provider_status="in_progress")], seconds_at_provider=7800.0)
    assert decide(there).reason == "1 of 1 jobs at openai for 2 h 10 min (in_progress)"
