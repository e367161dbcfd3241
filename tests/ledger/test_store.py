"""The ledger: what is recorded stays, moves happen once, and a batch can not change under its name."""

import json
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from huleedu_pipeline.judging.outcome import ErrorCode, Usage, failure, success
from huleedu_pipeline.judging.verdict import Verdict
from huleedu_pipeline.ledger import (
    Answer,
    BatchStatus,
    BusyError,
    ChangedBatchError,
    Cost,
    DeadLetter,
    FrameRecord,
    JobRecord,
    JobState,
    LaneRecord,
    Ledger,
    RequestRecord,
    StaleStateError,
    UnknownBatchError,
)
from huleedu_pipeline.ledger.schema import attempts, leases, metadata, replies
from huleedu_pipeline.ledger.states import BATCH_MOVES, JOB_MOVES
from huleedu_pipeline.processes import Process

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
VERDICT = Verdict(winner="Essay B", justification="It says more.", confidence=3.0)


def url_of(ledger: Ledger) -> str:
    return ledger.engine.url.render_as_string(hide_password=False)


def register(ledger: Ledger, batch_id: str = "b1", content: str = "c1") -> None:
    ledger.register_batch(
        batch_id=batch_id,
        llm_batching_mode="provider_batch_api",
        judge_backend="emulator",
        content_sha256=content,
        original_request="{}",
        n_essays=2,
        n_anchors=0,
    )


def request(n: int, batch_id: str = "b1", **changes: Any) -> RequestRecord:
    values: dict[str, Any] = {
        "custom_id": f"{batch_id}-r{n}",
        "batch_id": batch_id,
        "position": n,
        "pair_id": f"p{n}",
        "essay_a_id": "a",
        "essay_b_id": "b",
        "wave": 1,
        "replicate": 1,
        "judge_id": "j",
        "provider": "openai",
        "model": "emulated-m",
        "prompt_sha256": "0" * 64,
        "frame_id": "f",
        "fragment_a_id": "a",
        "fragment_b_id": "b",
        "n_bytes": 2,
    }
    return RequestRecord(**{**values, **changes})


def plan(ledger: Ledger, numbers: Iterable[int], **changes: Any) -> int:
    frame = FrameRecord("f", "openai", "/v1/responses", '{"a":"', '","b":"', '"}')
    return ledger.plan_requests([request(n, **changes) for n in numbers], [frame], {"a": "one", "b": "two"})


def plan_job(ledger: Ledger, *numbers: int) -> JobRecord:
    return ledger.plan_job([r for r in ledger.requests("b1") if r.position in numbers])


def ended_job(ledger: Ledger, *numbers: int) -> JobRecord:
    job = ledger.move_job(plan_job(ledger, *numbers), JobState.INTENT)
    job = ledger.move_job(job, JobState.SUBMITTED, provider_job_id=f"batch_{job.token}", submitted_at=NOW)
    return ledger.move_job(job, JobState.ENDED, ended_at=NOW)


def record(ledger: Ledger, answers: list[Answer], max_attempts: int = 3) -> int:
    ledger.begin_live([answer.custom_id for answer in answers])
    return ledger.end_live(answers, max_attempts=max_attempts)


def answer(n: int, cost: float | None = 0.01) -> Answer:
    return Answer(
        f"b1-r{n}",
        success(VERDICT, Usage(input_tokens=100, cached_input_tokens=20, output_tokens=10), "served-m"),
        cost,
        '{"raw": 1}',
        NOW,
    )


def test_migrations_make_exactly_the_declared_tables(ledger: Ledger) -> None:
    with ledger.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []


def test_opening_again_finds_everything_as_it_was(ledger: Ledger) -> None:
    register(ledger)
    plan(ledger, [1])
    ledger.close()
    again = Ledger(url_of(ledger))
    assert again.requests("b1") == [request(1)]
    assert again.batch("b1").status is BatchStatus.PENDING
    again.close()


