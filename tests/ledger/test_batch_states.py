"""A batch's states: each is reached, none is left by itself once final, and a batch that is closed asks for nothing."""

from datetime import UTC, datetime
from itertools import product

import pytest

from huleedu_pipeline.judging.outcome import ErrorCode, failure
from huleedu_pipeline.ledger import Answer, BatchStatus, ClosedBatchError, JobState, Ledger, StaleStateError
from huleedu_pipeline.ledger.states import BATCH_MOVES, SCORED
from tests.ledger.test_store import answer, plan, plan_job, register

AWAITING, SCORING, FAILED, CANCELLED = (
    BatchStatus.AWAITING_JUDGEMENTS,
    BatchStatus.SCORING,
    BatchStatus.FAILED,
    BatchStatus.CANCELLED,
)
WAYS = {
    BatchStatus.PENDING: [],
    AWAITING: [AWAITING],
    SCORING: [AWAITING, SCORING],
    **{end: [AWAITING, SCORING, end] for end in SCORED},
    BatchStatus.COMPLETED_INSUFFICIENT_ESSAYS: [BatchStatus.COMPLETED_INSUFFICIENT_ESSAYS],
    FAILED: [AWAITING, FAILED],
    CANCELLED: [CANCELLED],
}
REFUSED = failure(ErrorCode.REFUSAL, "the model refused to judge")


def bring(ledger: Ledger, status: BatchStatus) -> None:
    register(ledger)
    plan(ledger, range(4))
    for step in WAYS[status]:
        ledger.move_batch("b1", step, f"to {step}")


def end_live(ledger: Ledger, *answers: Answer) -> None:
    ledger.begin_live([one.custom_id for one in answers])
    ledger.end_live(answers, max_attempts=3)


def refused(n: int) -> Answer:
    return Answer(answer(n).custom_id, REFUSED, 0.01, None, datetime.now(UTC))


@pytest.mark.parametrize("status", list(BatchStatus))
def test_every_state_is_reached_and_its_history_kept(ledger: Ledger, status: BatchStatus) -> None:
    bring(ledger, status)
    batch, history = ledger.batch("b1"), ledger.batch_history("b1")
    assert (batch.status, batch.completed_at is not None) == (status, status.is_final)
    assert [(move.from_status, move.to_status) for move in history] == [
        (None, BatchStatus.PENDING),
        *zip([BatchStatus.PENDING, *WAYS[status]], WAYS[status], strict=False),
    ]
    assert [move.reason for move in history[1:]] == [f"to {step}" for step in WAYS[status]]


def test_only_declared_moves_are_made(ledger: Ledger) -> None:
    for status, to in product(BatchStatus, BatchStatus):
        batch_id = f"{status}-{to}".replace("_", "")[:60]
        register(ledger, batch_id)
        for step in WAYS[status]:
            ledger.move_batch(batch_id, step)
        before = ledger.batch(batch_id)
        if to in BATCH_MOVES[status]:
            ledger.move_batch(batch_id, to)
            assert ledger.batch(batch_id).status is to
            continue
        try:
            ledger.move_batch(batch_id, to)  # being there, or past it, is no error
        except StaleStateError:
            assert to is not status
        assert ledger.batch(batch_id) == before


@pytest.mark.parametrize("status", [status for status in BatchStatus if not status.takes_judgements])
def test_a_batch_that_takes_no_judgements_begins_no_attempt(ledger: Ledger, status: BatchStatus) -> None:
    register(ledger)
    plan(ledger, range(4))
    planned = plan_job(ledger, 0, 1)
    for step in WAYS[status]:
        ledger.move_batch("b1", step)
    for begin in (
        lambda: ledger.begin_live([answer(2).custom_id]),
        lambda: plan_job(ledger, 2, 3),
        lambda: ledger.record_create_attempt(planned),
    ):
        with pytest.raises(ClosedBatchError, match=f"b1: is {status}, and nothing more is asked"):
            begin()
    assert ledger.tally("b1").n_attempts == 0
    assert [job.state for job in ledger.jobs("b1")] == [JobState.PLANNED]


def test_a_batch_that_was_told_how_to_end_asks_no_more_and_ends_so(ledger: Ledger) -> None:
    bring(ledger, AWAITING)
    ledger.conclude("b1", BatchStatus.COMPLETED_FORCED_RECOVERY, "past its deadline")
    with pytest.raises(ClosedBatchError, match="was told to end as completed_forced_recovery"):
        ledger.begin_live([answer(0).custom_id])
    assert ledger.expire_open("b1", "no answer in time") == 4
    assert (ledger.tally("b1").n_expired, ledger.tally("b1").cost_usd) == (4, 0.0)
    ledger.move_batch("b1", SCORING)
    ledger.complete_batch("b1")
    ledger.complete_batch("b1")  # a rerun passes here again
    batch = ledger.batch("b1")
    assert (batch.status, batch.status_reason) == (BatchStatus.COMPLETED_FORCED_RECOVERY, "past its deadline")
    with pytest.raises(ValueError, match="failed: is not how a batch ends"):
        ledger.conclude("b1", FAILED, "")


@pytest.mark.parametrize("status", [FAILED, CANCELLED])
def test_a_batch_that_is_brought_back_asks_for_what_has_no_verdict_and_for_nothing_else(
    ledger: Ledger, status: BatchStatus
) -> None:
    bring(ledger, AWAITING)
    end_live(ledger, answer(0), refused(1))
    ledger.move_batch("b1", status, "for a test")
    ledger.mark_published(["b1"])
    assert ledger.reopen_batch("b1", "mended") == 3
    batch = ledger.batch("b1")
    assert (batch.status, batch.status_reason, batch.is_published, batch.completed_at) == (AWAITING, None, False, None)
    assert batch.reopened_at is not None
    assert [request.position for request in ledger.unasked("b1")] == [1, 2, 3]
    assert (ledger.tally("b1").n_succeeded, ledger.tally("b1").n_failed) == (1, 0)
    end_live(ledger, answer(1), refused(2))
    tally = ledger.tally("b1")
    assert (tally.n_succeeded, tally.n_failed, tally.n_attempts) == (2, 1, 4)
    assert ledger.outcomes("b1")[1].n_attempts == 2, "the refusal is still on record"


@pytest.mark.parametrize("status", [status for status in BatchStatus if not status.is_closed])
def test_only_a_closed_batch_is_brought_back(ledger: Ledger, status: BatchStatus) -> None:
    bring(ledger, status)
    with pytest.raises(StaleStateError, match="only one that is failed or cancelled can be brought back"):
        ledger.reopen_batch("b1", "by mistake")


def test_a_batch_that_was_cancelled_before_anything_was_planned_is_pending_again(ledger: Ledger) -> None:
    register(ledger)
    ledger.move_batch("b1", CANCELLED)
    assert ledger.reopen_batch("b1", "after all") == 0
    assert ledger.batch("b1").status is BatchStatus.PENDING


def test_activity_is_whatever_happened_last(ledger: Ledger) -> None:
    bring(ledger, AWAITING)
    moved = ledger.last_activity("b1")
    assert moved == ledger.batch("b1").updated_at
    planned = plan_job(ledger, 0)
    assert ledger.last_activity("b1") == planned.created_at > moved
    ledger.begin_live([answer(1).custom_id])
    assert ledger.last_activity("b1") > planned.created_at
