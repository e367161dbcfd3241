"""Waves through real Dagster runs: every table holds all waves, a decision can be read and made again, and one wave is one."""

from dataclasses import replace
from typing import Any

import dagster as dg
import pytest

from huleedu_pipeline.essays.inbox import stage
from huleedu_pipeline.lake import Lake, open_warehouse
from huleedu_pipeline.lake.tables import CJ_RANKINGS, COMPARISON_PAIRS, JUDGE_REQUESTS, LLM_JUDGEMENTS, WAVE_DECISIONS
from huleedu_pipeline.ledger import BatchStatus, Ledger
from huleedu_pipeline.orchestration.decisions import Due, decide
from huleedu_pipeline.orchestration.watch import look
from huleedu_pipeline.providers import continuation
from huleedu_pipeline.providers.advance import Advance
from huleedu_pipeline.waves import replay
from resources import PaidWorkResource
from tests.graph.kit import Installation
from tests.graph.test_main_job import with_work
from tests.kit import emulator_books
from tests.waves.kit import answer, write_class


def decisions(installation: Installation) -> list[dict[str, Any]]:
    return Lake(installation.settings.lake_dir).read_rows(WAVE_DECISIONS, "b1")


def made_again(rows: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    return [(str(made.decision), str(made.reason), made.n_more) for made in map(replay, rows)]


def as_written(rows: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    return [(row["decision"], row["reason"], row["n_more"]) for row in rows]


def test_every_table_holds_all_waves(installation: Installation) -> None:
    installation.run_to_the_end("b1", llm_batching_mode="per_request", waves=3)
    lake = Lake(installation.settings.lake_dir)
    pairs = lake.read_rows(COMPARISON_PAIRS, "b1")
    assert [row["wave"] for row in pairs] == [1] * 16 + [2] * 12
    assert {row["pair_generation_mode"] for row in pairs} == {"coverage"}
    waves = {row["pair_id"]: row["wave"] for row in pairs}
    assert {row["pair_id"]: row["wave"] for row in lake.read_rows(LLM_JUDGEMENTS, "b1")} == waves
    assert {row["pair_id"] for row in lake.read_rows(JUDGE_REQUESTS, "b1")} == set(waves)
    rows = decisions(installation)
    assert as_written(rows) == [
        ("REQUEST_MORE_COMPARISONS", "coverage", 12),
        ("FINALIZE_SCORING", "max_comparisons", 0),
    ]
    assert made_again(rows) == as_written(rows)
    assert (rows[0]["max_score_change"], rows[1]["coverage_fraction"], rows[1]["budget_remaining"]) == (None, 1.0, 0)
    # The last row tells of the ranking that was published.
    with open_warehouse(installation.settings.warehouse_path) as warehouse:
        summary = warehouse.frame("scaling_summary", "b1").iloc[0]
        shown = warehouse.frame("wave_decisions", "b1")
    assert rows[1]["mean_se"] == pytest.approx(summary["mean_theta_se"])
    assert rows[1]["reliability"] == pytest.approx(summary["marginal_reliability"])
    assert made_again([{str(name): row[name] for name in row} for row in shown.to_dict("records")]) == as_written(rows)
    event = installation.instance.get_latest_materialization_event(dg.AssetKey("scaling_summary"))
    assert event is not None
    assert event.asset_materialization is not None
    assert str(event.asset_materialization.metadata["convergence"].value).startswith("![convergence](data:image/png")


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        ({"score_stability_threshold": 100.0}, "no essay moved by more than 100.0 logits in the last wave"),
        ({"target_mean_se": 100.0}, "the ranking is as precise as was asked for"),
    ],
)
def test_a_batch_that_stops_early_ends_as_stable_and_says_why(
    installation: Installation, stop: dict[str, float], reason: str
) -> None:
    installation.run_to_the_end("b1", llm_batching_mode="per_request", waves=6, **stop)
    with open_warehouse(installation.settings.warehouse_path) as warehouse:
        row = warehouse.frame("batch_status", "b1").iloc[0]
    assert (row["status"], row["status_reason"]) == ("completed_stable", reason)
    assert row["n_requests"] < 28


def test_batch_jobs_are_one_wave_up_to_the_cap(installation: Installation) -> None:
    folder = write_class(installation.folder / "b1", 24, max_comparisons=60, score_stability_threshold=100.0)
    stage(folder, installation.settings.inbox_dir)
    installation.run("submit_batch", "b1")
    installation.wait_for_provider("b1")
    installation.run("collect_batch", "b1")
    books = emulator_books(installation.settings.emulator_dir)
    assert (books["requests_judged"], books["batch_jobs_created"]["openai"]) == (60, 1)
    rows = decisions(installation)
    assert as_written(rows) == [("FINALIZE_SCORING", "single_wave_complete", 0)]
    assert made_again(rows) == as_written(rows)
    # Stability is told, and has stopped nothing.
    assert 0 < rows[0]["max_score_change"] < rows[0]["score_stability_threshold"]
    assert (rows[0]["n_requests"], rows[0]["coverage_fraction"], rows[0]["wave"]) == (60, 60 / 276, 1)
    ledger = Ledger(installation.settings.ledger_url)
    assert ledger.batch("b1").status is BatchStatus.COMPLETED_MAX_COMPARISONS
    ledger.close()


def test_a_run_that_dies_between_waves_is_made_good(installation: Installation, monkeypatch: pytest.MonkeyPatch) -> None:
    def dies(*arguments: object) -> None:
        raise RuntimeError("the power fails here")

    installation.drop("b1", llm_batching_mode="per_request")
    with monkeypatch.context() as patch:
        patch.setattr(continuation, "plan_next_wave", dies)
        assert not installation.run("submit_batch", "b1", raise_on_error=False).success
    ledger = Ledger(installation.settings.ledger_url)
    n_runs = 0
    while not ledger.batch("b1").is_published:
        (situation,) = look(ledger, installation.settings, installation.instance).situations
        assert decide(replace(situation, n_failed_submit_runs=0, seconds_since_failed_run=None)).due is Due.COLLECT
        installation.run("collect_batch", "b1")
        n_runs += 1
        assert n_runs <= 2
    ledger.close()
    assert emulator_books(installation.settings.emulator_dir)["requests_judged"] == 28
    assert len(Lake(installation.settings.lake_dir).read_rows(COMPARISON_PAIRS, "b1")) == 28


class RefusesEveryThird(PaidWorkResource):
    """Paid work in which the judge refuses every third request."""

    def advance(self, ledger: Ledger, batch_id: str) -> Advance:
        ledger.move_batch(batch_id, BatchStatus.AWAITING_JUDGEMENTS)
        answer(ledger, ledger.requests(batch_id, only_open=True), refuses=lambda request: request.position % 3 == 0)
        return Advance((), ledger.tally(batch_id), None)


def test_too_few_verdicts_are_not_scaled(installation: Installation) -> None:
    with_work(installation, RefusesEveryThird)
    result = installation.run("collect_batch", "b1")
    check = next(c for c in result.get_asset_check_evaluations() if c.check_name == "enough_requests_succeeded")
    assert not check.passed
    why = "18 of 28 requests have a verdict (64.3 %), and 80% are needed"
    assert check.description == f"{why}; llm_judgements holds the others' errors"
    lake = Lake(installation.settings.lake_dir)
    assert lake.read_rows(CJ_RANKINGS, "b1") == []
    assert lake.read_rows(WAVE_DECISIONS, "b1")[-1]["reason"] == "success_rate_too_low"
