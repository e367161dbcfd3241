"""Table contracts: public names in a public order, every column described, and no value bent to fit."""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from huleedu_pipeline.lake import Column, ColumnType, ContractError, Table
from huleedu_pipeline.lake.tables import (
    BATCH_STATUS,
    CJ_RANKINGS,
    COMPARISON_PAIRS,
    ESSAYS,
    GRADE_PROJECTIONS,
    JUDGE_REQUESTS,
    LLM_JUDGEMENTS,
    PROVIDER_JOBS,
    TABLES,
)
from tests.lake.kit import VALUES, a_row, value_of

COLUMNS = {
    "essays": "batch_id, essay_id, is_anchor, anchor_grade, file_name, text, text_sha256, n_words, language, "
    "detected_language, original_sha256",
    "redactions": "batch_id, essay_id, start, end, original, replacement",
    "injection_flags": "batch_id, essay_id, start, end, rule, paragraph",
    "student_matches": "batch_id, essay_id, student_id, method, confidence, status, evidence, file_name",
    "spellchecked_essays": "batch_id, essay_id, status, judge_text, text_corrected, text_sha256, word_count, "
    "total_corrections, l2_dictionary_corrections, spellchecker_corrections, correction_density",
    "spell_corrections": "batch_id, essay_id, start, end, original, suggestion, rule, is_applied, candidates",
    "comparison_pairs": "batch_id, pair_id, wave, replicate, essay_a_id, essay_b_id, pair_generation_mode",
    "judge_requests": "batch_id, custom_id, pair_id, judge_id, provider, model, prompt_sha256, provider_job_id, "
    "prompt_template, prompt_template_sha256",
    "provider_jobs": "batch_id, provider, model, provider_job_id, status, n_requests, n_succeeded, n_failed, n_expired, "
    "created_at, submitted_at, ended_at, collected_at, cost_usd, estimated_cost_usd, correlation_id",
    "llm_judgements": "batch_id, custom_id, pair_id, essay_a_id, essay_b_id, wave, replicate, outcome, winner_essay_id, "
    "justification, confidence, error_code, error_message, judge_id, provider, model, prompt_sha256, input_tokens, "
    "cached_input_tokens, output_tokens, cost_usd, requested_at, completed_at, p_a, is_contradictory, n_attempts, "
    "service_tier, cache_write_5m_tokens, cache_write_30m_tokens, cache_write_1h_tokens, cache_write_12h_tokens, "
    "reasoning_tokens",
    "wave_decisions": "batch_id, wave, decision, reason, n_more, n_essays, n_requests, n_outcomes, n_succeeded, n_pairs_asked, "
    "n_pairs_judged, n_resampling_passes, is_connected, max_score_change, mean_se, reliability, n_affordable, success_rate, "
    "coverage_fraction, budget_remaining, max_comparisons, waves, is_single_wave, min_comparisons_for_stability_check, "
    "score_stability_threshold, target_mean_se, target_reliability, min_success_rate, min_resampling_net_size, "
    "max_resampling_passes_for_small_net, max_resampling_passes_for_regular_batch",
    "cj_rankings": "batch_id, essay_id, is_anchor, theta, theta_se, rank, overall_rank, n_comparisons, n_wins, infit, outfit, "
    "theta_low, theta_high, flags, is_provisional, file_name",
    "scaling_summary": "batch_id, n_essays, n_comparisons, n_components, n_one_sided, prior_sd, position_effect, "
    "position_effect_se, position_effect_p, length_effect, length_effect_se, length_effect_p, "
    "marginal_reliability, marginal_reliability_of_noise, separation_reliability, separation_g_reliability, "
    "strata, split_half_reliability, split_half_by, mean_theta_se, n_misfit, pair_heterogeneity_p, "
    "circular_share, log_likelihood, gradient_norm, seconds, is_simulated",
    "judge_diagnostics": "batch_id, judge_id, provider, model, n_judgements, discrimination, infit, "
    "infit_low, infit_high, outfit, "
    "first_share, first_share_p, n_both_orders, both_orders_agreement, n_repeats, repeat_agreement, "
    "n_contradictory, is_simulated",
    "grade_projections": "batch_id, essay_id, grade_scale, grade, grade_probability, confidence_label, grade_probabilities, "
    "split_grade, is_provisional, file_name",
    "grade_boundaries": "batch_id, grade_scale, lower_grade, upper_grade, theta, theta_se, n_anchors_lower, n_anchors_upper",
    "anchor_diagnostics": "batch_id, essay_id, grade, theta, theta_se, projected_grade, grade_probability, "
    "leave_one_out_grade, "
    "leave_one_out_probability, ladder_residual, ladder_z, detectable, n_inversions, n_contradictions, "
    "displacement_z, drift_z, infit, outfit, flags, file_name",
    "grading_summary": "batch_id, grade_scale, is_available, unavailable_because, n_anchors, n_own_grade, "
    "n_own_grade_left_out, "
    "n_flagged_anchors, rise_per_grade, contradicted_regions, expected_accuracy, expected_consistency, "
    "monte_carlo_error, compared_with, n_common_anchors, link_slope, link_slope_p",
    "batch_status": "batch_id, status, current_phase, llm_batching_mode, n_essays, n_anchors, n_requests, n_succeeded, "
    "n_failed, n_expired, cost_usd, created_at, updated_at, completed_at, status_reason, client_status, "
    "processing_metadata, correlation_id",
}
NULLABLE = {
    "essays": {"anchor_grade", "detected_language", "original_sha256"},
    "redactions": set[str](),
    "injection_flags": set[str](),
    "student_matches": {"student_id"},
    "spellchecked_essays": {
        "text_corrected",
        "total_corrections",
        "l2_dictionary_corrections",
        "spellchecker_corrections",
        "correction_density",
    },
    "spell_corrections": set[str](),
    "comparison_pairs": set[str](),
    "judge_requests": {"provider_job_id", "prompt_template", "prompt_template_sha256"},
    "provider_jobs": {"submitted_at", "ended_at", "collected_at", "cost_usd", "estimated_cost_usd"},
    "llm_judgements": {
        *("winner_essay_id", "justification", "confidence", "error_code", "error_message", "cost_usd"),
        *("p_a", "is_contradictory", "service_tier"),
    },
    "wave_decisions": {
        "max_score_change",
        "mean_se",
        "reliability",
        "n_affordable",
        "success_rate",
        "target_mean_se",
        "target_reliability",
    },
    "cj_rankings": {"rank", "infit", "outfit", "theta_se", "theta_low", "theta_high"},
    "scaling_summary": {
        "length_effect",
        "length_effect_se",
        "length_effect_p",
        "separation_reliability",
        "separation_g_reliability",
        "strata",
        "split_half_reliability",
        "circular_share",
    },
    "judge_diagnostics": {"discrimination", "first_share_p", "both_orders_agreement", "repeat_agreement"},
    "grade_projections": set[str](),
    "grade_boundaries": set[str](),
    "anchor_diagnostics": {
        "projected_grade",
        "grade_probability",
        "leave_one_out_grade",
        "leave_one_out_probability",
        "ladder_residual",
        "ladder_z",
        "detectable",
        "displacement_z",
        "drift_z",
        "infit",
        "outfit",
    },
    "grading_summary": {
        "grade_scale",
        "unavailable_because",
        "rise_per_grade",
        "expected_accuracy",
        "expected_consistency",
        "monte_carlo_error",
        "compared_with",
        "n_common_anchors",
        "link_slope",
        "link_slope_p",
    },
    "batch_status": {"current_phase", "cost_usd", "completed_at", "status_reason"},
}
KEYS = {
    "essays": ("batch_id", "essay_id"),
    "redactions": ("batch_id", "essay_id", "start"),
    "injection_flags": ("batch_id", "essay_id", "start", "rule"),
    "student_matches": ("batch_id", "essay_id"),
    "spellchecked_essays": ("batch_id", "essay_id"),
    "spell_corrections": ("batch_id", "essay_id", "start"),
    "comparison_pairs": ("batch_id", "pair_id"),
    "judge_requests": ("batch_id", "custom_id"),
    "provider_jobs": ("batch_id", "provider_job_id"),
    "llm_judgements": ("batch_id", "custom_id"),
    "wave_decisions": ("batch_id", "wave"),
    "cj_rankings": ("batch_id", "essay_id"),
    "scaling_summary": ("batch_id",),
    "judge_diagnostics": ("batch_id", "judge_id"),
    "grade_projections": ("batch_id", "essay_id"),
    "grade_boundaries": ("batch_id", "lower_grade"),
    "anchor_diagnostics": ("batch_id", "essay_id"),
    "grading_summary": ("batch_id",),
    "batch_status": ("batch_id",),
}
each_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)


