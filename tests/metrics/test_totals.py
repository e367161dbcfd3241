"""The sums that the database keeps are those of a full recount, whatever is written, and in which order."""

import shutil
import threading
from contextlib import suppress
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import settings as example_settings
from hypothesis import strategies as st

from huleedu_pipeline.ledger import JobState, Ledger
from huleedu_pipeline.ledger.attempts import begin, end
from huleedu_pipeline.ledger.moves import now
from huleedu_pipeline.ledger.records import Answer
from huleedu_pipeline.ledger.totalling import drop_totals, has_totals, make_totals
from huleedu_pipeline.ledger.totals import ALL_TOTALS
from huleedu_pipeline.settings import Settings
from tests.metrics.kit import Driver, drift, outcome_of

KINDS = ("hit", "written", "short", "refusal", "provider_error", "batch_expired", "not_run", "no_answer", "invalid_verdict")
MODELS = (("openai", "gpt-6-luna"), ("openai", "emulated-gpt-6-luna"), ("anthropic", "claude-sonnet-5"), ("openai", "mine"))
MODES = ("per_request", "serial_bundle", "provider_batch_api")

kinds = st.lists(st.sampled_from(KINDS), min_size=1, max_size=4)
costs = st.sampled_from([None, 0.0, 0.000_037_5, 0.1 + 0.2])
steps = st.one_of(
    st.tuples(st.just("start"), st.sampled_from(MODES), st.sampled_from(MODELS), st.integers(1, 6)),
    st.tuples(st.just("wave"), st.integers(0, 9), st.integers(1, 4)),
    st.tuples(st.just("answer"), st.integers(0, 9), st.integers(1, 5), kinds, costs),
    st.tuples(st.just("hang"), st.integers(0, 9)),
    st.tuples(st.just("job"), st.integers(0, 9), st.integers(1, 5)),
    st.tuples(st.just("collect"), st.integers(0, 9), st.sampled_from(["ended", "expired", "cancelled"]), kinds, costs),
    st.tuples(st.just("crash"), st.integers(0, 9), kinds),
    st.tuples(st.just("reopen"), st.integers(0, 9)),
    st.tuples(st.just("finish"), st.integers(0, 9), st.booleans()),
)


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty ledger's file, to be copied."""
    path = tmp_path_factory.mktemp("empty") / "ledger.sqlite"
    Ledger(f"sqlite:///{path}").close()
    return path


class CrashError(Exception):
    """Ends a transaction half way."""


def take(driver: Driver, step: tuple) -> None:  # type: ignore[type-arg]
    """Take one step with the batch that it names; where there is none, nothing happens."""
    what, *rest = step
    if what == "start":
        mode, (provider, model), n = rest
        driver.start(mode, provider, model, n)
        return
    if not driver.n_batches:
        return
    ledger, batch_id = driver.ledger, f"b{rest[0] % driver.n_batches + 1}"
    is_open = ledger.batch(batch_id).status.takes_judgements
    free = driver.open_ids(batch_id) if is_open else []
    first = ledger.requests(batch_id)[0]
    if what == "wave" and is_open:
        driver.plan(batch_id, first.provider, first.model, rest[1])
    elif what == "answer":
        driver.answer(free[: rest[1]], [outcome_of(kind) for kind in rest[2]], rest[3])
    elif what == "hang" and free:
        ledger.begin_live(free[:2])  # and the process dies
    elif what == "job" and is_open:
        driver.job(batch_id, rest[1])
    elif what == "collect" and (jobs := ledger.jobs(batch_id, [JobState.SUBMITTED])):
        driver.collect(jobs[0], JobState(rest[1]), [outcome_of(kind) for kind in rest[2]], rest[3])
    elif what == "crash" and free:
        with suppress(CrashError), ledger.engine.begin() as connection:
            begin(connection, free, None, now())
            answers = [Answer(name, outcome_of(rest[1][0]), 0.5, None, now()) for name in free]
            end(connection, answers, None, 1)
            raise CrashError
    elif what == "reopen":
        driver.fail_and_reopen(batch_id)
    elif what == "finish":
        driver.finish(batch_id, is_forced=rest[1])


