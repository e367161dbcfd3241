"""Group publishing: a batch's final account, and the warehouse that analysts open."""

from collections.abc import Iterator, Sequence
from datetime import timedelta

import dagster as dg

from assets.common import OWNERS, cj_batch, explained, materialised, schema_contract, table_asset, table_value
from huleedu_pipeline.errors import HuleeduError
from huleedu_pipeline.lake import ContractError, Lake, LeftOut
from huleedu_pipeline.lake.tables import BATCH_STATUS, CJ_RANKINGS
from huleedu_pipeline.ledger import BatchRecord, BatchStatus
from huleedu_pipeline.ledger.phases import client_status, phase_of
from huleedu_pipeline.logs import events
from resources import LakeResource, LedgerResource, WarehouseResource

EVERYTHING_PUBLISHED = "everything_is_published"


class StaleRankingError(HuleeduError):
    """A provisional ranking of a batch that has all its judgements."""


@table_asset(BATCH_STATUS, name="batch_results", deps=["grade_projections", "scaling_summary"])
def batch_results(context: dg.AssetExecutionContext, lake: LakeResource, ledger: LedgerResource) -> dg.MaterializeResult[None]:
    """The batch's account: where it stands, how many requests ended how, what it cost. Writes the table batch_status.

    Of a provisional ranking it says that the batch still awaits judgements, and the batch does not end with it.
    """
    batch_id = context.partition_key
    with explained(), ledger.open() as book:
        if book.batch(batch_id).unranked_because is None and not _is_provisional(lake.open(), book.batch(batch_id)):
            book.complete_batch(batch_id)
        batch, tally, spelling = book.batch(batch_id), book.tally(batch_id), book.spell_check_states(batch_id)
        row = {
            "batch_id": batch_id,
            "status": str(batch.status),
            "current_phase": phase_of(batch.status, batch.n_essays + batch.n_anchors, spelling),
            "llm_batching_mode": batch.llm_batching_mode,
            "n_essays": batch.n_essays,
            "n_anchors": batch.n_anchors,
            "n_requests": tally.n_requests,
            "n_succeeded": tally.n_succeeded,
            "n_failed": tally.n_failed,
            "n_expired": tally.n_expired,
            "cost_usd": tally.cost_usd,
            "created_at": batch.created_at,
            "updated_at": batch.updated_at,
            "completed_at": batch.completed_at,
            "status_reason": batch.status_reason,
            "client_status": str(client_status(batch.status, spelling)),
            "processing_metadata": batch.processing_metadata,
            "correlation_id": batch.correlation_id,
        }
        data = lake.open().write_rows(BATCH_STATUS, batch_id, [row])
    shown = {name: row[name] for name in ("n_essays", "n_anchors", "n_requests", "n_succeeded", "n_failed", "n_expired")}
    # A number or nothing: the UI plots these over all batches, and a word among them is no point.
    known = {
        "success_rate": tally.n_succeeded / tally.n_requests if tally.n_requests else None,
        "cost_usd": tally.cost_usd,
        "hours": (batch.completed_at - batch.created_at).total_seconds() / 3600 if batch.completed_at else None,
    }
    return materialised(
        data,
        status=row["status"],
        status_reason=batch.status_reason or "(none)",
        judge_backend=batch.judge_backend,
        **shown,
        **{name: round(value, 6) for name, value in known.items() if value is not None},
    )


