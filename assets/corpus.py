"""Group corpus: the texts of a batch, validated and identified. Not here: their spelling (:mod:`.spelling`)."""

import dagster as dg

from assets.common import explained, materialised, schema_contract, table_asset
from huleedu_pipeline.lake.tables import ESSAYS
from resources import LakeResource, LedgerResource, PaidWorkResource


@table_asset(ESSAYS)
def essays(
    context: dg.AssetExecutionContext, lake: LakeResource, ledger: LedgerResource, work: PaidWorkResource
) -> dg.MaterializeResult[None]:
    """The texts of a batch as they were written: pupils' essays and graded anchors.

    Reads the batch's folder in the inbox and refuses it whole, before anything is paid, when anything in it is wrong. A
    batch that was submitted before can not change: other content needs another batch_id.
    """
    batch_id = context.partition_key
    with explained(), ledger.open() as book:
        batch = work.take_in(book, batch_id)
        rows = [
            {
                "batch_id": batch_id,
                "essay_id": essay.essay_id,
                "is_anchor": essay.is_anchor,
                "anchor_grade": essay.anchor_grade,
                "file_name": essay.file_name,
                "text": essay.text,
                "text_sha256": essay.text_sha256,
                "n_words": essay.n_words,
                "language": batch.spec.language,
            }
            for essay in batch.essays
        ]
        data = lake.open().write_rows(ESSAYS, batch_id, rows)
    n_anchors = sum(essay.is_anchor for essay in batch.essays)
    words = [essay.n_words for essay in batch.essays]
    return materialised(
        data,
        n_essays=len(rows) - n_anchors,
        n_anchors=n_anchors,
        mean_words=round(sum(words) / len(words), 1),
        shortest_words=min(words),
        longest_words=max(words),
        assignment=batch.spec.assignment or batch.spec.assignment_id or "(not named)",
        assignment_version=batch.assignment_version or "(not registered)",
        grade_scale=batch.spec.grade_scale or "(not graded)",
    )


checks = [schema_contract(ESSAYS)]
