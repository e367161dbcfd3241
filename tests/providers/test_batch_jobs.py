"""Batch jobs against the emulator through the real SDKs: whatever dies, nothing is bought twice and no answer is lost.

The judge of each test is the emulator's own book of what it was asked to create, not ours.
"""

import json
import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from huleedu_pipeline.judging.spec import Provider as ProviderName
from huleedu_pipeline.ledger import JobState, Ledger
from huleedu_pipeline.providers.backend import open_provider
from huleedu_pipeline.providers.collection import ForeignResultsError, IncompleteResultsError, collect_jobs, watch_jobs
from huleedu_pipeline.providers.protocols import (
    AmbiguousError,
    JobLimits,
    JobOrder,
    JobSnapshot,
    Provider,
    ProviderError,
    RejectedError,
)
from huleedu_pipeline.providers.submission import order_of, split, submit_jobs
from huleedu_pipeline.settings import Settings
from tests.kit import emulator_books
from tests.providers.kit import (
    BATCH,
    N_PAIRS,
    Died,
    DiesAfterCreate,
    DiesBeforeCreate,
    Front,
    LosesTheAnswer,
    NeverArrives,
    Rewrites,
    gate,
    plan,
)


@pytest.fixture(params=["openai", "anthropic"])
def provider_name(request: pytest.FixtureRequest) -> ProviderName:
    name: ProviderName = request.param
    return name


@pytest.fixture
def provider(provider_name: ProviderName, settings: Settings, ledger: Ledger, tmp_path: Path) -> Provider:
    """The real adapter on a fresh emulator, with a batch planned for it."""
    plan(ledger, settings, tmp_path, judge={"provider": provider_name})
    return open_provider(settings, provider_name)


def submit(ledger: Ledger, provider: Provider) -> None:
    with ledger.lease(BATCH) as lease:
        submit_jobs(ledger, provider, BATCH, lease, gate(ledger), settle_seconds=0.0)


def n_created(settings: Settings, provider: Provider) -> int:
    return int(emulator_books(settings.emulator_dir)["batch_jobs_created"][provider.name])


def finish(ledger: Ledger, provider: Provider, settings: Settings, max_attempts: int = 1) -> None:
    """Watch until every job has finished at the provider, and collect."""
    deadline = time.monotonic() + 300
    while any(job.state is JobState.SUBMITTED for job in watch_jobs(ledger, provider, ledger.jobs(BATCH))):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    collect_jobs(ledger, provider, BATCH, settings.raw_dir, max_attempts=max_attempts)


def test_a_batch_is_submitted_once_collected_and_every_request_has_its_verdict(
    ledger: Ledger, provider: Provider, settings: Settings
) -> None:
    submit(ledger, provider)
    submit(ledger, provider)
    (job,) = ledger.jobs(BATCH)
    assert job.state is JobState.SUBMITTED
    finish(ledger, provider, settings)
    tally = ledger.tally(BATCH)
    assert (tally.n_requests, tally.n_succeeded) == (N_PAIRS, N_PAIRS)
    assert n_created(settings, provider) == 1
    assert ledger.job(job.token).state is JobState.COLLECTED
    for outcome in ledger.outcomes(BATCH):
        assert outcome.winner_essay_id in (outcome.request.essay_a_id, outcome.request.essay_b_id)
        assert outcome.model.startswith("emulated-")
        assert outcome.cost_usd is not None


def test_what_was_received_is_kept_and_can_be_traced(ledger: Ledger, provider: Provider, settings: Settings) -> None:
    submit(ledger, provider)
    finish(ledger, provider, settings)
    with ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql(
            "SELECT r.custom_id, r.body, p.body FROM request_bodies r "
            "JOIN replies p USING (custom_id) JOIN attempts a USING (custom_id, attempt) WHERE a.is_final"
        ).all()
    assert len(rows) == N_PAIRS
    for custom_id, sent, received in rows:
        assert json.loads(received)["custom_id"] == custom_id
        assert json.loads(sent)["model"].startswith("emulated-")
    history = ledger.job_events(ledger.jobs(BATCH)[0].token)
    events = [(before, after) for _, before, after, _ in history if before != after]
    path = ["planned", "intent", "uploaded", "submitted", "ended", "collected"]
    if provider.name == "anthropic":
        path.remove("uploaded")
    assert events == list(zip([None, *path], path, strict=False))


@pytest.mark.parametrize("ending", [DiesBeforeCreate, DiesAfterCreate])
def test_a_death_around_the_create_call_is_repaired_without_a_second_purchase(
    ending: type[Front], ledger: Ledger, provider: Provider, settings: Settings
) -> None:
    with pytest.raises(Died):
        submit(ledger, ending(provider))
    submit(ledger, provider)
    finish(ledger, provider, settings)
    assert ledger.tally(BATCH).n_succeeded == N_PAIRS
    assert n_created(settings, provider) == 1