def refusal(table: Table, *rows: dict[str, Any]) -> str:
    with pytest.raises(ContractError) as refused:
        table.from_rows(rows)
    return str(refused.value)


def test_the_tables_are_the_public_ones() -> None:
    assert [table.name for table in TABLES] == list(COLUMNS)


@each_table
def test_names_and_order_of_columns_are_a_public_contract(table: Table) -> None:
    assert [column.name for column in table.columns] == COLUMNS[table.name].split(", ")
    assert table.arrow_schema.names == COLUMNS[table.name].split(", ")


@each_table
def test_only_what_may_be_unknown_may_be_null(table: Table) -> None:
    assert {column.name for column in table.columns if column.is_nullable} == NULLABLE[table.name]
    assert {field.name for field in table.arrow_schema if field.nullable} == NULLABLE[table.name]
    assert table.key == KEYS[table.name]
    assert not set(table.key) & NULLABLE[table.name]


@each_table
def test_every_table_and_column_is_described(table: Table) -> None:
    assert table.description.endswith(".")
    for column in table.columns:
        assert column.description.endswith("."), column.name
    assert len({column.name for column in table.columns}) == len(table.columns)


def test_a_column_of_one_name_is_one_thing_in_all_tables() -> None:
    # status and cost_usd tell of different things in different tables, and say so; a name never changes its type.
    types: dict[str, ColumnType] = {}
    for table in TABLES:
        for column in table.columns:
            assert types.setdefault(column.name, column.type) is column.type, column.name


