"""What all assets share: the partitions, owners, how a table shows in the UI, its contract check, how errors are told."""

import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg
import pyarrow as pa

from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.essays import Essay
from huleedu_pipeline.lake import Lake
from huleedu_pipeline.lake.schema import ContractError, Table
from huleedu_pipeline.lake.tables import ESSAYS
from huleedu_pipeline.logs import bound
from huleedu_pipeline.scaling import ScalingError
from resources import LakeResource

# Checks of one partition are marked as a preview in this Dagster version; they are pinned and tested here.
warnings.filterwarnings("ignore", message="Specifying a partitions_def on an AssetCheckSpec", category=dg.PreviewWarning)

cj_batch = dg.DynamicPartitionsDefinition(name="cj_batch")
OWNERS = ["team:assessment-research"]


AssetFunction = Callable[..., dg.MaterializeResult[None] | Iterator[dg.MaterializeResult[None]]]


def _shown(table: Table) -> dict[str, Any]:
    """Return what the UI shows of a table's declaration."""
    columns = [
        dg.TableColumn(
            column.name,
            column.type.duckdb,
            column.comment,
            constraints=dg.TableColumnConstraints(nullable=column.is_nullable),
        )
        for column in table.columns
    ]
    return {
        "dagster/table_name": table.name,
        "dagster/column_schema": dg.TableSchema(columns=columns),
        "key": ", ".join(table.key),
    }


def table_asset(
    table: Table,
    *,
    deps: Sequence[str] = (),
    name: str | None = None,
    kinds: frozenset[str] = frozenset(),
    is_conditional: bool = False,
) -> Callable[[AssetFunction], dg.AssetsDefinition]:
    """Declare the asset that writes ``table``: partitioned by batch, and shown with all that the table's declaration says.

    Args:
        table: The table.
        deps: Names of the assets it reads from.
        name: Name of the asset where it is not the table's.
        kinds: Technologies to show beside Parquet.
        is_conditional: Whether a run may find that there is nothing to write yet; what follows is then skipped.

    """
    return dg.asset(
        name=name or table.name,
        deps=list(deps),
        partitions_def=cj_batch,
        owners=OWNERS,
        code_version="1",
        kinds={"parquet", *kinds},
        output_required=not is_conditional,
        metadata=_shown(table),
    )


def tables_asset(
    name: str, tables: dict[Table, str], *, deps: Sequence[str] = (), kinds: frozenset[str] = frozenset()
) -> Callable[[AssetFunction], dg.AssetsDefinition]:
    """Declare several assets that one step writes, because they come out of one computation.

    Args:
        name: Name of the step.
        tables: The tables, each with its asset's description.
        deps: Names of the assets that all of them read from.
        kinds: Technologies to show beside Parquet.

    """
    return dg.multi_asset(
        name=name,
        partitions_def=cj_batch,
        specs=[
            dg.AssetSpec(
                table.name,
                deps=list(deps),
                description=description,
                owners=OWNERS,
                code_version="1",
                kinds={"parquet", *kinds},
                metadata=_shown(table),
            )
            for table, description in tables.items()
        ],
    )


def materialised(data: pa.Table, **metadata: Any) -> dg.MaterializeResult[None]:
    """Return the result of an asset that wrote ``data``; no text of a pupil belongs into the metadata."""
    return dg.MaterializeResult(metadata={"dagster/partition_row_count": data.num_rows, **metadata})


def one_materialised(table: Table, data: pa.Table, **metadata: Any) -> dg.MaterializeResult[None]:
    """Return the same for one of the assets of a step that writes several."""
    return materialised(data, **metadata)._replace(asset_key=dg.AssetKey(table.name))


def table_value(rows: Iterable[Mapping[str, Any]]) -> dg.TableMetadataValue:
    """Return rows as a table of the UI, its columns in the order of the first row's; there has to be one."""
    return dg.MetadataValue.table([dg.TableRecord(dict(row)) for row in rows])


def essays_of(lake: Lake, batch_id: str) -> list[Essay]:
    """Return a batch's essays and anchors as they stand in the lake."""
    rows = lake.read_rows(ESSAYS, batch_id)
    return [Essay(row["essay_id"], row["file_name"], row["text"], row["anchor_grade"]) for row in rows]


@contextmanager
def explained() -> Iterator[None]:
    """Tell a user's error as Dagster shows it best: its own words, and no retry, because only the user can mend it."""
    try:
        with bound(**_step()):
            yield
    except (HuleeduError, ScalingError) as error:
        raise dg.Failure(description=str(error), allow_retries=False) from None


def _step() -> dict[str, str]:
    """Return what log lines say of the step that is being run; nothing outside of one."""
    try:
        context = dg.OpExecutionContext.get()
    except dg.DagsterInvariantViolationError:
        return {}
    # Not the batch: what happens to one is told with its correlation id as well.
    return {"command": context.job_name, "run_id": context.run_id}


def schema_contract(table: Table, *, asset: str | None = None) -> dg.AssetChecksDefinition:
    """Return the blocking check, on the asset that writes ``table``, that its file keeps the contract."""

    @dg.asset_check(
        asset=asset or table.name,
        name="schema_contract",
        blocking=True,
        partitions_def=cj_batch,
        description=f"Names, order and types of the columns of {table.name}, its nulls and its key are as declared.",
    )
    def check(context: dg.AssetCheckExecutionContext, lake: LakeResource) -> dg.AssetCheckResult:
        try:
            data = lake.open().read(table, context.partition_key)
        except ContractError as error:
            return dg.AssetCheckResult(passed=False, description=str(error))
        return dg.AssetCheckResult(passed=True, metadata={"rows": data.num_rows})

    return check
