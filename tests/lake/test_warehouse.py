"""The warehouse: one DuckDB file with every table, view and column described, whole or as it was."""

import os
import tempfile
from pathlib import Path

import duckdb
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from huleedu_pipeline import open_warehouse
from huleedu_pipeline.lake import ColumnType, Lake, WarehouseError, publish
from huleedu_pipeline.lake.tables import BATCH_STATUS, CJ_RANKINGS, ESSAYS, GRADE_PROJECTIONS, PUBLISHED_TABLES, REDACTIONS
from huleedu_pipeline.lake.views import VIEWS
from tests.lake.kit import VALUES, a_row, files_in, fill


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "warehouse.duckdb"


def test_a_publication_tells_the_rows_of_each_table(lake: Lake, path: Path) -> None:
    fill(lake, "b1")
    fill(lake, "b2")
    lake.write_rows(ESSAYS, "b2", [a_row(ESSAYS, "b2", essay_id=str(n)) for n in range(5)])
    lake.write_rows(GRADE_PROJECTIONS, "b2", [])
    assert publish(lake, path).rows == {table.name: 2 for table in PUBLISHED_TABLES} | {"essays": 6, "grade_projections": 1}


def test_names_that_were_taken_out_of_texts_stay_in_the_lake(lake: Lake, path: Path) -> None:
    lake.write_rows(REDACTIONS, "b1", [a_row(REDACTIONS, original="Zahra Rashidi")])
    publish(lake, path)
    with open_warehouse(path) as warehouse, pytest.raises(WarehouseError, match="has no 'redactions'"):
        warehouse.frame("redactions")
    assert b"Rashidi" not in path.read_bytes()


def test_an_empty_lake_is_published_as_empty_tables(lake: Lake, path: Path) -> None:
    assert publish(lake, path).rows == {table.name: 0 for table in PUBLISHED_TABLES}
    with open_warehouse(path) as warehouse:
        for name in [*(table.name for table in PUBLISHED_TABLES), *(view.name for view in VIEWS)]:
            assert warehouse.frame(name).empty


def test_tables_have_the_declared_columns_types_and_keys(lake: Lake, path: Path) -> None:
    publish(lake, path)
    with duckdb.connect(str(path), read_only=True) as connection:
        for table in PUBLISHED_TABLES:
            columns = connection.execute(
                "SELECT column_name, data_type, is_nullable FROM duckdb_columns() WHERE table_name = ? ORDER BY column_index",
                [table.name],
            ).fetchall()
            types = {"TIMESTAMPTZ": "TIMESTAMP WITH TIME ZONE"}
            assert columns == [
                (column.name, types.get(column.type.duckdb, column.type.duckdb), column.is_nullable) for column in table.columns
            ]
        keys = connection.execute(
            "SELECT table_name, constraint_column_names FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY'"
        ).fetchall()
    assert dict(keys) == {table.name: list(table.key) for table in PUBLISHED_TABLES}


def test_every_table_view_and_column_is_described_in_the_database(lake: Lake, path: Path) -> None:
    publish(lake, path)
    with duckdb.connect(str(path), read_only=True) as connection:
        found = connection.execute("SELECT schema_name, table_name, comment FROM duckdb_tables()").fetchall()
        views = dict(connection.execute("SELECT view_name, comment FROM duckdb_views() WHERE NOT internal").fetchall())
        columns = connection.execute(
            "SELECT table_name, column_name, comment FROM duckdb_columns() WHERE NOT internal"
        ).fetchall()
    tables = {name: comment for schema, name, comment in found if schema == "main"}
    account = {name: comment for schema, name, comment in found if schema == "publication"}
    assert tables == {table.name: table.description for table in PUBLISHED_TABLES}
    assert account.keys() == {"files", "made_from"}
    assert all(account.values())
    assert views == {view.name: view.description for view in VIEWS}
    described = {(table, column): comment for table, column, comment in columns}
    for table in PUBLISHED_TABLES:
        for column in table.columns:
            assert described[table.name, column.name] == column.comment
    assert {table for table, _ in described} == tables.keys() | account.keys() | views.keys()
    assert [place for place, comment in described.items() if not comment] == []


def test_values_arrive_as_they_were_written(lake: Lake, path: Path) -> None:
    fill(lake)
    publish(lake, path)
    with open_warehouse(path) as warehouse:
        for table in PUBLISHED_TABLES:
            (row,) = warehouse.frame(table.name).to_dict("records")
            assert list(row) == [column.name for column in table.columns]
            for column in table.columns:
                expected = "b1" if column.name == "batch_id" else VALUES[column.type]
                found = row[column.name].tolist() if column.type is ColumnType.LABELS else row[column.name]
                assert found == expected, column.name