@pytest.mark.parametrize(("ending", "n_creates"), [(LosesTheAnswer, 0), (NeverArrives, 1)])
def test_a_lost_answer_is_looked_for_before_anything_is_sent_again(
    ending: type[Front], n_creates: int, ledger: Ledger, provider: Provider, settings: Settings
) -> None:
    with pytest.raises(AmbiguousError):
        submit(ledger, ending(provider))
    assert ledger.jobs(BATCH)[0].state is JobState.UNKNOWN
    second = Front(provider)
    submit(ledger, second)
    assert second.n_creates == n_creates
    finish(ledger, provider, settings)
    assert ledger.tally(BATCH).n_succeeded == N_PAIRS
    assert n_created(settings, provider) == 1


def test_absence_is_believed_after_several_looks_over_the_time_that_a_list_may_lag(ledger: Ledger, provider: Provider) -> None:
    with pytest.raises(AmbiguousError):
        submit(ledger, NeverArrives(provider))
    attempted_at = ledger.jobs(BATCH)[0].create_attempted_at
    assert attempted_at is not None
    looked_at: list[datetime] = []

    class Looks(Front):
        def list_jobs(self, created_after: datetime) -> list[JobSnapshot]:
            looked_at.append(datetime.now(UTC))
            return super().list_jobs(created_after)

    with ledger.lease(BATCH) as lease:
        submit_jobs(ledger, Looks(provider), BATCH, lease, gate(ledger), settle_seconds=0.6)
    assert len(looked_at) == 3
    assert looked_at[-1] - attempted_at >= timedelta(seconds=0.6)


def test_a_job_that_shows_late_in_the_list_is_adopted(ledger: Ledger, provider: Provider, settings: Settings) -> None:
    class Lags(Front):
        n_looks = 0

        def list_jobs(self, created_after: datetime) -> list[JobSnapshot]:
            self.n_looks += 1
            return super().list_jobs(created_after) if self.n_looks == 3 else []

    with pytest.raises(AmbiguousError):
        submit(ledger, LosesTheAnswer(provider))
    submit(ledger, Lags(provider))
    finish(ledger, provider, settings)
    assert ledger.tally(BATCH).n_succeeded == N_PAIRS
    assert n_created(settings, provider) == 1


def test_a_refusal_after_a_lost_answer_does_not_make_the_lost_job_forgotten(
    ledger: Ledger, provider: Provider, settings: Settings
) -> None:
    class HiddenAndRefusing(Front):
        def list_jobs(self, created_after: datetime) -> list[JobSnapshot]:
            return []

        def create_job(self, order: JobOrder, input_file_id: str | None) -> JobSnapshot:
            raise RejectedError("the provider answered 429", status=429, is_temporary=True)

    with pytest.raises(AmbiguousError):
        submit(ledger, LosesTheAnswer(provider))
    with pytest.raises(RejectedError):
        submit(ledger, HiddenAndRefusing(provider))
    assert ledger.jobs(BATCH)[0].state is JobState.UNKNOWN
    submit(ledger, provider)
    finish(ledger, provider, settings)
    assert n_created(settings, provider) == 1


def test_two_candidates_are_left_to_a_person_where_no_token_tells_them_apart(
    ledger: Ledger, provider: Provider, settings: Settings
) -> None:
    with pytest.raises(Died):
        submit(ledger, DiesAfterCreate(provider))
    job = ledger.jobs(BATCH)[0]
    with order_of(ledger, provider, job) as order:
        provider.create_job(order, job.input_file_id)
    if provider.keeps_token:
        submit(ledger, provider)  # both are ours: the older is taken
        oldest = min(emulator_books(settings.emulator_dir)["jobs"], key=lambda made: str(made["created_at"]))
        assert ledger.jobs(BATCH)[0].provider_job_id == oldest["id"]
    else:
        submit(ledger, provider)
        (job,) = ledger.jobs(BATCH)
        assert job.state is JobState.QUARANTINED
        assert re.search("may be any of .* nothing was sent again .* huleedu reconcile small", job.last_error or "")
    assert n_created(settings, provider) == 2


def test_a_refused_job_is_recorded_as_refused_and_may_be_tried_again(ledger: Ledger, provider: Provider) -> None:
    class Refuses(Front):
        def create_job(self, order: JobOrder, input_file_id: str | None) -> JobSnapshot:
            raise RejectedError("the provider answered 401: the key is not valid", status=401)

    with pytest.raises(RejectedError, match="key is not valid"):
        submit(ledger, Refuses(provider))
    (job,) = ledger.jobs(BATCH)
    assert (job.state, job.last_error) == (JobState.REJECTED, "the provider answered 401: the key is not valid")
    submit(ledger, provider)
    assert ledger.jobs(BATCH)[0].state is JobState.SUBMITTED