def test_every_commit_is_flushed_to_disk(ledger: Ledger) -> None:
    with ledger.engine.connect() as connection:
        if connection.dialect.name == "postgresql":  # the tests' server itself does not
            assert connection.exec_driver_sql("SHOW synchronous_commit").scalar() == "on"
        else:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
            assert connection.exec_driver_sql("PRAGMA foreign_keys").scalar() == 1


def test_the_same_batch_again_changes_nothing(ledger: Ledger) -> None:
    register(ledger)
    before = ledger.batch("b1")
    register(ledger)
    assert ledger.batch("b1") == before


def test_a_batch_may_change_until_its_requests_are_planned_and_not_after(ledger: Ledger) -> None:
    register(ledger, content="c1")
    correlation_id = ledger.batch("b1").correlation_id
    assert correlation_id is not None
    register(ledger, content="c2")
    assert (ledger.batch("b1").content_sha256, ledger.batch("b1").correlation_id) == ("c2", correlation_id)
    register(ledger, batch_id="b2")
    assert ledger.batch("b2").correlation_id != correlation_id
    plan(ledger, [1])
    with pytest.raises(ChangedBatchError, match="b1: was submitted before with other content .* another batch_id"):
        register(ledger, content="c3")
    assert ledger.batch("b1").content_sha256 == "c2"


def test_an_unknown_batch_is_named(ledger: Ledger) -> None:
    with pytest.raises(UnknownBatchError, match="batch nope: is not in the ledger"):
        ledger.batch("nope")


def test_planning_again_adds_nothing(ledger: Ledger) -> None:
    register(ledger)
    assert plan(ledger, range(1200)) == 1200
    assert plan(ledger, range(1201)) == 1
    assert [r.position for r in ledger.requests("b1")] == list(range(1201))


def test_the_first_outcome_of_a_request_is_the_only_one(ledger: Ledger) -> None:
    register(ledger)
    plan(ledger, [1])
    assert record(ledger, [answer(1)]) == 1
    late = Answer("b1-r1", failure(ErrorCode.NO_ANSWER, "late"), None, "late", NOW)
    assert ledger.end_live([late], max_attempts=3) == 0
    (outcome,) = ledger.outcomes("b1")
    assert (outcome.outcome, outcome.winner_essay_id, outcome.model) == ("success", "b", "served-m")
    with ledger.engine.connect() as connection:
        assert connection.scalars(sa.select(replies.c.body)).all() == ['{"raw": 1}']


def test_the_tally_counts_rows_and_does_not_invent_a_price(ledger: Ledger) -> None:
    register(ledger)
    plan(ledger, range(4))
    record(ledger, [answer(0), answer(1)])
    tally = ledger.tally("b1")
    assert (tally.n_requests, tally.n_succeeded, tally.n_outcomes, tally.is_complete) == (4, 2, 2, False)
    assert tally.cost_usd == pytest.approx(0.02)
    expired = Answer("b1-r2", failure(ErrorCode.BATCH_EXPIRED, "too late"), 0.0, None, NOW)
    record(ledger, [expired, answer(3, cost=None)], max_attempts=1)
    tally = ledger.tally("b1")
    assert (tally.n_succeeded, tally.n_failed, tally.n_expired, tally.is_complete) == (3, 0, 1, True)
    assert tally.cost_usd is None


def test_a_batch_without_requests_is_not_complete(ledger: Ledger) -> None:
    register(ledger)
    assert not ledger.tally("b1").is_complete


def test_a_batch_moves_forward_only(ledger: Ledger) -> None:
    register(ledger)
    with pytest.raises(StaleStateError, match="b1: can not go from pending to scoring"):
        ledger.move_batch("b1", BatchStatus.SCORING)
    for status in (BatchStatus.AWAITING_JUDGEMENTS, BatchStatus.SCORING, BatchStatus.COMPLETED_MAX_COMPARISONS):
        ledger.move_batch("b1", status)
    finished = ledger.batch("b1")
    ledger.move_batch("b1", BatchStatus.SCORING)  # a rerun passes here again
    assert ledger.batch("b1") == finished
    assert finished.completed_at is not None
    assert not finished.is_published
    ledger.mark_published(["b1"])
    assert ledger.batch("b1").is_published


