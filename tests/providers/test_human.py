"""Judgements by people in the ledger: recorded once whatever is imported how often, and never changed."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from huleedu_pipeline.canonical import sha256_hex
from huleedu_pipeline.comparisons import ComparisonPair
from huleedu_pipeline.essays import Batch, IntakeError, read_batch
from huleedu_pipeline.essays.judgements import JudgementColumns, read_judgements
from huleedu_pipeline.judging.requests import custom_id
from huleedu_pipeline.ledger import BatchStatus, BusyError, Ledger, RequestRecord, StaleStateError
from huleedu_pipeline.ledger.attempts import end
from huleedu_pipeline.providers import backend
from huleedu_pipeline.providers.advance import advance_batch
from huleedu_pipeline.providers.human import (
    Imported,
    NoJudgementsError,
    NotHumanError,
    ensure_human,
    imported_requests,
    judged_pairs,
    record_judgements,
)
from huleedu_pipeline.providers.payloads import fragment
from huleedu_pipeline.providers.planning import register
from huleedu_pipeline.settings import Settings
from tests.human_kit import human_batch, judged, write_judgements
from tests.kit import PUPILS, write_batch

COLUMNS = JudgementColumns("left", "right", "better", "teacher", "why")
ROWS = [
    ("anna", "bertil", "anna", "Ada", "It is clearer."),
    ("anna", "bertil", "tie", "Bo", ""),
    ("bertil", "cilla", "2", "Ada", ""),
    ("anna", "bertil", "bertil", "Ada", "On second thoughts."),
]
Row = tuple[str, str, str, str, str]


@pytest.fixture
def batch(tmp_path: Path, ledger: Ledger, settings: Settings) -> Batch:
    made = read_batch(human_batch(tmp_path / "b1"))
    register(ledger, settings, made)
    return made


def bring_in(folder: Path, ledger: Ledger, batch: Batch, rows: Sequence[Row]) -> Imported:
    source = write_judgements(folder / "judged.csv", rows)
    return record_judgements(ledger, batch, read_judgements(source, batch, COLUMNS), source.name)


def recorded(ledger: Ledger) -> list[tuple[Any, ...]]:
    return [
        (o.request.position, o.request.essay_a_id, o.request.essay_b_id, o.request.judge_id, o.request.replicate, o.winner)
        for o in ledger.outcomes("b1")
    ]


def test_each_judgement_is_a_request_with_its_answer(tmp_path: Path, ledger: Ledger, batch: Batch) -> None:
    assert bring_in(tmp_path, ledger, batch, ROWS) == Imported(4, 0)
    assert recorded(ledger) == [
        (0, "anna", "bertil", "human:Ada", 1, "Essay A"),
        (1, "anna", "bertil", "human:Bo", 2, None),
        (2, "bertil", "cilla", "human:Ada", 1, "Essay B"),
        (3, "anna", "bertil", "human:Ada", 3, "Essay B"),
    ]
    requests = ledger.requests("b1")
    assert len({request.pair_id for request in requests}) == 4
    for request in requests:
        pair = ComparisonPair("b1", request.essay_a_id, request.essay_b_id, replicate=request.replicate)
        assert request.pair_id == pair.pair_id
        assert request.custom_id == custom_id("b1", pair.pair_id, request.judge_id)
        assert (request.provider, request.model, request.wave) == ("human", "human", 1)
    first, tie = ledger.outcomes("b1")[:2]
    assert (first.outcome, first.p_a, first.confidence, first.justification) == ("success", None, None, "It is clearer.")
    assert (tie.outcome, tie.p_a, tie.justification, tie.winner_essay_id) == ("success", 0.5, None, None)
    assert (first.cost_usd, first.input_tokens, first.output_tokens, first.n_attempts, first.model) == (0.0, 0, 0, 1, "human")
    tally = ledger.tally("b1")
    assert (tally.is_complete, tally.n_attempts, tally.cost_usd) == (True, 4, 0.0)


def test_what_was_compared_and_what_was_received_is_kept(tmp_path: Path, ledger: Ledger, batch: Batch) -> None:
    bring_in(tmp_path, ledger, batch, ROWS)
    request: RequestRecord = ledger.requests("b1")[0]
    body = ledger.body(request.custom_id)
    assert body == fragment(PUPILS["anna"]).decode() + fragment(PUPILS["bertil"]).decode()
    assert (request.prompt_sha256, request.n_bytes) == (sha256_hex(body), len(body.encode()))
    (frame,) = ledger.frames("b1").values()
    assert (frame.provider, frame.path, frame.head, frame.middle, frame.tail) == ("human", "", "", "", "")
    with ledger.engine.connect() as connection:
        rows = connection.exec_driver_sql("SELECT body FROM replies ORDER BY reply_id").scalars().all()
    assert [tuple(json.loads(row)[name] for name in ("left", "right", "better", "teacher", "why")) for row in rows] == ROWS


def test_the_same_file_again_changes_nothing_and_a_longer_one_adds_what_is_new(
    tmp_path: Path, ledger: Ledger, batch: Batch
) -> None:
    bring_in(tmp_path, ledger, batch, ROWS)
    before = ledger.outcomes("b1")
    assert bring_in(tmp_path, ledger, batch, ROWS) == Imported(0, 4)
    assert ledger.outcomes("b1") == before
    more: list[Row] = [("david", "elin", "1", "Bo", ""), *ROWS, ("anna", "bertil", "1", "Bo", "")]
    assert bring_in(tmp_path, ledger, batch, more) == Imported(2, 4)
    assert ledger.outcomes("b1")[:4] == before
    assert recorded(ledger)[4:] == [
        (4, "david", "elin", "human:Bo", 1, "Essay A"),
        (5, "anna", "bertil", "human:Bo", 4, "Essay A"),
    ]
    assert bring_in(tmp_path, ledger, batch, more) == Imported(0, 6)


def test_another_judges_file_is_added_to_the_first(tmp_path: Path, ledger: Ledger, batch: Batch) -> None:
    rows = judged()
    assert bring_in(tmp_path, ledger, batch, [row for row in rows if row[3] == "Bo"]) == Imported(28, 0)
    assert bring_in(tmp_path, ledger, batch, [row for row in rows if row[3] == "Ada"]) == Imported(28, 0)
    assert bring_in(tmp_path, ledger, batch, rows) == Imported(0, 56)
    assert len({request.custom_id for request in ledger.requests("b1")}) == 56


def test_a_recorded_judgement_is_not_changed_and_nothing_else_of_the_file_is_taken(
    tmp_path: Path, ledger: Ledger, batch: Batch
) -> None:
    bring_in(tmp_path, ledger, batch, ROWS)
    before = ledger.outcomes("b1")
    changed: list[Row] = [("anna", "bertil", "tie", "Ada", "It is clearer."), *ROWS[1:], ("david", "elin", "1", "Bo", "")]
    with pytest.raises(IntakeError, match="judged.csv: line 2: was imported before with another winner or justification"):
        bring_in(tmp_path, ledger, batch, changed)
    assert ledger.outcomes("b1") == before


def test_an_import_that_dies_leaves_nothing_and_is_made_good_by_the_next(
    tmp_path: Path, ledger: Ledger, batch: Batch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*arguments: Any) -> tuple[int, int]:
        end(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("huleedu_pipeline.ledger.questions.end", die)
        with pytest.raises(KeyboardInterrupt):
            bring_in(tmp_path, ledger, batch, ROWS)
    assert ledger.requests("b1") == []
    assert bring_in(tmp_path, ledger, batch, ROWS) == Imported(4, 0)


@pytest.mark.parametrize("n_moves", [2, 3])
def test_a_batch_that_is_being_scored_or_is_completed_takes_no_more(
    tmp_path: Path, ledger: Ledger, batch: Batch, n_moves: int
) -> None:
    bring_in(tmp_path, ledger, batch, ROWS)
    status = list(BatchStatus)
    ledger.move_batch("b1", status[1])
    assert bring_in(tmp_path, ledger, batch, ROWS[:1]) == Imported(0, 1)
    for to in status[2 : n_moves + 1]:
        ledger.move_batch("b1", to)
    for rows in (ROWS, [*ROWS, ("david", "elin", "1", "Bo", "")]):
        with pytest.raises(StaleStateError, match=f"batch b1: is {status[n_moves]}, and takes no more judgements"):
            bring_in(tmp_path, ledger, batch, rows)
    assert len(ledger.requests("b1")) == 4


def test_two_processes_do_not_import_at_once(tmp_path: Path, ledger: Ledger, batch: Batch) -> None:
    with ledger.lease("batch b1"), pytest.raises(BusyError):
        bring_in(tmp_path, ledger, batch, ROWS)
    assert ledger.requests("b1") == []


def test_pairs_are_read_back_as_they_were_judged(tmp_path: Path, ledger: Ledger, batch: Batch) -> None:
    bring_in(tmp_path, ledger, batch, ROWS)
    pairs = judged_pairs(ledger, "b1")
    assert [pair.pair_id for pair in pairs] == [request.pair_id for request in ledger.requests("b1")]
    assert [pair.pair_generation_mode for pair in pairs] == ["coverage", "resampling", "coverage", "resampling"]


def test_without_judgements_the_error_says_how_to_import_them(ledger: Ledger, batch: Batch) -> None:
    message = r"batch b1: its judge is human and no judgement has been imported \(huleedu judgements import"
    with pytest.raises(NoJudgementsError, match=message):
        imported_requests(ledger, "b1")


def test_a_batch_that_a_model_judges_takes_no_judgements(tmp_path: Path) -> None:
    with pytest.raises(NotHumanError, match="batch b2: its judge is openai, and only one that people judge"):
        ensure_human(read_batch(write_batch(tmp_path / "b2")))


def test_the_backend_may_change_under_a_batch_that_people_judge_and_no_provider_is_opened(
    tmp_path: Path, ledger: Ledger, batch: Batch, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: Any) -> None:
        raise AssertionError("a provider was opened")

    monkeypatch.setattr(backend, "endpoint", refuse)
    bring_in(tmp_path, ledger, batch, ROWS)
    assert ledger.batch("b1").judge_backend == "human"
    other = settings.model_copy(update={"judge_backend": "provider"})
    before = ledger.batch("b1").content_sha256
    assert register(ledger, other, batch).content_sha256 == before
    for each in (settings, other):
        advance = advance_batch(ledger, each, "b1")
        assert (advance.jobs, advance.tally.n_succeeded, advance.waits_for) == ((), 4, None)