def test_a_failed_download_loses_nothing(ledger: Ledger, provider: Provider, settings: Settings) -> None:
    class Breaks(Front):
        def download(self, job: JobSnapshot, folder: Path) -> list[Path]:
            raise AmbiguousError("downloading: no usable answer")

    submit(ledger, provider)
    with pytest.raises(ProviderError):
        finish(ledger, Breaks(provider), settings)
    assert ledger.tally(BATCH).n_outcomes == 0
    finish(ledger, provider, settings)
    assert ledger.tally(BATCH).n_succeeded == N_PAIRS


class LosesLines(Rewrites):
    """Two of the result lines do not arrive, one arrives twice, and a stranger's is among them."""

    def rewritten(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [*reversed(rows[2:]), rows[2], {**rows[0], "custom_id": "stranger"}]


def test_requests_without_a_line_and_lines_of_strangers_are_told_apart(
    ledger: Ledger, provider: Provider, settings: Settings
) -> None:
    submit(ledger, provider)
    finish(ledger, LosesLines(provider), settings)
    tally = ledger.tally(BATCH)
    assert (tally.n_succeeded, tally.n_failed) == (N_PAIRS - 2, 2)
    missing = [outcome for outcome in ledger.outcomes(BATCH) if outcome.outcome == "failure"]
    assert {outcome.error_code for outcome in missing} == {"missing_result"}
    assert {outcome.cost_usd for outcome in missing} == {None}  # perhaps paid for: the price is unknown, not 0
    detail = json.loads(ledger.job_events(ledger.jobs(BATCH)[0].token)[-1][3] or "")
    assert (detail["n_dead_letters"], detail["n_requests_without_line"]) == (2, 2)
    letters = [letter for _, letter in ledger.dead_letters(BATCH)]
    assert [letter.reason for letter in letters] == ["duplicate", "unknown"]
    assert letters[1].custom_id == "stranger"
    assert all(letter.raw for letter in letters)


def test_requests_without_a_line_are_asked_again_alone(ledger: Ledger, provider: Provider, settings: Settings) -> None:
    submit(ledger, provider)
    finish(ledger, LosesLines(provider), settings, max_attempts=2)
    assert ledger.tally(BATCH).n_outcomes == N_PAIRS - 2
    submit(ledger, provider)
    assert [job.n_requests for job in ledger.jobs(BATCH)] == [N_PAIRS, 2]
    finish(ledger, provider, settings, max_attempts=2)
    tally = ledger.tally(BATCH)
    assert (tally.n_succeeded, tally.n_attempts) == (N_PAIRS, N_PAIRS + 2)
    books = emulator_books(settings.emulator_dir)
    assert books["requests_judged"] == N_PAIRS + 2


def test_of_two_answers_to_one_request_the_first_verdict_stands_and_the_other_is_kept(
    ledger: Ledger, provider: Provider, settings: Settings
) -> None:
    class AnswersTwice(Rewrites):
        def rewritten(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
            other = {"Essay A": "Essay B", "Essay B": "Essay A"}[rows[0]["winner"]]
            failed = {"kind": "failure", "winner": None, "justification": None, "confidence": None, "p_a": None}
            error = {**rows[1], **failed, "error_code": "provider_error", "error_message": "500"}
            return [rows[0], {**rows[0], "winner": other}, error, *rows[1:]]

    submit(ledger, provider)
    finish(ledger, AnswersTwice(provider), settings)
    assert ledger.tally(BATCH).n_succeeded == N_PAIRS
    assert [letter.reason for _, letter in ledger.dead_letters(BATCH)] == ["conflict", "conflict"]


@pytest.mark.parametrize("kept", [0, 5])
def test_a_download_that_is_cut_short_is_downloaded_again(
    kept: int, ledger: Ledger, provider: Provider, settings: Settings
) -> None:
    class CutsShort(Rewrites):
        def rewritten(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return rows[:kept]

    submit(ledger, provider)
    with pytest.raises(
        IncompleteResultsError, match=f"has {N_PAIRS} results and the download holds {kept}; nothing was recorded"
    ):
        finish(ledger, CutsShort(provider), settings)
    assert ledger.tally(BATCH).n_outcomes == 0
    finish(ledger, provider, settings)
    assert ledger.tally(BATCH).n_succeeded == N_PAIRS


def test_an_unreadable_line_costs_no_other_request_its_answer(ledger: Ledger, provider: Provider, settings: Settings) -> None:
    class Garbles(Rewrites):
        def rewritten(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [{**dict.fromkeys(rows[0]), "line_number": 1, "raw": "{garbled"}, *rows[1:]]

    submit(ledger, provider)
    finish(ledger, Garbles(provider), settings)
    tally = ledger.tally(BATCH)
    assert (tally.n_succeeded, tally.n_failed) == (N_PAIRS - 1, 1)
    assert {o.error_code for o in ledger.outcomes(BATCH) if o.outcome == "failure"} == {"unreadable_reply"}


def test_the_results_of_another_job_are_not_taken_for_ours_and_ours_is_looked_for_again(
    ledger: Ledger, provider: Provider, settings: Settings
) -> None:
    class Strange(Rewrites):
        def rewritten(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
            return [{**row, "custom_id": f"x{row['custom_id']}"} for row in rows]

    submit(ledger, provider)
    (before,) = ledger.jobs(BATCH)
    with pytest.raises(ForeignResultsError, match="answer none of its requests; that job belongs to something else"):
        finish(ledger, Strange(provider), settings)
    (job,) = ledger.jobs(BATCH)
    assert ledger.tally(BATCH).n_outcomes == 0
    assert (job.state, job.provider_job_id) == (JobState.UNKNOWN, None)
    assert json.loads(job.refused_job_ids or "") == [before.provider_job_id]
    assert list((settings.raw_dir / f"batch={BATCH}").iterdir()) == []
    submit(ledger, provider)
    finish(ledger, provider, settings)
    assert ledger.tally(BATCH).n_succeeded == N_PAIRS


def test_raw_results_are_kept_with_their_checksum(ledger: Ledger, provider: Provider, settings: Settings) -> None:
    submit(ledger, provider)
    finish(ledger, provider, settings)
    (file,) = (settings.raw_dir / f"batch={BATCH}").iterdir()
    detail = json.loads(ledger.job_events(ledger.jobs(BATCH)[0].token)[-1][3] or "")
    assert list(detail["files"]) == [file.name]
    assert detail["n_lines"] == N_PAIRS


def test_requests_are_split_by_number_and_by_bytes(ledger: Ledger, settings: Settings, tmp_path: Path) -> None:
    requests = plan(ledger, settings, tmp_path)
    assert [len(chunk) for chunk in split(requests, JobLimits(5, 10**9))] == [5, 5, 2]
    size = max(request.n_bytes for request in requests) + 200
    chunks = list(split(requests, JobLimits(1000, 3 * size)))
    assert [request for chunk in chunks for request in chunk] == requests
    for chunk in chunks:
        assert sum(request.n_bytes + 200 for request in chunk) <= 3 * size
    assert list(split([], JobLimits(5, 100))) == []


def test_a_batch_of_several_jobs_is_completed_by_all_of_them(ledger: Ledger, provider: Provider, settings: Settings) -> None:
    class Small(Front):
        def __init__(self, behind: Provider) -> None:
            super().__init__(behind)
            self.job_limits = JobLimits(5, 10**9)

    submit(ledger, Small(provider))
    assert [job.n_requests for job in ledger.jobs(BATCH)] == [5, 5, 2]
    finish(ledger, provider, settings)
    assert ledger.tally(BATCH).n_succeeded == N_PAIRS
    assert n_created(settings, provider) == 3


def test_a_job_that_the_provider_refuses_is_tried_again_and_then_left_to_a_person(
    ledger: Ledger, settings: Settings, tmp_path: Path
) -> None:
    plan(ledger, settings, tmp_path)
    provider = open_provider(settings, "openai")

    class WrongFile(Front):
        def upload(self, order: JobOrder) -> str | None:
            return "file-does-not-exist"

    for n in (1, 2):
        submit(ledger, WrongFile(provider))
        finish(ledger, provider, settings, max_attempts=2)
        assert len(ledger.jobs(BATCH)) == n
    first, second = ledger.jobs(BATCH)
    assert (first.state, second.state) == (JobState.COLLECTED, JobState.QUARANTINED)
    assert "file-does-not-exist" in (second.last_error or "")
    assert ledger.tally(BATCH).n_outcomes == 0


def test_an_unknown_status_is_told_once_and_the_job_watched_on(
    ledger: Ledger, provider: Provider, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    class Invents(Front):
        def list_jobs(self, created_after: datetime) -> list[JobSnapshot]:
            listed = super().list_jobs(created_after)
            return [replace(job, status="pondering", state=None, is_status_known=False) for job in listed]

    submit(ledger, provider)
    for _ in range(3):
        (job,) = watch_jobs(ledger, Invents(provider), ledger.jobs(BATCH))
        assert (job.state, job.provider_status) == (JobState.SUBMITTED, "pondering")
    (record,) = [record for record in caplog.records if record.getMessage() == "job_status_unknown"]
    assert record.__dict__["line"]["provider_status"] == "pondering"
    finish(ledger, provider, settings)
    assert ledger.tally(BATCH).n_succeeded == N_PAIRS
