"""The checks that warn, passing and failing, and the numbers that the UI plots, on batches of every end."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from assets import checks
from huleedu_pipeline.definitions import build_definitions
from huleedu_pipeline.lake import Lake
from huleedu_pipeline.lake.schema import Table
from huleedu_pipeline.lake.tables import COMPARISON_PAIRS, LLM_JUDGEMENTS, SCALING_SUMMARY
from huleedu_pipeline.ledger import BatchStatus, Ledger
from huleedu_pipeline.orchestration.jobs import NO_BATCH_LEFT
from huleedu_pipeline.providers.advance import close_batch
from huleedu_pipeline.providers.emulator.launcher import stop_emulator
from huleedu_pipeline.settings import Settings
from tests.graph.kit import Installation
from tests.graph.test_batch_ends import RefusesMany, judged_by
from tests.graph.test_human_batches import bring_in
from tests.human_kit import judged

Evaluation = dg.AssetCheckEvaluation | dg.AssetCheckResult
WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR


# What there is of every batch that was asked about, and what only a ranked one has.
ALWAYS = {
    "essays": {"n_essays", "n_anchors", "mean_words"},
    "spellchecked_essays": {"n_completed", "n_skipped", "total_corrections", "corrections_per_100_words", "highest_density"},
    "spell_corrections": {"n_found", "n_applied"},
    "comparison_pairs": {"n_pairs", "n_waves", "fewest_comparisons", "most_comparisons"},
    "judge_requests": {"mean_request_bytes"},
    "provider_jobs": {"n_jobs", "n_jobs_open", "n_jobs_quarantined", "n_requests", "n_outcomes", "n_succeeded", "n_failed"},
    "llm_judgements": {"n_verdicts", "n_without_verdict", "input_tokens", "output_tokens", "cost_usd", "n_unpriced"},
    "wave_decisions": {"n_waves", "budget_remaining", "success_rate"},
    "batch_results": {"n_requests", "n_succeeded", "n_failed", "n_expired", "cost_usd", "success_rate", "hours", "n_essays"},
}
RANKED = {
    "cj_rankings": {"marginal_reliability", "mean_theta_se", "n_misfit", "n_one_sided"},
    "scaling_summary": {"marginal_reliability", "position_effect", "prior_sd", "mean_theta_se"},
    "judge_diagnostics": {"n_judges"},
    "grading_summary": {"n_anchors", "n_own_grade", "expected_accuracy", "expected_consistency"},
}


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation with one batch that was judged to its end; each test changes a copy of it."""
    home = tmp_path_factory.mktemp("sound")
    settings = Settings(home=home, emulator_seconds_per_job=0.3, emulator_idle_exit_seconds=600)
    with dg.DagsterInstance.ephemeral() as instance:
        installation = Installation(settings, instance, tmp_path_factory.mktemp("batches"))
        installation.run_to_the_end("b1", max_cost_usd=5.0)
        yield installation
    stop_emulator(settings.emulator_dir)


@pytest.fixture
def copy(sound: Installation, tmp_path: Path) -> Settings:
    """That installation's ledger and lake, for one test to spoil."""
    shutil.copytree(sound.settings.home, tmp_path / "copy", ignore=shutil.ignore_patterns("emulator", "dagster"))
    return Settings(home=tmp_path / "copy")


def evaluate(settings: Settings, check: dg.AssetChecksDefinition) -> dg.AssetCheckResult:
    """Evaluate one check of b1 by itself."""
    resources = build_definitions(settings).resources or {}
    needed = {name: resources[name] for name in check.required_resource_keys if name in resources}
    result = check(dg.build_op_context(partition_key="b1"), **needed)
    assert isinstance(result, dg.AssetCheckResult)
    return result


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {one.check_name: one for one in result.get_asset_check_evaluations() if one.check_name != "schema_contract"}


def rows_of(evaluation: Evaluation) -> list[dict[str, Any]]:
    table = evaluation.metadata["evidence"]
    assert isinstance(table, dg.TableMetadataValue)
    return [dict(record.data) for record in table.records]


def number(evaluation: Evaluation, name: str) -> float:
    value = evaluation.metadata[name]
    assert isinstance(value, dg.IntMetadataValue | dg.FloatMetadataValue), f"{name} is not plotted"
    assert value.value is not None
    return value.value