def test_a_publication_replaces_the_whole_file(lake: Lake, path: Path) -> None:
    fill(lake, "b1")
    publish(lake, path)
    lake.path(ESSAYS, "b1").unlink()
    fill(lake, "b2")
    assert publish(lake, path).rows["essays"] == 1
    with open_warehouse(path) as warehouse:
        assert warehouse.frame("essays")["batch_id"].tolist() == ["b2"]
    assert files_in(path.parent).keys() - {"warehouse.lock"} == {"warehouse.duckdb"}


def contents(path: Path) -> dict[str, list[str]]:
    with open_warehouse(path) as warehouse:
        return {table.name: sorted(map(str, warehouse.frame(table.name).to_dict("records"))) for table in PUBLISHED_TABLES}


@given(
    publications=st.lists(
        st.dictionaries(st.sampled_from(["b1", "b2", "b3"]), st.one_of(st.none(), st.integers(0, 3)), min_size=1), max_size=4
    )
)
@settings(max_examples=6, deadline=None)
def test_bringing_a_warehouse_up_to_date_is_the_same_as_making_it_anew(
    publications: list[dict[str, int | None]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lake, path = Lake(Path(folder) / "lake"), Path(folder) / "warehouse.duckdb"
        for changes in publications:
            for batch_id, n_essays in changes.items():
                if n_essays is None:
                    lake.path(ESSAYS, batch_id).unlink(missing_ok=True)
                else:
                    lake.write_rows(ESSAYS, batch_id, [a_row(ESSAYS, batch_id, essay_id=str(n)) for n in range(n_essays)])
            counts = publish(lake, path)
            assert counts == publish(lake, Path(folder) / "anew.duckdb")
            assert contents(path) == contents(Path(folder) / "anew.duckdb")
            (Path(folder) / "anew.duckdb").unlink()


def test_only_what_has_changed_is_read_again(lake: Lake, path: Path) -> None:
    fill(lake, "b1")
    publish(lake, path)
    stat = lake.path(ESSAYS, "b1").stat()
    # The same file by all that is looked at, and no longer readable: who reads it fails.
    lake.path(ESSAYS, "b1").write_bytes(b"x" * stat.st_size)
    os.utime(lake.path(ESSAYS, "b1"), ns=(stat.st_atime_ns, stat.st_mtime_ns))
    fill(lake, "b2")
    lake.write_rows(ESSAYS, "b2", [a_row(ESSAYS, "b2")])
    assert publish(lake, path).rows["essays"] == 2


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE publication.made_from SET declarations = 'others'",
        "DROP TABLE publication.made_from",
        "DELETE FROM publication.made_from",
    ],
)
def test_a_warehouse_from_other_declarations_is_made_anew(lake: Lake, path: Path, spoil: str) -> None:
    fill(lake, "b1")
    publish(lake, path)
    with duckdb.connect(str(path)) as connection:
        connection.execute(spoil)
        connection.execute("DELETE FROM essays")
    assert publish(lake, path).rows["essays"] == 1


def test_a_file_that_is_no_warehouse_is_made_anew(lake: Lake, path: Path) -> None:
    fill(lake, "b1")
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not a database")
    assert publish(lake, path).rows["essays"] == 1


@pytest.mark.parametrize("damage", ["no Parquet", "a column is missing", "columns in another order", "a key twice"])
def test_a_damaged_file_holds_up_nobody_else_and_what_was_published_of_it_stays(lake: Lake, path: Path, damage: str) -> None:
    fill(lake, "b1")
    publish(lake, path)
    file = lake.path(CJ_RANKINGS, "b1")
    if damage == "no Parquet":
        file.write_bytes(b"damaged")
    elif damage == "a column is missing":  # as by an earlier version
        pq.write_table(pq.ParquetFile(file).read().drop_columns(["is_provisional"]), file)
    elif damage == "columns in another order":
        data = pq.ParquetFile(file).read()
        pq.write_table(data.select(list(reversed(data.column_names))), file)
    else:
        pq.write_table(CJ_RANKINGS.from_rows([a_row(CJ_RANKINGS, "b1"), a_row(CJ_RANKINGS, "b1")]), file)
    fill(lake, "b2")
    done = publish(lake, path)
    assert [(one.batch_id, one.table) for one in done.left_out] == [("b1", "cj_rankings")]
    assert done.left_out[0].reason
    assert done.rows == {table.name: 2 for table in PUBLISHED_TABLES}
    fill(lake, "b1")
    assert publish(lake, path).left_out == ()


def test_a_publication_that_fails_leaves_the_one_before(lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*arguments: object) -> None:
        raise OSError("the disk is full")

    fill(lake)
    publish(lake, path)
    before = files_in(path.parent)
    fill(lake, "b2")
    monkeypatch.setattr(Lake, "read", fails)
    with pytest.raises(OSError, match="the disk is full"):
        publish(lake, path)
    assert files_in(path.parent) == before


