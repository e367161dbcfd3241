"""The main job through real Dagster runs: a folder becomes a ranking with grades, in every mode, on both providers."""

import json
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest

from huleedu_pipeline.definitions import build_definitions
from huleedu_pipeline.essays import read_batch
from huleedu_pipeline.judging.outcome import ErrorCode, Usage, failure, success
from huleedu_pipeline.judging.verdict import Verdict
from huleedu_pipeline.lake import Lake, open_warehouse
from huleedu_pipeline.lake.tables import CJ_RANKINGS, ESSAYS
from huleedu_pipeline.ledger import Answer, BatchStatus, Ledger
from huleedu_pipeline.project_files import project_file
from huleedu_pipeline.providers.advance import Advance
from resources import PaidWorkResource
from tests.graph.kit import Installation, tables_of
from tests.kit import ANCHORS, PUPILS, emulator_books

N_ESSAYS = len(PUPILS) + len(ANCHORS)
N_PAIRS = N_ESSAYS * (N_ESSAYS - 1) // 2


def failures(result: dg.ExecuteInProcessResult) -> list[str]:
    """Return the failed steps' own words."""
    found = []
    for event in result.get_step_failure_events():
        data: Any = event.event_specific_data
        found.append(str(data.user_failure_data.description if data.user_failure_data else data.error))
    return found


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("mode", ["provider_batch_api", "per_request", "serial_bundle"])
def test_a_folder_becomes_a_ranking_with_grades(installation: Installation, provider: str, mode: str) -> None:
    installation.run_to_the_end("b1", judge={"provider": provider}, llm_batching_mode=mode)
    with open_warehouse(installation.settings.warehouse_path) as warehouse:
        ranking = warehouse.frame("current_rankings", "b1")
        assert len(ranking) == N_ESSAYS
        assert ranking["overall_rank"].tolist() == list(range(1, N_ESSAYS + 1))
        pupils = ranking[~ranking["is_anchor"]]
        assert pupils["rank"].tolist() == list(range(1, len(PUPILS) + 1))
        assert ranking[ranking["is_anchor"]]["rank"].isna().all()
        assert set(pupils["file_name"]) == {f"{name}.txt" for name in PUPILS}
        assert (ranking["theta_se"] > 0).all()
        assert abs(ranking["theta"].sum()) < 1e-9
        assert ranking["is_simulated"].all()
        grades = warehouse.frame("grade_projections", "b1")
        assert len(grades) == N_ESSAYS
        assert all(abs(sum(row.values()) - 1) < 1e-9 for row in grades["grade_probabilities"])
        status = warehouse.frame("batch_status", "b1").iloc[0]
        assert (status["status"], status["llm_batching_mode"]) == ("completed_max_comparisons", mode)
        request = json.loads(status["processing_metadata"])["original_request"]
        assert request["batch_config_overrides"] == {"llm_batching_mode_override": mode}
        assert (status["n_essays"], status["n_anchors"], status["n_requests"]) == (len(PUPILS), len(ANCHORS), N_PAIRS)
        assert (status["n_succeeded"], status["n_failed"], status["n_expired"]) == (N_PAIRS, 0, 0)
        judgements = warehouse.frame("llm_judgements", "b1")
        assert judgements["model"].str.startswith("emulated-").all()
        assert set(judgements["provider"]) == {provider}
        requests = warehouse.frame("judge_requests", "b1")
        jobs = warehouse.frame("provider_jobs", "b1")
        if mode == "provider_batch_api":
            assert jobs["status"].tolist() == ["collected"]
            assert jobs["n_succeeded"].tolist() == [N_PAIRS]
            assert set(requests["provider_job_id"]) == set(jobs["provider_job_id"])
        else:
            assert jobs.empty
            assert requests["provider_job_id"].isna().all()


def test_doing_everything_again_changes_nothing_and_buys_nothing(installation: Installation) -> None:
    installation.run_to_the_end("b1")
    lake = Lake(installation.settings.lake_dir)
    before = tables_of(lake)
    installation.run("submit_batch", "b1")
    installation.run("collect_batch", "b1")
    assert tables_of(lake) == before
    assert emulator_books(installation.settings.emulator_dir)["batch_jobs_created"]["openai"] == 1


