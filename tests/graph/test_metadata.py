"""Metadata that the UI plots over all batches: numbers, under the same names, whatever became of a batch."""

from typing import Any

import dagster as dg

from huleedu_pipeline.ledger import BatchStatus, Ledger
from huleedu_pipeline.providers.advance import close_batch
from tests.graph.kit import Installation
from tests.graph.test_batch_ends import RefusesMany, judged_by

# What there is of every batch that was asked about, and what only a ranked one has.
ALWAYS = {
    "essays": {"n_essays", "n_anchors", "mean_words"},
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


def test_a_ranked_batch_has_all_its_numbers(installation: Installation) -> None:
    installation.run_to_the_end("b1")
    assert not_plotted(installation, ALWAYS | RANKED) == []


def test_a_batch_that_failed_has_the_numbers_that_there_are(installation: Installation) -> None:
    judged_by(installation, RefusesMany)
    installation.drop("b1")
    installation.run("submit_batch", "b1")
    installation.run("collect_batch", "b1")
    assert not_plotted(installation, ALWAYS) == []


def test_what_is_not_known_is_left_out_and_is_no_word(installation: Installation, ledger: Ledger) -> None:
    installation.drop("b1")
    installation.run("submit_batch", "b1")
    installation.wait_for_provider("b1")
    close_batch(ledger, installation.settings, "b1", BatchStatus.CANCELLED, "for a test")
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE attempts SET cost_usd = NULL")
    installation.run("collect_batch", "b1")
    assert "cost_usd" not in metadata(installation, "llm_judgements")
    assert "cost_usd" not in metadata(installation, "batch_results")
    assert metadata(installation, "llm_judgements")["n_unpriced"].value == ledger.tally("b1").n_succeeded