def test_a_unit_is_part_of_what_the_database_shows() -> None:
    assert Column("x", ColumnType.FLOAT, "A place.", unit="logits").comment == "A place. Unit: logits."
    assert Column("x", ColumnType.FLOAT, "A place.").comment == "A place."
    units = {column.name: column.unit for table in TABLES for column in table.columns if column.unit}
    assert units == {
        "n_words": "words",
        "word_count": "words",
        **dict.fromkeys(("start", "end"), "characters"),
        "correction_density": "per 100 words",
        "input_tokens": "tokens",
        "cached_input_tokens": "tokens",
        "output_tokens": "tokens",
        **{f"cache_write_{kept}_tokens": "tokens" for kept in ("5m", "30m", "1h", "12h")},
        "reasoning_tokens": "tokens",
        "cost_usd": "USD",
        "estimated_cost_usd": "USD",
        "p_a": "probability",
        **dict.fromkeys(("max_score_change", "mean_se", "score_stability_threshold", "target_mean_se"), "logits"),
        **dict.fromkeys(("theta", "theta_se", "theta_low", "theta_high", "mean_theta_se", "prior_sd"), "logits"),
        **dict.fromkeys(("position_effect", "position_effect_se", "length_effect", "length_effect_se"), "logits"),
        **dict.fromkeys(("ladder_residual", "detectable", "rise_per_grade"), "logits"),
        **dict.fromkeys(("position_effect_p", "length_effect_p", "pair_heterogeneity_p"), "probability"),
        **dict.fromkeys(("first_share", "first_share_p", "grade_probability", "leave_one_out_probability"), "probability"),
        **dict.fromkeys(("expected_accuracy", "expected_consistency", "link_slope_p"), "probability"),
        "seconds": "seconds",
    }


@each_table
def test_a_row_with_a_value_in_every_column_keeps_the_contract(table: Table) -> None:
    data = table.from_rows([a_row(table)])
    assert data.schema == table.arrow_schema
    assert table.violations(data) == []


@each_table
def test_no_rows_keep_the_contract_too(table: Table) -> None:
    assert table.violations(table.from_rows([])) == []


@each_table
def test_a_row_with_a_column_too_few_or_too_many_is_refused_by_name(table: Table) -> None:
    row = a_row(table)
    dropped = table.columns[-1].name
    less = {name: value for name, value in row.items() if name != dropped}
    assert refusal(table, row, less) == f"table {table.name}: column '{dropped}' is missing"
    assert refusal(table, row | {"extra": 1}) == f"table {table.name}: column 'extra' is not in the contract"
    assert refusal(table, less | {"extra": 1}) == (
        f"table {table.name}: column '{dropped}' is missing, column 'extra' is not in the contract"
    )


