"""Migrations: a ledger of an older version keeps every request, outcome and reply, and what was paid for, on both engines."""

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from huleedu_pipeline.ledger import Ledger
from huleedu_pipeline.ledger.database import DamagedLedgerError
from tests.metrics.kit import Scrape, drift

MIGRATIONS = Path(__file__).parents[2] / "huleedu_pipeline" / "ledger" / "migrations"
AT = "2026-11-20T09:00:00.000000+00:00"
LATER = "2026-11-20T11:30:00.000000+00:00"
DATES = f"'{AT}', '{AT}', NULL, NULL, '{AT}', '{LATER}', '{LATER}'"
JOB = f"'hj_1', 'b1', 'openai', 'm', 'collected', 'batch_1', NULL, 'completed', NULL, 2, {DATES}"


def old_ledger(url: str) -> None:
    """Make a ledger of the first version: three requests, of which one has a verdict, one failed and one is open."""
    engine = sa.create_engine(url)
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.exec_driver_sql("CREATE SCHEMA ledger")
            connection.exec_driver_sql("SET LOCAL search_path = ledger")
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        batch = f"'b1', 'awaiting_judgements', 'provider_batch_api', 'emulator', 'c', '{{}}', 2, 0, '{AT}', '{AT}', NULL, NULL"
        connection.exec_driver_sql(f"INSERT INTO batches VALUES ({batch})")
        connection.exec_driver_sql(f"INSERT INTO provider_jobs VALUES ({JOB})")
        for n, sent in ((1, f"'hj_1', '{AT}'"), (2, f"'hj_1', '{AT}'"), (3, "NULL, NULL")):
            pair = f"'p{n}', 'one', 'two', 1, 1, 'j', 'openai', 'm', '{n:064}'"
            connection.exec_driver_sql(f"INSERT INTO requests VALUES ('r{n}', 'b1', {n}, {pair}, '{{\"å\":{n}}}', {sent})")
        good = f"'r1', 'success', 'two', 'It is clearer.', 4.0, NULL, NULL, 'served', 100, 20, 10, 0.5, '{AT}', '{AT}'"
        bad = f"'r2', 'failure', NULL, NULL, NULL, 'refusal', 'no', 'served', 90, 0, 5, NULL, '{AT}', '{AT}'"
        for outcome in (good, bad):
            connection.exec_driver_sql(f"INSERT INTO outcomes VALUES ({outcome})")
        event = f"1, 'hj_1', '{LATER}', 'submitted', 'ended', NULL"
        connection.exec_driver_sql(f"INSERT INTO provider_job_events VALUES ({event})")
        connection.exec_driver_sql(f"INSERT INTO replies VALUES (1, 'r1', 'hj_1', '{AT}', 'received')")
    engine.dispose()


@pytest.mark.parametrize("engine", ["sqlite", "postgres"])
def test_a_ledger_of_the_first_version_keeps_everything(engine: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    is_file = engine == "sqlite"
    url = f"sqlite:///{tmp_path / 'ledger.sqlite'}" if is_file else str(request.getfixturevalue("postgres_url"))
    old_ledger(url)
    ledger = Ledger(url)
    try:
        assert [ledger.body(request.custom_id) for request in ledger.requests("b1")] == [f'{{"å":{n}}}' for n in (1, 2, 3)]
        assert [request.n_bytes for request in ledger.requests("b1")] == [8, 8, 8]
        first, second = ledger.outcomes("b1")
        assert (first.winner_essay_id, first.n_attempts, first.cost_usd, first.model) == ("two", 1, 0.5, "served")
        assert (second.error_code, second.cost_usd, second.input_tokens) == ("refusal", None, 90)
        assert [request.custom_id for request in ledger.unasked("b1")] == ["r3"]
        assert ledger.carriers("b1") == {"r1": "batch_1", "r2": "batch_1"}
        assert ledger.jobs("b1")[0].n_bytes == 16
        assert [(move.from_status, move.to_status) for move in ledger.batch_history("b1")] == [(None, "awaiting_judgements")]
        assert (ledger.batch("b1").status_reason, ledger.batch("b1").ends_as) == (None, None)
        assert (ledger.batch("b1").llm_batching_mode_reason, ledger.batch("b1").assignment) == (None, "")
        assert len(ledger.batch("b1").correlation_id or "") == 36
        assert ledger.jobs("b1")[0].correlation_id == ledger.batch("b1").correlation_id
        assert ledger.blocks() == []
        with ledger.engine.connect() as connection:
            kept = connection.exec_driver_sql("SELECT custom_id, attempt, body FROM replies").one()
            sent = connection.exec_driver_sql("SELECT body FROM request_bodies ORDER BY custom_id").scalars().all()
        assert tuple(kept) == ("r1", 1, "received")
        assert sent == ['{"å":1}', '{"å":2}', '{"å":3}']
    finally:
        ledger.close()


def test_a_ledger_of_the_first_version_is_counted(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    old_ledger(f"sqlite:///{path}")
    ledger = Ledger(f"sqlite:///{path}")
    try:
        scrape = Scrape.of(ledger)
        assert drift(ledger) == []
        assert scrape("cj_llm_requests_total", batching_mode="provider_batch_api") == 3
        assert scrape.by("llm_provider_comparison_callbacks_total", "result") == {("success",): 1, ("failure",): 1}
        assert scrape.by("llm_provider_prompt_cache_events_total", "model", "result") == {("unlisted", "hit"): 1}
        assert scrape("llm_provider_cost_dollars_total") == 0.5
        assert scrape("llm_provider_batch_api_job_duration_seconds_sum") == 9_000
        # When its requests were accepted is not known, and no wait is made up.
        assert scrape("llm_provider_queue_wait_time_seconds_count") == 0
        assert scrape("llm_provider_queue_depth", queue_type="total") == 1
    finally:
        ledger.close()


def test_a_ledger_with_a_row_that_refers_to_nothing_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    old_ledger(f"sqlite:///{path}")
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.exec_driver_sql(f"INSERT INTO provider_job_events VALUES (2, 'hj_gone', '{AT}', NULL, 'ended', NULL)")
    with pytest.raises(DamagedLedgerError, match="provider_job_events.*provider_jobs"):
        Ledger(f"sqlite:///{path}")
    with engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "0001"
    engine.dispose()
