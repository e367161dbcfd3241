"""The warehouse in Postgres: the same as the DuckDB file, batch by batch, whole or as it was, and in nobody's way."""

import secrets
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from huleedu_pipeline.lake import (
    Column,
    ColumnType,
    Lake,
    Publication,
    Table,
    open_warehouse,
    postgres,
    postgres_tables,
    publish,
)
from huleedu_pipeline.lake.checksums import checksum
from huleedu_pipeline.lake.postgres import migrate_warehouse, postgres_rows, postgres_state, publish_to_postgres
from huleedu_pipeline.lake.tables import CJ_RANKINGS, ESSAYS, GRADE_PROJECTIONS, LLM_JUDGEMENTS, PUBLISHED_TABLES
from huleedu_pipeline.lake.views import VIEWS
from huleedu_pipeline.postgres import PostgresError
from tests.lake.kit import a_row, fill, hear, say, start
from tests.postgres import command, drop_database, make_database

HARD = 'a\tb\\c\r\n\\.\n\\N,"",\'%s %\x7f\u2028å𝄞'


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture(scope="module")
def module_url(postgres_server: str, postgres_template: str) -> Iterator[str]:
    url = make_database(postgres_server, postgres_template)
    yield url
    drop_database(postgres_server, url)


def ask(url: str, query: str) -> list[Any]:
    engine = sa.create_engine(url)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.exec_driver_sql(query)]
    finally:
        engine.dispose()


def checksums(url: str) -> dict[str, str]:
    return {table.name: checksum(table, postgres_rows(url, table)) for table in PUBLISHED_TABLES}


def checksums_of_file(path: Path) -> dict[str, str]:
    with open_warehouse(path) as opened:
        return {table.name: checksum(table, opened.rows(table)) for table in PUBLISHED_TABLES}


def batches_in(url: str, table: str = "essays") -> list[tuple[str, int]]:
    return ask(url, f"SELECT batch_id, count(*) FROM warehouse.{table} GROUP BY 1 ORDER BY 1")


def test_both_warehouses_hold_the_same(lake: Lake, tmp_path: Path, postgres_home: str) -> None:
    fill(lake, "b1")
    fill(lake, "b2")
    lake.write_rows(GRADE_PROJECTIONS, "b2", [])
    numbers = (0.1, 1e-300, -1.5e300, 1 / 3, float("inf"), float("nan"), -0.0, 2.0)
    lake.write_rows(
        CJ_RANKINGS,
        "b2",
        [
            a_row(CJ_RANKINGS, "b2", essay_id=str(n), theta=x, theta_se=None, flags=[HARD, "", "{}"], rank=-(2**63) + n)
            for n, x in enumerate(numbers)
        ],
    )
    nulls = {column.name: None for column in LLM_JUDGEMENTS.columns if column.is_nullable}
    lake.write_rows(
        LLM_JUDGEMENTS,
        "b2",
        [
            a_row(LLM_JUDGEMENTS, "b2", custom_id="1", justification=HARD, error_code=""),
            a_row(LLM_JUDGEMENTS, "b2", custom_id="2", **nulls),
        ],
    )
    of_file, of_server = publish(lake, tmp_path / "warehouse.duckdb"), publish_to_postgres(lake, postgres_home)
    assert of_file == of_server
    assert checksums(postgres_home) == checksums_of_file(tmp_path / "warehouse.duckdb")


def test_a_checksum_heeds_every_value_and_not_the_order() -> None:
    row = tuple(a_row(CJ_RANKINGS).values())
    other = (*row[:1], "another", *row[2:])
    assert checksum(CJ_RANKINGS, [row, other]) == checksum(CJ_RANKINGS, [other, row])
    assert checksum(CJ_RANKINGS, [row]) != checksum(CJ_RANKINGS, [row, other])
    for n, column in enumerate(CJ_RANKINGS.columns):
        changed: dict[ColumnType, Any] = {
            ColumnType.STRING: "other",
            ColumnType.INTEGER: 8,
            ColumnType.FLOAT: 0.25000000000000006,
            ColumnType.BOOLEAN: False,
            ColumnType.LABELS: ["misfit"],
        }
        assert checksum(CJ_RANKINGS, [(*row[:n], changed[column.type], *row[n + 1 :])]) != checksum(CJ_RANKINGS, [row])