WRONG: dict[ColumnType, list[Any]] = {
    ColumnType.STRING: [3, 0.5, True, b"bytes", ["x"], "\ud800"],
    ColumnType.INTEGER: ["3", 1.5, 2.0, True, 2**63, float("nan")],
    ColumnType.FLOAT: ["0.5", True, [0.5]],
    ColumnType.BOOLEAN: ["true", 1, 0.0],
    ColumnType.TIMESTAMP: ["2026-11-20", 1_800_000_000, date(2026, 11, 20), datetime(2026, 11, 20)],  # noqa: DTZ001
    ColumnType.PROBABILITIES: ["A", [("A", 1.0)], {1: 0.5}, {"A": "much"}],
    ColumnType.LABELS: ["misfit", ("misfit",), [1], {"misfit": True}],
}


@pytest.mark.parametrize(("table", "column"), [(table, column) for table in TABLES for column in table.columns])
def test_a_value_of_another_type_is_refused_by_column_and_never_bent_to_fit(table: Table, column: Column) -> None:
    for value in WRONG[column.type]:
        message = refusal(table, a_row(table), a_row(table, **{column.name: value}))
        assert message.startswith(f"table {table.name}: column '{column.name}'"), value


def test_instants_are_kept_whatever_their_zone() -> None:
    instant = datetime.fromisoformat("2026-11-20T09:30:00+01:00")
    data = BATCH_STATUS.from_rows([a_row(BATCH_STATUS, created_at=instant)])
    assert data.column("created_at").to_pylist() == [datetime(2026, 11, 20, 8, 30, tzinfo=UTC)]


def test_whole_numbers_are_fine_where_any_number_is() -> None:
    data = CJ_RANKINGS.from_rows([a_row(CJ_RANKINGS, theta=2, theta_se=np.float64(0.5))])
    assert data.column("theta").to_pylist() == [2.0]
    assert data.column("theta_se").to_pylist() == [0.5]


def test_columns_in_another_order_are_named() -> None:
    data = ESSAYS.from_rows([a_row(ESSAYS)])
    shuffled = data.select(["batch_id", "is_anchor", "essay_id", *data.column_names[3:]])
    assert ESSAYS.violations(shuffled) == ["table essays: column 'is_anchor' stands where 'essay_id' belongs"]


def test_a_column_that_is_there_twice_is_named() -> None:
    data = ESSAYS.from_rows([a_row(ESSAYS)])
    assert ESSAYS.violations(data.append_column("text", data.column("text"))) == [
        "table essays: column 'text' is there 2 times"
    ]


def test_a_column_of_another_type_is_named_with_both_types() -> None:
    data = JUDGE_REQUESTS.from_rows([a_row(JUDGE_REQUESTS)])
    changed = data.set_column(2, "pair_id", pa.array([1], pa.int32()))
    assert JUDGE_REQUESTS.violations(changed) == ["table judge_requests: column 'pair_id' is int32, not string"]


@pytest.mark.parametrize("table", [COMPARISON_PAIRS, GRADE_PROJECTIONS, LLM_JUDGEMENTS, PROVIDER_JOBS])
def test_a_null_where_none_may_be_is_named(table: Table) -> None:
    for column in table.columns:
        rows = [a_row(table), a_row(table, **{table.key[-1]: "another"}), a_row(table, **{table.key[-1]: "third"})]
        rows[1][column.name] = rows[2][column.name] = None
        violations = [line for line in table.violations(table.from_rows(rows)) if "the key" not in line]
        expected = f"table {table.name}: column '{column.name}' has 2 nulls and may have none"
        assert violations == ([] if column.is_nullable else [expected])


@each_table
def test_a_key_that_is_there_twice_is_named(table: Table) -> None:
    assert table.violations(table.from_rows([a_row(table), a_row(table)])) == [
        f"table {table.name}: the key ({', '.join(table.key)}) is not unique"
    ]


def test_every_type_has_a_value_in_these_tests() -> None:
    assert VALUES.keys() == WRONG.keys() == set(ColumnType)
    assert value_of(ESSAYS.columns[2]) is True