def test_a_grade_can_be_traced_to_what_was_sent_and_received(installation: Installation) -> None:
    installation.run_to_the_end("b1")
    with open_warehouse(installation.settings.warehouse_path) as warehouse:
        judgement = warehouse.sql(
            "SELECT j.custom_id, j.prompt_sha256 FROM grade_projections g JOIN llm_judgements j "
            "ON g.batch_id = j.batch_id AND g.essay_id IN (j.essay_a_id, j.essay_b_id) WHERE g.essay_id = 'anna' LIMIT 1"
        ).iloc[0]
    ledger = Ledger(installation.settings.ledger_url)
    request = next(r for r in ledger.requests("b1") if r.custom_id == judgement["custom_id"])
    body = ledger.body(request.custom_id)
    ledger.close()
    assert request.prompt_sha256 == judgement["prompt_sha256"]
    assert PUPILS["anna"] in json.loads(body)["input"][0]["content"][1 if request.essay_a_id == "anna" else 2]["text"]


def test_no_id_file_name_or_grade_reaches_the_judge(installation: Installation) -> None:
    installation.drop("b1")
    installation.run("submit_batch", "b1")
    ledger = Ledger(installation.settings.ledger_url)
    bodies = [ledger.body(request.custom_id) for request in ledger.requests("b1")]
    ledger.close()
    assert len(bodies) == N_PAIRS
    hidden = [*PUPILS, *ANCHORS, ".txt", "F+", "D+"]
    for body in bodies:
        sent = json.loads(body)
        words = " ".join([sent["instructions"], *(part["text"] for part in sent["input"][0]["content"])])
        for text in (*PUPILS.values(), *ANCHORS.values()):
            words = words.replace(text, "")
        assert not [word for word in hidden if word in words]


def test_no_essay_reaches_dagsters_event_log(installation: Installation) -> None:
    installation.run_to_the_end("b1")
    for run in installation.instance.get_runs():
        for record in installation.instance.all_logs(run.run_id):
            told = repr(record)
            for text in (*PUPILS.values(), *ANCHORS.values()):
                assert text[:40] not in told


def test_a_broken_folder_is_refused_before_anything_is_paid(installation: Installation) -> None:
    folder = installation.drop("b1")
    (folder / "essays" / "anna.txt").write_text("", encoding="utf-8")
    (folder / "essays" / "bertil.txt").write_bytes(b"caf\xfe")
    result = installation.run("submit_batch", "b1", raise_on_error=False)
    (message,) = failures(result)
    assert "batch b1: essays/anna.txt: file is empty (remove it, or add text)" in message
    assert "batch b1: essays/bertil.txt: not UTF-8: byte 0xFE at offset 3" in message
    assert not installation.settings.emulator_dir.exists()


def test_a_submitted_batch_can_not_change_under_its_name(installation: Installation) -> None:
    folder = installation.drop("b1")
    installation.run("submit_batch", "b1")
    (folder / "essays" / "anna.txt").write_text("Something else entirely.", encoding="utf-8")
    (message,) = failures(installation.run("submit_batch", "b1", raise_on_error=False))
    assert "was submitted before with other content" in message
    assert emulator_books(installation.settings.emulator_dir)["batch_jobs_created"]["openai"] == 1


class Unanswered(PaidWorkResource):
    """Paid work in which the provider has not answered yet."""

    def advance(self, ledger: Ledger, batch_id: str) -> Advance:
        return Advance((), ledger.tally(batch_id), None)


# Of ten essays one is in a fifth of all pairs: just enough verdicts are left when all of its are refused.
MORE_ANCHORS = ANCHORS | {
    "anchor_004_B": "I like my town. It is small and quiet.",
    "anchor_005_C+": "We play in the yard. It is fun.",
}