def test_a_batch_that_is_not_completed_is_never_marked_published(ledger: Ledger) -> None:
    register(ledger)
    ledger.mark_published(["b1"])
    assert not ledger.batch("b1").is_published


@pytest.mark.parametrize("moves", [BATCH_MOVES, JOB_MOVES])
def test_every_state_has_its_moves_and_they_stay_inside(moves: dict[Any, frozenset[Any]]) -> None:
    kind: Any = type(next(iter(moves)))
    states = set(kind)
    assert set(moves) == states
    assert {after for reachable in moves.values() for after in reachable} <= states


def test_a_job_takes_requests_that_no_other_carries(ledger: Ledger) -> None:
    register(ledger)
    plan(ledger, range(3))
    job = plan_job(ledger, 0, 1)
    assert (job.state, job.n_requests, job.n_bytes, job.provider) == (JobState.PLANNED, 2, 4, "openai")
    assert [r.position for r in ledger.requests("b1", job_token=job.token)] == [0, 1]
    assert [r.position for r in ledger.unasked("b1")] == [2]
    with pytest.raises(StaleStateError, match="are in another job"):
        plan_job(ledger, 1, 2)
    assert len(ledger.jobs("b1")) == 1


def test_a_job_of_two_models_is_refused(ledger: Ledger) -> None:
    register(ledger)
    plan(ledger, [0])
    plan(ledger, [1], model="other")
    with pytest.raises(StaleStateError, match="differ in model"):
        plan_job(ledger, 0, 1)


def test_a_move_is_made_once_and_leaves_an_event(ledger: Ledger) -> None:
    register(ledger)
    plan(ledger, [0])
    planned = plan_job(ledger, 0)
    moved = ledger.move_job(planned, JobState.INTENT, {"why": "test"}, intent_at=NOW)
    assert (moved.state, moved.intent_at) == (JobState.INTENT, NOW)
    with pytest.raises(StaleStateError, match="is no longer planned"):
        ledger.move_job(planned, JobState.INTENT)
    with pytest.raises(StaleStateError, match="can not go from intent to ended"):
        ledger.move_job(moved, JobState.ENDED)
    events = [(before, after, json.loads(detail or "{}")) for _, before, after, detail in ledger.job_events(planned.token)]
    assert events == [(None, "planned", {"n_requests": 1}), ("planned", "intent", {"why": "test"})]


def test_a_jobs_answers_and_its_collection_are_recorded_together_or_not_at_all(ledger: Ledger) -> None:
    register(ledger)
    plan(ledger, range(2))
    job = ended_job(ledger, 0, 1)

    def broken() -> Any:
        yield answer(0)
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError):
        ledger.collect_job(job, broken(), {}, max_attempts=3)
    assert ledger.tally("b1").n_outcomes == 0
    assert ledger.job(job.token).state is JobState.ENDED
    assert ledger.collect_job(job, [answer(0), answer(1)], {"n_lines": 2}, max_attempts=3).state is JobState.COLLECTED
    assert ledger.tally("b1").is_complete
    assert {outcome.requested_at for outcome in ledger.outcomes("b1")} == {NOW}