def rewrite(settings: Settings, table: Table, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    lake = Lake(settings.lake_dir)
    lake.write_rows(table, "b1", [change(row) for row in lake.read_rows(table, "b1")])


def metadata(installation: Installation, asset: str) -> dict[str, dg.MetadataValue[Any]]:
    event = installation.instance.get_latest_materialization_event(dg.AssetKey(asset))
    assert event is not None
    assert event.asset_materialization is not None
    return dict(event.asset_materialization.metadata)


def not_plotted(installation: Installation, expected: dict[str, set[str]]) -> list[str]:
    return [
        f"{asset}.{name}"
        for asset, names in expected.items()
        for found in [metadata(installation, asset)]
        for name in sorted(names)
        if not isinstance(found.get(name), dg.IntMetadataValue | dg.FloatMetadataValue)
    ]


def test_a_ranked_batch_has_all_its_numbers(sound: Installation) -> None:
    assert not_plotted(sound, ALWAYS | RANKED) == []


def test_a_sound_batch_passes_with_its_evidence_and_the_emulator_is_named_as_a_simulation(copy: Settings) -> None:
    exposure = evaluate(copy, checks.exposure_balanced)
    assert (exposure.passed, exposure.description) == (True, "all 8 essays are even")
    assert number(exposure, "largest_difference") <= 1
    assert list(rows_of(exposure)[0]) == ["essay", "shown first", "shown second", "difference"]
    budget = evaluate(copy, checks.within_budget)
    assert budget.passed
    assert "SIMULATED: nothing was paid" in (budget.description or "")
    assert 0 < number(budget, "spent_usd") < 5
    assert [row["limit"] for row in rows_of(budget)] == ["max_cost_usd"]
    model = evaluate(copy, checks.judge_model_as_requested)
    (row,) = rows_of(model)
    assert (model.passed, row["requested"], row["verdicts"], row["as requested"]) == (True, "emulated-gpt-6-luna", 28, True)
    position = evaluate(copy, checks.position_effect_within_bounds)
    assert position.passed
    assert (position.description or "").startswith("SIMULATED: ")
    assert [number(position, f"position_effect{part}") for part in ("", "_se", "_p")]


def test_a_design_that_shows_an_essay_nearly_always_first_warns(copy: Settings) -> None:
    def anna_first(row: dict[str, Any]) -> dict[str, Any]:
        first, second = sorted((row["essay_a_id"], row["essay_b_id"]), key=lambda essay_id: essay_id != "anna")
        return row | {"essay_a_id": first, "essay_b_id": second}

    rewrite(copy, COMPARISON_PAIRS, anna_first)
    found = evaluate(copy, checks.exposure_balanced)
    assert (found.passed, found.severity) == (False, WARN)
    assert "most of all anna: first 7 times and second 0" in (found.description or "")
    assert rows_of(found)[0] == {"essay": "anna", "shown first": 7, "shown second": 0, "difference": 7}
    assert number(found, "largest_skew") == 1.0


def test_verdicts_by_another_model_are_an_error_and_a_dated_snapshot_is_none(copy: Settings) -> None:
    rewrite(copy, LLM_JUDGEMENTS, lambda row: row | {"model": row["model"] + "-2026-08-01"})
    assert evaluate(copy, checks.judge_model_as_requested).passed
    others = iter(["gpt-6-luna", "emulated-gpt-6-sol"])
    rewrite(copy, LLM_JUDGEMENTS, lambda row: row | {"model": next(others, row["model"])})
    found = evaluate(copy, checks.judge_model_as_requested)
    assert (found.passed, found.severity) == (False, ERROR)
    assert "1 verdicts asked of emulated-gpt-6-luna are by gpt-6-luna" in (found.description or "")
    assert [(row["answered"], row["as requested"]) for row in rows_of(found)][:2] == [
        ("emulated-gpt-6-sol", False),
        ("gpt-6-luna", False),
    ]
    assert number(found, "n_by_other_models") == 2


def test_what_costs_more_than_its_limit_is_an_error_and_an_unknown_price_a_warning(copy: Settings) -> None:
    def priced(sql: str) -> dg.AssetCheckResult:
        ledger = Ledger(copy.ledger_url)
        try:
            with ledger.engine.begin() as connection:
                connection.exec_driver_sql(f"UPDATE attempts SET cost_usd = {sql}")
        finally:
            ledger.close()
        return evaluate(copy, checks.within_budget)

    unknown, dear = priced("NULL"), priced("1.0")
    assert (unknown.passed, unknown.severity) == (False, WARN)
    assert "the price of an answer is not known" in (unknown.description or "")
    assert (dear.passed, dear.severity) == (False, ERROR)
    assert "28.0000 USD are spent, and max_cost_usd is 5" in (dear.description or "")


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        (
            "position_effect_within_bounds",
            {"position_effect": 0.9, "position_effect_p": 0.001},
            "favours the essay shown first",
        ),
        ("reliability_above_floor", {"marginal_reliability": 0.2}, "no more than tosses of a coin reach"),
        (
            "reliability_above_floor",
            {"marginal_reliability": 0.6, "marginal_reliability_of_noise": 0.3},
            "reliability 0.60 is below the floor of 0.70",
        ),
    ],
)
def test_a_ranking_that_is_hardly_to_be_believed_warns(copy: Settings, name: str, change: dict[str, Any], words: str) -> None:
    rewrite(copy, SCALING_SUMMARY, lambda row: row | change)
    found = evaluate(copy, getattr(checks, name))
    assert (found.passed, found.severity) == (False, WARN)
    assert words in (found.description or "")