class RefusesAnna(PaidWorkResource):
    """Paid work in which the judge refuses every pair with one of the essays."""

    def advance(self, ledger: Ledger, batch_id: str) -> Advance:
        verdict = success(Verdict(winner="Essay A", justification="It is clearer.", confidence=3.0), Usage(), "emulated-m")
        refused = failure(ErrorCode.REFUSAL, "the model refused to judge")
        for request in ledger.requests(batch_id, only_open=True):
            outcome = refused if "anna" in (request.essay_a_id, request.essay_b_id) else verdict
            ledger.begin_live([request.custom_id])
            ledger.end_live([Answer(request.custom_id, outcome, 0.0, None, datetime.now(UTC))], max_attempts=1)
        return Advance((), ledger.tally(batch_id), None)


def with_work(installation: Installation, work: type[PaidWorkResource], **spec: Any) -> None:
    settings = installation.settings
    made = work(settings=settings.model_dump(mode="json", exclude_none=True))
    installation.definitions = build_definitions(settings, work=made)
    installation.drop("b1", **spec)
    installation.run("submit_batch", "b1")


def test_nothing_is_scaled_before_every_request_has_its_outcome(installation: Installation) -> None:
    with_work(installation, Unanswered)
    result = installation.run("collect_batch", "b1")
    assert not result.asset_materializations_for_node("llm_judgements")
    skipped = {event.step_key for event in result.all_events if event.event_type_value == "STEP_SKIPPED"}
    assert {"scaling", "grading", "batch_results", "warehouse"} <= skipped
    assert not Lake(installation.settings.lake_dir).files(CJ_RANKINGS)


def test_nothing_is_scaled_that_the_verdicts_do_not_connect(installation: Installation) -> None:
    with_work(installation, RefusesAnna, anchors=MORE_ANCHORS)
    result = installation.run("collect_batch", "b1", raise_on_error=False)
    assert not result.success
    check = next(c for c in result.get_asset_check_evaluations() if c.check_name == "comparison_graph_connected")
    assert not check.passed
    assert "the verdicts fall into 2 unconnected parts: nothing compares anna with most others" in (check.description or "")
    assert not Lake(installation.settings.lake_dir).files(CJ_RANKINGS)


def test_named_pairs_that_fall_apart_are_ranked_with_a_warning(installation: Installation) -> None:
    pairs = [["anna", "bertil"], ["bertil", "anna"], ["cilla", "david"], ["david", "elin"]]
    installation.drop("b1", anchors={}, grade_scale=None, pairs=pairs)
    installation.run("submit_batch", "b1")
    installation.wait_for_provider("b1")
    result = installation.run("collect_batch", "b1")
    check = next(c for c in result.get_asset_check_evaluations() if c.check_name == "comparison_graph_connected")
    assert (check.passed, check.severity) == (False, dg.AssetCheckSeverity.WARN)
    rows = Lake(installation.settings.lake_dir).read_rows(CJ_RANKINGS, "b1")
    assert {row["essay_id"] for row in rows if "disconnected" in row["flags"]} == {"anna", "bertil"}


def test_a_shuffled_file_fails_its_contract(installation: Installation) -> None:
    installation.drop("b1")
    installation.run("submit_batch", "b1")
    path = Lake(installation.settings.lake_dir).path(ESSAYS, "b1")
    data = pq.ParquetFile(path).read()
    pq.write_table(data.select(list(reversed(data.column_names))), path)
    (message,) = failures(installation.run("collect_batch", "b1", raise_on_error=False))
    assert "column 'original_sha256' stands where 'batch_id' belongs" in message


def test_a_batch_without_anchors_is_ranked_and_not_graded(installation: Installation) -> None:
    installation.drop("b1", anchors={}, grade_scale=None)
    installation.run("submit_batch", "b1")
    installation.wait_for_provider("b1")
    result = installation.run("collect_batch", "b1")
    metadata = result.asset_materializations_for_node("grading")[0].metadata
    assert metadata["no_grades_because"].value == "batch.yaml names no grade_scale"
    with open_warehouse(installation.settings.warehouse_path) as warehouse:
        ranking = warehouse.frame("current_rankings", "b1")
        summary = warehouse.frame("grading_summary", "b1").iloc[0]
    assert (summary["is_available"], summary["unavailable_because"]) == (False, "batch.yaml names no grade_scale")
    assert len(ranking) == len(PUPILS)
    assert ranking["grade"].isna().all()