def test_a_request_is_asked_again_as_often_as_the_cap_allows_and_has_one_outcome(ledger: Ledger) -> None:
    register(ledger)
    plan(ledger, range(2))
    missing = Answer("b1-r1", failure(ErrorCode.MISSING_RESULT, "no line"), None, None, NOW)
    ledger.collect_job(ended_job(ledger, 0, 1), [answer(0), missing], {}, max_attempts=2)
    assert [r.position for r in ledger.unasked("b1")] == [1]
    second = ended_job(ledger, 1)
    assert second.n_requests == 1
    assert ledger.times_asked(second) == 2
    ledger.collect_job(second, [missing], {}, max_attempts=2)
    tally = ledger.tally("b1")
    assert (tally.n_succeeded, tally.n_failed, tally.n_attempts, tally.is_complete) == (1, 1, 3, True)
    assert [(o.outcome, o.n_attempts) for o in ledger.outcomes("b1")] == [("success", 1), ("failure", 2)]
    assert list(ledger.unasked("b1")) == []


def test_attempts_that_were_not_run_do_not_count_against_the_cap(ledger: Ledger) -> None:
    register(ledger)
    plan(ledger, [1])
    not_run = Answer("b1-r1", failure(ErrorCode.NOT_RUN, "no room"), 0.0, None, NOW)
    for _ in range(4):
        assert record(ledger, [not_run], max_attempts=1) == 0
    assert record(ledger, [answer(1)], max_attempts=1) == 1
    (outcome,) = ledger.outcomes("b1")
    assert (outcome.n_attempts, outcome.cost_usd) == (5, 0.01)


def test_what_all_attempts_used_is_what_a_request_cost(ledger: Ledger) -> None:
    register(ledger)
    plan(ledger, [1])
    invalid = failure(ErrorCode.INVALID_VERDICT, "no winner", Usage(input_tokens=100, output_tokens=7))
    assert record(ledger, [Answer("b1-r1", invalid, 0.02, "{}", NOW)]) == 0
    assert record(ledger, [answer(1)]) == 1
    (outcome,) = ledger.outcomes("b1")
    assert (outcome.input_tokens, outcome.output_tokens, outcome.n_attempts) == (200, 17, 2)
    assert outcome.cost_usd == pytest.approx(0.03)
    assert ledger.tally("b1").cost_usd == pytest.approx(0.03)
    assert ledger.cost(batch_id="b1").spent == pytest.approx(0.03)


def test_the_database_itself_refuses_a_second_outcome(ledger: Ledger) -> None:
    register(ledger)
    plan(ledger, [1])
    record(ledger, [answer(1)])
    with ledger.engine.begin() as connection, pytest.raises(sa.exc.IntegrityError):
        connection.execute(attempts.insert().values(custom_id="b1-r1", attempt=2, is_final=True))


def test_a_live_call_that_a_dead_process_left_open_is_ended_as_unanswered(ledger: Ledger) -> None:
    register(ledger)
    plan(ledger, [1])
    ledger.begin_live(["b1-r1"])
    assert record(ledger, [answer(1)]) == 1
    (outcome,) = ledger.outcomes("b1")
    assert (outcome.n_attempts, outcome.cost_usd) == (2, None)  # the first may have been billed: unknown, not 0


def test_lines_that_end_no_request_are_kept(ledger: Ledger) -> None:
    register(ledger)
    plan(ledger, [1])
    job, letter = ended_job(ledger, 1), DeadLetter("f.jsonl", 3, "unreadable", None, "{")
    ledger.collect_job(job, [answer(1)], {}, letters=[letter], max_attempts=3)
    assert ledger.dead_letters("b1") == [(job.token, letter)]


def test_a_lane_changes_only_from_the_state_that_was_seen(ledger: Ledger) -> None:
    seen = ledger.lane("openai", "m")
    assert seen == LaneRecord("openai", "m")
    assert ledger.change_lane(seen, replace(seen, state="open", retry_at=NOW))
    assert not ledger.change_lane(seen, replace(seen, n_failures=1))
    assert ledger.lane("openai", "m").state == "open"