@given(
    publications=st.lists(
        st.dictionaries(st.sampled_from(["b1", "b2"]), st.one_of(st.none(), st.integers(0, 2)), min_size=1),
        min_size=1,
        max_size=3,
    )
)
@settings(max_examples=3, deadline=None)
def test_bringing_it_up_to_date_is_the_same_as_making_the_file_anew(
    publications: list[dict[str, int | None]], module_url: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lake = Lake(Path(folder) / "lake")
        names = {name: f"{name}-{secrets.token_hex(4)}" for name in ("b1", "b2")}
        for changes in publications:
            for name, n_essays in changes.items():
                batch_id = names[name]
                if n_essays is None:
                    lake.path(ESSAYS, batch_id).unlink(missing_ok=True)
                else:
                    lake.write_rows(ESSAYS, batch_id, [a_row(ESSAYS, batch_id, essay_id=str(n)) for n in range(n_essays)])
            publish(lake, Path(folder) / "warehouse.duckdb")
            publish_to_postgres(lake, module_url)
            with open_warehouse(Path(folder) / "warehouse.duckdb") as opened:
                expected = opened.rows(ESSAYS)
            ours = [row for row in postgres_rows(module_url, ESSAYS) if row[0] in names.values()]
            assert checksum(ESSAYS, ours) == checksum(ESSAYS, expected)


def test_tables_views_keys_indexes_and_comments_are_as_declared(postgres_url: str) -> None:
    migrate_warehouse(postgres_url)
    columns = ask(
        postgres_url,
        "SELECT c.relname, a.attname, format_type(a.atttypid, NULL), col_description(c.oid, a.attnum) FROM pg_class c "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 WHERE c.relnamespace = 'warehouse'::regnamespace "
        "AND c.relkind IN ('r', 'v') ORDER BY c.oid, a.attnum",
    )
    kinds = {"timestamptz": "timestamp with time zone"}
    assert [row for row in columns if row[0] in {table.name for table in PUBLISHED_TABLES}] == [
        (table.name, column.name, kinds.get(column.type.postgres, column.type.postgres), column.comment)
        for table in PUBLISHED_TABLES
        for column in table.columns
    ]
    assert {row[0] for row in columns} == {table.name for table in PUBLISHED_TABLES} | {view.name for view in VIEWS}
    assert [row for row in columns if not row[3]] == []
    described = dict(
        ask(
            postgres_url,
            "SELECT relname, obj_description(oid, 'pg_class') FROM pg_class "
            "WHERE relnamespace = 'warehouse'::regnamespace AND relkind IN ('r', 'v')",
        )
    )
    assert described == {table.name: table.description for table in PUBLISHED_TABLES} | {
        view.name: view.description for view in VIEWS
    }
    indexes = ask(
        postgres_url,
        "SELECT t.relname, array_agg(a.attname ORDER BY k.n)::text[] FROM pg_index i JOIN pg_class t ON t.oid = i.indrelid "
        "CROSS JOIN unnest(i.indkey) WITH ORDINALITY k(attnum, n) JOIN pg_attribute a ON a.attrelid = t.oid AND "
        "a.attnum = k.attnum WHERE t.relnamespace = 'warehouse'::regnamespace GROUP BY i.indexrelid, t.relname",
    )
    declared = [(table.name, list(index)) for table in PUBLISHED_TABLES for index in (table.key, *table.indexes)]
    assert sorted(indexes) == sorted(declared)
    assert len(declared) > len(PUBLISHED_TABLES)


def test_only_what_has_changed_is_written(lake: Lake, postgres_home: str) -> None:
    fill(lake, "b1")
    fill(lake, "b2")
    publish_to_postgres(lake, postgres_home)
    written = "SELECT batch_id, xmin::text FROM warehouse.essays ORDER BY 1"
    first, second = ask(postgres_home, written)
    fill(lake, "b2")
    publish_to_postgres(lake, postgres_home)
    again = ask(postgres_home, written)
    assert again[0] == first
    assert again[1] != second


@pytest.mark.parametrize("damage", ["no Parquet", "a NUL"])
def test_what_can_not_be_stored_is_left_out_and_what_was_there_stays(lake: Lake, postgres_home: str, damage: str) -> None:
    fill(lake, "b1")
    publish_to_postgres(lake, postgres_home)
    if damage == "no Parquet":
        lake.path(CJ_RANKINGS, "b1").write_bytes(b"damaged")
    else:
        lake.write_rows(CJ_RANKINGS, "b1", [a_row(CJ_RANKINGS, "b1", essay_id="a\0b")])
    fill(lake, "b2")
    done = publish_to_postgres(lake, postgres_home)
    assert [(one.batch_id, one.table) for one in done.left_out] == [("b1", "cj_rankings")]
    assert done.rows == {table.name: 2 for table in PUBLISHED_TABLES}
    assert batches_in(postgres_home, "cj_rankings") == [("b1", 1), ("b2", 1)]


def test_a_lake_takes_away_only_what_came_from_it(lake: Lake, tmp_path: Path, postgres_home: str) -> None:
    fill(lake, "b1")
    publish_to_postgres(lake, postgres_home)
    another = Lake(tmp_path / "another")
    fill(another, "b2")
    publish_to_postgres(another, postgres_home)
    assert batches_in(postgres_home) == [("b1", 1), ("b2", 1)]
    lake.path(ESSAYS, "b1").unlink()
    assert publish_to_postgres(lake, postgres_home).rows["essays"] == 1
    assert batches_in(postgres_home) == [("b2", 1)]


def with_a_column_more(monkeypatch: pytest.MonkeyPatch) -> Table:
    """Declare a column more of cj_rankings, as a later version would, and return the table."""
    added = Column("is_new", ColumnType.BOOLEAN, "Whether it is new.")
    later = replace(CJ_RANKINGS, columns=(*CJ_RANKINGS.columns, added))
    declared = tuple(later if table is CJ_RANKINGS else table for table in PUBLISHED_TABLES)
    for module in (postgres, postgres_tables):
        monkeypatch.setattr(module, "PUBLISHED_TABLES", declared)
    return later


def test_a_column_more_takes_nothing_from_analysts(lake: Lake, postgres_home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(lake, "b1")
    fill(lake, "b2")
    publish_to_postgres(lake, postgres_home)
    later = with_a_column_more(monkeypatch)
    lake.write_rows(later, "b2", [a_row(later, "b2")])
    done = publish_to_postgres(lake, postgres_home)
    assert [(one.batch_id, one.table) for one in done.left_out] == [("b1", "cj_rankings")]
    assert done.rows == {table.name: 2 for table in PUBLISHED_TABLES}
    assert ask(postgres_home, "SELECT batch_id, theta, is_new FROM warehouse.cj_rankings ORDER BY 1") == [
        ("b1", 0.25, None),
        ("b2", 0.25, True),
    ]
    assert ask(postgres_home, "SELECT count(*) FROM warehouse.current_rankings") == [(2,)]
    assert ask(postgres_home, "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'warehouse%%'") == [("warehouse",)]
    monkeypatch.undo()
    publish_to_postgres(lake, postgres_home)  # and back
    assert "is_new" not in ask(postgres_home, "SELECT row_to_json(r)::text FROM warehouse.cj_rankings r")[0][0]


def test_nobody_waits_for_a_reader(lake: Lake, postgres_home: str, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(lake, "b1")
    publish_to_postgres(lake, postgres_home)
    engine = sa.create_engine(postgres_home, isolation_level="REPEATABLE READ")
    with engine.connect() as reader:
        count = "SELECT count(*), bool_and(overall_rank = 7) FROM warehouse.current_rankings"
        assert reader.exec_driver_sql(count).one() == (1, True)
        lake.write_rows(CJ_RANKINGS, "b1", [a_row(CJ_RANKINGS, "b1", overall_rank=8)])
        fill(lake, "b2")
        publish_to_postgres(lake, postgres_home)
        assert reader.exec_driver_sql(count).one() == (1, True)
        with_a_column_more(monkeypatch)
        publish_to_postgres(lake, postgres_home)
        assert batches_in(postgres_home) == [("b1", 1), ("b2", 1)]
    engine.dispose()
    kept = "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'warehouse_before%%'"
    assert ask(postgres_home, kept) == [(1,)]
    publish_to_postgres(lake, postgres_home)
    assert ask(postgres_home, kept) == [(0,)]


def test_what_others_have_built_on_the_tables_is_not_dropped(
    lake: Lake, postgres_home: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(lake, "b1")
    publish_to_postgres(lake, postgres_home)
    command(postgres_home, "CREATE VIEW public.mine AS SELECT essay_id FROM warehouse.essays")
    with_a_column_more(monkeypatch)
    publish_to_postgres(lake, postgres_home)
    assert ask(postgres_home, "SELECT count(*) FROM public.mine") == [(1,)]


KILLED = """
import sys
from pathlib import Path
from huleedu_pipeline.lake import Lake, postgres

copy = postgres._copy

def copy_and_wait(connection, table, rows):
    copied = copy(connection, table, rows)
    if table.name == "cj_rankings":
        print("copied", flush=True)
        sys.stdin.readline()
    return copied

postgres._copy = copy_and_wait
postgres.publish_to_postgres(Lake(Path(sys.argv[1])), sys.argv[2])
"""


def test_a_killed_writer_leaves_what_was_there_and_the_next_goes_on(lake: Lake, postgres_home: str) -> None:
    fill(lake, "b1")
    publish_to_postgres(lake, postgres_home)
    before = checksums(postgres_home)
    for table in PUBLISHED_TABLES:
        lake.write_rows(table, "b1", [])
    process = start(KILLED, lake.root, postgres_home)
    try:
        assert hear(process) == "copied"
        assert checksums(postgres_home) == before
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert checksums(postgres_home) == before
    assert publish_to_postgres(lake, postgres_home).rows == {table.name: 0 for table in PUBLISHED_TABLES}


PUBLISHER = """
import sys
from pathlib import Path
from huleedu_pipeline.lake import Lake
from huleedu_pipeline.lake.postgres import publish_to_postgres
print("ready", flush=True)
sys.stdin.readline()
print(publish_to_postgres(Lake(Path(sys.argv[1])), sys.argv[2]).left_out, flush=True)
"""


def test_many_processes_publish_a_new_warehouse_at_once(lake: Lake, tmp_path: Path, postgres_url: str) -> None:
    for n in range(6):
        fill(lake, f"b{n}")
    processes = [start(PUBLISHER, lake.root, postgres_url) for _ in range(3)]
    assert [hear(process) for process in processes] == ["ready"] * 3
    for process in processes:
        say(process)
    assert [hear(process) for process in processes] == ["()"] * 3
    assert [process.wait() for process in processes] == [0] * 3
    publish(lake, tmp_path / "warehouse.duckdb")
    assert checksums(postgres_url) == checksums_of_file(tmp_path / "warehouse.duckdb")


def test_the_views_say_the_same_in_both(lake: Lake, tmp_path: Path, postgres_home: str) -> None:
    fill(lake, "b1")
    publish(lake, tmp_path / "warehouse.duckdb")
    publish_to_postgres(lake, postgres_home)
    with open_warehouse(tmp_path / "warehouse.duckdb") as opened:
        for view in VIEWS:
            columns = opened.frame(view.name).columns
            ours = ask(postgres_home, f"SELECT {', '.join(columns)} FROM warehouse.{view.name}")
            theirs = opened.connection.sql(f"SELECT * FROM {view.name}").to_arrow_table().to_pylist()
            assert ours == [tuple(row.values()) for row in theirs], view.name


def test_the_state_says_whether_the_tables_are_those_that_are_declared(
    lake: Lake, postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not postgres_state(postgres_url).is_current
    fill(lake, "b1")
    assert publish_to_postgres(lake, postgres_url) == Publication({table.name: 1 for table in PUBLISHED_TABLES}, ())
    state = postgres_state(postgres_url)
    assert (state.is_current, state.rows["essays"]) == (True, 1)
    with_a_column_more(monkeypatch)
    assert not postgres_state(postgres_url).is_current


def test_an_error_names_the_place_and_neither_the_password_nor_a_text(lake: Lake, postgres_home: str) -> None:
    url = sa.make_url(postgres_home).set(password="s3cret", port=1).render_as_string(hide_password=False)
    with pytest.raises(PostgresError, match=r"@127.*:1/huleedu_test_\w+: can not be reached: (?s:.*)PGPASSWORD") as unreachable:
        publish_to_postgres(lake, url)
    assert "s3cret" not in str(unreachable.value)
    migrate_warehouse(postgres_home)
    command(postgres_home, "ALTER TABLE warehouse.essays ADD CHECK (text NOT LIKE '%%private%%')")
    lake.write_rows(ESSAYS, "b1", [a_row(ESSAYS, "b1", text="a private text")])
    with pytest.raises(PostgresError, match=r"table essays can not take what was to be written: .*\(23514\)") as refused:
        publish_to_postgres(lake, postgres_home)
    assert "private" not in str(refused.value)
