"""Quarantined jobs: what may be known about them is shown, and each of the three decisions ends the doubt."""

import json
from pathlib import Path

import pytest

from huleedu_pipeline.ledger import JobRecord, JobState, Ledger
from huleedu_pipeline.providers import reconcile
from huleedu_pipeline.providers.advance import advance_batch
from huleedu_pipeline.providers.backend import open_provider
from huleedu_pipeline.providers.protocols import Provider, RejectedError
from huleedu_pipeline.providers.submission import order_of
from huleedu_pipeline.settings import Settings
from tests.kit import emulator_books
from tests.providers.kit import BATCH, N_PAIRS, Died, DiesAfterCreate, plan
from tests.providers.test_batch_jobs import finish, submit


@pytest.fixture
def provider(settings: Settings, ledger: Ledger, tmp_path: Path) -> Provider:
    """Anthropic, whose jobs carry no token, with a batch whose submission was lost between two jobs that it may be."""
    plan(ledger, settings, tmp_path, judge={"provider": "anthropic"})
    provider = open_provider(settings, "anthropic")
    with pytest.raises(Died):
        submit(ledger, DiesAfterCreate(provider))
    (job,) = ledger.jobs(BATCH)
    with order_of(ledger, provider, job) as order:
        provider.create_job(order, None)
    submit(ledger, provider)
    return provider


def lost(ledger: Ledger) -> JobRecord:
    (job,) = ledger.jobs(BATCH, [JobState.QUARANTINED])
    return job


def test_a_lost_job_is_shown_with_what_it_may_be(ledger: Ledger, provider: Provider, settings: Settings) -> None:
    (case,) = reconcile.open_cases(ledger, provider, ledger.jobs(BATCH, [JobState.QUARANTINED]))
    made = {job["id"] for job in emulator_books(settings.emulator_dir)["jobs"]}
    assert {candidate.provider_job_id for candidate in case.candidates} == made
    assert case.job == lost(ledger)


def test_nothing_is_sent_while_a_job_waits_for_a_decision(ledger: Ledger, provider: Provider, settings: Settings) -> None:
    advance_batch(ledger, settings, BATCH)
    assert lost(ledger).last_error
    assert emulator_books(settings.emulator_dir)["batch_jobs_created"]["anthropic"] == 2


def test_an_adopted_job_is_collected(ledger: Ledger, provider: Provider, settings: Settings) -> None:
    (case,) = reconcile.open_cases(ledger, provider, [lost(ledger)])
    chosen = case.candidates[-1].provider_job_id
    assert reconcile.adopt(ledger, provider, case.job, chosen).state is JobState.SUBMITTED
    finish(ledger, provider, settings)
    assert ledger.tally(BATCH).n_succeeded == N_PAIRS
    history = [json.loads(detail or "{}") for *_, detail in ledger.job_events(case.job.token)]
    assert {"decided": "adopt", "provider_job_id": chosen} in history


def test_what_is_asked_again_is_answered_in_a_new_job(ledger: Ledger, provider: Provider, settings: Settings) -> None:
    reconcile.ask_again(ledger, lost(ledger))
    submit(ledger, provider)
    finish(ledger, provider, settings)
    tally = ledger.tally(BATCH)
    assert (tally.n_succeeded, tally.n_attempts) == (N_PAIRS, 2 * N_PAIRS)
    assert tally.cost_usd is None  # the lost job may have cost something: unknown, not 0


def test_what_is_given_up_ends_as_failures(ledger: Ledger, provider: Provider) -> None:
    reconcile.give_up(ledger, lost(ledger))
    tally = ledger.tally(BATCH)
    assert (tally.n_failed, tally.is_complete) == (N_PAIRS, True)
    assert {outcome.error_code for outcome in ledger.outcomes(BATCH)} == {"missing_result"}


def test_a_decision_that_does_not_fit_is_refused(ledger: Ledger, provider: Provider) -> None:
    job = lost(ledger)
    with pytest.raises(RejectedError, match="404"):
        reconcile.adopt(ledger, provider, job, "msgbatch_nowhere")
    (case,) = reconcile.open_cases(ledger, provider, [job])
    taken = reconcile.adopt(ledger, provider, job, case.candidates[0].provider_job_id)
    for decide in (reconcile.ask_again, reconcile.give_up):
        with pytest.raises(reconcile.DecisionError, match="is submitted, not quarantined"):
            decide(ledger, taken)


def test_a_job_that_is_another_already_is_not_adopted(ledger: Ledger, provider: Provider, settings: Settings) -> None:
    job = lost(ledger)
    (case,) = reconcile.open_cases(ledger, provider, [job])
    taken = case.candidates[0].provider_job_id
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql(
            "INSERT INTO provider_jobs (token, batch_id, provider, model, state, provider_job_id, n_requests, n_bytes, "
            f"created_at) SELECT 'hj_other', batch_id, provider, model, 'submitted', '{taken}', 1, 1, created_at "
            "FROM provider_jobs"
        )
    with pytest.raises(reconcile.DecisionError, match="is job hj_other of batch small already"):
        reconcile.adopt(ledger, provider, job, taken)