@dg.asset(
    deps=["batch_results", "student_matches"],
    owners=OWNERS,
    code_version="1",
    kinds={"duckdb"},
    # Published every morning, batch or not (orchestration/nightly.py): older than that, something has stopped.
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36), warn_window=timedelta(hours=26)),
    check_specs=[
        dg.AssetCheckSpec(
            EVERYTHING_PUBLISHED,
            asset="warehouse",
            description="Every file of the lake could be read; of what could not, the warehouse has what was there before.",
        )
    ],
)
def warehouse(
    lake: LakeResource, ledger: LedgerResource, warehouse_file: WarehouseResource
) -> Iterator[dg.MaterializeResult[None]]:
    """The published DuckDB file: every table of every batch, the views, and a comment on each column. In Postgres too, if set.

    Built beside the old file and moved into place, so a reader keeps what it opened and nobody waits for anybody. A damaged
    file holds up nobody but its own batch, which is looked at again until it is whole. In Postgres each batch is replaced in
    one transaction.
    """
    with explained(), ledger.open() as book:
        store = lake.open()
        accounted = [batch.batch_id for batch in book.batches() if not batch.is_published and _is_accounted(store, batch)]
        done = warehouse_file.publish(store)
        damaged = {one.batch_id for one in done.left_out}
        book.mark_published(batch_id for batch_id in accounted if batch_id not in damaged)
        events.WAREHOUSE_PUBLISHED.tell(n_rows=sum(done.rows.values()), n_left_out=len(done.left_out))
    yield dg.MaterializeResult(
        metadata={
            "dagster/row_count": sum(done.rows.values()),
            "n_left_out": len(done.left_out),
            "path": dg.MetadataValue.path(warehouse_file.path),
            **{f"rows_{name}": count for name, count in done.rows.items()},
        },
        check_results=[_everything_is_published(done.left_out)],
    )


def _everything_is_published(left_out: Sequence[LeftOut]) -> dg.AssetCheckResult:
    batches = ", ".join(dict.fromkeys(one.batch_id for one in left_out))
    rows = [{"batch": one.batch_id, "table": one.table, "why": one.reason} for one in left_out]
    return dg.AssetCheckResult(
        check_name=EVERYTHING_PUBLISHED,
        passed=not left_out,
        description=f"{len(left_out)} files of {batches} could not be read (start the job collect_batch for each batch: it "
        "writes them anew from the ledger)"
        if left_out
        else "every file of the lake was read",
        metadata={"evidence": table_value(rows)} if rows else {},
    )


def _is_provisional(store: Lake, batch: BatchRecord) -> bool:
    """Whether the ranking that is there was made before the last outcomes were.

    Raises:
        StaleRankingError: it was, but the batch has been judged to its end since.

    """
    is_provisional = any(row["is_provisional"] for row in store.read_rows(CJ_RANKINGS, batch.batch_id))
    if is_provisional and batch.status is not BatchStatus.AWAITING_JUDGEMENTS:
        raise StaleRankingError(
            f"batch {batch.batch_id}: cj_rankings is provisional and the batch is {batch.status} (materialise llm_judgements "
            "and everything after it again, or: huleedu run)"
        )
    return is_provisional


def _is_accounted(store: Lake, batch: BatchRecord) -> bool:
    """Whether the batch has ended and its account is of this end, and not of one before it was brought back."""
    if batch.completed_at is None or not store.path(BATCH_STATUS, batch.batch_id).exists():
        return False
    try:
        rows = store.read_rows(BATCH_STATUS, batch.batch_id)
    except ContractError:  # damaged: left out of the publication, and told there
        return False
    return any(row["completed_at"] == batch.completed_at for row in rows)


@dg.asset_check(asset=batch_results, partitions_def=cj_batch)
def batch_ended_well(context: dg.AssetCheckExecutionContext, ledger: LedgerResource) -> dg.AssetCheckResult:
    """The batch has not failed (an error) and was not ended by force (a warning); published, and so green, are those too."""
    with explained(), ledger.open() as book:
        batch = book.batch(context.partition_key)
    is_failed = batch.status is BatchStatus.FAILED
    remedy = f" (mend the cause, then: huleedu retry {batch.batch_id})" if is_failed else ""
    return dg.AssetCheckResult(
        passed=not is_failed and batch.status is not BatchStatus.COMPLETED_FORCED_RECOVERY,
        severity=dg.AssetCheckSeverity.ERROR if is_failed else dg.AssetCheckSeverity.WARN,
        description=str(batch.status) + (f": {batch.status_reason}" if batch.status_reason else "") + remedy,
    )


checks = [schema_contract(BATCH_STATUS, asset="batch_results"), batch_ended_well]
