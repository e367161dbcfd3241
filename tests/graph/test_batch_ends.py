"""Batches that end without a ranking, or almost: published with the reason, left alone by the sensors, brought back by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import dagster as dg
import pytest

from huleedu_pipeline.definitions import build_definitions
from huleedu_pipeline.essays import read_batch
from huleedu_pipeline.judging.outcome import ErrorCode, Usage, failure, success
from huleedu_pipeline.judging.verdict import Verdict
from huleedu_pipeline.lake import Lake, open_warehouse
from huleedu_pipeline.lake.tables import TABLES
from huleedu_pipeline.ledger import Answer, BatchStatus, Ledger
from huleedu_pipeline.orchestration.decisions import Decision, Due, decide
from huleedu_pipeline.orchestration.watch import look
from huleedu_pipeline.providers.advance import Advance, close_batch
from huleedu_pipeline.providers.planning import register
from huleedu_pipeline.providers.recovery import recover_batch
from resources import PaidWorkResource
from tests.graph.kit import Installation
from tests.graph.test_main_job import N_PAIRS
from tests.graph.test_sensors import says, tick


class Refuses(PaidWorkResource):
    """Paid work in which the judge answers ``n_answered`` requests and refuses the others."""

    n_answered: ClassVar[int] = 0

    def advance(self, ledger: Ledger, batch_id: str) -> Advance:
        ledger.move_batch(batch_id, BatchStatus.AWAITING_JUDGEMENTS)
        verdict = success(Verdict(winner="Essay A", justification="It is clearer.", confidence=3.0), Usage(), "emulated-m")
        refused = failure(ErrorCode.REFUSAL, "the model refused to judge")
        for n, request in enumerate(ledger.requests(batch_id, only_open=True)):
            outcome = verdict if n < self.n_answered else refused
            ledger.begin_live([request.custom_id])
            ledger.end_live([Answer(request.custom_id, outcome, 0.0, None, datetime.now(UTC))], max_attempts=1)
        return Advance((), ledger.tally(batch_id), None)


class RefusesMany(Refuses):
    """A judge who answers just too few: 22 of 28 is less than four fifths."""

    n_answered: ClassVar[int] = 22


class RefusesFew(Refuses):
    """A judge who answers just enough: 23 of 28."""

    n_answered: ClassVar[int] = 23


class AnswersOneMore(Refuses):
    """A judge who answers one request of those that are asked again: with the 22 before, just enough."""

    n_answered: ClassVar[int] = 1


def judged_by(installation: Installation, work: type[PaidWorkResource]) -> None:
    settings = installation.settings
    made = work(settings=settings.model_dump(mode="json", exclude_none=True))
    installation.definitions = build_definitions(settings, work=made)


def published(installation: Installation) -> dict[str, Any]:
    with open_warehouse(installation.settings.warehouse_path) as warehouse:
        (found,) = warehouse.frame("batch_status", "b1").to_dict(orient="records")
        row = {str(name): value for name, value in found.items()}
        row["n_ranked"] = len(warehouse.frame("current_rankings", "b1"))
        row["n_judged"] = len(warehouse.frame("llm_judgements", "b1"))
        row["not_graded_because"] = warehouse.frame("grading_summary", "b1")["unavailable_because"].iloc[0]
    return row


def due(installation: Installation) -> Decision | None:
    """Return what the sensor decides about the batch; ``None`` when it does not look at it any more."""
    ledger = Ledger(installation.settings.ledger_url)
    try:
        situations = look(ledger, installation.settings, installation.instance).situations
    finally:
        ledger.close()
    return decide(situations[0]) if situations else None


def every_contract_holds(installation: Installation) -> bool:
    """Read every table of the batch, which raises where a contract is broken."""
    lake = Lake(installation.settings.lake_dir)
    return all(lake.read(table, "b1") is not None for table in TABLES)


def test_a_batch_without_enough_verdicts_fails_is_published_left_alone_and_can_be_brought_back(
    installation: Installation, ledger: Ledger
) -> None:
    judged_by(installation, RefusesMany)
    installation.drop("b1")
    installation.run("submit_batch", "b1")
    installation.run("collect_batch", "b1")
    row = published(installation)
    reason = "22 of 28 requests have a verdict (78.6 %), and 80% are needed"
    assert (row["status"], row["client_status"], row["status_reason"]) == ("failed", "failed", reason)
    assert (row["current_phase"], row["n_ranked"], row["n_judged"]) == (None, 0, N_PAIRS)
    assert row["not_graded_because"] == f"failed: {reason}"
    assert every_contract_holds(installation)
    assert due(installation) is None

    assert ledger.reopen_batch("b1", "for a test") == 6
    assert due(installation) is not None
    judged_by(installation, AnswersOneMore)
    installation.run("collect_batch", "b1")
    row = published(installation)
    assert (row["status"], row["status_reason"], row["n_ranked"]) == ("completed_max_comparisons", None, 8)
    assert (row["n_succeeded"], row["n_failed"]) == (23, 5)
    assert ledger.tally("b1").n_attempts == N_PAIRS + 6


def test_a_single_essay_comes_back_with_nothing_said_of_it_and_no_judge_is_called(installation: Installation) -> None:
    folder = installation.drop("b1")
    for essay in sorted((folder / "essays").iterdir())[1:]:
        essay.unlink()
    installation.run("submit_batch", "b1")
    installation.run("collect_batch", "b1")
    row = published(installation)
    assert (row["status"], row["client_status"]) == ("completed_insufficient_essays", "completed_successfully")
    assert (row["n_requests"], row["n_ranked"]) == (0, 1)
    with open_warehouse(installation.settings.warehouse_path) as warehouse:
        line = warehouse.frame("cj_rankings", "b1").iloc[0]
    assert (line["essay_id"], line["theta"], line["rank"], line["n_comparisons"]) == ("anna", 0.0, 1, 0)
    assert line[["theta_se", "theta_low", "theta_high"]].isna().all(), "no certainty is printed that is not there"
    assert every_contract_holds(installation)
    assert due(installation) is None
    assert not installation.settings.emulator_dir.exists()


@pytest.mark.parametrize("is_submitted", [True, False])
def test_a_cancelled_batch_is_published_as_that(installation: Installation, ledger: Ledger, is_submitted: bool) -> None:
    folder = installation.drop("b1")
    if is_submitted:
        installation.run("submit_batch", "b1")
    else:
        register(ledger, installation.settings, read_batch(folder))
    close_batch(ledger, installation.settings, "b1", BatchStatus.CANCELLED, "wrong prompt")
    installation.wait_for_provider("b1")
    decision = due(installation)
    assert decision is not None
    assert decision.due is Due.COLLECT
    installation.run("collect_batch", "b1")
    row = published(installation)
    assert (row["status"], row["client_status"], row["status_reason"]) == ("cancelled", "cancelled", "wrong prompt")
    assert (row["n_ranked"], row["n_judged"]) == (0, row["n_succeeded"])
    assert not is_submitted or every_contract_holds(installation)
    assert due(installation) is None
    assert says(tick(installation, "provider_jobs_sensor")) == "no batch is waiting"
    assert says(tick(installation, "inbox_sensor")) == "the inbox holds nothing new"


def test_a_forced_recovery_is_ranked_by_what_there_is_and_says_so(installation: Installation, ledger: Ledger) -> None:
    judged_by(installation, RefusesFew)
    installation.drop("b1", llm_batching_mode="per_request", waves=1)
    installation.run("submit_batch", "b1")
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM attempts WHERE outcome = 'failure'")
    done = recover_batch(ledger, installation.settings, "b1", datetime.now(UTC) + timedelta(hours=5))
    assert done.ends_as is BatchStatus.COMPLETED_FORCED_RECOVERY
    installation.run("collect_batch", "b1")
    row = published(installation)
    assert (row["status"], row["client_status"]) == ("completed_forced_recovery", "completed_with_failures")
    assert (row["n_succeeded"], row["n_expired"], row["n_ranked"]) == (23, 5, 8)
    assert "ranked by the 23 of 28 requests that had an outcome" in row["status_reason"]


def test_a_batch_left_between_two_waves_is_ranked_by_the_waves_that_it_has(installation: Installation, ledger: Ledger) -> None:
    judged_by(installation, RefusesFew)
    installation.drop("b1", llm_batching_mode="per_request", waves=2)
    installation.run("submit_batch", "b1")
    assert ledger.tally("b1").is_complete
    done = recover_batch(ledger, installation.settings, "b1", datetime.now(UTC) + timedelta(hours=5))
    assert done.ends_as is BatchStatus.COMPLETED_FORCED_RECOVERY
    installation.run("collect_batch", "b1")
    row = published(installation)
    assert (row["status"], row["n_succeeded"], row["n_ranked"]) == ("completed_forced_recovery", 16, 8)
    with open_warehouse(installation.settings.warehouse_path) as warehouse:
        (decision,) = warehouse.frame("wave_decisions", "b1").to_dict(orient="records")
    assert (decision["decision"], decision["reason"]) == ("REQUEST_MORE_COMPARISONS", "coverage")


def test_the_watch_dog_asks_for_a_run_only_when_a_batch_is_to_be_ended(installation: Installation, ledger: Ledger) -> None:
    repository = installation.definitions.get_repository_def()
    watch_dog = repository.get_schedule_def("watch_dog")
    context = dg.build_schedule_context(instance=installation.instance, repository_def=repository)
    (skipped,) = [watch_dog.evaluate_tick(context).skip_message]
    assert skipped == "no batch is past its deadline"
    installation.drop("b1", llm_batching_mode="per_request", waves=1)
    judged_by(installation, RefusesFew)
    installation.run("submit_batch", "b1")
    past = (datetime.now(UTC) - timedelta(hours=5)).isoformat(timespec="microseconds")
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM attempts WHERE outcome = 'failure'")
        connection.exec_driver_sql(f"UPDATE attempts SET sent_at = '{past}', ended_at = '{past}'")
        connection.exec_driver_sql(f"UPDATE batches SET updated_at = '{past}'")
    assert watch_dog.evaluate_tick(context).run_requests
    installation.run("recover_batches", None)
    assert ledger.batch("b1").ends_as is BatchStatus.COMPLETED_FORCED_RECOVERY


def test_the_watch_dogs_job_can_be_told_which_batches_to_end(installation: Installation, ledger: Ledger) -> None:
    judged_by(installation, RefusesFew)
    for batch_id in ("b1", "b2"):
        installation.drop(batch_id, llm_batching_mode="per_request", waves=1)
        installation.run("submit_batch", batch_id)
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("DELETE FROM attempts WHERE outcome = 'failure'")
        for column in ("attempts.sent_at", "attempts.ended_at", "batches.updated_at"):
            table, name = column.split(".")
            connection.exec_driver_sql(f"UPDATE {table} SET {name} = '2026-01-01T00:00:00.000000+00:00'")
    job = installation.definitions.resolve_job_def("recover_batches")

    def recover(*batch_ids: str) -> bool:
        config = {"ops": {"end_stalled_batches": {"config": {"batch_ids": list(batch_ids)}}}}
        return job.execute_in_process(instance=installation.instance, run_config=config, raise_on_error=False).success

    assert not recover("b2", "no-such-batch")
    assert recover("b2")
    assert [ledger.batch(batch_id).ends_as for batch_id in ("b1", "b2")] == [None, BatchStatus.COMPLETED_FORCED_RECOVERY]
    assert recover()
    assert ledger.batch("b1").ends_as is BatchStatus.COMPLETED_FORCED_RECOVERY
