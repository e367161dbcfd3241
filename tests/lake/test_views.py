"""The views answer the questions that are asked most, on a small batch made by hand."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest

from huleedu_pipeline.lake import Lake, Warehouse, open_warehouse, publish
from huleedu_pipeline.lake.tables import CJ_RANKINGS, ESSAYS, GRADE_PROJECTIONS, LLM_JUDGEMENTS, STUDENT_MATCHES
from tests.lake.kit import a_row

REAL, EMULATED = "gpt-6-luna", "emulated-gpt-6-luna"


def essay(batch_id: str, essay_id: str, grade: str | None = None) -> dict[str, Any]:
    return a_row(
        ESSAYS, batch_id, essay_id=essay_id, file_name=f"{essay_id}.txt", is_anchor=grade is not None, anchor_grade=grade
    )


def ranking(batch_id: str, essay_id: str, theta: float, overall: int, rank: int | None) -> dict[str, Any]:
    return a_row(
        CJ_RANKINGS,
        batch_id,
        essay_id=essay_id,
        is_anchor=rank is None,
        theta=theta,
        theta_se=0.5,
        theta_low=theta - 1.0,
        theta_high=theta + 0.9,
        rank=rank,
        overall_rank=overall,
        n_comparisons=4,
        n_wins=2,
    )


def judgement(batch_id: str, number: int, first: str, second: str, winner: str | None, **values: Any) -> dict[str, Any]:
    is_success = winner is not None
    return a_row(
        LLM_JUDGEMENTS,
        batch_id,
        **{
            "custom_id": f"{batch_id}-{number}",
            "pair_id": f"p{number}",
            "essay_a_id": first,
            "essay_b_id": second,
            "wave": 1,
            "replicate": 1,
            "outcome": "success" if is_success else "failure",
            "winner_essay_id": winner,
            "justification": f"Reason {number}." if is_success else None,
            "confidence": 3.5 if is_success else None,
            "error_code": None if is_success else "refusal",
            "error_message": None if is_success else "It refused.",
            "provider": "openai",
            "model": EMULATED,
            "input_tokens": 1000 * number,
            "cached_input_tokens": 100,
            "output_tokens": 10,
            "cost_usd": 0.001 * number,
            "completed_at": datetime(2026, 11, 20, 12, 0, 10 - number, tzinfo=UTC),
            **values,
        },
    )


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    tmp_path = tmp_path_factory.mktemp("views")
    lake = Lake(tmp_path / "lake")
    lake.write_rows(ESSAYS, "graded", [essay("graded", "anna"), essay("graded", "bo"), essay("graded", "x", "B")])
    lake.write_rows(
        CJ_RANKINGS,
        "graded",
        [ranking("graded", "anna", -1.0, 3, 2), ranking("graded", "bo", 1.25, 1, 1), ranking("graded", "x", -0.25, 2, None)],
    )
    lake.write_rows(
        GRADE_PROJECTIONS,
        "graded",
        [
            a_row(GRADE_PROJECTIONS, "graded", essay_id=name, grade=grade, grade_probability=p, confidence_label=label)
            for name, grade, p, label in (("anna", "C", 0.45, "MID"), ("bo", "A", 0.75, "HIGH"), ("x", "B", 0.3, "LOW"))
        ],
    )
    lake.write_rows(
        LLM_JUDGEMENTS,
        "graded",
        [
            judgement("graded", 1, "bo", "anna", "bo"),
            judgement("graded", 2, "anna", "x", "x"),
            judgement("graded", 3, "x", "bo", None),
        ],
    )
    lake.write_rows(
        STUDENT_MATCHES,
        "graded",
        [
            a_row(STUDENT_MATCHES, "graded", essay_id="anna", student_id="s2", status="confirmed"),
            a_row(STUDENT_MATCHES, "graded", essay_id="bo", student_id="s1", status="review"),
        ],
    )
    # A second batch, not graded, judged by real models, one of which has no known price.
    lake.write_rows(ESSAYS, "plain", [essay("plain", "anna"), essay("plain", "cilla")])
    lake.write_rows(CJ_RANKINGS, "plain", [ranking("plain", "anna", 0.5, 1, 1), ranking("plain", "cilla", -0.5, 2, 2)])
    lake.write_rows(GRADE_PROJECTIONS, "plain", [])
    lake.write_rows(
        LLM_JUDGEMENTS,
        "plain",
        [
            judgement("plain", 1, "anna", "cilla", "anna", model=REAL),
            judgement("plain", 2, "cilla", "anna", "anna", model=REAL),
            judgement("plain", 3, "anna", "cilla", "cilla", model="gpt-new", cost_usd=None),
            judgement("plain", 4, "cilla", "anna", "anna", model="gpt-new"),
            judgement("plain", 5, "cilla", "anna", None, model="claude-x", provider="anthropic", cost_usd=0.0),
        ],
    )
    publish(lake, tmp_path / "warehouse.duckdb")
    with open_warehouse(tmp_path / "warehouse.duckdb") as opened:
        yield opened


def lines(frame: pd.DataFrame, *columns: str) -> list[list[Any]]:
    """Return some columns of a frame as lists, with ``None`` for what is null."""
    return frame[list(columns)].astype(object).where(frame[list(columns)].notna(), None).values.tolist()


def test_results_by_pupil_wait_for_matches_that_are_settled(warehouse: Warehouse) -> None:
    (row,) = warehouse.frame("results_by_pupil", "graded").to_dict("records")
    assert (row["student_id"], row["file_name"], row["rank"], row["grade"]) == ("s2", "anna.txt", 2, "C")
    assert (row["match_status"], bool(row["is_simulated"])) == ("confirmed", True)
    assert warehouse.frame("results_by_pupil", "plain").empty


def test_current_rankings_run_from_the_best_with_names_and_grades(warehouse: Warehouse) -> None:
    frame = warehouse.frame("current_rankings", "graded")
    assert list(frame.columns) == [
        *("batch_id", "rank", "overall_rank", "essay_id", "file_name", "is_anchor", "anchor_grade"),
        *("theta", "theta_se", "theta_low", "theta_high"),
        *("grade", "grade_probability", "confidence_label", "grade_scale"),
        *("n_comparisons", "n_wins", "models", "is_simulated", "split_grade", "flags", "is_provisional"),
        "injection_rules",
    ]
    assert lines(frame, "overall_rank", "rank", "file_name", "is_anchor", "anchor_grade", "theta") == [
        [1, 1, "bo.txt", False, None, 1.25],
        [2, None, "x.txt", True, "B", -0.25],
        [3, 2, "anna.txt", False, None, -1.0],
    ]
    assert lines(frame, "grade", "grade_probability", "confidence_label") == [
        ["A", 0.75, "HIGH"],
        ["B", 0.3, "LOW"],
        ["C", 0.45, "MID"],
    ]
    assert frame["theta_low"].tolist() == [0.25, -1.25, -2.0]
    assert frame["theta_high"].tolist() == pytest.approx([2.15, 0.65, -0.1])


def test_a_ranking_says_whose_verdicts_it_rests_on(warehouse: Warehouse) -> None:
    graded, plain = (warehouse.frame("current_rankings", batch_id) for batch_id in ("graded", "plain"))
    assert lines(graded, "models", "is_simulated") == [[EMULATED, True]] * 3
    # The model that gave no verdict is not among them.
    assert lines(plain, "models", "is_simulated") == [["gpt-6-luna, gpt-new", False]] * 2


def test_a_batch_without_grades_is_ranked_all_the_same(warehouse: Warehouse) -> None:
    frame = warehouse.frame("current_rankings", "plain")
    assert lines(frame, "overall_rank", "file_name", "grade", "grade_probability", "confidence_label") == [
        [1, "anna.txt", None, None, None],
        [2, "cilla.txt", None, None, None],
    ]


def test_batches_stand_one_after_the_other(warehouse: Warehouse) -> None:
    frame = warehouse.frame("current_rankings")
    assert lines(frame, "batch_id", "overall_rank") == [
        *(["graded", n] for n in (1, 2, 3)),
        *(["plain", n] for n in (1, 2)),
    ]


def test_the_judgement_log_has_a_line_for_each_verdict_and_none_for_a_failure(warehouse: Warehouse) -> None:
    frame = warehouse.frame("judgement_log", "graded")
    assert lines(frame, "file_a", "file_b", "winner_file", "confidence", "justification", "is_simulated", "custom_id") == [
        ["anna.txt", "x.txt", "x.txt", 3.5, "Reason 2.", True, "graded-2"],
        ["bo.txt", "anna.txt", "bo.txt", 3.5, "Reason 1.", True, "graded-1"],
    ]
    assert frame["completed_at"].is_monotonic_increasing


def test_the_judgement_log_names_essays_of_its_own_batch(warehouse: Warehouse) -> None:
    # Both batches have an essay anna; a log that joined by id alone would count her verdicts twice.
    assert len(warehouse.frame("judgement_log")) == 2 + 4
    assert lines(warehouse.frame("judgement_log", "plain"), "winner_file", "is_simulated") == [
        ["anna.txt", False],
        ["cilla.txt", False],
        ["anna.txt", False],
        ["anna.txt", False],
    ]


def test_costs_are_summed_by_model_and_unknown_where_one_price_is(warehouse: Warehouse) -> None:
    frame = warehouse.frame("cost_by_batch")
    columns = ("batch_id", "provider", "model", "is_simulated", "n_requests", "n_succeeded")
    assert lines(frame, *columns) == [
        ["graded", "openai", EMULATED, True, 3, 2],
        ["plain", "anthropic", "claude-x", False, 1, 0],
        ["plain", "openai", REAL, False, 2, 2],
        ["plain", "openai", "gpt-new", False, 2, 2],
    ]
    assert lines(frame, "input_tokens", "cached_input_tokens", "output_tokens") == [
        [6000, 300, 30],
        [5000, 100, 10],
        [3000, 200, 20],
        [7000, 200, 20],
    ]
    costs = lines(frame, "cost_usd")
    assert [cost for (cost,) in costs] == [pytest.approx(0.006), 0.0, pytest.approx(0.003), None]
