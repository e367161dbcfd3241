"""Closing a batch: nothing more is asked, what was answered is kept, and bringing it back pays for nothing twice."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from huleedu_pipeline.judging.outcome import ErrorCode, Usage, failure, success
from huleedu_pipeline.judging.verdict import Verdict
from huleedu_pipeline.ledger import Answer, BatchStatus, JobState, Ledger, StaleStateError
from huleedu_pipeline.providers.advance import advance_batch, close_batch
from huleedu_pipeline.providers.backend import open_provider
from huleedu_pipeline.providers.protocols import AmbiguousError, Reply
from huleedu_pipeline.providers.recovery import recover_batch, stalled_batches
from huleedu_pipeline.settings import Settings
from tests.kit import emulator_books
from tests.providers.kit import BATCH, N_PAIRS, Died, DiesAfterCreate, DiesBeforeCreate, Front, LosesTheAnswer, plan
from tests.providers.test_batch_jobs import submit

CANCELLED, FAILED, FORCED = BatchStatus.CANCELLED, BatchStatus.FAILED, BatchStatus.COMPLETED_FORCED_RECOVERY
SECONDS_PER_JOB = 5.0
LATER = timedelta(hours=30)


@pytest.fixture
def slow(settings: Settings) -> Settings:
    """An installation whose emulator takes its time over a job."""
    return settings.model_copy(update={"emulator_seconds_per_job": SECONDS_PER_JOB})


def advance_until_wound_up(ledger: Ledger, settings: Settings) -> None:
    deadline = time.monotonic() + 300
    while advance_batch(ledger, settings, BATCH).waits_for is not None:
        assert time.monotonic() < deadline
        time.sleep(0.2)


def n_judged(settings: Settings) -> int:
    return int(emulator_books(settings.emulator_dir)["requests_judged"])


def answered(ledger: Ledger, n_succeeded: int, n_failed: int = 0) -> None:
    """Record live answers to the first requests."""
    verdict = success(Verdict(winner="Essay A", justification="It is clearer.", confidence=3.0), Usage(), "emulated-m")
    asked = ledger.requests(BATCH)[: n_succeeded + n_failed]
    ledger.begin_live([request.custom_id for request in asked])
    outcomes = [verdict] * n_succeeded + [failure(ErrorCode.REFUSAL, "no")] * n_failed
    now = datetime.now(UTC)
    answers = [Answer(r.custom_id, outcome, 0.0, None, now) for r, outcome in zip(asked, outcomes, strict=True)]
    ledger.end_live(answers, max_attempts=1)


@pytest.mark.parametrize("name", ["openai", "anthropic"])
def test_a_cancelled_job_brings_what_it_had_answered_and_the_rest_is_asked_when_the_batch_is_brought_back(
    ledger: Ledger, slow: Settings, tmp_path: Path, name: str
) -> None:
    plan(ledger, slow, tmp_path, judge={"provider": name})
    advance_batch(ledger, slow, BATCH)
    time.sleep(0.4 * SECONDS_PER_JOB)
    assert close_batch(ledger, slow, BATCH, CANCELLED, "for a test") == f"1 jobs are being cancelled at {name}"
    assert close_batch(ledger, slow, BATCH, CANCELLED, "for a test again") is not None  # twice is no error
    advance_until_wound_up(ledger, slow)
    kept = ledger.tally(BATCH)
    assert 0 < kept.n_succeeded < N_PAIRS
    assert [job.state for job in ledger.jobs(BATCH)] == [JobState.COLLECTED]
    assert ledger.count_unasked(BATCH) == N_PAIRS - kept.n_succeeded
    advance_batch(ledger, slow, BATCH)
    assert len(ledger.jobs(BATCH)) == 1, "a cancelled batch asks for nothing"

    assert ledger.reopen_batch(BATCH, "for a test") == N_PAIRS - kept.n_succeeded
    deadline = time.monotonic() + 300
    while not ledger.tally(BATCH).is_complete:
        assert time.monotonic() < deadline
        advance_batch(ledger, slow, BATCH)
        time.sleep(0.2)
    _, second = ledger.jobs(BATCH)
    assert second.n_requests == N_PAIRS - kept.n_succeeded
    assert ledger.tally(BATCH).n_succeeded == N_PAIRS == n_judged(slow), "every answer was bought once"


@pytest.mark.parametrize("name", ["openai", "anthropic"])
@pytest.mark.parametrize(("front", "n_created"), [(DiesBeforeCreate, 0), (DiesAfterCreate, 1), (LosesTheAnswer, 1)])
def test_a_submission_that_was_cut_short_is_looked_for_and_cancelled_or_closed(
    ledger: Ledger, slow: Settings, tmp_path: Path, name: str, front: Any, n_created: int
) -> None:
    plan(ledger, slow, tmp_path, judge={"provider": name})
    with pytest.raises((Died, AmbiguousError)):
        submit(ledger, front(open_provider(slow, name)))
    close_batch(ledger, slow, BATCH, CANCELLED, "for a test")
    advance_until_wound_up(ledger, slow)
    (job,) = ledger.jobs(BATCH)
    assert (job.state, job.provider_job_id is not None) == (JobState.COLLECTED, n_created == 1)
    assert emulator_books(slow.emulator_dir)["batch_jobs_created"][name] == n_created
    assert ledger.count_unasked(BATCH) == N_PAIRS - ledger.tally(BATCH).n_succeeded


def test_a_live_run_stops_at_its_next_request_when_its_batch_is_cancelled_and_keeps_what_was_answered(
    ledger: Ledger, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class CancelledMeanwhile(Front):
        n_asked = 0

        async def ask(self, path: str, body: str) -> Reply:
            self.n_asked += 1
            if self.n_asked == 3:
                ledger.move_batch(BATCH, CANCELLED, "for a test")
            return await super().ask(path, body)

    one_at_a_time = settings.model_copy(update={"live_concurrency": 1})
    plan(ledger, one_at_a_time, tmp_path, llm_batching_mode="per_request")
    front = CancelledMeanwhile(open_provider(one_at_a_time, "openai"))
    monkeypatch.setattr("huleedu_pipeline.providers.advance.open_provider", lambda *_: front)
    told = advance_batch(ledger, one_at_a_time, BATCH).waits_for
    assert told == f"batch {BATCH}: is cancelled, and nothing more is asked for it"
    assert (ledger.tally(BATCH).n_succeeded, ledger.tally(BATCH).n_attempts, n_judged(settings)) == (3, 3, 3)
    assert ledger.count_unasked(BATCH) == N_PAIRS - 3


def test_a_batch_that_is_being_scored_is_not_cancelled(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    plan(ledger, settings, tmp_path)
    answered(ledger, N_PAIRS)
    ledger.move_batch(BATCH, BatchStatus.SCORING)
    with pytest.raises(StaleStateError, match="is scoring, and can not become cancelled any more"):
        close_batch(ledger, settings, BATCH, CANCELLED, "too late")


def test_a_batch_that_is_closed_while_another_process_asks_is_closed_at_once(
    ledger: Ledger, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huleedu_pipeline.providers.advance.CLOSE_WAIT_SECONDS", 0.0)
    plan(ledger, settings, tmp_path)
    with ledger.lease(f"batch {BATCH}"):
        told = close_batch(ledger, settings, BATCH, CANCELLED, "for a test")
        assert told is not None
        assert "nothing more is asked" in told
    assert ledger.batch(BATCH).status is CANCELLED


@pytest.mark.parametrize(
    ("n_succeeded", "n_failed", "ends_as", "words"),
    [
        (9, 0, FAILED, "9 of 12 requests had an outcome, and 80 % are needed; 3 answers are missing: 3 in no job"),
        (9, 2, FAILED, "9 of 12 requests have a verdict (75.0 %), and 80% are needed"),
        (10, 0, FORCED, "ranked by the 10 of 12 requests that had an outcome"),
        (10, 1, FORCED, "ranked by the 11 of 12 requests that had an outcome"),
    ],
)
def test_a_live_batch_past_its_deadline_ends_by_the_rule(
    ledger: Ledger, settings: Settings, tmp_path: Path, n_succeeded: int, n_failed: int, ends_as: BatchStatus, words: str
) -> None:
    plan(ledger, settings, tmp_path, llm_batching_mode="per_request")
    answered(ledger, n_succeeded, n_failed)
    now = datetime.now(UTC)
    assert stalled_batches(ledger, now + timedelta(hours=3, minutes=59)) == []
    late = now + timedelta(hours=4, minutes=1)
    assert [batch.batch_id for batch in stalled_batches(ledger, late)] == [BATCH]
    done = recover_batch(ledger, settings, BATCH, late)
    assert (done.ends_as, words in done.reason) == (ends_as, True), done.reason
    tally, batch = ledger.tally(BATCH), ledger.batch(BATCH)
    assert tally.n_succeeded == n_succeeded
    assert stalled_batches(ledger, late) == []
    if ends_as is FORCED:
        assert (tally.n_expired, tally.is_complete) == (N_PAIRS - n_succeeded - n_failed, True)
        assert (batch.status, batch.ends_as) == (BatchStatus.AWAITING_JUDGEMENTS, FORCED)
    else:
        assert (batch.status, tally.n_expired) == (FAILED, 0)


def test_the_watch_dog_leaves_a_batch_alone_that_a_process_is_working_on(
    ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    plan(ledger, settings, tmp_path)
    late = datetime.now(UTC) + LATER
    with ledger.lease(f"batch {BATCH}"):
        done = recover_batch(ledger, settings, BATCH, late)
    assert done.ends_as is None
    assert "is working on it" in done.reason
    assert ledger.batch(BATCH).status is BatchStatus.AWAITING_JUDGEMENTS
    assert recover_batch(ledger, settings, BATCH).reason == "is not past its deadline"


def test_batches_that_have_all_answers_or_that_people_judge_have_no_deadline(
    ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    plan(ledger, settings, tmp_path)
    answered(ledger, N_PAIRS)
    assert stalled_batches(ledger, datetime.now(UTC) + LATER) == []


def test_answers_that_lay_at_the_provider_are_collected_before_anything_is_given_up(
    ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    plan(ledger, settings, tmp_path)
    advance_batch(ledger, settings, BATCH)
    time.sleep(2 * settings.emulator_seconds_per_job)
    done = recover_batch(ledger, settings, BATCH, datetime.now(UTC) + LATER)
    assert (done.ends_as, done.reason) == (None, "answers have come after all")
    assert ledger.tally(BATCH).n_succeeded == N_PAIRS


def test_a_job_that_does_not_end_is_cancelled_and_its_batch_fails_with_what_is_missing(
    ledger: Ledger, slow: Settings, tmp_path: Path
) -> None:
    plan(ledger, slow, tmp_path)
    advance_batch(ledger, slow, BATCH)
    done = recover_batch(ledger, slow, BATCH, datetime.now(UTC) + LATER)
    assert done.ends_as is FAILED
    assert f"{N_PAIRS} answers are missing: {N_PAIRS} in batch_" in done.reason
    assert "(submitted)" in done.reason
    advance_until_wound_up(ledger, slow)
    assert [job.state for job in ledger.jobs(BATCH)] == [JobState.COLLECTED]


def test_a_forced_recovery_waits_for_cancelled_jobs_and_then_gives_them_up(
    ledger: Ledger, slow: Settings, tmp_path: Path
) -> None:
    stuck = slow.model_copy(update={"emulator_seconds_per_job": 600.0})
    plan(ledger, stuck, tmp_path)
    answered(ledger, 10)
    advance_batch(ledger, stuck, BATCH)
    now = datetime.now(UTC)
    first = recover_batch(ledger, stuck, BATCH, now + LATER - timedelta(hours=3))
    assert (first.ends_as, first.reason) == (None, "1 jobs are being cancelled at openai")
    assert [batch.batch_id for batch in stalled_batches(ledger, now)] == [BATCH], "it is brought to its end"
    advance_batch(ledger, stuck, BATCH)
    assert len(ledger.jobs(BATCH)) == 1, "nothing more is asked"
    done = recover_batch(ledger, stuck, BATCH, now + LATER)
    assert done.ends_as is FORCED
    tally = ledger.tally(BATCH)
    assert (tally.n_succeeded, tally.n_failed, tally.is_complete) == (10, 2, True)
    assert tally.cost_usd is None, "what the job cost is not known"