def test_the_ranking_shows_a_plot_that_is_marked_as_simulated_and_names_nobody(installation: Installation) -> None:
    installation.run_to_the_end("b1")
    event = installation.instance.get_latest_materialization_event(dg.AssetKey("cj_rankings"))
    assert event is not None
    assert event.asset_materialization is not None
    metadata = event.asset_materialization.metadata
    plot = metadata["ranking"].value
    assert str(plot).startswith("![ranking](data:image/png;base64,")
    assert len(str(plot)) < 100_000
    assert metadata["is_simulated"].value is True


def test_batches_of_one_warehouse_stay_apart(installation: Installation) -> None:
    installation.run_to_the_end("b1", seed=1)
    installation.run_to_the_end("b2", seed=2)
    with open_warehouse(installation.settings.warehouse_path) as warehouse:
        counts = warehouse.sql("SELECT batch_id, count(*) AS n FROM llm_judgements GROUP BY 1 ORDER BY 1")
    assert counts.to_dict("list") == {"batch_id": ["b1", "b2"], "n": [N_PAIRS, N_PAIRS]}


def test_a_death_before_publication_is_made_good_by_the_next_run(installation: Installation) -> None:
    installation.drop("b1")
    installation.run("submit_batch", "b1")
    installation.wait_for_provider("b1")
    installation.settings.warehouse_path.mkdir(parents=True)  # a publication can not replace a folder
    assert not installation.run("collect_batch", "b1", raise_on_error=False).success
    ledger = Ledger(installation.settings.ledger_url)
    batch = ledger.batch("b1")
    assert (batch.status, batch.is_published) == (BatchStatus.COMPLETED_MAX_COMPARISONS, False)
    installation.settings.warehouse_path.rmdir()
    installation.run("collect_batch", "b1")
    assert ledger.batch("b1").is_published
    ledger.close()


def test_the_warehouse_can_be_made_again_from_the_lake(installation: Installation) -> None:
    installation.run_to_the_end("b1")
    installation.settings.warehouse_path.unlink()
    installation.run("rebuild_warehouse", None)
    with open_warehouse(installation.settings.warehouse_path) as warehouse:
        assert len(warehouse.frame("current_rankings", "b1")) == N_ESSAYS


def test_texts_stay_in_the_lake_as_they_were_judged(installation: Installation) -> None:
    installation.drop("b1")
    installation.run("submit_batch", "b1")
    rows = Lake(installation.settings.lake_dir).read_rows(ESSAYS, "b1")
    assert {row["essay_id"]: row["text"] for row in rows} == {**PUPILS, **ANCHORS}


def test_the_demo_folder_is_a_valid_batch() -> None:
    batch = read_batch(project_file("examples/eng5-role-model"))
    anchors = [essay.anchor_grade for essay in batch.essays if essay.is_anchor]
    assert sorted(anchors, key=str) == sorted(["F+", "F+", "E-", "E+", "D-", "D+", "C-", "C+", "B", "B", "A", "A"])
    assert len(batch.essays) - len(anchors) == 24
    assert all(150 <= essay.n_words <= 350 for essay in batch.essays)


def test_a_damaged_table_holds_up_its_own_batch_only_and_is_made_good(installation: Installation, ledger: Ledger) -> None:
    installation.run_to_the_end("b1")
    installation.run_to_the_end("b2")
    lake = Lake(installation.settings.lake_dir)
    lake.path(CJ_RANKINGS, "b2").write_bytes(b"damaged")
    result = installation.run("rebuild_warehouse", None)
    (check,) = [c for c in result.get_asset_check_evaluations() if c.check_name == "everything_is_published"]
    assert not check.passed
    assert "1 files of b2 could not be read (start the job collect_batch" in str(check.description)
    with open_warehouse(installation.settings.warehouse_path) as warehouse:
        assert warehouse.frame("cj_rankings")["batch_id"].value_counts().to_dict() == {"b1": 8, "b2": 8}
    result = installation.run("collect_batch", "b2")
    assert all(c.passed for c in result.get_asset_check_evaluations() if c.check_name == "everything_is_published")