def test_a_reliable_ranking_passes(copy: Settings) -> None:
    rewrite(copy, SCALING_SUMMARY, lambda row: row | {"marginal_reliability": 0.75, "marginal_reliability_of_noise": 0.3})
    found = evaluate(copy, checks.reliability_above_floor)
    assert (found.passed, found.description) == (True, "SIMULATED: 0.75; tosses of a coin would read up to 0.30")


def test_a_batch_that_failed_has_nothing_to_hold_and_is_named_on_the_warehouse(installation: Installation) -> None:
    judged_by(installation, RefusesMany)
    installation.drop("b1")
    installation.run("submit_batch", "b1")
    seen = evaluations(installation.run("collect_batch", "b1"))
    # The judge of this test calls itself by another name than the one that was asked.
    assert [name for name, evaluation in seen.items() if not evaluation.passed] == [
        "judge_model_as_requested",
        "enough_requests_succeeded",
        "batch_ended_well",
    ]
    ended = seen["batch_ended_well"]
    assert ended.severity is ERROR
    assert (ended.description or "").startswith("failed: 22 of 28 requests have a verdict")
    assert "nothing was scaled" in (seen["reliability_above_floor"].description or "")
    left = evaluations(installation.run("check_up", None))[NO_BATCH_LEFT]
    assert (left.passed, left.severity) == (False, WARN)
    assert not_plotted(installation, ALWAYS) == []
    (row,) = rows_of(left)
    assert (row["batch"], row["what"]) == ("b1", "batch failed")
    assert "22 of 28 requests have a verdict" in row["why"]
    assert "huleedu retry b1" in row["next step"]


def test_a_single_essay_passes(installation: Installation) -> None:
    folder = installation.drop("b1")
    for essay in sorted((folder / "essays").iterdir())[1:]:
        essay.unlink()
    installation.run("submit_batch", "b1")
    seen = evaluations(installation.run("collect_batch", "b1"))
    assert [name for name, evaluation in seen.items() if not evaluation.passed] == []


def test_a_cancelled_batch_passes_and_is_not_left_failed(installation: Installation, ledger: Ledger) -> None:
    installation.drop("b1")
    installation.run("submit_batch", "b1")
    close_batch(ledger, installation.settings, "b1", BatchStatus.CANCELLED, "wrong prompt")
    installation.wait_for_provider("b1")
    seen = evaluations(installation.run("collect_batch", "b1"))
    assert [name for name, evaluation in seen.items() if not evaluation.passed] == []


def test_what_is_not_known_is_left_out_of_what_is_plotted(installation: Installation, ledger: Ledger) -> None:
    installation.run_to_the_end("b1")
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE attempts SET cost_usd = NULL")
    installation.run("collect_batch", "b1")
    assert not {"cost_usd"} & (metadata(installation, "llm_judgements").keys() | metadata(installation, "batch_results").keys())
    assert metadata(installation, "llm_judgements")["n_unpriced"].value == ledger.tally("b1").n_succeeded


def test_a_batch_that_people_judged_is_checked_without_their_names(installation: Installation) -> None:
    bring_in(installation, judged())
    installation.run("submit_batch", "b1")
    seen = evaluations(installation.run("collect_batch", "b1"))
    assert seen["within_budget"].description == "people judge, and nothing is paid for"
    assert seen["judge_model_as_requested"].passed
    assert {row["judge"] for row in rows_of(seen["position_effect_within_bounds"])} == {"person 1", "person 2"}
    assert "Ada" not in repr(seen)