@pytest.mark.parametrize("home", ["a home", "home's", "hem på disk", "[x]", "st*ar", "{a,b}"])
def test_any_folder_can_be_home(tmp_path: Path, home: str) -> None:
    lake = Lake(tmp_path / home / "lake")
    fill(lake)
    assert publish(lake, tmp_path / home / "warehouse.duckdb").rows == {table.name: 1 for table in PUBLISHED_TABLES}
    with open_warehouse(tmp_path / home / "warehouse.duckdb") as warehouse:
        assert len(warehouse.frame("essays")) == 1


def test_frames_are_of_one_batch_or_of_all(lake: Lake, path: Path) -> None:
    fill(lake, "b1")
    fill(lake, "b2")
    publish(lake, path)
    with open_warehouse(path) as warehouse:
        assert sorted(warehouse.frame("batch_status")["batch_id"]) == ["b1", "b2"]
        assert warehouse.frame("batch_status", "b2")["batch_id"].tolist() == ["b2"]
        assert warehouse.frame("batch_status", "b3").empty
        assert warehouse.frame("current_rankings", "b1")["batch_id"].tolist() == ["b1"]
        assert isinstance(warehouse.frame("batch_status")["created_at"].dtype, pd.DatetimeTZDtype)


def test_any_query_can_be_asked_with_parameters(lake: Lake, path: Path) -> None:
    fill(lake)
    publish(lake, path)
    with open_warehouse(path) as warehouse:
        assert warehouse.sql("SELECT n_words * ? AS x FROM essays WHERE batch_id = ?", [3, "b1"])["x"].tolist() == [21]


def test_reading_never_writes(lake: Lake, path: Path) -> None:
    publish(lake, path)
    before = files_in(path.parent)
    with open_warehouse(path) as warehouse:
        for statement in ("DELETE FROM essays", "CREATE TABLE mine (x INTEGER)", "DROP VIEW cost_by_batch"):
            with pytest.raises(duckdb.Error, match="read-only"):
                warehouse.sql(statement)
    assert files_in(path.parent) == before


def test_a_second_look_in_one_process_sees_the_newest_publication(lake: Lake, path: Path) -> None:
    # As in a notebook that keeps its first look open.
    fill(lake, "b1")
    publish(lake, path)
    first = open_warehouse(path)
    assert len(first.frame("batch_status")) == 1
    fill(lake, "b2")
    publish(lake, path)
    with open_warehouse(path) as second:
        assert len(second.frame("batch_status")) == 2
    assert len(first.frame("batch_status")) == 1
    first.close()


def test_the_default_is_the_warehouse_of_this_installation(lake: Lake, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lake.write_rows(BATCH_STATUS, "b1", [a_row(BATCH_STATUS)])
    publish(lake, path)
    monkeypatch.setenv("HULEEDU_HOME", str(path.parent))
    with open_warehouse() as warehouse:
        assert warehouse.frame("batch_status")["batch_id"].tolist() == ["b1"]
    monkeypatch.delenv("HULEEDU_HOME")
    monkeypatch.chdir(path.parent)
    with pytest.raises(WarehouseError, match=r"\.huleedu/warehouse\.duckdb: there is no warehouse yet"):
        open_warehouse()


def test_no_warehouse_is_told_with_the_place_and_the_remedy(path: Path) -> None:
    with pytest.raises(WarehouseError) as missing:
        open_warehouse(path)
    assert str(missing.value) == f"{path}: there is no warehouse yet (run `huleedu demo`, or `huleedu run BATCH_DIR`)"


def test_an_unknown_table_is_told_with_those_that_there_are(lake: Lake, path: Path) -> None:
    publish(lake, path)
    with open_warehouse(path) as warehouse, pytest.raises(WarehouseError) as unknown:
        warehouse.frame("essay")
    assert str(unknown.value) == (
        "the warehouse has no 'essay' (it has essays, injection_flags, student_matches, spellchecked_essays, "
        "spell_corrections, comparison_pairs, judge_requests, provider_jobs, llm_judgements, wave_decisions, cj_rankings, "
        "scaling_summary, judge_diagnostics, grade_projections, grade_boundaries, anchor_diagnostics, grading_summary, "
        "batch_status, current_rankings, results_by_pupil, judgement_log, cost_by_batch, spelling_and_rank)"
    )


def test_a_closed_warehouse_is_closed(lake: Lake, path: Path) -> None:
    publish(lake, path)
    with open_warehouse(path) as warehouse:
        pass
    with pytest.raises(duckdb.ConnectionException):
        warehouse.frame("essays")