def test_money_on_order_is_that_of_jobs_whose_answers_are_still_out(ledger: Ledger) -> None:
    register(ledger)
    plan(ledger, range(3))
    requests = ledger.requests("b1")
    ledger.plan_job(requests[:1], estimated_cost_usd=5.0)  # planned: nothing was ordered yet
    ordered = ledger.move_job(ledger.plan_job(requests[1:2], estimated_cost_usd=0.5), JobState.INTENT)
    assert ledger.cost(batch_id="b1") == Cost(0.0, 0.5)
    assert ledger.enqueued_bytes("openai", "emulated-m") == ordered.n_bytes == 2
    assert ledger.cost(judge_backend="provider") == Cost(0.0, 0.0)


def test_two_jobs_can_not_claim_one_job_of_the_provider(ledger: Ledger) -> None:
    register(ledger)
    plan(ledger, range(2))
    for n in (0, 1):
        job = ledger.move_job(plan_job(ledger, n), JobState.INTENT)
        if n == 0:
            ledger.move_job(job, JobState.SUBMITTED, provider_job_id="batch_1", submitted_at=NOW)
        else:
            with pytest.raises(sa.exc.IntegrityError):
                ledger.move_job(job, JobState.SUBMITTED, provider_job_id="batch_1", submitted_at=NOW)


def test_a_lease_keeps_others_out_and_ends_with_its_block(ledger: Ledger) -> None:
    with ledger.lease("b1") as lease:
        lease.ensure_held()
        with pytest.raises(BusyError, match=rf"b1: process .*:{os.getpid()}:"), ledger.lease("b1"):
            pass
        with ledger.lease("b2"):
            pass
    with ledger.lease("b1"):
        pass


def held_by(ledger: Ledger, owner: Process, seconds: float) -> None:
    """Let somebody else hold the lease of b1 for so long."""
    until = datetime.now(UTC) + timedelta(seconds=seconds)
    with ledger.engine.begin() as connection:
        connection.execute(leases.delete())
        connection.execute(leases.insert().values(name="b1", owner=f"{owner}:x", until=until))


def test_a_lost_lease_is_noticed_before_money_is_spent(ledger: Ledger) -> None:
    with ledger.lease("b1") as lease:
        held_by(ledger, replace(Process.current(), host="another"), 60)
        with pytest.raises(BusyError, match=r"another:.*:x has the lease now"):
            lease.ensure_held()


def test_a_lease_that_has_nearly_run_out_is_held_for_longer_before_money_is_spent(ledger: Ledger) -> None:
    with ledger.lease("b1") as lease:
        with ledger.engine.begin() as connection:
            connection.execute(leases.update().values(until=datetime.now(UTC) - timedelta(seconds=1)))
        lease.ensure_held()
        with pytest.raises(BusyError), ledger.lease("b1"):
            pass


def test_the_lease_of_a_process_elsewhere_is_its_own_until_it_runs_out(ledger: Ledger) -> None:
    # A container with the same host name, in which another process has the id that is free here.
    elsewhere = replace(Process.current(), pid=2**30, place="another")
    held_by(ledger, elsewhere, 60)
    with pytest.raises(BusyError), ledger.lease("b1"):
        pass
    held_by(ledger, elsewhere, -60)
    with ledger.lease("b1") as lease:
        lease.ensure_held()


def test_the_lease_of_a_killed_process_is_free_at_once(ledger: Ledger) -> None:
    holder = textwrap.dedent(
        f"""
        import time
        from huleedu_pipeline.ledger import Ledger
        with Ledger({url_of(ledger)!r}).lease("b1"):
            print("held", flush=True)
            time.sleep(60)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", holder], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        with pytest.raises(BusyError), ledger.lease("b1"):
            pass
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    with ledger.lease("b1") as lease:
        lease.ensure_held()


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_many_processes_open_a_new_ledger_at_once(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    is_file = engine == "sqlite"
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}" if is_file else str(request.getfixturevalue("postgres_url"))
    script = f"from huleedu_pipeline.ledger import Ledger; Ledger({url!r}).close()"
    processes = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(4)]
    assert [process.wait() for process in processes] == [0, 0, 0, 0]
    ledger = Ledger(url)
    with ledger.read() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM alembic_version").scalar() == 1
    ledger.close()
