"""Batches that people judge, through the graph: the same assets, no provider, and nothing ranked by fewer than all."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from huleedu_pipeline.essays import read_batch
from huleedu_pipeline.essays.inbox import stage
from huleedu_pipeline.essays.judgements import JudgementColumns, read_judgements
from huleedu_pipeline.lake import Lake, open_warehouse
from huleedu_pipeline.ledger import BatchStatus, Ledger
from huleedu_pipeline.orchestration.decisions import Decision, Due, decide
from huleedu_pipeline.orchestration.watch import look
from huleedu_pipeline.providers.human import record_judgements
from huleedu_pipeline.providers.planning import register
from tests.graph.kit import Installation, tables_of
from tests.graph.test_main_job import failures
from tests.graph.test_sensors import age, requests, run_requested, says, tick
from tests.human_kit import N_TIES, ORDER, human_batch, judged, write_judgements

COLUMNS = JudgementColumns("left", "right", "better", "teacher", "why")
Row = tuple[str, str, str, str, str]


def drop(installation: Installation) -> Path:
    """Put a batch that people judge into the inbox."""
    folder = installation.folder / "b1"
    return stage(folder if folder.exists() else human_batch(folder), installation.settings.inbox_dir)


def bring_in(installation: Installation, rows: Sequence[Row]) -> None:
    """Import judgements as the command does."""
    batch = read_batch(drop(installation))
    source = write_judgements(installation.folder / "judged.csv", rows)
    ledger = Ledger(installation.settings.ledger_url)
    try:
        register(ledger, installation.settings, batch)
        record_judgements(ledger, batch, read_judgements(source, batch, COLUMNS), source.name)
    finally:
        ledger.close()


def due(installation: Installation) -> Decision | None:
    ledger = Ledger(installation.settings.ledger_url)
    try:
        situations = look(ledger, installation.settings, installation.instance).situations
    finally:
        ledger.close()
    # As long after the last failed run as it takes.
    return decide(replace(situations[0], seconds_since_failed_run=None)) if situations else None


def test_judgements_with_ties_by_two_judges_become_a_ranking_with_grades(installation: Installation) -> None:
    bring_in(installation, judged())
    installation.run("submit_batch", "b1")
    installation.run("collect_batch", "b1")
    n = len(judged())
    with open_warehouse(installation.settings.warehouse_path) as warehouse:
        ranking = warehouse.frame("current_rankings", "b1")
        assert tuple(reversed(ranking["essay_id"].tolist())) == ORDER
        assert set(ranking["models"]) == {"human"}
        assert not ranking["is_simulated"].any()
        assert ranking["grade"].notna().all()
        assert set(ranking["n_comparisons"]) == {14}
        assert ranking["n_wins"].sum() == n - N_TIES
        judgements = warehouse.frame("llm_judgements", "b1")
        assert set(judgements["judge_id"]) == {"human:Ada", "human:Bo"}
        assert (set(judgements["provider"]), set(judgements["model"])) == ({"human"}, {"human"})
        assert (judgements["winner_essay_id"].isna() & (judgements["p_a"] == 0.5)).sum() == N_TIES
        assert set(judgements["justification"].dropna()) == {"It is clearer."}
        assert (judgements["cost_usd"] == 0).all()
        pairs = warehouse.frame("comparison_pairs", "b1")
        asked = warehouse.frame("judge_requests", "b1")
        assert set(pairs["pair_id"]) == set(asked["pair_id"]) == set(judgements["pair_id"])
        assert len(pairs) == len(asked) == len(judgements) == n
        assert pairs["pair_generation_mode"].value_counts().to_dict() == {"coverage": 28, "resampling": 28}
        assert asked["provider_job_id"].isna().all()
        assert warehouse.frame("provider_jobs", "b1").empty
        assert not warehouse.frame("judgement_log", "b1")["is_simulated"].any()
        status = warehouse.frame("batch_status", "b1").iloc[0]
        assert (status["status"], status["n_requests"], status["n_succeeded"]) == ("completed_max_comparisons", n, n)
    assert not installation.settings.emulator_dir.exists()
    assert due(installation) is None


def test_doing_everything_again_changes_nothing(installation: Installation) -> None:
    bring_in(installation, judged())
    installation.run("submit_batch", "b1")
    installation.run("collect_batch", "b1")
    lake = Lake(installation.settings.lake_dir)
    before = tables_of(lake)
    installation.run("submit_batch", "b1")
    installation.run("collect_batch", "b1")
    assert tables_of(lake) == before


def test_no_name_of_a_judge_reaches_dagsters_event_log(installation: Installation) -> None:
    rows = [(*row[:3], f"{row[3]} Lindqvist", row[4]) for row in judged()]
    bring_in(installation, rows)
    installation.run("submit_batch", "b1")
    installation.run("collect_batch", "b1")
    for run in installation.instance.get_runs():
        for record in installation.instance.all_logs(run.run_id):
            assert "Lindqvist" not in repr(record)


def test_without_judgements_nothing_is_planned_and_the_step_says_so(installation: Installation) -> None:
    drop(installation)
    (message,) = failures(installation.run("submit_batch", "b1", raise_on_error=False))
    assert message.startswith("batch b1: its judge is human and no judgement has been imported (huleedu judgements import")


def test_a_batch_without_judgements_is_named_as_waiting_and_asked_for_once_when_they_come(installation: Installation) -> None:
    waiting = "b1: its judge is human; waiting for judgements (huleedu judgements import FILE FOLDER;"
    folder = drop(installation)
    age(folder)
    for _ in range(2):
        result = tick(installation, "inbox_sensor")
        assert requests(result) == []
        assert says(result).startswith(waiting)
    ledger = Ledger(installation.settings.ledger_url)
    register(ledger, installation.settings, read_batch(folder))  # as `huleedu run` does before it refuses
    ledger.close()
    assert says(tick(installation, "inbox_sensor")).startswith(waiting)
    assert says(tick(installation, "provider_jobs_sensor")).startswith(waiting)
    bring_in(installation, judged())
    age(folder)
    result = tick(installation, "inbox_sensor")
    assert [partition for partition, _ in requests(result)] == ["b1"]
    run_requested(installation, result)
    assert requests(tick(installation, "inbox_sensor")) == []
    result = tick(installation, "provider_jobs_sensor")
    assert requests(result) == [("b1", f"collect_batch:b1:imported.{len(judged())}:0")]
    run_requested(installation, result)
    assert says(tick(installation, "provider_jobs_sensor")) == "no batch is waiting"


def test_judgements_that_come_after_the_pairs_were_written_are_ranked_too(installation: Installation) -> None:
    rows = judged()
    bring_in(installation, rows[:20])
    installation.run("submit_batch", "b1")
    assert (due(installation) or Decision(Due.WAIT, "")).due is Due.COLLECT
    bring_in(installation, rows)
    decision = due(installation)
    assert decision == Decision(Due.SUBMIT, "judgements were imported", f"b1:imported.{len(rows)}:0")
    # A collection that is asked for by hand writes the pairs anew as well; one that was under way is in the next test.
    installation.run("collect_batch", "b1")
    with open_warehouse(installation.settings.warehouse_path) as warehouse:
        assert len(warehouse.frame("llm_judgements", "b1")) == len(rows)


def test_judgements_that_come_while_the_others_are_written_are_not_left_out(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = judged()
    bring_in(installation, rows[:-2])
    installation.run("submit_batch", "b1")
    move = Ledger.move_batch

    def import_first(ledger: Ledger, batch_id: str, to: BatchStatus) -> None:
        if to is BatchStatus.SCORING:
            bring_in(installation, rows)
        move(ledger, batch_id, to)

    with monkeypatch.context() as patched:
        patched.setattr(Ledger, "move_batch", import_first)
        (message,) = failures(installation.run("collect_batch", "b1", raise_on_error=False))
    assert f"llm_judgements holds {len(rows) - 2} judgements and the ledger {len(rows)}" in message
    assert (due(installation) or Decision(Due.WAIT, "")).due is Due.SUBMIT
    installation.run("submit_batch", "b1")
    installation.run("collect_batch", "b1")
    with open_warehouse(installation.settings.warehouse_path) as warehouse:
        assert len(warehouse.frame("llm_judgements", "b1")) == len(rows)
