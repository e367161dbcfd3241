"""Provisional rankings: published when nearly all outcomes are there, marked everywhere, and made anew with the last ones."""

from typing import ClassVar

import dagster as dg
import pandas as pd
import pytest

from huleedu_pipeline.cli.show import PROVISIONAL, print_ranking
from huleedu_pipeline.definitions import build_definitions
from huleedu_pipeline.lake import Lake, open_warehouse
from huleedu_pipeline.lake.tables import CJ_RANKINGS
from huleedu_pipeline.ledger import BatchStatus, Ledger
from huleedu_pipeline.providers.advance import Advance
from resources import PaidWorkResource
from tests.graph.kit import Installation
from tests.graph.test_main_job import N_PAIRS
from tests.waves.kit import answer


class AnswersSome(PaidWorkResource):
    """Paid work in which the judge has answered the first ``n_answered`` requests, and a second job is still running."""

    n_answered: ClassVar[int] = 27

    def advance(self, ledger: Ledger, batch_id: str) -> Advance:
        ledger.move_batch(batch_id, BatchStatus.AWAITING_JUDGEMENTS)
        answer(ledger, [request for request in ledger.requests(batch_id, only_open=True) if request.position < self.n_answered])
        return Advance((), ledger.tally(batch_id), "1 of 2 jobs at openai")


class AnswersTooFew(AnswersSome):
    """The same with less than 95 %: 26 of 28."""

    n_answered: ClassVar[int] = 26


class AnswersAll(AnswersSome):
    """The same with everything."""

    n_answered: ClassVar[int] = N_PAIRS


def judged_by(installation: Installation, work: type[PaidWorkResource]) -> None:
    made = work(settings=installation.settings.model_dump(mode="json", exclude_none=True))
    installation.definitions = build_definitions(installation.settings, work=made)


def shown(installation: Installation) -> tuple[pd.DataFrame, pd.Series]:
    with open_warehouse(installation.settings.warehouse_path) as warehouse:
        return warehouse.frame("current_rankings", "b1"), warehouse.frame("batch_status", "b1").iloc[0]


def every_outcome(result: dg.ExecuteInProcessResult) -> tuple[bool, dg.AssetCheckSeverity]:
    check = next(c for c in result.get_asset_check_evaluations() if c.check_name == "every_request_has_an_outcome")
    return check.passed, check.severity


def test_nearly_all_outcomes_make_a_provisional_ranking_and_all_of_them_the_final_one(
    installation: Installation, ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    judged_by(installation, AnswersSome)
    installation.drop("b1")
    installation.run("submit_batch", "b1")
    result = installation.run("collect_batch", "b1")
    assert every_outcome(result) == (False, dg.AssetCheckSeverity.WARN)
    ranking, status = shown(installation)
    assert (len(ranking), bool(ranking["is_provisional"].all())) == (8, True)
    assert (status["status"], status["client_status"], status["n_succeeded"]) == ("awaiting_judgements", "processing", 27)
    assert status["current_phase"] == "cj_assessment"
    assert not ledger.batch("b1").is_published
    with open_warehouse(installation.settings.warehouse_path) as warehouse:
        assert warehouse.frame("wave_decisions", "b1")["decision"].tolist() == ["WAIT_FOR_CALLBACKS"]
        print_ranking("b1", ranking, warehouse.frame("cost_by_batch", "b1"), [])
    assert PROVISIONAL in capsys.readouterr().out

    judged_by(installation, AnswersAll)
    result = installation.run("collect_batch", "b1")
    assert every_outcome(result)[0]
    ranking, status = shown(installation)
    assert (len(ranking), bool(ranking["is_provisional"].any())) == (8, False)
    assert (status["status"], status["n_succeeded"]) == ("completed_max_comparisons", 28)
    assert ledger.batch("b1").is_published


@pytest.mark.parametrize(("work", "threshold"), [(AnswersTooFew, 95), (AnswersSome, 100)])
def test_below_the_threshold_nothing_is_ranked(
    installation: Installation, work: type[PaidWorkResource], threshold: int
) -> None:
    judged_by(installation, work)
    installation.drop("b1", completion_threshold_pct=threshold)
    installation.run("submit_batch", "b1")
    installation.run("collect_batch", "b1")
    assert not Lake(installation.settings.lake_dir).files(CJ_RANKINGS)


def test_a_provisional_ranking_never_passes_for_the_ranking_of_a_batch_that_is_judged(
    installation: Installation, ledger: Ledger
) -> None:
    judged_by(installation, AnswersSome)
    installation.drop("b1")
    installation.run("submit_batch", "b1")
    installation.run("collect_batch", "b1")
    # Another process records the last outcome and begins to score: what is written is of before.
    answer(ledger, ledger.requests("b1", only_open=True))
    ledger.move_batch("b1", BatchStatus.SCORING)
    selection = [dg.AssetKey(name) for name in ("cj_rankings", "scaling_summary", "judge_diagnostics")]
    job = dg.Definitions.merge(
        installation.definitions, dg.Definitions(jobs=[dg.define_asset_job("again", selection=selection)])
    )
    result = job.resolve_job_def("again").execute_in_process(
        instance=installation.instance, partition_key="b1", raise_on_error=False
    )
    assert not result.success
    (failed,) = [event for event in result.get_step_failure_events() if event.step_key == "scaling"]
    assert "llm_judgements holds 27 judgements and the ledger 28" in str(failed.event_specific_data)
    installation.run("collect_batch", "b1")
    assert shown(installation)[1]["status"] == "completed_max_comparisons"