@given(st.lists(steps, min_size=4, max_size=14))
@example_settings(max_examples=40)
def test_whatever_is_written_the_sums_are_those_of_a_recount(
    empty: Path,
    tmp_path_factory: pytest.TempPathFactory,
    some: list[tuple],  # type: ignore[type-arg]
) -> None:
    path = tmp_path_factory.mktemp("example") / "ledger.sqlite"
    shutil.copy(empty, path)
    ledger = Ledger(f"sqlite:///{path}")
    try:
        driver = Driver(ledger)
        driver.start("serial_bundle", "openai", "gpt-6-luna", 4)
        for step in some:
            take(driver, step)
        assert drift(ledger) == []
    finally:
        ledger.close()
        shutil.rmtree(path.parent)


def test_rows_that_somebody_writes_past_the_program_are_summed_too(ledger: Ledger) -> None:
    driver = Driver(ledger)
    batch_id = driver.start("per_request", "openai", "gpt-6-luna", 3)
    ledger.begin_live(driver.open_ids(batch_id))
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE attempts SET ended_at = sent_at, outcome = 'success', is_final = true, was_final = true, cost_usd = 0.25"
        )
    assert drift(ledger) == []
    with ledger.read() as connection:
        row = connection.exec_driver_sql("SELECT sum(n), sum(cost_picousd) FROM attempt_totals").one()
    assert tuple(row) == (3, 750_000_000_000)


def test_writers_side_by_side_lose_no_sum(settings: Settings, ledger: Ledger) -> None:
    driver = Driver(ledger)
    batches = [driver.start("per_request", "openai", "gpt-6-luna", 8) for _ in range(3)]

    def write(batch_id: str) -> None:
        own = Ledger(settings.ledger_url)
        for name in Driver(own).open_ids(batch_id):
            Driver(own).answer([name], [outcome_of("hit")], 0.001)
        own.close()

    threads = [threading.Thread(target=write, args=(batch_id,)) for batch_id in batches]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert drift(ledger) == []
    with ledger.read() as connection:
        assert connection.exec_driver_sql("SELECT sum(n) FROM attempt_totals").scalar() == 24


def test_a_ledger_from_before_there_were_sums_is_counted_when_it_is_opened(settings: Settings, ledger: Ledger) -> None:
    driver = Driver(ledger)
    batch_id = driver.start("per_request", "openai", "gpt-6-luna", 4)
    with ledger.engine.begin() as connection:
        drop_totals(connection)
    driver.answer(driver.open_ids(batch_id)[:3], [outcome_of("short"), outcome_of("refusal")], 0.001)
    again = Ledger(settings.ledger_url)
    assert drift(again) == []
    with again.read() as connection:
        assert connection.exec_driver_sql("SELECT sum(n) FROM attempt_totals").scalar() == 3
    again.close()


def test_sums_by_other_declarations_are_made_anew(settings: Settings, ledger: Ledger) -> None:
    with ledger.engine.begin() as connection:
        assert has_totals(connection)
        connection.exec_driver_sql("UPDATE totals_definition SET fingerprint = 'of another version'")
        connection.exec_driver_sql("DROP TRIGGER attempt_totals_updated")
        connection.exec_driver_sql("CREATE TABLE old_totals (n INTEGER)")
        connection.exec_driver_sql(
            "CREATE TRIGGER old_totals_inserted AFTER INSERT ON batches BEGIN INSERT INTO old_totals VALUES (1); END"
        )
        assert not has_totals(connection)
    again = Ledger(settings.ledger_url)
    assert not sa.inspect(again.engine).has_table("old_totals")
    driver = Driver(again)
    driver.answer(driver.open_ids(driver.start("per_request", "openai", "mine", 2)), [outcome_of("short")], None)
    assert drift(again) == []
    again.close()


def test_a_recount_finds_what_a_missing_trigger_lost(ledger: Ledger) -> None:
    driver = Driver(ledger)
    batch_id = driver.start("per_request", "openai", "mine", 2)
    with ledger.engine.begin() as connection:
        connection.exec_driver_sql("DROP TRIGGER attempt_totals_updated")
    driver.answer(driver.open_ids(batch_id), [outcome_of("short")], 0.1)
    assert [line for line in drift(ledger) if line.startswith("attempt_totals: counted")]
    with ledger.engine.begin() as connection:
        drop_totals(connection)
        make_totals(connection)
    assert drift(ledger) == []


def test_every_sum_is_kept_by_a_trigger_on_its_table(ledger: Ledger) -> None:
    with ledger.read() as connection:
        triggers = {
            tuple(row) for row in connection.execute(sa.text("SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"))
        }
    assert {(f"{totals.name}_inserted", totals.table) for totals in ALL_TOTALS} <= triggers
