"""The lake: what is written is read again, and what breaks the contract changes nothing on disk."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from huleedu_pipeline.lake import ContractError, Lake, MissingDataError, Table
from huleedu_pipeline.lake.tables import BATCH_STATUS, ESSAYS, LLM_JUDGEMENTS, TABLES
from tests.lake.kit import a_row, files_in

each_table = pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
Spoil = Callable[[pa.Table], pa.Table]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(tmp_path / "lake")


@each_table
def test_what_is_written_is_read(lake: Lake, table: Table) -> None:
    rows = [a_row(table)]
    written = lake.write_rows(table, "b1", rows)
    assert lake.read(table, "b1").equals(written)
    read = lake.read_rows(table, "b1")
    if table.name == "grade_projections":
        read = [row | {"grade_probabilities": dict(row["grade_probabilities"])} for row in read]
    assert read == rows


@each_table
def test_nulls_are_kept_where_they_may_be(lake: Lake, table: Table) -> None:
    nulls: dict[str, Any] = {column.name: None for column in table.columns if column.is_nullable}
    lake.write_rows(table, "b1", [a_row(table, **nulls)])
    (row,) = lake.read_rows(table, "b1")
    assert {name for name, value in row.items() if value is None} == nulls.keys()


@each_table
def test_a_table_without_rows_is_a_table(lake: Lake, table: Table) -> None:
    lake.write_rows(table, "b1", [])
    assert lake.read(table, "b1").schema == table.arrow_schema
    assert lake.read_rows(table, "b1") == []


def test_each_table_and_batch_has_one_file(lake: Lake) -> None:
    for batch_id in ("b.2", "b-1"):
        for _ in range(2):
            lake.write_rows(ESSAYS, batch_id, [a_row(ESSAYS, batch_id)])
    lake.write_rows(BATCH_STATUS, "b-1", [a_row(BATCH_STATUS, "b-1")])
    assert files_in(lake.root).keys() == {
        "essays/batch=b.2/data.parquet",
        "essays/batch=b-1/data.parquet",
        "batch_status/batch=b-1/data.parquet",
    }
    assert lake.files(ESSAYS) == [lake.path(ESSAYS, "b-1"), lake.path(ESSAYS, "b.2")]
    assert lake.files(LLM_JUDGEMENTS) == []


def test_files_are_zstd_parquet_that_anything_reads(lake: Lake) -> None:
    lake.write_rows(ESSAYS, "b1", [a_row(ESSAYS)])
    metadata = pq.ParquetFile(lake.path(ESSAYS, "b1")).metadata
    assert {metadata.row_group(0).column(i).compression for i in range(metadata.num_columns)} == {"ZSTD"}


def test_writing_again_replaces_the_file(lake: Lake) -> None:
    lake.write_rows(ESSAYS, "b1", [a_row(ESSAYS, essay_id="old"), a_row(ESSAYS, essay_id="older")])
    lake.write_rows(ESSAYS, "b1", [a_row(ESSAYS, essay_id="new")])
    assert [row["essay_id"] for row in lake.read_rows(ESSAYS, "b1")] == ["new"]


def append_again(data: pa.Table) -> pa.Table:
    return pa.concat_tables([data, data])


SPOILT: dict[str, tuple[Spoil, str]] = {
    "shuffled columns": (
        lambda data: data.select(list(reversed(data.column_names))),
        "table essays: column 'original_sha256' stands where 'batch_id' belongs",
    ),
    "a missing column": (lambda data: data.drop_columns(["text"]), "table essays: column 'text' is missing"),
    "an extra column": (
        lambda data: data.append_column("mood", data.column("text")),
        "table essays: column 'mood' is not in the contract",
    ),
    "a renamed column": (
        lambda data: data.rename_columns(["batch_id", "id", *data.column_names[2:]]),
        "table essays: column 'essay_id' is missing, column 'id' is not in the contract",
    ),
    "a column of another type": (
        lambda data: data.set_column(7, "n_words", data.column("n_words").cast(pa.int32())),
        "table essays: column 'n_words' is int32, not int64",
    ),
    "a null": (
        lambda data: data.set_column(4, "file_name", pa.nulls(data.num_rows, pa.string())),
        "table essays: column 'file_name' has 2 nulls and may have none",
    ),
    "a key twice": (append_again, "table essays: the key (batch_id, essay_id) is not unique"),
    "rows of another batch": (
        lambda data: data.set_column(0, "batch_id", pa.array(["b1", "b0"])),
        "table essays: rows of batch b0 in the file of batch b1",
    ),
}


@pytest.mark.parametrize(("spoil", "message"), SPOILT.values(), ids=SPOILT.keys())
@pytest.mark.parametrize("is_old_there", [True, False])
def test_data_that_break_the_contract_are_refused_and_the_old_file_stays(
    lake: Lake, spoil: Spoil, message: str, is_old_there: bool
) -> None:
    if is_old_there:
        lake.write_rows(ESSAYS, "b1", [a_row(ESSAYS, essay_id="old")])
    before = files_in(lake.root)
    good = ESSAYS.from_rows([a_row(ESSAYS, essay_id="x"), a_row(ESSAYS, essay_id="y")])
    with pytest.raises(ContractError) as refused:
        lake.write(ESSAYS, "b1", spoil(good))
    assert str(refused.value) == message
    assert files_in(lake.root) == before


def test_all_violations_are_told_at_once(lake: Lake) -> None:
    data = ESSAYS.from_rows([a_row(ESSAYS), a_row(ESSAYS)])
    data = data.set_column(4, "file_name", pa.nulls(2, pa.string())).set_column(7, "n_words", pa.array([1.5, 2.0]))
    with pytest.raises(ContractError) as refused:
        lake.write(ESSAYS, "b1", data)
    assert str(refused.value).splitlines() == [
        "table essays: column 'file_name' has 2 nulls and may have none",
        "table essays: column 'n_words' is double, not int64",
        "table essays: the key (batch_id, essay_id) is not unique",
    ]


@pytest.mark.parametrize("rows", [[{"batch_id": "b1"}], [a_row(ESSAYS, n_words=1.5)]])
def test_rows_that_break_the_contract_leave_the_old_file(lake: Lake, rows: list[dict[str, Any]]) -> None:
    lake.write_rows(ESSAYS, "b1", [a_row(ESSAYS)])
    before = files_in(lake.root)
    with pytest.raises(ContractError, match="^table essays: column"):
        lake.write_rows(ESSAYS, "b1", rows)
    assert files_in(lake.root) == before


def test_what_was_never_written_is_missing_by_name(lake: Lake) -> None:
    with pytest.raises(MissingDataError) as missing:
        lake.read(LLM_JUDGEMENTS, "b1")
    assert str(missing.value) == ("batch b1: table llm_judgements is not there yet (materialise the asset that writes it)")


def test_a_file_of_an_older_contract_is_refused_when_read(lake: Lake) -> None:
    path = lake.path(ESSAYS, "b1")
    path.parent.mkdir(parents=True)
    pq.write_table(ESSAYS.from_rows([a_row(ESSAYS)]).drop_columns(["language"]), path)
    with pytest.raises(ContractError, match="^table essays: column 'language' is missing$"):
        lake.read(ESSAYS, "b1")


def test_a_damaged_file_is_refused_by_place(lake: Lake) -> None:
    lake.write_rows(ESSAYS, "b1", [a_row(ESSAYS)])
    path = lake.path(ESSAYS, "b1")
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(ContractError) as refused:
        lake.read(ESSAYS, "b1")
    assert str(refused.value).startswith(f"{path}: is no whole Parquet file: ")
    assert str(refused.value).endswith("(materialise its asset again)")
